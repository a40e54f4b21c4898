"""Take a snapshot of this machine, of one over ssh, or of files: every reading once, in parallel, with its own limits.

Nothing is judged or changed here. What is asked stands in the modules of `FIRST` and `NEXT`, one for each subject.

Fails as: readings that are Unknown; the snapshot itself always comes.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import psutil

from lockdown import __version__
from lockdown.config import Loaded
from lockdown.facts import gateway, interfaces, listeners
from lockdown.host import (
    accounts,
    backups,
    dovecot,
    exim,
    firewall,
    opensmtpd,
    owners,
    packages,
    postfix,
    queue,
    scanners,
    web,
)
from lockdown.host.asked import Asked, Native, Script, Sources
from lockdown.host.local import PLACES, read_here
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown

FIRST: tuple[Callable[[], Sources], ...] = (
    scanners.sources,
    accounts.sources,
    packages.sources,
    backups.sources,
    queue.sources,
    exim.sources,
    opensmtpd.sources,
    dovecot.sources,
    firewall.sources,
    owners.sources,
    web.sources,
)
"""What is asked at once, subject by subject."""
NEXT: tuple[Callable[[Snapshot], Sources], ...] = (
    postfix.more,
    dovecot.more,
    accounts.more,
    exim.more,
    opensmtpd.more,
)
"""What is only known to be worth asking once the first answers are there."""

Ask = Callable[[Sources], dict[str, Reading]]
"""A machine, or something like one: the reading of each source."""


def take_snapshot(
    loaded: Loaded, now: datetime, *, postfix_config: Path | None = None, places: Sequence[Path] = PLACES
) -> Snapshot:
    """The readings of this machine; `postfix_config` is a directory with main.cf and master.cf in another place."""
    own = {gateway.SOURCE: Native(lambda: gateway.describe(loaded))}
    return snapshot_by(partial(read_here, places=places), socket.gethostname(), now, postfix_config, own)


def snapshot_by(
    ask: Ask, host: str, now: datetime, postfix_config: Path | None = None, own: Sources | None = None
) -> Snapshot:
    """The readings of whatever answers: what is asked first, then what follows from that."""
    asked = {**(own or {}), **_network(), **postfix.sources(postfix_config)}
    for subject in FIRST:
        asked |= subject()
    first = Snapshot(host, now, __version__, ask(asked))
    then: dict[str, Asked] = {}
    for follows in NEXT:
        then |= follows(first)
    return Snapshot(host, now, __version__, {**first.readings, **(ask(then) if then else {})})


def _network() -> Sources:
    return {
        listeners.SOURCE: Native(_listeners, Script(_LISTENERS_ELSEWHERE)),
        interfaces.SOURCE: Native(_interfaces, Script(_INTERFACES_ELSEWHERE)),
    }


# As the readings of this machine are written: `tcp 0.0.0.0:25 1234 master`, `eth0 192.0.2.7/24`.
_LISTENERS_ELSEWHERE = r"""
ss -H -lnptu | sed -e 's/%[^]: ]*\(\]*:\)/\1/' -e 's/ \*:/ [::]:/g' | awk '{
    owner = match($0, /\(\("[^"]*",pid=[0-9]+/) ? substr($0, RSTART + 3, RLENGTH - 3) : ""
    split(owner, part, "\",pid=")
    gsub(" ", "_", part[1])
    print $1, $5, (part[2] ? part[2] : "-"), (part[1] ? part[1] : "-")
}'
"""
_INTERFACES_ELSEWHERE = """ip -o addr show | awk '{ print $2, $4 }'"""


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
