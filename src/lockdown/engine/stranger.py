"""A stranger's address: a network namespace of the drill's own, from which this machine is talked to as from outside.

It owns the whole benchmark range 198.18.0.0/15 (RFC 2544), of which no server can know an address; each trial gets new
ones, so that what one has earned is not held against the next. A pair of virtual links joins it to this machine;
firewalls stay as they are, so rules that name an interface are not tried by it.
Needs root and `ip` (iproute2). Fails as: `NoStranger` with the reason; what a dead drill has left is swept.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

from lockdown.host.commands import run
from lockdown.model.step import STRANGERS
from lockdown.model.trial import Who
from lockdown.model.unknown import Unknown

PREFIX = "lockdown-drill-"
RANGE = STRANGERS
_NAMESPACES = Path("/run/netns")
_NEAR, _FAR = "198.18.0.1", "198.18.0.2"
_NEAR6 = "fd4c:6f63:6b64:6f77::1"
_FAR6 = {Who.STRANGER: "fd4c:6f63:6b64:6f77::2", Who.OTHER: "fd4c:6f63:6b64:6f78::2"}
_CLONE_NEWNET = 0x40000000
_SECONDS = 10.0
_SMTP = 25

T = TypeVar("T")


class NoStranger(Exception):
    """There is no stranger's address to be had; says why, and what to type."""


class Vantage(Protocol):
    """From where a drill talks to its server."""

    server: str
    """The server's address, as a stranger reaches it."""
    has_sink: bool
    """Mail that is sent to the stranger's own address can be received."""

    def new_trial(self) -> None:
        """The next connections come from addresses that were not used before."""

    def address(self, who: Who) -> str:
        """From where these moves are made."""

    def connect(self, who: Who, port: int, seconds: float, ipv6: bool = False) -> socket.socket:
        """An open connection to the server; `OSError` as ever."""

    def command(self, who: Who, *argv: str) -> list[str]:
        """The argument list that runs a program there."""


