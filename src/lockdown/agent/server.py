"""The agent's socket: who may ask, how much, how long; then one request, one reply.

Fails as: `OperatorError` when the socket cannot be made; a stranger, an oversized, late or garbled request is closed
or refused and costs one of few threads for a bounded time. A bug in a verb is a refusal, told on stderr.
"""

from __future__ import annotations

import os
import selectors
import socket
import struct
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from lockdown.agent import verbs
from lockdown.agent.client import ask
from lockdown.agent.deeds import Peer
from lockdown.agent.wire import Gone, TooLong, receive_message, send_message, short_name
from lockdown.model.errors import OperatorError

_CREDENTIALS = struct.Struct("3i")
_MOST_AT_A_TIME = 8
_REQUEST_SECONDS = 10.0

Answer = Callable[[verbs.Request, datetime, Peer], verbs.Reply]


def allowed_at(state: Path) -> Callable[[int], bool]:
    """Root, whoever the agent itself runs as, and whoever owns the state directory: the gateway's user."""
    known = {0, os.geteuid(), state.stat().st_uid}
    return lambda uid: uid in known


class Server:
    """Listens on one unix socket until `stop` is set."""

    def __init__(self, path: Path, answer: Answer, allowed: Callable[[int], bool]) -> None:
        self._path, self._answer, self._allowed = path, answer, allowed
        self._listener = _listen(path)
        self._room = threading.BoundedSemaphore(_MOST_AT_A_TIME)

    def serve(self, stop: threading.Event) -> None:
        """Take connections until told to stop; those begun are answered."""
        with selectors.DefaultSelector() as selector, ThreadPoolExecutor(_MOST_AT_A_TIME) as threads:
            selector.register(self._listener, selectors.EVENT_READ)
            while not stop.is_set():
                for _ in selector.select(0.5):
                    self._take(threads)
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _take(self, threads: ThreadPoolExecutor) -> None:
        with suppress(BlockingIOError):
            connection, _ = self._listener.accept()
            if self._allowed(_peer(connection).uid) and self._room.acquire(blocking=False):
                threads.submit(self._converse, connection)
            else:
                connection.close()

    def _converse(self, connection: socket.socket) -> None:
        try:
            with connection, suppress(OSError, Gone):
                connection.settimeout(_REQUEST_SECONDS)
                send_message(connection, verbs.encode(self._reply_to(connection, _peer(connection))))
        finally:
            self._room.release()

    def _reply_to(self, connection: socket.socket, peer: Peer) -> verbs.Reply:
        try:
            request = verbs.decode_request(receive_message(connection, verbs.MOST_REQUEST_BYTES))
        except (TooLong, msgspec.DecodeError) as error:
            return verbs.Refused(f"not a request that the agent knows: {error}")
        return self._guarded(request, peer)

    def _guarded(self, request: verbs.Request, peer: Peer) -> verbs.Reply:
        """The one place where a bug is caught: the agent stays up, the asker hears no."""
        try:
            return self._answer(request, datetime.now(UTC), peer)
        except OperatorError as problem:
            return verbs.Refused(str(problem.args[0]), problem.try_this)
        except Exception as error:
            traceback.print_exc()
            return verbs.Refused(f"the agent failed: {type(error).__name__}; its own log has the rest")


def _peer(connection: socket.socket) -> Peer:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _gid = _CREDENTIALS.unpack(raw)
    return Peer(int(uid), int(pid))


def _listen(path: Path) -> socket.socket:
    if isinstance(ask(path.parent.parent, verbs.Status(), timeout=2.0), verbs.Running):
        raise OperatorError(
            "agent-runs",
            what="the agent cannot start",
            why=f"another agent answers on {path}",
            try_this="lockdown doctor     (shows it)",
        )
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The mode is set by the umask at bind: between bind and a chmod others could connect.
    before = os.umask(0o177)
    try:
        with short_name(path) as name:
            listener.bind(name)
    finally:
        os.umask(before)
    owner = path.parent.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.chown(path, owner.st_uid, owner.st_gid)
    listener.setblocking(False)
    listener.listen(_MOST_AT_A_TIME)
    return listener
