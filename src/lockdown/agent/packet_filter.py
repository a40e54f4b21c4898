"""The packet filter: networks whose packets to mail doors are dropped by the kernel, each until its term is over.

A table of our own, `inet lockdown`, with a chain before all others (prerouting, priority raw), so that ports which
containers publish are covered too. Only the doors that an answer is about are shut: whoever guesses passwords may still
deliver mail. The kernel ends each term by itself, whatever becomes of us; after a restart of the machine, or of another
firewall that empties all tables, `follow` puts back what still runs. What was told is read back before it is believed.

Fails as: `Unknown(why)`: no nft, no right to use it, a kernel without it. Never raises for what nft says.
"""

from __future__ import annotations

import ipaddress
import json
import subprocess
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lockdown.config import Settings
from lockdown.engine.blocking import Network
from lockdown.model.traffic import Doors
from lockdown.model.unknown import Unknown

MOST_DROPPED = 256
TABLE = "lockdown"
_CHAIN = "doors"
_SECONDS = 10.0
_MOST_BYTES = 4 * 1024 * 1024
_MAIL = (25,)
_SIGN_IN = (110, 143, 465, 587, 993, 995, 4190)
_SETS = {Doors.MAIL: "mail", Doors.SIGN_IN: "sign_in"}
_FAMILIES = {4: "ip", 6: "ip6"}


@dataclass(frozen=True, slots=True)
class Dropped:
    """A network whose packets to these doors go nowhere until then."""

    network: Network
    doors: Doors
    until: datetime


def ports_of(settings: Settings) -> Mapping[Doors, tuple[int, ...]]:
    """Where mail comes in, and where users sign in; a port where the gateway listens is a door for mail."""
    listens = {int(place.rpartition(":")[2]) for place in settings.gateway.listen}
    return {
        Doors.MAIL: tuple(sorted({*_MAIL, *listens})),
        Doors.SIGN_IN: tuple(port for port in _SIGN_IN if port not in listens),
    }


class PacketFilter:
    """Ours in this machine's kernel. `nft` is the command; to be used by several threads."""

    def __init__(self, ports: Mapping[Doors, tuple[int, ...]], nft: tuple[str, ...] = ("nft",)) -> None:
        self._ports, self._nft = ports, nft
        self._wanted: dict[tuple[Doors, Network], datetime] = {}
        self._lock = threading.Lock()

    def drop(self, one: Dropped, now: datetime) -> Unknown | None:
        """Shut these doors to it; None: the kernel says that they are."""
        with self._lock:
            before = dict(self._wanted)
            self._wanted[one.doors, one.network] = one.until
            failed = self._apply(now)
            if failed is not None:
                self._wanted = before
            return failed

    def let_go(self, network: Network, doors: Doors, now: datetime) -> bool | Unknown:
        """Open them again; False: they were not shut."""
        with self._lock:
            if self._wanted.pop((doors, network), None) is None:
                return False
            failed = self._apply(now)
            return True if failed is None else failed

    def follow(self, wanted: Iterable[Dropped], now: datetime) -> Unknown | None:
        """Exactly these and no others. Where nothing was ever wanted nothing is touched, and nft need not be there."""
        with self._lock:
            told = {(one.doors, one.network): one.until for one in wanted}
            if not told and not self._wanted:
                return None
            self._wanted = told
            # Read first: what stands as it should is not written anew each time.
            return None if self._missing(now) == "" else self._apply(now)

    def listed(self) -> frozenset[tuple[Doors, Network]] | Unknown:
        """What the kernel has, as it says."""
        said = self._run("-j", "list", "table", "inet", TABLE)
        return said if isinstance(said, Unknown) else read_listing(said)

    def _apply(self, now: datetime) -> Unknown | None:
        self._wanted = {key: until for key, until in self._wanted.items() if until > now}
        if len(self._wanted) > MOST_DROPPED:
            return Unknown(f"{MOST_DROPPED} networks are shut out already")
        said = self._run("-f", "-", stdin=script(self._ports, self._elements(), now))
        if isinstance(said, Unknown):
            return said
        missing = self._missing(now)
        return Unknown(f"the packet filter took it and does not show it: {missing}") if missing else None

    def _missing(self, now: datetime) -> str:
        """What is not as it is wanted; "" for nothing."""
        listed = self.listed()
        if isinstance(listed, Unknown):
            return listed.why
        soon = now + timedelta(seconds=2)  # what ends just now may be gone already
        wanted = {(one.doors, one.network) for one in self._elements()}
        lasting = {(one.doors, one.network) for one in self._elements() if one.until > soon}
        odd = (lasting - listed) | (listed - wanted)
        return ", ".join(sorted(f"{network} at {doors}" for doors, network in odd))

    def _elements(self) -> list[Dropped]:
        """Without those that lie in a wider one which lasts as long: the kernel takes no overlaps."""
        every = [Dropped(network, doors, until) for (doors, network), until in self._wanted.items()]
        every.sort(key=lambda one: one.network.prefixlen)
        kept: list[Dropped] = []
        for one in every:
            if not any(_covers(wider, one) for wider in kept):
                kept.append(one)
        return kept

    def _run(self, *words: str, stdin: str = "") -> str | Unknown:
        try:
            done = subprocess.run(
                [*self._nft, *words], input=stdin.encode(), capture_output=True, timeout=_SECONDS, check=False
            )
        except FileNotFoundError:
            return Unknown("nft is not installed: apt-get install nftables")
        except (OSError, subprocess.TimeoutExpired) as error:
            return Unknown(f"nft could not be run: {error}")
        if done.returncode:
            why = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
            return Unknown(f"nft refused: {why[:200] or done.returncode}")
        return done.stdout[:_MOST_BYTES].decode("utf-8", "replace")


