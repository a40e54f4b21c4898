"""Where an engine listens, as the settings say it.

Fails as: ValueError, in words for the operator.
"""

from __future__ import annotations

import os
from typing import NamedTuple
from urllib.parse import urlsplit

_PATH_OCTETS = 107
"""What a unix socket's name may be long (unix(7))."""


class Place(NamedTuple):
    """Where an engine listens: a host and port, or the path of a unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""


def place_of(url: str, port: int) -> Place:
    """Of "clamd:///run/clamav/clamd.ctl" or "rspamd://host:11333"; `port` where it names none. ValueError says why."""
    parts = urlsplit(url)
    if parts.query or parts.fragment or parts.username is not None or parts.password is not None:
        raise ValueError("only a host and port, or a path, may stand in it")
    if not parts.hostname:
        return Place(path=_socket_path(parts.path))
    if parts.path not in ("", "/"):
        raise ValueError("a host and a path exclude each other")
    number = port if parts.port is None else parts.port  # .port raises ValueError itself
    if not number:
        raise ValueError("port 0 is nobody's")
    return Place(parts.hostname, number)


def _socket_path(path: str) -> str:
    if not path.startswith("/") or path == "/":
        raise ValueError("it names neither a host nor the absolute path of a socket")
    if len(os.fsencode(path)) > _PATH_OCTETS or "\0" in path:
        raise ValueError(f"the path of a socket has at most {_PATH_OCTETS} octets")
    return path
