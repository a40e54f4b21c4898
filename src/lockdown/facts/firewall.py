"""The packet filter: does what is not wanted stop at the door, for both families, on the way in and on the way through?

Read from `nft list ruleset` and from iptables-save, or from their files where nothing runs; a chain stops what it is
not told to let in when its policy is drop, or when its last rule drops or rejects everything.

Fails as: Unknown with the reason of a reading, or of a text that is neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.unknown import Unknown

NFT, IPTABLES, IP6TABLES = "host/nft", "host/iptables", "host/ip6tables"
FILES = "host/firewall-files"
SYSCTL, LOG_CONFIG, DOCKER = "host/sysctl", "host/log-config", "host/docker"
FAMILIES = ("ip", "ip6")


@dataclass(frozen=True, slots=True)
class Base:
    """A chain at a hook of the kernel: whose packets, which hook, and whether it stops what it is not told of."""

    families: tuple[str, ...]
    hook: str
    stops: bool
    evidence: Evidence
    doubt: Evidence | None = None
    """A rule that may let everyone in, and is not followed here: a jump, a wide accept, a range of ports."""


@dataclass(frozen=True, slots=True)
class Firewall:
    """Every chain at the hooks `input`, `forward` and `output`; `published` are ports led elsewhere (DNAT)."""

    chains: tuple[Base, ...]
    published: tuple[Evidence, ...]
    from_files: bool
    """Whether only the files were read: what runs may differ."""

    def stops(self, family: str, hook: str) -> Base | None:
        """A chain that stops what is not wanted of a family at a hook."""
        return next((one for one in self._stopping(family, hook) if one.doubt is None), None)

    def doubt(self, family: str, hook: str) -> Evidence | None:
        """The rule for which it cannot be told whether what is not wanted stops."""
        return next((one.doubt for one in self._stopping(family, hook)), None)

    def _stopping(self, family: str, hook: str) -> list[Base]:
        return [one for one in self.chains if one.stops and one.hook == hook and family in one.families]


def firewall(snapshot: Snapshot) -> Firewall | Unknown:
    """The rules that run; where nothing could be asked, those of the files."""
    live = {source: snapshot.reading(source) for source in (NFT, IPTABLES, IP6TABLES)}
    texts = {source: one for source, one in live.items() if isinstance(one, str) and not absent(one)}
    if texts:
        unread = next((one for one in live.values() if isinstance(one, Unknown)), None)
        found = _together(texts)
        # A filter that could not be read may hold the rule that is missing in the others.
        if unread and not isinstance(found, Unknown) and not all(found.stops(one, "input") for one in FAMILIES):
            return unread
        return found
    files = {path: one for path, one in snapshot.below(FILES).items() if isinstance(one, str)}
    if files:
        return _together(files, from_files=True)
    if unread := next((one for one in live.values() if isinstance(one, Unknown)), None):
        return unread
    return Firewall((), (), from_files=False)


def _together(texts: dict[str, str], *, from_files: bool = False) -> Firewall | Unknown:
    chains: list[Base] = []
    published: list[Evidence] = []
    for source, text in texts.items():
        is_saved = source in (IPTABLES, IP6TABLES) or source.endswith((".v4", ".v6"))
        family = "ip6" if source in (IP6TABLES,) or source.endswith(".v6") else "ip"
        found = list(_of_iptables(source, text, family) if is_saved else _of_nft(source, text))
        if not found and text.strip() and not _is_known(text):
            return Unknown(f"{source} is neither rules of nft nor of iptables-save")
        chains += found
        published += _published(source, text)
    return Firewall(tuple(chains), tuple(published), from_files)


def _is_known(text: str) -> bool:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return not lines or any(re.match(r"table |flush |\*\w+|define |include |add |COMMIT", line) for line in lines)


def _published(source: str, text: str) -> Iterator[Evidence]:
    for number, line in enumerate(text.splitlines(), start=1):
        if re.search(r"\bdnat\b.*\bto\b|-j DNAT\b", line) and not line.lstrip().startswith("#"):
            yield Evidence(source, line.strip(), number)


# ── nft ──

_TABLE = re.compile(r"table\s+(?:(ip6|ip|inet|arp|bridge|netdev)\s+)?(\S+)\s*\{")
_CHAIN = re.compile(r"chain\s+(\S+)\s*\{")
_HOOK = re.compile(r"type\s+filter\s+hook\s+(input|forward|output)\b")


def _of_nft(source: str, text: str) -> Iterator[Base]:
    families: tuple[str, ...] = ()
    depth = 0
    chain: list[tuple[int, str]] | None = None
    for number, raw in enumerate(text.splitlines(), start=1):
        line = re.sub(r"(?:^|\s)#.*", "", raw).strip()
        if re.search(r"\bflags\s+[^;]*dormant", line):
            # The kernel does not apply such a table.
            families = ()
        if found := _TABLE.match(line):
            families = {"inet": FAMILIES, "ip": ("ip",), "ip6": ("ip6",), None: ("ip",)}.get(found[1], ())
        elif depth >= 1 and _CHAIN.match(line):
            chain = []
        elif chain is not None and line and line != "}":
            chain += [(number, part.strip()) for part in line.split(";") if part.strip()]
        depth += line.count("{") - line.count("}")
        if chain is not None and depth == 1:
            yield from _chain_of_nft(source, families, chain)
            chain = None


def _chain_of_nft(source: str, families: tuple[str, ...], lines: list[tuple[int, str]]) -> Iterator[Base]:
    hook = next((found[1] for _, line in lines if (found := _HOOK.match(line))), None)
    if hook is None:
        return
    policy = next(((number, line) for number, line in lines if re.match(r"policy\s+\w+", line)), None)
    rules = [(number, line) for number, line in lines if not re.match(r"type\s|policy\s|comment\s", line)]
    last = rules[-1] if rules else (lines[0][0], lines[0][1])
    ends = bool(
        re.match(
            r"(?:counter(?:\s+packets \d+ bytes \d+)?\s+|log\s+(?:\S+\s+\"[^\"]*\"\s+)?)*(?:drop|reject)\b", last[1]
        )
    )
    drops = policy is not None and "drop" in policy[1]
    place = policy if drops and policy else last if ends else policy or lines[0]
    doubt = next((Evidence(source, line, number) for number, line in rules if _is_wide(line)), None)
    yield Base(families, hook, drops or ends, Evidence(source, place[1], place[0]), doubt)


_NARROW = re.compile(
    r"\bdport\b|\bsaddr\b|ct state|\biif(?:name)?\s+\"?lo\"?\s|icmp"
    r"|--dports?\b|-s \S|(?:ct)?state|-i lo\b|-p (?:ipv6-)?icmp"
)


def _is_wide(line: str) -> bool:
    """Whether a rule may let everyone in: it jumps, maps, accepts without naming ports or senders, or names a range."""
    if re.search(r"\b(?:jump|goto|vmap|queue)\b|-j (?!ACCEPT|DROP|REJECT|LOG|NFLOG|RETURN)\S|-g ", line):
        return True
    if not re.search(r"\baccept\b|-j ACCEPT\b", line):
        return False
    is_range = re.search(r"dports?\s+[^;]*\d\s*[-:]\s*\d", line)
    return is_range is not None or not _NARROW.search(line)


# ── iptables-save ──

_HOOKS = {"INPUT": "input", "FORWARD": "forward", "OUTPUT": "output"}


def _of_iptables(source: str, text: str, family: str) -> Iterator[Base]:
    table = ""
    wide: dict[str, Evidence] = {}
    policies: dict[str, tuple[int, str]] = {}
    last: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("*"):
            table = line[1:].strip()
        elif table == "filter" and (found := re.match(r":(INPUT|FORWARD|OUTPUT)\s+(\w+)", line)):
            policies[found[1]] = (number, line)
        elif table == "filter" and (found := re.match(r"-A (INPUT|FORWARD|OUTPUT)\s", line)):
            last[found[1]] = (number, line)
            if _is_wide(line):
                wide.setdefault(found[1], Evidence(source, line, number))
    for name, (number, line) in policies.items():
        drops = bool(re.search(r"\s(DROP|REJECT)\b", line))
        ends = name in last and bool(re.match(r"-A \w+ -j (DROP|REJECT)\b", last[name][1]))
        place = (number, line) if drops or name not in last else last[name]
        yield Base((family,), _HOOKS[name], drops or ends, Evidence(source, place[1], place[0]), wide.get(name))
