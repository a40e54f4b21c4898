"""One command, with its limits: whatever it does, a reading comes back and nothing is left running."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lockdown.host.commands import run
from lockdown.model.unknown import Unknown
from tests.rig.network import eventually


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def why(reading: object) -> str:
    assert isinstance(reading, Unknown), reading
    return reading.why


def test_what_it_says_is_the_reading() -> None:
    assert run(python("print('ä')")) == "ä\n"


def test_a_command_that_is_not_there_is_unknown() -> None:
    assert "No such file" in why(run(["/nonexistent/postconf"]))


def test_a_failure_names_the_code_and_the_first_fatal_line() -> None:
    code = "import sys; sys.stderr.write('warning: x\\nfatal: no main.cf\\n'); sys.exit(3)"
    assert why(run(python(code))).endswith("ended with 3: fatal: no main.cf")


def test_a_command_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    child = tmp_path / "child"
    hangs = ["/bin/sh", "-c", f"sleep 60 & echo $! > {child}; wait"]
    assert "gave no answer in 2 s" in why(run(hangs, time_limit=2))
    eventually(lambda: not Path(f"/proc/{child.read_text().strip()}/exe").exists(), "what it started has ended")


def test_output_without_end_is_cut_and_unknown() -> None:
    assert "said more than 1000 octets" in why(run(python("while True: print('x' * 999)"), max_output=1000))


def test_a_flood_on_standard_error_does_not_block_the_reading() -> None:
    assert run(python("import sys; sys.stderr.write('e' * 300_000); print('done')")) == "done\n"


def test_octets_that_are_no_text_are_unknown() -> None:
    assert "not UTF-8" in why(run(python("import sys; sys.stdout.buffer.write(b'a\\xff')")))


def test_nothing_of_our_environment_reaches_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_PASSWORD", "hunter2")
    said = run(python("import os; print(sorted(os.environ))"))
    assert isinstance(said, str)
    assert "PATH" in said
    assert "OUR_PASSWORD" not in said
