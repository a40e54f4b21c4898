"""The process that reads messages for the gateway: `python -I -m lockdown.scan.reader_process`, its socket as stdin.

It gets its settings once, then for each message a file descriptor, and answers with a `Reading`. It ends when the
gateway does, or when a message breaks it: then it is replaced, and never used again.
Fails as: a report that says why it has not read; an exit, which the gateway tells as Unknown.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from typing import TYPE_CHECKING

from lockdown.config import Antivirus
from lockdown.model.errors import OperatorError
from lockdown.scan.confinement import allow_seconds, confine, seal, stop_counting
from lockdown.scan.reader_wire import LENGTH, SETTINGS_LIMIT, Failed, Read, Ready, report_octets, settings_from

if TYPE_CHECKING:
    from lockdown.scan.builtin import Builtin


def main() -> int:
    """Read messages until there are no more."""
    logging.disable(logging.CRITICAL)
    link = socket.socket(fileno=os.dup(0))
    policy = settings_from(_settings(link))
    try:
        missing = confine(policy.read_memory)
        engine = _engine(policy)
        _silence()
        missing += seal()
    except OperatorError as error:
        link.sendall(report_octets(Failed(f"{error.what}: {error.why}", ends=True)))
        return 1
    link.sendall(report_octets(Ready(missing)))
    return _serve(link, engine, policy.read_time.total_seconds())


def _serve(link: socket.socket, engine: Builtin, seconds: float) -> int:
    while (content := _next_message(link)) is not None:
        allow_seconds(seconds)
        report, failed = _read(engine, content)
        link.sendall(report)
        stop_counting()
        if failed:
            return 1
    return 0


def _engine(policy: Antivirus) -> Builtin:
    from lockdown.scan.builtin import built

    engine = built(policy)
    engine.warm_up()
    return engine


def _read(engine: Builtin, content: bytes) -> tuple[bytes, bool]:
    """The report in its octets, and whether this process has failed with it."""
    try:
        return report_octets(Read(engine.read(content))), False
    except MemoryError:
        failed = Failed("it wants more memory than a reader may have", ends=True)
    except Exception as error:
        # The one place of this process where a bug is caught: the gateway hears of it, and the message is not passed.
        failed = Failed(ascii(f"the reader broke: {type(error).__name__}: {error}"[:500])[1:-1], ends=True)
    return report_octets(failed), True


def _settings(link: socket.socket) -> bytes:
    length = LENGTH.unpack(_exactly(link, LENGTH.size))[0]
    if length > SETTINGS_LIMIT:
        raise SystemExit("settings of more than a megabyte")
    return _exactly(link, length)


def _exactly(link: socket.socket, count: int) -> bytes:
    octets = b""
    while len(octets) < count:
        more = link.recv(count - len(octets))
        if not more:
            raise SystemExit(0)  # the gateway is gone
        octets += more
    return octets


def _next_message(link: socket.socket) -> bytes | None:
    """Its octets, from the descriptor that comes with its length; None where nobody asks any more."""
    start, descriptors, _, _ = socket.recv_fds(link, LENGTH.size, 1)
    if not start or not descriptors:
        return None
    length = LENGTH.unpack(start)[0]
    try:
        return _whole(descriptors[0], length)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _whole(descriptor: int, length: int) -> bytes:
    pieces, at = [], 0
    while at < length and (piece := os.pread(descriptor, length - at, at)):
        pieces.append(piece)
        at += len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _silence() -> None:
    """What libraries print about a stranger's message is for nobody."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
