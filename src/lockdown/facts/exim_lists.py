"""Exim's lists of hosts, domains and addresses: is a stranger, or a foreign domain, on one? (spec chapter 10)

Items are tried from left to right, the first that matches decides, `!` turns it round, `+name` is another list.
Fails as: DOUBT, with the item that cannot be told from the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import assert_never

from lockdown.facts.exim_text import Line
from lockdown.facts.networks import Network, Width, parse_network, width
from lockdown.model.snapshot import Reading, absent
from lockdown.model.unknown import Unknown

MOST_DEPTH = 8
_LOOKUP = re.compile(
    r"(?:partial\d*(?:\([^)]*\))?-)?(?:net\d*-)?(?P<kind>[a-z0-9]+)\*?@?(?:,[^;]*)?;\s*(?P<rest>.*)\Z", re.DOTALL
)
_ANY_PATTERN = re.compile(r"\^(?:\.\*|\^?\.\+|\(\.\*\))?\$?\Z")
_EVERYONE = ("*", "0.0.0.0/0", "::/0", "0/0")


class Truth(Enum):
    """Whether a condition holds for a stranger. CHOICE: as he likes, by what he says or does."""

    NO = "no"
    YES = "yes"
    CHOICE = "as he likes"
    DOUBT = "cannot be told"


@dataclass(frozen=True, slots=True)
class Answer:
    """A truth, and what it rests on."""

    truth: Truth
    because: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One item, where it came from, and whether it is turned round."""

    text: str
    excluded: bool
    line: Line | None = None


ReadFile = Callable[[str], Reading]


@dataclass(frozen=True, slots=True)
class Lists:
    """The named lists, and how to read the files that lists are kept in."""

    named: Mapping[tuple[str, str], tuple[str, Line]]
    read_file: ReadFile

    def items(self, kind: str, text: str, line: Line | None = None, depth: int = 0) -> Iterator[Item]:
        """Every item of a list, named lists opened; what cannot be opened stands as it is."""
        for bare in split(text):
            excluded, word = bare.startswith("!"), bare.lstrip("! ")
            named = self.named.get((kind, word[1:])) if word.startswith("+") else None
            if named and depth < MOST_DEPTH:
                for item in self.items(kind, *named, depth + 1):
                    yield Item(item.text, item.excluded != excluded, item.line)
            elif word.startswith("/") and isinstance(file := self.read_file(word), str) and not absent(file):
                lines = (one.partition("#")[0].strip() for one in file.splitlines())
                for one in filter(None, lines):
                    yield Item(one.lstrip("! "), excluded != one.startswith("!"), line)
            else:
                yield Item(word, excluded, line)


def split(text: str) -> list[str]:
    """The items: parted by colons, a doubled one is a colon; `<;` at the start names another sign."""
    text, sign = text.strip(), ":"
    if text.startswith("<") and len(text) > 1 and not text[1].isalnum():
        sign, text = text[1], text[2:]
    if "$" in text and text.lstrip("!+ ").startswith("$"):
        return [text]
    parts = text.replace(sign * 2, "\0").split(sign)
    return [part.replace("\0", sign).strip() for part in parts]


def on_list(lists: Lists, kind: str, text: str, own_domain: str = "") -> Answer:
    """Whether a stranger's address (`host`), or the recipient's domain (`domain`), is on a list.

    The domain is a foreign one, unless `own_domain` names one of ours.
    """
    doubt = ""
    last = Item("", False)
    for bare in split(text):
        excluded, word = bare.startswith("!"), bare.lstrip("! ")
        answer = _item(lists, kind, word, own_domain, 0)
        match answer.truth:
            case Truth.YES:
                if doubt:
                    return Answer(Truth.DOUBT, doubt)
                return Answer(Truth.NO if excluded else Truth.YES, answer.because)
            case Truth.DOUBT:
                doubt = doubt or answer.because
            case Truth.NO | Truth.CHOICE:
                pass
            case _:
                assert_never(answer.truth)
        last = Item(word, excluded)
    if doubt:
        return Answer(Truth.DOUBT, doubt)
    # Spec 10.1: where the last item is a negative one, what matched none is on the list.
    return Answer(Truth.YES, f"all but {last.text}") if last.excluded else Answer(Truth.NO, text)