class Namespace:
    """As a context: made, and gone again, whatever happens."""

    has_sink = True

    def __init__(self) -> None:
        self.name = f"{PREFIX}{os.getpid()}"
        self._near, self._far = f"ldn{os.getpid()}"[:15], f"ldf{os.getpid()}"[:15]
        self._trial = int.from_bytes(os.urandom(2)) % 50_000
        self.server = _NEAR

    def __enter__(self) -> Namespace:
        if os.geteuid() != 0:
            raise NoStranger("a stranger's address needs root. Type: sudo lockdown drill")
        sweep()
        try:
            for argv in self._making():
                _must("ip", *argv)
            for argv in self._making_ipv6():
                # Where a machine has no IPv6, nobody gets in by it.
                run(["ip", *argv], _SECONDS)
        except BaseException:
            self.leave()
            raise
        own = [*self._own_addresses(), _NEAR]
        self.server = next((address for address in own if self._answers(address)), own[0])
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """With the namespace its end of the link goes, and with that the other end and the routes."""
        run(["ip", "link", "delete", self._near], _SECONDS)
        run(["ip", "netns", "delete", self.name], _SECONDS)

    def _making(self) -> Iterator[tuple[str, ...]]:
        inside = ("-n", self.name)
        yield ("netns", "add", self.name)
        yield ("link", "add", self._near, "type", "veth", "peer", "name", self._far)
        yield ("link", "set", self._far, "netns", self.name)
        # A single address on our side: with a subnet, a server that trusts its own subnets would trust the stranger.
        yield ("addr", "add", f"{_NEAR}/32", "dev", self._near)
        yield ("link", "set", self._near, "up")
        yield (*inside, "link", "set", "lo", "up")
        yield (*inside, "addr", "add", f"{_FAR}/32", "dev", self._far)
        yield (*inside, "link", "set", self._far, "up")
        yield (*inside, "route", "add", _NEAR, "dev", self._far)
        yield (*inside, "route", "add", "default", "via", _NEAR)
        yield (*inside, "route", "add", "local", RANGE, "dev", "lo")
        yield ("route", "add", _FAR, "dev", self._near)
        # A second drill, or a network that really uses the range, fails here.
        yield ("route", "add", RANGE, "via", _FAR)

    def _making_ipv6(self) -> Iterator[tuple[str, ...]]:
        inside = ("-n", self.name)
        yield ("-6", "addr", "add", f"{_NEAR6}/128", "dev", self._near, "nodad")
        for address in _FAR6.values():
            yield (*inside, "-6", "addr", "add", f"{address}/128", "dev", self._far, "nodad")
            yield ("-6", "route", "add", address, "dev", self._near)
        yield (*inside, "-6", "route", "add", _NEAR6, "dev", self._far)
        yield (*inside, "-6", "route", "add", "default", "via", _NEAR6, "dev", self._far)

    def _own_addresses(self) -> Iterator[str]:
        """Of this machine, beside the end of our link."""
        match run(["ip", "-j", "-4", "addr", "show", "scope", "global"], _SECONDS):
            case str() as text:
                for link in json.loads(text or "[]"):
                    if link.get("ifname") != self._near:
                        yield from (one["local"] for one in link.get("addr_info", ()) if "local" in one)
            case Unknown():
                return

    def _answers(self, address: str) -> bool:
        """Servers may listen on one address of several."""
        try:
            self.inside(lambda: socket.create_connection((address, _SMTP), 2.0)).close()
        except OSError:
            return False
        return True

    # ── whoever is there ──

    def new_trial(self) -> None:
        """The next connections come from addresses that were not used before."""
        self._trial = (self._trial + 1) % 50_000

    def address(self, who: Who) -> str:
        """From where these moves are made."""
        if who is Who.HERE:
            return "127.0.0.1"
        # One after the other in networks of their own: limits count a /24 as one client.
        host, network = divmod(self._trial, 250)
        return f"198.{18 if who is Who.STRANGER else 19}.{network + 1}.{host + 2}"

    def connect(self, who: Who, port: int, seconds: float, ipv6: bool = False) -> socket.socket:
        """An open connection to the server; `OSError` as ever."""
        if who is Who.HERE:
            return socket.create_connection(("::1" if ipv6 else "127.0.0.1", port), seconds)
        source, server = (_FAR6[who], _NEAR6) if ipv6 else (self.address(who), self.server)
        return self.inside(lambda: socket.create_connection((server, port), seconds, (source, 0)))

    def listen(self, port: int) -> socket.socket:
        """A socket that receives what is sent to any address of the range."""
        return self.inside(lambda: socket.create_server(("0.0.0.0", port), backlog=64))

    def command(self, who: Who, *argv: str) -> list[str]:
        """The argument list that runs a program there."""
        where = [] if who is Who.HERE else ["nsenter", f"--net={_NAMESPACES / self.name}", "--"]
        return [*where, *argv]

    def inside(self, make: Callable[[], T]) -> T:
        """Make something in there, in a thread that ends with it: a socket belongs to where it was made, for ever."""
        made: list[T] = []
        failed: list[OSError] = []

        def enter_and_make() -> None:
            try:
                _enter(_NAMESPACES / self.name)
                made.append(make())
            except OSError as error:
                failed.append(error)

        thread = threading.Thread(target=enter_and_make, name="stranger")
        thread.start()
        thread.join()
        if failed:
            raise failed[0]
        return made[0]


def _enter(namespace: Path) -> None:
    """This thread alone."""
    handle = os.open(namespace, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(handle, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(handle)


def _must(*argv: str) -> None:
    match run(argv, _SECONDS):
        case Unknown(why):
            raise NoStranger(f"no network namespace can be set up here ({why}). Type: sudo lockdown drill")
        case _:
            return


def sweep() -> None:
    """Remove what drills that are dead have left."""
    with contextlib.suppress(OSError):
        for path in _NAMESPACES.iterdir():
            pid = re.fullmatch(rf"{PREFIX}(\d+)", path.name)
            if pid and not Path(f"/proc/{pid[1]}").exists():
                run(["ip", "link", "delete", f"ldn{pid[1]}"[:15]], _SECONDS)
                run(["ip", "netns", "delete", path.name], _SECONDS)


class FromHere:
    """This machine as the stranger, to a server elsewhere that is sure not to trust it. There is only one of him."""

    has_sink = False

    def __init__(self, server: str) -> None:
        self.server = server

    def new_trial(self) -> None:
        """There is one address only."""

    def address(self, who: Who) -> str:
        """As far as this machine knows it."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
            probe.connect((self.server, 25))
            return str(probe.getsockname()[0])
        return "127.0.0.1"

    def connect(self, who: Who, port: int, seconds: float, ipv6: bool = False) -> socket.socket:
        """An open connection to the server; `OSError` as ever."""
        if who is Who.HERE:
            raise OSError("the server is another machine")
        family = socket.AF_INET6 if ipv6 else socket.AF_INET
        where = socket.getaddrinfo(self.server, port, family, socket.SOCK_STREAM)[0][4]
        return socket.create_connection((str(where[0]), port), seconds)

    def command(self, who: Who, *argv: str) -> list[str]:
        """The argument list that runs a program there."""
        return list(argv)
