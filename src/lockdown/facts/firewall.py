"""The packet filter: does what is not wanted stop at the door, for both families, on the way in and on the way through?

Read from `nft list ruleset` and from iptables-save, or from their files where nothing runs; a chain stops what it is
not told to let in when its policy is drop, or when a rule drops or rejects everything, and no rule before it, nor in a
chain that it jumps to, may let everyone in.

Fails as: Unknown with the reason of a reading, or of a text that is neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lockdown.facts.filter_chains import (
    Chain,
    Rules,
    Written,
    rules_of_iptables,
    rules_of_nft,
    walk,
    written_by_iptables,
    written_in_nft,
)
from lockdown.facts.postfix import FILES_ALONE
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
    unread = next((one for one in live.values() if isinstance(one, Unknown)), None)
    if unread is None:
        return Firewall((), (), from_files=False)
    # On a machine that runs, a file says nothing of what the kernel was told.
    return _by_files(snapshot, unread) if FILES_ALONE in unread.why else unread


def _by_files(snapshot: Snapshot, unread: Unknown) -> Firewall | Unknown:
    files = snapshot.below(FILES)
    if not files:
        return unread
    if denied := next((one for one in files.values() if isinstance(one, Unknown)), None):
        return denied
    return _together({path: one for path, one in files.items() if isinstance(one, str)}, from_files=True)


def _together(texts: dict[str, str], *, from_files: bool = False) -> Firewall | Unknown:
    chains: list[Base] = []
    published: list[Evidence] = []
    for source, text in texts.items():
        is_saved = source in (IPTABLES, IP6TABLES) or source.endswith((".v4", ".v6"))
        family = "ip6" if source == IP6TABLES or source.endswith(".v6") else "ip"
        written = written_by_iptables(text, family) if is_saved else written_in_nft(text, is_live=not from_files)
        if not written.is_known and _says_anything(text):
            return Unknown(f"{source} is neither rules of nft nor of iptables-save")
        chains += _bases(source, written, is_saved=is_saved)
        published += _published(source, text)
    return Firewall(tuple(chains), tuple(published), from_files)


def _says_anything(text: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines())


def _bases(source: str, written: Written, *, is_saved: bool) -> Iterator[Base]:
    """Each chain at a hook, for each family by itself: a rule may be of one alone."""
    for table in written.tables.values():
        # The kernel does not apply a table that sleeps.
        for family in () if table.sleeps else table.families:
            rules = rules_of_iptables(table) if is_saved else rules_of_nft(written, table, family)
            for name, chain in table.chains.items():
                if chain.hook:
                    yield _base(source, written, (family, name), chain, rules)


def _base(source: str, written: Written, of: tuple[str, str], chain: Chain, rules: Rules) -> Base:
    family, name = of
    walked = walk(rules, name, is_base=True, drops=chain.drops)
    place = (walked.place.line, walked.place.text) if walked.place else (chain.line, chain.text)
    doubt = Evidence(source, walked.accepts.text, walked.accepts.line or chain.line) if walked.accepts else None
    if written.doubts:
        line, text = written.doubts[0]
        doubt = Evidence(source, text, line)
    # Open is open, whatever the rule in doubt does, where nothing in the table would stop anyone.
    might = bool(written.doubts) or chain.drops or any(rule.stops for of_one in rules.values() for rule in of_one)
    return Base(
        (family,),
        chain.hook,
        walked.stops or (doubt is not None and might),
        Evidence(source, place[1], place[0]),
        doubt,
    )


def _published(source: str, text: str) -> Iterator[Evidence]:
    for number, line in enumerate(text.splitlines(), start=1):
        if re.search(r"\bdnat\b.*\bto\b|-j DNAT\b", line) and not line.lstrip().startswith("#"):
            yield Evidence(source, line.strip(), number)
