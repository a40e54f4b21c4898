"""Where an upstream URL of the settings leads: a server to talk to, or a Maildir to write into."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from lockdown.config import Settings
from lockdown.probe.smtp import Target

_DEFAULT_PORT = {"smtp": 25, "smtp+starttls": 25, "lmtp": 24}
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "*": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A Maildir on this machine."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


def target_of(url: str, settings: Settings) -> Target | Mailbox:
    """One upstream of `gateway.upstream`, as the gateway itself would reach it."""
    scheme, _, rest = url.partition(":")
    if scheme == "maildir":
        return Mailbox(Path(settings.state.directory) / rest)
    if not rest.startswith("//"):
        return Target("", path=rest, lmtp=True)
    parts = urlsplit(url)
    return Target(
        parts.hostname or "",
        parts.port or _DEFAULT_PORT[scheme],
        lmtp=scheme == "lmtp",
        tls=scheme == "smtp+starttls",
        proxy="proxy=v2" in parts.query,
    )


def gateway_target(listen: str) -> Target:
    """A listener of ours as this machine reaches it: one that listens everywhere is reached over loopback."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    return Target(_EVERYWHERE.get(host, host), int(port))
