"""Programs that a stand needs beside itself: clamd, redis, rspamd, amavisd, the DNS. Children, ended by their own id.

Fails as: `Unmeasurable` where one is not installed or does not start, with its last words.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.figures import Unmeasurable
from benchmarks.machine import LOOPBACK, cpu_seconds, end, free_port

_START_SECONDS = 60
_TEST_VIRUS = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"


def installed(program: str, package: str) -> str:
    """Where a program is."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/bin:/sbin")
    if found is None:
        raise Unmeasurable(f"{program} is not installed (apt-get install {package})")
    return found


class Company:
    """Any number of such programs; they end together, the last one first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        # Some of them become another user.
        folder.chmod(0o777)
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(
        self, command: list[str], is_up: Callable[[], bool], environment: Mapping[str, str] | None = None
    ) -> None:
        """Run it in the foreground until it answers."""
        name = Path(command[0]).name
        output = self.folder / f"{name}-{len(self._processes)}.txt"
        with output.open("ab") as said:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
                env={**os.environ, **(environment or {})},
            )  # fmt: skip
        self._processes.append(process)
        until = time.monotonic() + _START_SECONDS
        while not is_up():
            if process.poll() is not None or time.monotonic() > until:
                raise Unmeasurable(f"{name} does not start: {output.read_text(errors='replace')[-1500:].strip()}")
            time.sleep(0.1)

    def cpu(self) -> float:
        """CPU seconds of all of them and their families."""
        return sum(cpu_seconds(process.pid) for process in self._processes)

    def end(self) -> None:
        for process in reversed(self._processes):
            end(process)


def listens(port: int) -> bool:
    """Whether somebody accepts on this port; asked of the kernel, so that nobody is disturbed."""
    wanted = f":{port:04X}"
    lines = Path("/proc/self/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(wanted) and line.split()[3] == "0A" for line in lines)


def start_dns(company: Company, zone: Mapping[str, Any]) -> str:
    """Its address."""
    port = free_port()
    file = company.folder / "zone.json"
    file.write_text(json.dumps(zone))
    bound = f":{port:04X} "
    company.start(
        [sys.executable, "-m", "benchmarks.peers.dns_stub", str(port), str(file)],
        lambda: bound in Path("/proc/self/net/udp").read_text(),
    )
    return f"{LOOPBACK}:{port}"


def start_clamd(company: Company, threads: int = 4) -> Path:
    """Its socket. It knows two signatures: what it costs with the whole database is more, so this flatters it."""
    folder = company.folder / "clamd"
    (folder / "signatures").mkdir(parents=True)
    folder.chmod(0o777)
    (folder / "signatures" / "own.ndb").write_text(f"Eicar-Test-Signature:0:*:{_TEST_VIRUS.hex()}\n")
    path = folder / "clamd.ctl"
    settings = {
        "DatabaseDirectory": f"{folder}/signatures", "TemporaryDirectory": str(folder), "LocalSocket": str(path),
        "Foreground": "yes", "MaxThreads": str(threads), "SelfCheck": "0", "User": "root",
    }  # fmt: skip
    (folder / "clamd.conf").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    command = [installed("clamd", "clamav-daemon"), "--foreground", f"--config-file={folder}/clamd.conf"]
    company.start(command, path.exists)
    return path
