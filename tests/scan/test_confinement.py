"""What a process that was confined can no longer do. Each is tried in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.scan.parcels import PAYLOAD_DIGEST, message
from tests.scan.test_containers import MAKERS

BEFORE = "from lockdown.scan.confinement import confine, seal, allow_seconds; "
CONFINED = BEFORE + "missing = confine(1 << 30) + seal(); "


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr + f"exit {done.returncode}"


def missing() -> str:
    return run(CONFINED + "print(missing)")


@pytest.mark.parametrize(
    ("deed", "given_up"),
    [
        ("open('/etc/passwd')", "the file system"),
        ("import os; os.listdir('/etc')", "the file system"),
        ("open('{folder}/new', 'w')", "the file system"),
        ("import os; os.execv('/bin/true', ['true'])", "the file system"),
        ("import socket; socket.create_connection(('127.0.0.1', 25), 2)", "the network"),
    ],
)
def test_a_confined_process_cannot(deed: str, given_up: str, tmp_path: Path) -> None:
    if given_up in missing():
        pytest.skip(f"this kernel does not let us leave {given_up}")
    assert "exit 1" in run(CONFINED + deed.format(folder=tmp_path))


@pytest.mark.parametrize(
    "deed", ["open('/etc/passwd')", "open('{folder}/new', 'w')", "os.execv('/bin/true', ['true'])"]
)
def test_another_process_can(deed: str, tmp_path: Path) -> None:
    assert "exit 0" in run("import os; " + deed.format(folder=tmp_path))


def test_a_confined_process_still_finds_its_libraries() -> None:
    assert "done" in run(CONFINED + "import lzma, plistlib, xml.sax; print('ä'.encode('cp1252'), 'done')")


def test_an_engine_that_is_warm_needs_nothing_more_when_it_is_confined(tmp_path: Path) -> None:
    """Every kind of file is opened once, in a process that has given everything up."""
    for name, make in MAKERS.items():
        (tmp_path / name).write_bytes(message((name, make())))
    code = f"""
from pathlib import Path
from lockdown.config import Antivirus
from lockdown.scan.builtin import Builtin
files = {{path.name: path.read_bytes() for path in Path({str(tmp_path)!r}).iterdir()}}
confine(1 << 30)
engine = Builtin(Antivirus(), {{{PAYLOAD_DIGEST!r}: "payload"}})
engine.warm_up()
seal()
print([name for name, data in files.items() if not engine.read(data).content.found], "are not found")
"""
    assert "[] are not found" in run(BEFORE + code)


def test_memory_beyond_the_limit_is_refused() -> None:
    assert "MemoryError" in run(CONFINED + "bytes(1 << 31)")


def test_a_message_that_takes_too_long_ends_the_process_without_its_parent() -> None:
    for deed in ("import time; time.sleep(30)", "import signal; signal.setitimer(0, 0)\nwhile True: pass"):
        assert "exit -" in run(CONFINED + "allow_seconds(-1.5)\n" + deed)