def _item(lists: Lists, kind: str, word: str, own: str, depth: int) -> Answer:
    if word.startswith("+"):
        named = lists.named.get((kind, word[1:]))
        if word in ("+include_unknown", "+ignore_unknown", "+include_defer", "+ignore_defer"):
            return Answer(Truth.NO, word)
        if named is None or depth >= MOST_DEPTH:
            return Answer(Truth.DOUBT, f"the list {word} is not defined")
        found = on_list(lists, kind, named[0], own) if depth == 0 else _nested(lists, kind, named[0], own)
        return Answer(found.truth, f"{word}, with {found.because}" if found.because else word)
    if "$" in word:
        return Answer(Truth.DOUBT, f"`{word[:80]}` depends on what Exim finds when it runs")
    return _host(lists, word) if kind == "host" else _domain(lists, word, own)


def _nested(lists: Lists, kind: str, text: str, own: str) -> Answer:
    return on_list(lists, kind, text, own)


def _host(lists: Lists, word: str) -> Answer:
    if word in _EVERYONE:
        return Answer(Truth.YES, word)
    if word in ("", "@", "@[]", "localhost"):
        return Answer(Truth.NO, word)  # an empty item is mail that does not come over TCP
    network = parse_network(word)
    if network is not None:
        return Answer(Truth.YES if width(network) is Width.EVERYONE else Truth.NO, word)
    if word.startswith("/") or _LOOKUP.match(word):
        return _kept(lists, "host", word, "")
    if word.startswith("^"):
        return Answer(Truth.YES if _ANY_PATTERN.match(word) else Truth.DOUBT, word)
    # A name, or a pattern of one such as *.example.org: somebody's, yet not any stranger's.
    return Answer(Truth.YES if word.startswith("*.") and word.count(".") < 2 else Truth.NO, word)


def _domain(lists: Lists, word: str, own: str) -> Answer:
    if word == "*":
        return Answer(Truth.YES, word)
    if word.startswith("^"):
        return Answer(Truth.YES if _ANY_PATTERN.match(word) else Truth.DOUBT, word)
    if word.startswith("/") or _LOOKUP.match(word):
        return _kept(lists, "domain", word, own)
    if word.startswith("*"):
        if own and own.endswith(word[1:]):
            return Answer(Truth.YES, word)
        return Answer(Truth.YES if word.strip("*").count(".") < 2 and len(word.strip("*.")) < 5 else Truth.NO, word)
    return Answer(Truth.YES if own and word.lower() == own else Truth.NO, word)


def _kept(lists: Lists, kind: str, word: str, own: str) -> Answer:
    """Items that are kept in a file; those in a database or a folder cannot be told."""
    found = _LOOKUP.match(word)
    path = found["rest"].strip() if found else word
    if found and found["kind"] not in ("lsearch", "wildlsearch", "nwildlsearch", "iplsearch"):
        return Answer(Truth.DOUBT, f"`{word[:80]}` is no text file, so what it holds is not read")
    match lists.read_file(path):
        case Unknown(why):
            return Answer(Truth.DOUBT, f"{path}: {why}")
        case text if absent(text):
            return Answer(Truth.DOUBT, f"{path} is not there")
        case text:
            keys = (line.partition("#")[0].strip() for line in text.splitlines())
            for key in filter(None, keys):
                first = re.split(r"[\s:]", key, maxsplit=1)[0] if found and kind == "domain" else key
                answer = _item(lists, kind, first, own, MOST_DEPTH - 1)
                if answer.truth in (Truth.YES, Truth.DOUBT):
                    return Answer(answer.truth, f"{first} in {path}")
            return Answer(Truth.NO, path)


def networks_in(lists: Lists, text: str, line: Line | None = None) -> Iterator[tuple[Item, Network | None]]:
    """The items of a list of hosts that let somebody in, each with its network where it is one."""
    for item in lists.items("host", text, line):
        if not item.excluded and item.text not in ("", "@", "@[]"):
            everyone = parse_network("0.0.0.0/0") if item.text in _EVERYONE else None
            yield item, everyone or parse_network(item.text)
