"""Take a snapshot of this machine: every reading once, in parallel, each with its own limits.

Nothing is judged or changed here. Unknown(why) covers missing, denied, timed out, failed and undecodable.

Fails as: readings that are Unknown; the snapshot itself always comes.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path

import psutil

from lockdown import __version__
from lockdown.config import Loaded
from lockdown.facts import gateway, interfaces, listeners
from lockdown.facts import postfix as facts
from lockdown.host.commands import run
from lockdown.host.files import read_file
from lockdown.host.scanners import scanner_sources
from lockdown.host.secrets import without_secrets
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown

PLACES = (Path("/usr/sbin"), Path("/usr/local/sbin"), Path("/sbin"), Path("/usr/local/bin"), Path("/opt/postfix/sbin"))
"""Where postconf is looked for; an ordinary user's PATH often leaves /usr/sbin out."""
MAX_TABLES = 50
THREADS = 8

Source = Callable[[], Reading]


def take_snapshot(
    loaded: Loaded, now: datetime, *, postfix_config: Path | None = None, places: Sequence[Path] = PLACES
) -> Snapshot:
    """The readings of this machine; `postfix_config` is a directory with main.cf and master.cf in another place."""
    postconf = _find(places)
    sources: dict[str, Source] = {
        gateway.SOURCE: lambda: gateway.describe(loaded),
        listeners.SOURCE: _listeners,
        interfaces.SOURCE: _interfaces,
        facts.WHERE: lambda: _where(postconf, places),
    }
    sources |= _postfix_sources(postconf, postfix_config) | scanner_sources()
    readings = _read_all(sources)
    snapshot = Snapshot(socket.gethostname(), now, __version__, readings)
    return Snapshot(snapshot.host, now, __version__, {**readings, **_read_all(_table_sources(snapshot))})


def _read_all(sources: Mapping[str, Source]) -> dict[str, Reading]:
    with ThreadPoolExecutor(THREADS) as pool:
        return dict(zip(sources, pool.map(_guarded, sources.values()), strict=True))


def _guarded(source: Source) -> Reading:
    """One broken reading is one Unknown, not a lost snapshot."""
    try:
        reading = source()
    except Exception as error:  # the safe outcome is beside it
        return Unknown(f"the reading failed: {type(error).__name__}: {error}")
    return without_secrets(reading) if isinstance(reading, str) else reading


def _find(places: Sequence[Path]) -> Path | None:
    return next((place / "postconf" for place in places if (place / "postconf").is_file()), None)


def _where(postconf: Path | None, places: Sequence[Path]) -> Reading:
    looked = ", ".join(str(place) for place in places)
    return f"{postconf}\n" if postconf else f"{facts.NOT_INSTALLED}: no postconf in {looked}\n"


def _postfix_sources(postconf: Path | None, config: Path | None) -> dict[str, Source]:
    if postconf is None:
        return {}
    directory = config or Path("/etc/postfix")
    command = [str(postconf), *(["-c", str(config)] if config else [])]
    return {
        facts.EFFECTIVE: partial(run, command),
        facts.EXPLICIT: partial(run, [*command, "-n"]),
        facts.SERVICES: partial(run, [*command, "-M"]),
        facts.OVERRIDES: partial(run, [*command, "-P"]),
        facts.VERSION: partial(run, [str(postconf), "-d", "mail_version"]),
        facts.MAIN_CF: partial(read_file, directory / "main.cf"),
        facts.MASTER_CF: partial(read_file, directory / "master.cf"),
    }


def _table_sources(snapshot: Snapshot) -> dict[str, Source]:
    """The text tables that decide who may relay; which they are is only known once Postfix has been read."""
    found = facts.postfix(snapshot)
    if not isinstance(found, facts.Postfix):
        return {}
    paths = facts.deciding_tables(found)[:MAX_TABLES]
    return {f"{facts.TABLES}{path}": partial(read_file, Path(path)) for path in paths}


def _listeners() -> Reading:
    try:
        connections = psutil.net_connections("inet")
    except psutil.AccessDenied:
        return Unknown("listening sockets: permission denied")
    lines = {
        f"{'tcp' if connection.type == socket.SOCK_STREAM else 'udp'} {_place(connection.laddr)} "
        f"{connection.pid or '-'} {_process(connection.pid)}"
        for connection in connections
        if connection.status == psutil.CONN_LISTEN or (connection.type == socket.SOCK_DGRAM and not connection.raddr)
    }
    return "".join(f"{line}\n" for line in sorted(lines))


def _place(address: tuple[str, int] | tuple[()]) -> str:
    host, port = address or ("0.0.0.0", 0)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _process(pid: int | None) -> str:
    try:
        return psutil.Process(pid).name().replace(" ", "_") if pid else "-"
    except psutil.Error:
        return "-"


def _interfaces() -> Reading:
    lines = []
    for name, addresses in psutil.net_if_addrs().items():
        for address in addresses:
            if address.family in (socket.AF_INET, socket.AF_INET6):
                lines.append(f"{name} {address.address.partition('%')[0]}/{_prefix(address.netmask)}\n")
    return "".join(lines)


def _prefix(netmask: str | None) -> int:
    """psutil gives IPv6 masks as addresses too: count their bits; no mask is a single address."""
    if not netmask:
        return 32
    family = socket.AF_INET6 if ":" in netmask else socket.AF_INET
    return sum(octet.bit_count() for octet in socket.inet_pton(family, netmask))
