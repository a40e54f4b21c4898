"""What can stand between the client and the sink: nothing ("direct"), Lockdown, Postfix, aiosmtpd.

Fails as: `Unmeasurable` when it does not start, with its own words.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from benchmarks.figures import Unmeasurable
from benchmarks.machine import LOOPBACK, cpu_seconds, end, family, free_port, wait_until_listening
from benchmarks.peers import postfix
from benchmarks.sink import Sink

# Every client here is loopback. The limits are counted as ever; only where they end is moved out of the way.
_OPEN_LIMITS = """
[monitoring]
max_connections = 20000
client_connections = 20000
prefix_connections = 20000
client_rate = "100000000/s"
recipient_rate = "100000000/s"
refused_rate = "100000000/s"

[attachments]
network_bytes = "1000 TiB"
network_messages = 2000000000
recipient_bytes = "1000 TiB"
recipient_messages = 2000000000
"""
# What it costs to pass mail on; what it costs to look into it is measured in `scan`.
_NO_ENGINES = """
[antivirus]
engines = []

[antispam]
engines = []
"""
_NO_EXTRAS: Mapping[str, str] = MappingProxyType({})


class Stand(Protocol):
    """Something that takes mail on a port."""

    name: str
    port: int

    def cpu(self) -> float:
        """CPU seconds that its processes have used so far."""


class Direct:
    """The client straight to the sink: the limit."""

    name = "direct"

    def __init__(self, sink: Sink) -> None:
        self.port = sink.port

    def cpu(self) -> float:
        """Nothing stands between."""
        return 0.0


class ProcessStand(ABC):
    """A proxy that is one child process with its family."""

    name = "proxy"

    def __init__(self, folder: Path, sink: Sink) -> None:
        self.port = free_port()
        self._folder = folder
        self._folder.mkdir(parents=True)
        self._sink = sink
        self._output = folder / "output.txt"

    def __enter__(self) -> ProcessStand:
        self._start(self._command())
        try:
            wait_until_listening(self.port, self.name, self._process, self._output)
        except Unmeasurable:
            end(self._process)
            raise
        return self

    @abstractmethod
    def _command(self) -> list[str]:
        """How it is started."""

    def _start(self, command: list[str], ready: int | None = None) -> None:
        environment = {**os.environ, **({"LOCKDOWN_READY_FD": str(ready)} if ready is not None else {})}
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment,
                pass_fds=(ready,) if ready is not None else (), start_new_session=True,
            )  # fmt: skip

    def __exit__(self, *_: object) -> None:
        end(self._process)

    def cpu(self) -> float:
        """Of the whole family."""
        return cpu_seconds(self._process.pid)

    def pids(self) -> list[int]:
        """The family as it is now."""
        return family(self._process.pid)


class Lockdown(ProcessStand):
    """Our gateway, as a black box."""

    def __init__(
        self, folder: Path, sink: Sink, workers: int, extras: Mapping[str, str] = _NO_EXTRAS, name: str = ""
    ) -> None:
        super().__init__(folder, sink)
        self.name = name or f"lockdown, {workers} worker{'s' * (workers > 1)}"
        self._workers = workers
        self._extras = extras

    def __enter__(self) -> Lockdown:
        reads, writes = os.pipe()
        try:
            self._start(self._command(), ready=writes)
            os.close(writes)
            self._wait_until_ready(reads)
        finally:
            os.close(reads)
        return self

    def _wait_until_ready(self, reads: int) -> None:
        ready, _, _ = select.select([reads], [], [], 30)
        if not ready or not os.read(reads, 16).startswith(b"ready"):
            end(self._process)
            raise Unmeasurable(f"the gateway did not start: {self._output.read_text(errors='replace')[-1500:]}")

    def _command(self) -> list[str]:
        config = self._folder / "lockdown.toml"
        config.write_text(self._settings())
        return [sys.executable, "-P", "-m", "lockdown", "gateway", "--config", str(config)]

    def _settings(self) -> str:
        gateway = {
            "listen": f'"{LOOPBACK}:{self.port}"',
            "upstream": f'"smtp://{LOOPBACK}:{self._sink.port}"',
            "workers": str(self._workers),
            "hostname": '"gate.bench.example"',
            **self._extras,
        }
        lines = "".join(f"{key} = {value}\n" for key, value in gateway.items())
        state = f'[state]\ndirectory = "{self._folder}/state"\n'
        return f'[site]\ndomains = ["bench.example"]\n\n[gateway]\n{lines}\n{state}{_OPEN_LIMITS}{self._engines()}'

    def _engines(self) -> str:
        """The sections of items 1 and 2."""
        return _NO_ENGINES

    def workers(self) -> list[int]:
        """The process ids of the workers, as the master has written them down."""
        run = json.loads((self._folder / "state" / "run" / "gateway.json").read_text())
        return [int(pid) for pid in run["workers"]]


class Postfix(ProcessStand):
    """Postfix's own before-queue proxy."""

    name = "postfix smtpd_proxy_filter"

    def _command(self) -> list[str]:
        return postfix.prepare(self._folder, self.port, self._sink.port)


class Aiosmtpd(ProcessStand):
    """A proxy made with aiosmtpd."""

    name = "aiosmtpd proxy"

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "benchmarks.peers.aiosmtpd_proxy", str(self.port), str(self._sink.port)]


class Bare(ProcessStand):
    """The floor of what a proxy in Python costs: see peers/bare_proxy.py."""

    name = "bare uvloop proxy"

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "benchmarks.peers.bare_proxy", str(self.port), str(self._sink.port)]
