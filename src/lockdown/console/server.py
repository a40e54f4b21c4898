"""`lockdown console`: serve the page on loopback until SIGTERM.

Fails as: `OperatorError` for an address beyond loopback (this version has no accounts) or a port in use.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import uvicorn

from lockdown.config import Loaded
from lockdown.console.app import Sources, make_app
from lockdown.console.gather import Auditor, Gatherer
from lockdown.engine.supervised import tell_ready
from lockdown.model.errors import OperatorError
from lockdown.state.layout import StateDirectory
from lockdown.state.store import open_store


def run(loaded: Loaded, announce: Callable[[str], None]) -> int:
    """Serve until SIGTERM or SIGINT; `announce` is told the address once it is ours."""
    settings = loaded.settings
    listener = listen(settings.console.listen)
    directory = StateDirectory(Path(settings.state.directory)).prepare()
    with closing(listener), closing(open_store(directory.path)) as store:
        gatherer = Gatherer(settings, directory, store)
        auditor = Auditor(settings, directory, store)
        auditor.start()
        app = make_app(Sources(page=gatherer.page, unwell=gatherer.unwell, metrics=gatherer.metrics))
        announce(f"http://{settings.console.listen}/")
        _Server(app).run([listener])
        auditor.stop()
    return 0


class _Server(uvicorn.Server):
    """Says `ready` once it serves."""

    def __init__(self, app: object) -> None:
        super().__init__(
            uvicorn.Config(
                app,  # type: ignore[arg-type]
                log_level="warning",
                access_log=False,
                server_header=False,
                limit_concurrency=64,
                timeout_keep_alive=5,
                timeout_graceful_shutdown=5,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does, then the word."""
        await super().startup(sockets)
        tell_ready()


def listen(place: str) -> socket.socket:
    """A listening socket on loopback."""
    host, _, port = place.rpartition(":")
    host = host.strip("[]")
    if not _is_loopback(host):
        raise OperatorError(
            "console-beyond-loopback",
            what=f"the console will not listen on {place}",
            why="this version has no accounts: whoever reaches the page reads it, so only this machine may",
            try_this='set console.listen = "127.0.0.1:8025", and from afar: ssh -L 8025:127.0.0.1:8025 HOST',
        )
    return _bound(host, int(port), place)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bound(host: str, port: int, place: str) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise OperatorError(
            "listen",
            what=f"the console cannot listen on {place}",
            why=(error.strerror or str(error)).lower(),
            try_this=f"ss -ltnp 'sport = :{port}'     (who has it); or set console.listen to another port",
        ) from None
    return listener