def _covers(wider: Dropped, one: Dropped) -> bool:
    if wider.doors is not one.doors or wider.network.version != one.network.version:
        return False
    # One that outlasts the wider one is put back by the next `follow` after that has ended.
    return one.network.subnet_of(wider.network)  # type: ignore[arg-type]


def script(ports: Mapping[Doors, tuple[int, ...]], elements: Iterable[Dropped], now: datetime) -> str:
    """What nft is told, in one transaction: the table if it is not there, and exactly these elements."""
    lines = [
        f"add table inet {TABLE}",
        f"add chain inet {TABLE} {_CHAIN} {{ type filter hook prerouting priority raw; policy accept; }}",
        f"flush chain inet {TABLE} {_CHAIN}",
    ]
    for doors, name in _SETS.items():
        shut = ", ".join(map(str, ports[doors]))
        for version, family in _FAMILIES.items():
            kind = f"type {'ipv4' if version == 4 else 'ipv6'}_addr; flags interval, timeout;"
            lines += [
                f"add set inet {TABLE} {name}{version} {{ {kind} }}",
                f"flush set inet {TABLE} {name}{version}",
                f"add rule inet {TABLE} {_CHAIN} tcp dport {{ {shut} }} {family} saddr @{name}{version} counter drop",
            ]
    for one in elements:
        seconds = max(1, round((one.until - now).total_seconds()))
        name = f"{_SETS[one.doors]}{one.network.version}"
        lines.append(f"add element inet {TABLE} {name} {{ {one.network} timeout {seconds}s }}")
    return "\n".join(lines) + "\n"


def read_listing(text: str) -> frozenset[tuple[Doors, Network]] | Unknown:
    """The elements of our sets, from what nft says in JSON; Unknown where our chain does not stand before others."""
    try:
        entries: list[dict[str, Any]] = json.loads(text)["nftables"]
        chains = [entry["chain"] for entry in entries if "chain" in entry]
        rules = [entry["rule"] for entry in entries if "rule" in entry]
        if not any(_is_ours(chain) for chain in chains) or len(rules) < len(_SETS) * len(_FAMILIES):
            return Unknown("our chain is not there")
        sets = {f"{name}{version}": doors for doors, name in _SETS.items() for version in _FAMILIES}
        return frozenset(
            (sets[one["name"]], _network(element))
            for one in (entry["set"] for entry in entries if "set" in entry)
            if one.get("name") in sets
            for element in one.get("elem", ())
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return Unknown(f"what nft lists cannot be read: {type(error).__name__}")


def _is_ours(chain: dict[str, Any]) -> bool:
    return (chain.get("name"), chain.get("hook"), chain.get("prio")) == (_CHAIN, "prerouting", -300)


def _network(element: Any) -> Network:
    value = element["elem"]["val"] if isinstance(element, dict) and "elem" in element else element
    if isinstance(value, dict):
        prefix = value["prefix"]
        return ipaddress.ip_network(f"{prefix['addr']}/{int(prefix['len'])}")
    return ipaddress.ip_network(str(value))
