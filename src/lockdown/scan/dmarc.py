"""DMARC: does what vouches for the message speak for its author's domain, and what does that domain ask for (RFC 9989)?

The tree above a domain is walked for records; the public suffix list is asked only where a record lies on a public
suffix that does not say so itself (psd=y), lest two strangers under one suffix be taken for one organization.

Fails as: Dmarc(TEMPERROR, why) where a record could not be read, Dmarc(PERMERROR, why) where there is no author. Never
raises but for Need.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from lockdown.mime.header import unfolded, without_comments
from lockdown.model.scan import Dkim, Dmarc, Result, Spf
from lockdown.model.unknown import Unknown
from lockdown.scan.dkim import name_of
from lockdown.scan.dns import Ask, Records, ask_all, texts

_POLICIES = ("none", "quarantine", "reject")
_WALK = 8
_AUTHORS = 5
_RECORD_OCTETS = 4096
_FROM_OCTETS, _FROM_FIELDS = 4096, 10
_VERSION = re.compile(rb"[ \t]*+v[ \t]*+=[ \t]*+DMARC1[ \t]*+(?:;|\Z)")
_REPORT = re.compile(rb"[ \t]*+mailto:[^@,!\s]++@[^@,!\s]++", re.IGNORECASE)
# A quotation without end runs to the end: otherwise each quote within it would be tried as a beginning.
_QUOTED = re.compile(rb'"(?>(?:[^"\\]|\\(?:.|\Z))*)(?:"|\Z)', re.DOTALL)
_ANGLE = re.compile(rb"<([^<>]*+)>")
_AT = re.compile(rb"@[ \t]*+([^\s@<>,;:\"()]*+)")


class Policy(NamedTuple):
    """A policy record as far as a receiver needs it (RFC 9989 4.7)."""

    p: str = "none"
    sp: str = ""
    np: str = ""
    strict_dkim: bool = False
    strict_spf: bool = False
    testing: bool = False
    psd: str = "u"


@lru_cache(maxsize=2048)
def parse_record(text: bytes) -> Policy | None:
    """A TXT value as a policy; None where it is none, or one that asks for nothing (RFC 9989 4.7, 4.10.1)."""
    if len(text) > _RECORD_OCTETS or _VERSION.match(text) is None:
        return None
    tags: dict[bytes, bytes] = {}
    for tag in text.split(b";")[1:]:
        name, equals, value = tag.partition(b"=")
        if equals:
            tags.setdefault(name.strip().lower(), value.strip())
    asked = [_word(tags, name) for name in (b"p", b"sp", b"np")]
    if not all(policy in _POLICIES for policy in asked if policy):
        return Policy() if any(_REPORT.match(address) for address in tags.get(b"rua", b"").split(b",")) else None
    psd = _word(tags, b"psd")
    return Policy(
        asked[0] or "none",
        asked[1],
        asked[2],
        _word(tags, b"adkim") == "s",
        _word(tags, b"aspf") == "s",
        _word(tags, b"t") == "y",
        psd if psd in ("y", "n") else "u",
    )


def _word(tags: dict[bytes, bytes], name: bytes) -> str:
    return tags.get(name, b"").decode("latin-1").lower()


# ── the tree ──


def walk(domain: str) -> list[str]:
    """The domains that are asked, from the author's upward: 8 at most (RFC 9989 4.10)."""
    labels = domain.split(".")
    above = labels[1:] if len(labels) < _WALK else labels[-(_WALK - 1) :]
    return [domain] + [".".join(above[at:]) for at in range(len(above))]


class Tree(NamedTuple):
    """What a walk has found: the records by domain, longest first, and those that could not be read."""

    start: str
    records: tuple[tuple[str, Policy], ...]
    unread: tuple[tuple[str, str], ...]


def climb(ask: Ask, domain: str) -> Tree:
    """Ask all domains of the walk at once; a record that ends the walk hides those above it."""
    names = walk(domain)
    answers = ask_all(ask, [(f"_dmarc.{name}", "TXT") for name in names])
    records, unread = [], []
    for name, answer in zip(names, answers, strict=True):
        if isinstance(answer, Unknown):
            unread.append((name, answer.why))
            continue
        candidates = [text for text in texts(answer) if _VERSION.match(text)]
        # What is too long is not remembered either.
        is_record = len(candidates) == 1 and len(candidates[0]) <= _RECORD_OCTETS
        policy = parse_record(candidates[0]) if is_record else None
        if policy is not None:
            records.append((name, policy))
            if policy.psd != "u":
                break
    return Tree(domain, tuple(records), tuple(unread))


def organization(tree: Tree) -> str:
    """The organizational domain (RFC 9989 4.10.2)."""
    for name, policy in tree.records:
        if policy.psd == "n":
            return name
        if policy.psd == "y" and name != tree.start:
            return _registered(tree.start, _below(tree.start, name))
    return _registered(tree.start, tree.records[-1][0]) if tree.records else tree.start


def _below(domain: str, suffix: str) -> str:
    """One label more of `domain` than `suffix` has."""
    return ".".join(domain.split(".")[-suffix.count(".") - 2 :])


def _registered(domain: str, owner: str) -> str:
    """`owner`, or where that is a suffix under which strangers register, the name below it."""
    while owner != domain and _is_public_suffix(owner):
        owner = _below(domain, owner)
    return owner


@lru_cache(maxsize=1024)
def _is_public_suffix(domain: str) -> bool:
    return "." not in domain or _suffixes().is_public(domain)


