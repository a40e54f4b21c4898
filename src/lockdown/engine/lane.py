"""A gateway of its own for drills of failure: the settings in force, but a port, a state and a mailbox of its own.

It starts when it is entered and is gone, with its folder, when it is left; the live gateway never notices.
Fails as: `OperatorError` with the process's own last words when it does not start.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import msgspec

from lockdown.config import Settings, as_toml
from lockdown.engine.canary import MaildirCanary
from lockdown.engine.drill import Sitting
from lockdown.engine.supervised import READY_FD
from lockdown.engine.targets import gateway_target
from lockdown.model.errors import OperatorError
from lockdown.state.layout import StateDirectory
from lockdown.state.spool import Spool
from lockdown.state.store import open_store

LOOPBACK = "127.0.0.1"
SHORTEST_DEADLINE = timedelta(seconds=5)
"""A lane waits no longer for its engines: a drill has many failures to try."""

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_WORDS = 2000


def lane_settings(settings: Settings, state: Path, engines: Mapping[str, str]) -> Settings:
    """The settings in force, in a world of its own; `engines` says which engine is to be reached where instead."""
    replace = msgspec.structs.replace

    def through(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(engines.get(name, name) for name in names)

    gateway = replace(
        settings.gateway,
        listen=(f"{LOOPBACK}:0",),
        upstream="maildir:mail",
        workers=1,
        tls_certificate="",
        tls_key="",
        scan_deadline=min(settings.gateway.scan_deadline, SHORTEST_DEADLINE),
        drain=timedelta(seconds=1),
    )
    return replace(
        settings,
        gateway=gateway,
        state=replace(settings.state, directory=str(state)),
        antivirus=replace(settings.antivirus, engines=through(settings.antivirus.engines)),
        antispam=replace(settings.antispam, engines=through(settings.antispam.engines)),
        monitoring=replace(
            settings.monitoring,
            never_limit=(*settings.monitoring.never_limit, f"{LOOPBACK}/32"),
            canary_every=timedelta(0),
        ),
        # Nobody is to be woken by a drill, and its gateway must not vouch for the real one.
        alerts=replace(settings.alerts, to=(), heartbeat=""),
    )


class Lane:
    """The running gateway."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], sitting: Sitting) -> None:
        self.folder, self._process, self.sitting = folder, process, sitting

    def processes(self) -> list[int]:
        """The process ids of this gateway and of all that it has started."""
        parents = dict(_parents())
        family = {self._process.pid}
        for _ in range(4):  # master, worker, reader, and one to spare
            family |= {pid for pid, parent in parents.items() if parent in family}
        return sorted(family)


@contextmanager
def lane(settings: Settings, recipient: str, engines: Mapping[str, str]) -> Iterator[Lane]:
    """A lane, for as long as it is entered."""
    folder = Path(tempfile.mkdtemp(prefix="lockdown-drill."))
    try:
        state = StateDirectory(folder / "state").prepare()
        process = _start(lane_settings(settings, state.path, engines), folder)
        try:
            with closing(open_store(state.path)) as store:
                sitting = Sitting(
                    gateway_target(_address_of(state)), recipient, MaildirCanary(state.mail), store,
                    Spool(state.quarantine), wait_seconds=3.0,
                )  # fmt: skip
                yield Lane(folder, process, sitting)
        finally:
            _stop(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(settings: Settings, folder: Path) -> subprocess.Popen[bytes]:
    config, output = folder / "lockdown.toml", folder / "gateway.out"
    config.write_text(as_toml(settings), encoding="utf-8")
    reads, writes = os.pipe()
    try:
        with output.open("wb") as words:
            process = subprocess.Popen(
                [sys.executable, "-I", "-m", "lockdown", "gateway", "--config", str(config)],
                stdin=subprocess.DEVNULL, stdout=words, stderr=words, pass_fds=(writes,),
                env={**os.environ, READY_FD: str(writes)}, start_new_session=True,
            )  # fmt: skip
    finally:
        os.close(writes)
    try:
        if _is_ready(reads):
            return process
    finally:
        os.close(reads)
    _stop(process)
    raise _did_not_start(output)


def _is_ready(reads: int) -> bool:
    readable, _, _ = select.select([reads], [], [], _START_SECONDS)
    return bool(readable) and os.read(reads, 64).startswith(b"ready")


def _did_not_start(output: Path) -> OperatorError:
    words = output.read_text(encoding="utf-8", errors="replace")[-_WORDS:].strip()
    return OperatorError(
        "lane-did-not-start",
        what="the drill's own gateway did not start",
        why=words or f"it said nothing within {_START_SECONDS:.0f} s",
        try_this="lockdown doctor     (it runs with the same settings)",
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Politely, then at once; its children end with it, and what does not is in its process group."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _address_of(state: StateDirectory) -> str:
    """Where it listens: the system has chosen the port."""
    file = state.run / "gateway.json"
    end = time.monotonic() + _STOP_SECONDS
    while not file.exists() and time.monotonic() < end:
        time.sleep(0.02)
    return str(json.loads(file.read_text(encoding="utf-8"))["listen"][0])


def _parents() -> Iterator[tuple[int, int]]:
    """Each process and its parent, as the kernel has them."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError, ValueError, IndexError):  # it has ended just now
                yield int(folder.name), int((folder / "stat").read_text().rpartition(")")[2].split()[1])


def command_of(pid: int) -> bytes:
    """How a process was started; nothing for one that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
