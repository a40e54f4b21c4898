"""Debian's Exim and OpenSMTPD beside the mail server that is installed: fetched and unpacked, never installed.

Debian lets only one mail server be installed. These run from a folder of the user's cache, each command in a mount
namespace of its own, where the places that are compiled into them and their users are there; and in a network
namespace of its own, where nobody else is.

Fails as: `NotFetched` in words, when apt cannot give the packages.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.rig.network import eventually

SERVERS = ("exim4-daemon-heavy", "exim4-base", "exim4-config", "opensmtpd")
TOOLS = ("apt-get", "apt-cache", "dpkg", "dpkg-query", "unshare", "nsenter", "mount", "ip")
SECONDS = 20.0
_USERS = (("Debian-exim", 9901), ("opensmtpd", 9902), ("opensmtpq", 9903))
# Nothing but what the two need; /etc keeps the machine's files, bar the three that name users and resolvers.
_SETUP = """\
set -e
for one in passwd group resolv.conf; do mount --bind {etc}/$one /etc/$one; done
mount -t tmpfs none /var/spool; mount -t tmpfs none /var/lib; mount -t tmpfs none /run
mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd
chmod 711 /var/spool/smtpd /var/lib/opensmtpd/empty
mkdir -p /usr/libexec; mount -t tmpfs none /usr/libexec
cp -r {root}/usr/libexec/opensmtpd /usr/libexec/
ip link set lo up
LD_LIBRARY_PATH={libraries}
export LD_LIBRARY_PATH
exec "$@"
"""
_TALK = """\
import socket, sys, time
here, port, said = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
until = time.monotonic() + 8
while True:
    try:
        wire = socket.create_connection(("127.0.0.1", port), 8, (here, 0))
        break
    except OSError:
        if time.monotonic() > until:
            raise
        time.sleep(0.05)
answers = wire.makefile("rb")
def heard():
    while True:
        line = answers.readline().decode(errors="replace").rstrip()
        if line[3:4] != "-":
            return line
heard()
for one in said:
    wire.sendall(one.encode() + b"\\r\\n")
    print(heard())
"""


class NotFetched(Exception):
    """The packages are not to be had; the message says why."""


def why_unpacked_cannot_run() -> str:
    """The reason to skip; empty when it can be tried."""
    if os.geteuid() != 0:
        return "a mount namespace of its own needs root"
    missing = [tool for tool in TOOLS if not shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")]
    return f"Debian's {', '.join(missing)} are not here" if missing else ""


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "lockdown-tests" / "unpacked"


def _said(command: Sequence[str], folder: Path | None = None) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=90)
    if done.returncode != 0:
        raise NotFetched(f"{shlex.join(command[:3])} …: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


def _libraries_missing() -> list[str]:
    """What the servers are linked against and this machine has not: apt's own words, one step deep."""
    told = _said(["apt-cache", "depends", "--important", "exim4-daemon-heavy", "opensmtpd"])
    named = {line.split()[-1] for line in told.splitlines() if line.strip().startswith("Depends: lib")}
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *sorted(named)], capture_output=True, text=True
    )
    there = {line.split()[0] for line in asked.stdout.splitlines() if line.endswith(" installed")}
    return sorted(named - there)


def _fetched() -> Path:
    """The folder with everything unpacked; made once, by whoever comes first."""
    cache = _cache()
    cache.mkdir(parents=True, exist_ok=True)
    root, whole = cache / "root", cache / "whole"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            names = [*SERVERS, *_libraries_missing()]
            _said(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *names], cache)
            for package in sorted(cache.glob("*.deb")):
                _said(["dpkg", "-x", str(package), str(root)])
                package.unlink()
            whole.touch()
    return root


class Unpacked:
    """Both servers, ready to be run; `folder` holds what is made for this test."""

    def __init__(self, folder: Path) -> None:
        self.root = _fetched()
        self.exim, self.smtpd = (str(self.root / "usr/sbin" / name) for name in ("exim4", "smtpd"))
        self._setup = self._write(folder)

    def _write(self, folder: Path) -> str:
        etc = folder / "etc"
        etc.mkdir(parents=True)
        users = "".join(f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n" for name, number in _USERS)
        groups = "".join(f"{name}:x:{number}:\n" for name, number in _USERS)
        (etc / "passwd").write_text(Path("/etc/passwd").read_text() + users)
        (etc / "group").write_text(Path("/etc/group").read_text() + groups)
        (etc / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        libraries = f"{self.root}/usr/lib/{os.uname().machine}-linux-gnu:{self.root}/usr/lib"
        return _SETUP.format(etc=etc, root=self.root, libraries=libraries)

    def command(self, *words: str) -> list[str]:
        """The words of a command as they are run: where only we are, on the disk and on the wire."""
        return ["unshare", "-m", "-n", "sh", "-c", self._setup, "sh", *words]

    def run(self, *words: str, typed: str = "", seconds: float = SECONDS) -> subprocess.CompletedProcess[str]:
        """To its end."""
        return subprocess.run(self.command(*words), input=typed, capture_output=True, text=True, timeout=seconds)

    def exim_answers(self, configuration: Path, said: Sequence[str], address: str = "203.0.113.9") -> str:
        """What Exim answers to the last of these commands, from an address that it is told (`-bh`)."""
        typed = "".join(f"{one}\r\n" for one in said)
        done = self.run(self.exim, "-C", str(configuration), "-bh", address, typed=typed)
        lines = [line for line in done.stdout.splitlines() if line[:3].isdigit() and line[3:4] != "-"]
        assert len(lines) > len(said), f"{done.stdout}\n{done.stderr[-2000:]}"
        return lines[len(said)]

    @contextmanager
    def started_smtpd(self, configuration: Path) -> Iterator[int]:
        """A running OpenSMTPD, by its pid; ended by it."""
        with (configuration.parent / "smtpd.log").open("ab") as log:
            process = subprocess.Popen(
                self.command(self.smtpd, "-d", "-f", str(configuration)),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            # Until then its pid still stands for the wire of this machine, where others may listen.
            eventually(lambda: _network_of(process.pid) != _network_of(os.getpid()), "smtpd has a network of its own")
            yield process.pid
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait(5)


def _network_of(pid: int) -> Path:
    return Path(f"/proc/{pid}/ns/net").readlink()


def talk(pid: int, said: Sequence[str], here: str = "127.0.0.2", port: int = 25) -> str:
    """What the server of that pid answers to the last of these commands, to a client that is not this machine to it."""
    enter = ["nsenter", "-t", str(pid), "-n", sys.executable, "-S", "-E", "-c", _TALK, here, str(port), *said]
    done = subprocess.run(enter, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()[-1]
