"""The doors at which a stranger may knock: port 25 of this machine, the gateway's, and the server's behind it.

Fails as: nothing; settings that name no door leave port 25.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from lockdown.checklist.relaying.controls import GATEWAY_NOT_TRUSTED
from lockdown.config import Settings, upstreams
from lockdown.model.trial import Who

_LOOPBACK = ("127.", "localhost", "[::1]", "::1")


@dataclass(frozen=True, slots=True)
class Door:
    """A port, and how it is told from the others."""

    port: int
    words: str = ""
    control: str = ""
    """Where it is about more than strangers."""
    plain: int = 0
    """Where mail is handed in that must get through, if not here."""
    who: Who = Who.STRANGER

    @property
    def way_in(self) -> int:
        """For the plain letter."""
        return self.plain or self.port


def doors(policy: Settings) -> Iterator[Door]:
    """Where mail comes in from strangers, each port once."""
    yield Door(25)
    for port in dict.fromkeys(_listening(policy)):
        if port != 25:
            yield Door(port, f", at the gateway (port {port})")


def back_doors(policy: Settings) -> Iterator[Door]:
    """The server behind the gateway, as a stranger gets there past it, and as the gateway itself does."""
    front = min(_listening(policy), default=0)
    for port in dict.fromkeys(_behind(policy) if front else ()):
        control = GATEWAY_NOT_TRUSTED.id
        if port not in (25, front):
            yield Door(port, f", past the gateway (port {port})", control, front)
        yield Door(port, f", from the gateway's own address (port {port})", control, front, Who.HERE)


def _listening(policy: Settings) -> Iterator[int]:
    for listen in policy.gateway.listen:
        host, _, port = listen.rpartition(":")
        if not host.startswith(_LOOPBACK):
            yield int(port)


def _behind(policy: Settings) -> Iterator[int]:
    """Only where the gateway reaches it over loopback: another machine is no door of this one."""
    for url in upstreams(policy.gateway):
        parts = urlsplit(url)
        if parts.scheme.startswith("smtp") and (parts.hostname or "").startswith(_LOOPBACK) and "proxy=v2" not in url:
            yield parts.port or 25