class _Suffixes:
    """The registries' part of the public suffix list, as it came with its package."""

    def __init__(self) -> None:
        from publicsuffixlist import PublicSuffixList

        self._list = PublicSuffixList(only_icann=True)

    def is_public(self, domain: str) -> bool:
        return bool(self._list.is_public(domain))


@lru_cache(maxsize=1)
def _suffixes() -> _Suffixes:
    return _Suffixes()


# ── the judgement of the mechanism ──


def evaluate(from_domains: Sequence[str], spf: Spf, dkims: Sequence[Dkim], ask: Ask) -> Dmarc:
    """The result for the author's domain; the strictest where there are several (RFC 9989 5.3.1)."""
    domains = list(dict.fromkeys(from_domains))
    if not domains or "" in domains:
        return Dmarc(Result.PERMERROR, "", why="From names no domain")
    if len(domains) > _AUTHORS:
        return Dmarc(Result.PERMERROR, domains[0], why=f"{len(domains)} domains in From")
    return max((_of_one(domain, spf, dkims, ask) for domain in domains), key=_strictness)


def _strictness(found: Dmarc) -> int:
    if found.result is Result.FAIL:
        return 10 + _POLICIES.index(found.policy)
    return (Result.PASS, Result.NONE, Result.PERMERROR, Result.TEMPERROR).index(found.result)


def _of_one(domain: str, spf: Spf, dkims: Sequence[Dkim], ask: Ask) -> Dmarc:
    tree = climb(ask, domain)
    unread = dict(tree.unread)
    own = bool(tree.records) and tree.records[0][0] == domain
    if unread and (domain in unread or not own):
        return Dmarc(Result.TEMPERROR, domain, why=next(iter(unread.values())))
    if not tree.records:
        return Dmarc(Result.NONE, domain, why="no policy is published")
    owner = organization(tree)
    at, policy = _applied(tree, owner)
    result, why = _aligned(domain, owner, policy, spf, dkims, ask)
    if result is Result.FAIL and unread:
        # The organization may reach further up than could be seen.
        result, why = Result.TEMPERROR, next(iter(unread.values()))
    asked = policy.p if own else policy.sp or policy.p
    if not own and policy.np and policy.np != asked and result is not Result.PASS and not _exists(ask, domain):
        asked = policy.np
    if policy.testing:
        asked = _POLICIES[max(0, _POLICIES.index(asked) - 1)]
    return Dmarc(result, domain, asked, at, why)


def _applied(tree: Tree, owner: str) -> tuple[str, Policy]:
    """The record of the domain itself, else of the organization, else of the suffix above (RFC 9989 4.10.1)."""
    records = dict(tree.records)
    at = next((name for name in (tree.start, owner) if name in records), tree.records[-1][0])
    return at, records[at]


def _exists(ask: Ask, domain: str) -> bool:
    """A name with an address or a mail server (RFC 9989 3.2.12); what cannot be told exists."""
    answers = ask_all(ask, [(domain, kind) for kind in ("A", "AAAA", "MX")])
    return any(isinstance(answer, Records | Unknown) for answer in answers)


def _aligned(domain: str, owner: str, policy: Policy, spf: Spf, dkims: Sequence[Dkim], ask: Ask) -> tuple[Result, str]:
    """Whether something that speaks for the author's organization has passed."""
    vouching = [(found.result, found.domain.lower(), policy.strict_dkim) for found in dkims]
    vouching.append((spf.result, spf.domain.lower(), policy.strict_spf))
    why = ""
    for result, by, strict in dict.fromkeys(vouching):
        if result not in (Result.PASS, Result.TEMPERROR) or not _may_align(by, domain, owner, strict):
            continue
        same = by == domain or _same_organization(ask, by, owner)
        if same is True and result is Result.PASS:
            return Result.PASS, ""
        if same is True or isinstance(same, Unknown):
            why = same.why if isinstance(same, Unknown) else f"{by} could not be asked"
    return (Result.TEMPERROR, why) if why else (Result.FAIL, "nothing that vouches for it is aligned")


def _may_align(by: str, domain: str, owner: str, strict: bool) -> bool:
    return by == domain or (not strict and (by == owner or by.endswith(f".{owner}")))


def _same_organization(ask: Ask, by: str, owner: str) -> bool | Unknown:
    """Whether `by`, which lies below it, belongs to the organization of the author and not to one of its own."""
    tree = climb(ask, by)
    if tree.unread:
        return Unknown(tree.unread[0][1])
    return organization(tree) == owner


# ── the author ──


def author_domains(fields: Sequence[bytes]) -> tuple[str, ...]:
    """The domains of all addresses in all From fields, as A-labels; "" for what is no name, or is too long to read.

    Fields are raw values. What stands in quotes or comments is no address; neither is a display name before <...>.
    """
    domains: list[str] = [""] if len(fields) > _FROM_FIELDS else []
    for field in fields[:_FROM_FIELDS]:
        if len(field) > _FROM_OCTETS:
            domains.append("")
            continue
        value = _QUOTED.sub(b"q", without_comments(unfolded(field)))
        for mailbox in re.split(rb"[,;]", value):
            addresses = _ANGLE.findall(mailbox)
            found = [at[-1] for address in addresses if (at := _AT.findall(address))] or _AT.findall(mailbox)
            domains += [name_of(octets.rstrip(b".")).lower() for octets in found]
    return tuple(dict.fromkeys(domains))
