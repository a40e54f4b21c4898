"""Postfix access tables as text: which keys permit, which reject, and which match everyone (access(5)).

Fails as: Unknown, with the reason of the table that was not read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lockdown.facts.networks import Width, parse_network, width
from lockdown.facts.postfix_words import unbraced, words
from lockdown.model.snapshot import Reading
from lockdown.model.unknown import Unknown

_PERMITS = re.compile(r"(OK|permit)\b|\d+\Z", re.IGNORECASE)
# An all-numeric action permits, but a code with a text, such as `550 go away`, rejects (access(5)).
_REJECTS = re.compile(r"(reject|defer)\b|[45]\d\d\s+\S", re.IGNORECASE)
# Patterns that match any text: //, /./, /^/, /.*/, /^.*$/, /./i and the like.
_MATCHES_ANY = re.compile(r"[/|!,](?:\^?(?:\.[*+]?)?\$?|\^?\(\.[*+]\)\$?)[/|!,]\w*\Z")


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """One entry: its key, and what its action means for a client."""

    key: str
    action: str
    matches_all: bool

    @property
    def permits(self) -> bool:
        return bool(_PERMITS.match(self.action)) and not self.rejects

    @property
    def rejects(self) -> bool:
        return bool(_REJECTS.match(self.action))


def access_entries(table: str, read_table: Callable[[str], Reading]) -> tuple[AccessEntry, ...] | Unknown:
    """The entries of `type:name`, in their order."""
    kind, _, name = table.removeprefix("proxy:").partition(":")
    if kind == "static":
        return (AccessEntry("everyone", unbraced(name), True),)
    if kind == "inline":
        return tuple(_inline(name))
    match read_table(table):
        case Unknown() as unknown:
            return unknown
        case str() as text:
            return tuple(_parse(kind, text))


def _inline(text: str) -> Iterator[AccessEntry]:
    """`{ key=value, { key = text with blanks } }`."""
    for word in words(unbraced(text)):
        key, _, action = unbraced(word).partition("=")
        yield AccessEntry(key.strip(), action.strip(), False)


def _parse(kind: str, text: str) -> Iterator[AccessEntry]:
    """One entry a line, white space continues; `if` and `endif` of patterns only narrow what they enclose."""
    for line in re.sub(r"\n[ \t]+(?=\S)", " ", text).splitlines():
        key, _, action = line.strip().partition(" ") if "\t" not in line else _split_at_blank(line)
        if key and not key.startswith("#") and key not in ("if", "endif"):
            yield AccessEntry(key, action.strip(), matches_all(kind, key))


def _split_at_blank(line: str) -> tuple[str, str, str]:
    words = line.split(maxsplit=1)
    return (words[0], " ", words[1]) if len(words) == 2 else ("".join(words), "", "")


def matches_all(kind: str, key: str) -> bool:
    """Whether a key matches everyone, or so much of the Internet that strangers are in it."""
    if kind in ("regexp", "pcre"):
        return bool(_MATCHES_ANY.match(key))
    network = parse_network(key) if kind == "cidr" else None
    return network is not None and width(network) is Width.EVERYONE
