"""The same questions, asked of this machine and over a real ssh: the same answers come back."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockdown.host.asked import Command, File, Files, Listing, Native, Script, Sources
from lockdown.host.local import read_here
from lockdown.host.ssh import Ssh
from lockdown.model.errors import OperatorError
from lockdown.model.unknown import Unknown

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ssh]:
    """An sshd of our own, on loopback, for one key; it lets in whoever runs the tests."""
    if SSHD is None:
        pytest.skip("openssh-server is not installed")
    folder = tmp_path_factory.mktemp("sshd")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    Path("/run/sshd").mkdir(exist_ok=True)
    options = {
        "HostKey": folder / "host", "AuthorizedKeysFile": folder / "authorized", "ListenAddress": f"127.0.0.1:{port}",
        "UsePAM": "no", "StrictModes": "no", "PidFile": "none", "PermitRootLogin": "yes",
    }  # fmt: skip
    arguments = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", "/dev/null", *arguments], stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        ours = ("-F", "/dev/null", "-i", str(folder / "user"), "-o", f"UserKnownHostsFile={folder / 'known'}")
        client = ("ssh", *ours, "-o", "StrictHostKeyChecking=accept-new", "-o", "IdentitiesOnly=yes")
        yield Ssh(f"127.0.0.1:{port}", client)
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    pytest.fail("sshd does not listen")


def questions(folder: Path) -> Sources:
    (folder / "one.conf").write_text("password = hunter2\nname = one\n")
    (folder / "two files.conf").write_text("name = zwei ü\n")
    (folder / "junk").write_bytes(b"\xff\x00\xfe")
    (folder / "long").write_text("x" * 5000)
    (folder / "link").symlink_to("one.conf")
    return {
        "command": Command(("sh", "-c", "echo hello; echo oops >&2")),
        "fails": Command(("sh", "-c", "echo no such thing >&2; exit 3")),
        "answers": Command(("sh", "-c", "echo said; exit 3"), answers=(0, 3)),
        "slow": Command(("sleep", "20"), seconds=0.4),
        "no program": Command(("no-such-program-there",)),
        "script": Script('for word; do echo "<$word>"; done', ("a b", "$HOME", "'")),
        "file": File(str(folder / "one.conf")),
        "gone": File(str(folder / "gone")),
        "gone though named": File(str(folder / "gone"), expected=True),
        "folder": File(str(folder)),
        "junk": File(str(folder / "junk")),
        "too long": File(str(folder / "long"), most=100),
        "tail": File(str(folder / "long"), most=100, tail=True),
        "reduced": File(str(folder / "long"), reduce=lambda text: f"{len(text)}\n"),
        "files": Files((f"{folder}/*.conf",)),
        "no files": Files((f"{folder}/*.none",)),
        "too many": Files((f"{folder}/*",), most_files=2),
        "listing": Listing((f"{folder}/*",)),
        "deep": Listing((str(folder),), depth=1),
        "native": Native(lambda: "here\n", Script("echo here")),
    }


def test_this_machine_and_the_same_one_over_ssh_give_the_same_answers(server: Ssh, tmp_path: Path) -> None:
    asked = questions(tmp_path)
    here, there = read_here(asked), server.ask(asked)
    assert set(here) == set(there)
    for name, reading in here.items():
        other = there[name]
        if isinstance(reading, Unknown):
            assert isinstance(other, Unknown), (name, other)
        elif name in ("listing", "deep"):
            lines = [sorted(line.split("\t") for line in str(one).splitlines()) for one in (reading, other)]
            # `find` writes more digits of the time; the file is the same one.
            assert [f[:5] + f[6:] for f in lines[0]] == [f[:5] + f[6:] for f in lines[1]]
        elif name == "no program":
            assert str(reading).startswith("not installed: no no-such-program-there")
            assert str(other).startswith("not installed: no no-such-program-there")
        else:
            assert other == reading, name
    assert "hunter2" not in str(there)


def test_what_is_read_on_the_machine_itself_only_says_so(server: Ssh) -> None:
    told = server.ask({"own": Native(lambda: "here\n")})["own"]
    assert told == Unknown("own is read on the machine itself only: run lockdown there")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_a_folder_that_may_not_be_read_is_unknown_not_empty(tmp_path: Path) -> None:
    code = f"""
import os; os.setgid(65534); os.setuid(65534)
from lockdown.host.asked import *; from lockdown.host.local import read_here
asked = {{"files": Files(("{tmp_path}/shut/*.conf",)), "listing": Listing(("{tmp_path}/shut/*",))}}
for name, reading in read_here(asked).items():
    print(name, type(reading).__name__)
"""
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o700)
    (shut / "a.conf").write_text("x\n")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["files", "Unknown", "listing", "Unknown"], done


def test_a_host_that_does_not_answer_is_one_sentence_with_what_to_type() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(OperatorError, match="could not be read") as problem:
        Ssh(f"nobody@127.0.0.1:{port}").ask({"a": File("/etc/passwd")})
    assert "ssh nobody@" in problem.value.try_this


@pytest.mark.parametrize("destination", ["-oProxyCommand=touch /tmp/x", "a b", "", "root@-x", "host;id"])
def test_a_destination_that_is_none_never_reaches_ssh(destination: str) -> None:
    with pytest.raises(OperatorError, match="could not be read"):
        Ssh(destination, ("false",)).ask({"a": File("/etc/passwd")})
