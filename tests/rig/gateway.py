"""The gateway as a black box: a process with its own configuration, state directory and port.

Fails as: `TookTooLong` with the process's own words when it does not become ready.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lockdown.state.spool import Spool
from lockdown.state.store import open_store
from tests.rig.network import LOOPBACK, TookTooLong, eventually, free_port
from tests.rig.sender import Wire

Settings = Mapping[str, Mapping[str, Any]]

NO_LIMITS: Settings = MappingProxyType(
    {
        "monitoring": {
            "client_connections": 5000, "prefix_connections": 5000, "client_rate": "1000000/s",
            "recipient_rate": "1000000/s", "refused_rate": "1000000/s", "commands": 100_000, "errors": 1000,
        },
        "attachments": {
            "network_messages": 10_000_000, "network_bytes": "1 TiB",
            "recipient_messages": 10_000_000, "recipient_bytes": "1 TiB",
        },
    }
)  # fmt: skip
"""All clients of these tests are 127.0.0.1, so what is counted per client must not stand in the way."""

NO_ENGINES: Settings = MappingProxyType({"antivirus": {"engines": []}, "antispam": {"engines": [], "resolvers": []}})
"""Most tests are about the way of a message, not about what is in it. DNS is asked only of a test's own server."""


class GatewayProcess:
    """Starts on entering, ends on leaving. `port` is where clients connect."""

    def __init__(self, folder: Path, settings: Settings, *, upstream: str | list[str], workers: int = 1) -> None:
        self._folder = folder
        self.state = folder / "state"
        self.port = free_port()
        own: Settings = {
            "gateway": {
                "listen": [f"{LOOPBACK}:{self.port}"], "upstream": upstream, "workers": workers,
                "hostname": "gate.example.org",
            },
            "state": {"directory": str(self.state)},
        }  # fmt: skip
        self.settings = merged(NO_LIMITS, NO_ENGINES, own, settings)
        self.config = folder / "lockdown.toml"
        self.output = folder / "gateway.out"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> GatewayProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Write the configuration, start, and wait until it accepts connections."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.config.write_text(toml(self.settings))
        reads, writes = os.pipe()
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lockdown", "gateway", "--config", str(self.config)],
                stdout=output, stderr=output, stdin=subprocess.DEVNULL, pass_fds=(writes,),
                env={**os.environ, "LOCKDOWN_READY_FD": str(writes)},
            )  # fmt: skip
        os.close(writes)
        try:
            self._wait_until_ready(reads)
        finally:
            os.close(reads)

    def _wait_until_ready(self, reads: int, seconds: float = 30.0) -> None:
        ready, _, _ = select.select([reads], [], [], seconds)
        if ready and os.read(reads, 64).startswith(b"ready"):
            return
        self.stop()
        raise TookTooLong(f"the gateway did not become ready:\n{self.said()}")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def said(self) -> str:
        """What the process has printed."""
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def workers(self) -> list[int]:
        """The process ids of the workers, as the master has written them down."""
        written = self.state / "run" / "gateway.json"
        return [int(pid) for pid in json.loads(written.read_text())["workers"]] if written.exists() else []

    def worker(self) -> int:
        """The only worker."""
        (only,) = eventually(self.workers, "the gateway has a worker")
        return only

    def kill_worker(self) -> int:
        """kill -9 of the only worker, and wait until it is gone; the id that it had."""
        pid = self.worker()
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not lives(pid), f"worker {pid} is gone")
        return pid

    def wait_for_another_worker(self, than: int) -> int:
        """Until the master has replaced the worker; the new id."""

        def another() -> int:
            found = [pid for pid in self.workers() if pid != than and lives(pid)]
            return found[0] if found else 0

        return eventually(another, f"the master replaces worker {than}")

    def wait_until_serving(self) -> None:
        """Until a client is greeted: the worker has begun, whatever it still does in the background."""
        with Wire(self.port) as client:
            assert client.answer().code == 220
            client.ask("QUIT")

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, seconds: float = 20.0) -> int:
        """Until the master has ended; its exit code."""
        assert self._process is not None
        return self._process.wait(seconds)

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End it: politely, then at once. Workers that outlive their master are ended by the ids it wrote down."""
        if self._process is None:
            return
        workers = self.workers()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(3)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for pid in workers:
            _end(pid)

    def log(self) -> list[dict[str, Any]]:
        """The transaction log, oldest first."""
        files = sorted((self.state / "log").glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines() if line]

    def logged(self, what: str, **wanted: Any) -> dict[str, Any]:
        """The first log line with these values, once it is there."""

        def found() -> dict[str, Any]:
            hits = [line for line in self.log() if all(line.get(key) == value for key, value in wanted.items())]
            return hits[0] if hits else {}

        return eventually(found, f"the log tells of {what}", 10.0)

    def held(self) -> list[bytes]:
        """The messages that the quarantine holds: those with a row; a file without one was never acknowledged."""
        store = open_store(self.state)
        try:
            spool = Spool(self.state / "quarantine")
            return [_all_of(spool, message.id) for message in store.held(limit=100_000)]
        finally:
            store.close()

    def block(self, network: str, why: str) -> None:
        """Block a network as a person would. The command line refuses loopback, and here all clients are there."""
        store = open_store(self.state)
        try:
            store.block(network, why, None, "a test", datetime.now(UTC)).result()
        finally:
            store.close()

    def delivered(self, name: str = "mail") -> list[Path]:
        """The messages in the embedded Maildir, whatever its inner layout."""
        return sorted(path for path in (self.state / name).rglob("new/*") if path.is_file())


def _all_of(spool: Spool, ident: str) -> bytes:
    with spool.open(ident) as octets:
        return octets.read()


def merged(*layers: Settings) -> dict[str, dict[str, Any]]:
    """Later layers over earlier ones, setting by setting."""
    result: dict[str, dict[str, Any]] = {}
    for layer in layers:
        for section, table in layer.items():
            result.setdefault(section, {}).update(table)
    return result


def toml(settings: Settings) -> str:
    """The settings as a file. What JSON writes of texts, numbers, booleans and lists is valid TOML."""
    tables = []
    for section, table in settings.items():
        tables.append(f"[{section}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items()))
    return "\n".join(tables)


def lives(pid: int) -> bool:
    """Whether the process runs: a zombie does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")


def _end(pid: int) -> None:
    """A worker is ours only while it still is a lockdown process: ids are used again."""
    command = Path(f"/proc/{pid}/cmdline")
    deadline = time.monotonic() + 2
    while lives(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    if lives(pid) and re.search(rb"lockdown", command.read_bytes()):
        os.kill(pid, signal.SIGKILL)
