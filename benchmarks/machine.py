"""Processes and what they cost: started as children, their CPU time and memory read from /proc, ended by their own id.

Fails as: `Unmeasurable` when a program is missing or does not begin to listen.
"""

from __future__ import annotations

import os
import platform
import resource
import socket
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from benchmarks.figures import Unmeasurable

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def program(name: str, package: str) -> str:
    """Where a program is, the folders of root included."""
    for folder in (*os.environ.get("PATH", "").split(":"), "/usr/sbin", "/sbin", "/usr/lib/postfix/sbin"):
        if os.access(found := Path(folder) / name, os.X_OK):
            return str(found)
    raise Unmeasurable(f"{name} is not installed (apt-get install {package})")


def wait_until_listening(port: int, who: str, process: subprocess.Popen[bytes], output: Path | None = None) -> None:
    """Return when the port accepts; complain with the process's own words when it does not."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
            return
        time.sleep(0.05)
    said = output.read_text(errors="replace")[-2000:] if output else ""
    raise Unmeasurable(f"{who} does not listen on port {port}; it said: {said.strip() or 'nothing'}")


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to stop; after ten seconds make it stop."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def family(pid: int) -> list[int]:
    """A process and all that it has started."""
    try:
        parent = psutil.Process(pid)
        return [pid, *(child.pid for child in parent.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(root: int) -> float:
    """User and system time of a process family. The children that have ended count through their parent."""
    total = 0.0
    for pid in family(root):
        with suppress(psutil.NoSuchProcess):
            times = psutil.Process(pid).cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def memory_kib(pids: Iterable[int], field: str) -> int:
    """The sum of one field of smaps_rollup: `Pss`, or `Private_Dirty` which is what a process alone has written."""
    total = 0
    for pid in pids:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += int(next(line for line in rollup.splitlines() if line.startswith(f"{field}:")).split()[1])
    return total


def status_kib(pid: int, field: str) -> int:
    """One field of /proc/PID/status, like VmHWM."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(f"{field}:")).split()[1])


def raise_file_limit() -> int:
    """As many open files as this machine allows us; children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def description() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "processors": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "kernel": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "memory_mib": psutil.virtual_memory().total // 2**20,
    }
