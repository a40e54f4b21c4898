"""What an idle connection costs: thousands that have said EHLO and wait, from many loopback addresses."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

from benchmarks.figures import Figure, NotMeasured, Sign, Target
from benchmarks.machine import LOOPBACK, memory_kib, raise_file_limit
from benchmarks.session import Measured, Setup
from benchmarks.sink import Sink
from benchmarks.stands import Lockdown

_WARM_UP = 50
_EACH_ADDRESS = 50
_TARGET = Target(Sign.AT_MOST, 4.0)


def measure(setup: Setup) -> Measured:
    """Memory of the workers before and after."""
    count = setup.idle_connections
    if (files := raise_file_limit()) < count + 500:
        yield NotMeasured(
            "idle connections", f"{count} connections", f"only {files} open files are allowed (ulimit -n)"
        )
        return
    folder = setup.place("idle")
    with Sink(folder) as sink, Lockdown(folder / "one", sink, 1) as gateway:
        with ExitStack() as warm:
            _connect(warm, gateway.port, _WARM_UP)
        time.sleep(1)
        before = _memory(gateway)
        with ExitStack() as held:
            _connect(held, gateway.port, count)
            after = _memory(gateway)
    how = f"{count} connections after EHLO, from {_addresses(count)} addresses; workers' smaps_rollup before and after"
    yield Figure("idle connections", "PSS of each", (after[0] - before[0]) / count, "KiB", how, _TARGET)
    yield Figure("idle connections", "private memory of each", (after[1] - before[1]) / count, "KiB", "Private_Dirty")
    yield Figure(
        "idle connections", "PSS before", before[0] / 1024, "MiB", f"after {_WARM_UP} connections came and went"
    )


def _memory(gateway: Lockdown) -> tuple[int, int]:
    workers = gateway.workers()
    return memory_kib(workers, "Pss"), memory_kib(workers, "Private_Dirty")


def _addresses(count: int) -> int:
    return -(-count // _EACH_ADDRESS)


def _connect(stack: ExitStack, port: int, count: int) -> None:
    for number in range(count):
        source = f"127.0.1.{1 + number // _EACH_ADDRESS}"
        connection = stack.enter_context(
            socket.create_connection((LOOPBACK, port), timeout=30, source_address=(source, 0))
        )
        _read_reply(connection)
        connection.sendall(b"EHLO client.example\r\n")
        _read_reply(connection)


def _read_reply(connection: socket.socket) -> None:
    """Until a line without a hyphen after its code has come."""
    said = b""
    while not (said.endswith(b"\n") and said.splitlines()[-1][3:4] == b" "):
        piece = connection.recv(4096)
        if not piece:
            raise ConnectionError(f"closed after {said!r}")
        said += piece
    if not said.startswith(b"2"):
        raise ConnectionError(f"refused: {said!r}")
