"""Each fuzz target over its committed corpus, and a short bounded search for more."""

import importlib
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TARGETS = sorted(folder.name for folder in (HERE / "corpus").iterdir() if folder.is_dir())


def one_input(target: str) -> Callable[[bytes], None]:
    return importlib.import_module(f"tests.fuzz.{target}").one_input  # type: ignore[no-any-return]


def corpus(target: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((HERE / "corpus" / target).iterdir())]


def test_every_target_has_a_corpus() -> None:
    modules = {path.stem for path in HERE.glob("*.py") if not path.stem.startswith(("_", "test_"))}
    assert modules == set(TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_the_committed_corpus_breaks_no_promise(target: str) -> None:
    seeds = corpus(target)
    assert len(seeds) >= 10
    for octets in seeds:
        one_input(target)(octets)


@pytest.mark.parametrize("target", TARGETS)
def test_a_thousand_mutations_of_the_corpus_break_no_promise(target: str) -> None:
    for octets in mutations(corpus(target), times=1000):
        one_input(target)(octets)


@pytest.mark.parametrize("target", TARGETS)
def test_a_short_search_with_coverage_finds_nothing(target: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris is not built for this machine; the mutations above stand in for it")
    options = ["-max_total_time=2", "-runs=20000", "-seed=1", "-max_len=2000", f"-artifact_prefix={tmp_path}/"]
    found = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", target, *options, str(tmp_path), str(HERE / "corpus" / target)],
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert found.returncode == 0, found.stderr[-3000:]


def mutations(seeds: list[bytes], times: int) -> Iterator[bytes]:
    dice = random.Random(1)
    for _ in range(times):
        one, other = bytearray(dice.choice(seeds)), dice.choice(seeds)
        for _ in range(dice.randint(1, 4)):
            place = dice.randint(0, len(one))
            match dice.randint(0, 3):
                case 0:
                    one[place : place + dice.randint(0, 4)] = b""
                case 1:
                    one[place:place] = dice.choice(
                        (b"\r\n", b"\n", b"\r", b".", b"\0", b"\r\n.\r\n", b"\xff", b"<", b">", b"@")
                    )
                case 2:
                    one[place : place + 1] = bytes([dice.randint(0, 255)])
                case _:
                    start = dice.randint(0, len(other))
                    one[place:place] = other[start : start + 30]
        yield bytes(one[:1500])
