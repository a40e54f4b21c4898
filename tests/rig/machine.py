"""A whole machine of a test's own: all files of this one under an overlay, own processes, own network, own /etc.

What is done in it, is gone with it: accounts, packages, services on their real ports, kill -9 of anything. `leave` ends
every process of it. Root is needed. The repository and the folders named in `shares` are the real ones.

    with Machine(tmp_path) as machine:
        machine.write("/etc/postfix/main.cf", text)
        machine.run("postfix", "start")
        machine.lockdown("audit", "--item", "relaying")

Fails as: `AssertionError` with the command's own words when a command that must work does not.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.rig.network import eventually

REPOSITORY = Path(__file__).parents[2]
_SECONDS = 120.0

# Process 1 of the machine: mounts its world, brings loopback up, then only reaps. Ended by SIGKILL from outside.
_INIT = """
import ctypes, os, signal, subprocess, sys, time
room, repository, *shares = sys.argv[1:]
def sh(*argv): subprocess.run(argv, check=True)
sh("mount", "--make-rprivate", "/")
sh("mount", "-t", "tmpfs", "tmpfs", room)
for name in ("upper", "work", "root"): os.mkdir(f"{room}/{name}")
root = f"{room}/root"
sh("mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={room}/upper,workdir={room}/work", root)
for folder, mode in (("/tmp", 0o1777), ("/run", 0o755)):
    sh("mount", "-t", "tmpfs", "-o", f"mode={mode:o}", "tmpfs", root + folder)
for folder in ("/dev", "/sys", repository, *shares):
    os.makedirs(root + folder, exist_ok=True)
    sh("mount", "--rbind", folder, root + folder)
sh("mount", "-t", "proc", "proc", root + "/proc")
sh("hostname", "mail.example.org")
sh("ip", "link", "set", "lo", "up")
os.chroot(root)
os.chdir("/")
with open("/etc/hosts", "w") as hosts:
    hosts.write("127.0.0.1 localhost\\n::1 localhost\\n127.0.1.1 mail.example.org mail\\n")
with open("/etc/hostname", "w") as name:
    name.write("mail.example.org\\n")
with open("/etc/resolv.conf", "w") as resolver:  # nobody answers there, and that is known at once
    resolver.write("nameserver 127.0.0.1\\n")
os.makedirs("/run/lock", exist_ok=True)
sys.stdout.write("ready\\n"); sys.stdout.flush()
signal.signal(signal.SIGCHLD, lambda *_: None)
while True:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]: pass
    except ChildProcessError: pass
    signal.sigtimedwait({signal.SIGCHLD}, 0.5)
"""


def why_no_machine() -> str:
    """The reason to skip; empty when there can be one."""
    if os.geteuid() != 0:
        return "a machine of its own needs root, for its namespaces and mounts"
    if not shutil.which("unshare") or not shutil.which("nsenter"):
        return "unshare and nsenter are not installed (apt-get install util-linux)"
    tried = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else f"no namespaces here: {tried.stderr.decode().strip()}"


class Machine:
    """The running machine; `pid` is its first process as seen from here."""

    def __init__(self, folder: Path, shares: Sequence[Path] = ()) -> None:
        self._folder, self._shares = folder, [str(share) for share in shares]
        self._process: subprocess.Popen[str] | None = None
        self.pid = 0

    def __enter__(self) -> Machine:
        room = self._folder / "machine"
        room.mkdir()
        self._process = subprocess.Popen(
            [
                "unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--kill-child=KILL",
                sys.executable, "-c", _INIT, str(room), str(REPOSITORY), *self._shares,
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            self.leave()
            raise AssertionError("the machine did not start: its own words are above")
        self.pid = self._first_child()
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """End it; with its first process every other one of it ends, and its mounts are gone."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()

    def _first_child(self) -> int:
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return int(eventually(lambda: children.read_text().split(), "the machine's first process")[0])

    def path(self, inside: str) -> Path:
        """A file of the machine, seen from here."""
        return Path(f"/proc/{self.pid}/root{inside}")

    def write(self, inside: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the machine; its folder is made if need be."""
        self.path(inside).parent.mkdir(parents=True, exist_ok=True)
        self.path(inside).write_text(text)
        self.path(inside).chmod(mode)

    def read(self, inside: str) -> str:
        """The text of a file of the machine."""
        return self.path(inside).read_text(errors="replace")

    def command(self, *argv: str) -> list[str]:
        """The argument list that runs `argv` in the machine, for who starts it himself."""
        enter = ["nsenter", "-t", str(self.pid), "--mount", "--net", "--pid", "--uts", "--ipc", "--root", "--wdns=/"]
        return [*enter, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", *argv]

    def run(
        self, *argv: str, check: bool = True, seconds: float = _SECONDS, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the machine and hear what it says; daemons that it leaves behind are not waited for."""
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            done = subprocess.run(
                self.command(*argv), input=stdin, stdout=out, stderr=err, text=True, timeout=seconds, check=False
            )
            out.seek(0)
            err.seek(0)
            heard = subprocess.CompletedProcess(argv, done.returncode, out.read(), err.read())
        if check and heard.returncode != 0:
            raise AssertionError(f"{' '.join(argv)} ended with {heard.returncode}:\n{heard.stdout}\n{heard.stderr}")
        return heard

    def lockdown(
        self, *arguments: str, check: bool = False, seconds: float = 300.0
    ) -> subprocess.CompletedProcess[str]:
        """Run our own command in the machine."""
        return self.run(sys.executable, "-m", "lockdown", *arguments, check=check, seconds=seconds)

    def start(self, *argv: str) -> subprocess.Popen[bytes]:
        """A process that goes on running in the machine, until it is ended or the machine is left."""
        return subprocess.Popen(
            self.command(*argv), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
