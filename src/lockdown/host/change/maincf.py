"""The text of a main.cf or master.cf, changed in one place: every other octet of it stays.

A pure editor of our own, because an undo must also find its place in a file that others have changed since, and
because what an administrator wrote over several lines, with remarks between, must be the same again afterwards.
Postfix itself reads the result before it counts (`host.change.checkers`).

Fails as: `ValueError` for a value that would not stay one value (a line break in it). Never for a strange file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

SPACE = " \t\n\r\v\f"
_SETTING = re.compile(r"[ \t\r\v\f]*([^\s=]+)[ \t\r\v\f]*=(.*)", re.DOTALL | re.ASCII)
_FIELDS = 8
"""service, type, private, unprivileged, chroot, wakeup, limit, command: then its arguments."""


def physical_lines(text: str) -> list[str]:
    """Lines with their ends; only the newline ends one, as for Postfix."""
    return re.findall(r"[^\n]*\n|[^\n]+\Z", text)


def logical_lines(text: str) -> list[str]:
    """The text in pieces: a setting or entry with all its continuations, or one remark or empty line. Joined: the text.

    postconf(5): a line that begins with white space continues the one before; empty lines and remarks between them
    neither end nor join it.
    """
    pieces: list[str] = []
    between: list[str] = []
    last = -1
    for line in physical_lines(text):
        if _says_nothing(line):
            between.append(line)
            continue
        if line[0] in SPACE and last >= 0:
            pieces[last] += "".join(between) + line
        else:
            pieces += [*between, line]
            last = len(pieces) - 1
        between = []
    return [*pieces, *between]


def _says_nothing(line: str) -> bool:
    bare = line.strip(SPACE)
    return not bare or bare[0] == "#"


def without_remarks(text: str) -> str:
    """The remarks inside a logical line blanked out, so that every other octet keeps its place."""
    return "".join(" " * len(line) if number and _says_nothing(line) else line
                   for number, line in enumerate(physical_lines(text)))  # fmt: skip


def line_end(text: str) -> str:
    """How this piece ends its lines."""
    return "\r\n" if text.endswith("\r\n") else "\n"


# ── main.cf ──


def name_of(piece: str) -> str:
    """The setting that a logical line writes; empty for anything else."""
    found = None if _says_nothing(piece) else _SETTING.match(piece)
    return found[1] if found else ""


def pieces_of(text: str, name: str) -> list[str]:
    """The logical lines that write a setting; the last one counts."""
    return [piece for piece in logical_lines(text) if name_of(piece) == name]


def written(text: str, name: str) -> str | None:
    """All that stands behind the `=` of a setting, remarks and line breaks included; None: it is not written."""
    pieces = pieces_of(text, name)
    found = _SETTING.match(pieces[-1]) if pieces else None
    return found[2] if found else None


def value_of(text: str, name: str) -> str | None:
    """The value of a setting as Postfix reads it: one line, parted by single blanks where it was several."""
    raw = written(text, name)
    return None if raw is None else " ".join(without_remarks(raw).split())


def with_setting(text: str, name: str, value: str | None) -> str:
    """The text with this setting written so, or not written at all."""
    if value is None:
        return "".join(piece for piece in logical_lines(text) if name_of(piece) != name)
    _one_line(value)
    return _with_piece(text, name, f"{name} = {value}".rstrip())


def with_written(text: str, name: str, raw: str) -> str:
    """As `with_setting`, with exactly this behind the `=`; it may be several lines."""
    return _with_piece(text, name, f"{name} ={raw}".rstrip(SPACE))


def _with_piece(text: str, name: str, piece: str) -> str:
    pieces = logical_lines(text)
    at = max((number for number, known in enumerate(pieces) if name_of(known) == name), default=-1)
    if at < 0:
        return _ended(text) + piece + _usual_end(text)
    pieces[at] = piece + _end_of(pieces[at])
    return "".join(pieces)


def _end_of(piece: str) -> str:
    """Its line end; none where the file ends without one."""
    return line_end(piece) if piece.endswith("\n") else ""


def _usual_end(text: str) -> str:
    lines = physical_lines(text)
    return line_end(lines[0]) if lines else "\n"


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else text + _usual_end(text)


def _one_line(value: str) -> None:
    if re.search(r"[\r\n\0]", value):
        raise ValueError("a value has to be one line")


# ── master.cf ──


@dataclass(frozen=True, slots=True)
class Word:
    """A word of an entry and where it stands in its piece."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Override:
    """`-o name=value` of an entry, from its `-o` to its end."""

    name: str
    value: str
    start: int
    end: int


def words_of(piece: str) -> list[Word]:
    """The words of an entry; what braces hold together is one."""
    plain = without_remarks(piece)
    words, at = [], 0
    while found := re.compile(r"\s*(\{|[^\s]+)", re.ASCII).match(plain, at):
        start = found.start(1)
        at = _closed(plain, start) if found[1] == "{" else found.end(1)
        words.append(Word(piece[start:at], start, at))
    return words


def _closed(text: str, start: int) -> int:
    """Behind the brace that closes the one at `start`; the end where none does."""
    depth = 0
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if not depth:
            return at + 1
    return len(text.rstrip(SPACE))


def service_of(piece: str) -> str:
    """`submission/inet`; empty for anything that is no entry."""
    words = [] if _says_nothing(piece) else words_of(piece)
    return f"{words[0].text}/{words[1].text}" if len(words) >= _FIELDS else ""


def entry_of(text: str, service: str) -> str | None:
    """The last logical line of this service; the one that counts."""
    return next((piece for piece in reversed(logical_lines(text)) if service_of(piece) == service), None)


def fields_of(piece: str) -> str:
    """The eight fields of an entry, without its arguments."""
    return " ".join(word.text for word in words_of(piece)[:_FIELDS])


def overrides_of(piece: str) -> list[Override]:
    """Its `-o`, in order; of the same name the last counts. Behind the first word that is no option none is read."""
    words = words_of(piece)
    found, at = [], _FIELDS
    while at < len(words) and words[at].text.startswith("-"):
        word = words[at]
        takes_next = word.text == "-o" and at + 1 < len(words)
        said = words[at + 1] if takes_next else word
        content = said.text if takes_next else word.text.removeprefix("-o")
        name, is_one, value = content.removeprefix("{").removesuffix("}").partition("=")
        if (takes_next or word.text.startswith("-o")) and is_one:
            value = " ".join(without_remarks(value).split())
            found.append(Override(name.strip(), value, word.start, said.end))
        at += 2 if takes_next else 1
    return found


def override_of(text: str, service: str, name: str) -> str | None:
    """The value that an entry gives a setting; None: what main.cf says counts."""
    entry = entry_of(text, service)
    given = [one.value for one in overrides_of(entry or "") if one.name == name]
    return given[-1] if given else None


def with_override(text: str, service: str, name: str, value: str | None) -> str:
    """The text with this override in the entry of a service, or without it. No entry: `LookupError`."""
    entry = entry_of(text, service)
    if entry is None:
        raise LookupError(service)
    if value is not None:
        _one_line(value)
    return _replaced(text, entry, _overridden(entry, name, value))


def _replaced(text: str, entry: str, new: str) -> str:
    pieces = logical_lines(text)
    pieces[len(pieces) - 1 - pieces[::-1].index(entry)] = new
    return "".join(pieces)


def _overridden(entry: str, name: str, value: str | None) -> str:
    known = [one for one in overrides_of(entry) if one.name == name]
    if value is None:
        for one in reversed(known):
            entry = _cut(entry, one.start, one.end)
        return entry
    option = f"-o {name}={value}" if re.fullmatch(r"[^\s{]\S*|", value) else f"-o {{ {name} = {value} }}"
    if known:
        return entry[: known[-1].start] + option + entry[known[-1].end :]
    end = max([one.end for one in overrides_of(entry)], default=words_of(entry)[_FIELDS - 1].end)
    return entry[:end] + line_end(entry) + "  " + option + entry[end:]


def _cut(entry: str, start: int, end: int) -> str:
    """Without this word, and without the line where it stood alone; no remark may swallow what stood behind it."""
    line_start = entry.rfind("\n", 0, start) + 1
    line_stop = entry.find("\n", end)
    line_stop = len(entry) if line_stop < 0 else line_stop + 1
    if entry[end:line_stop].strip(SPACE):
        behind = end + len(entry[end:]) - len(entry[end:].lstrip(SPACE))
        return entry[:start] + entry[behind:]
    if line_start and not entry[line_start:start].strip(SPACE):
        rest = entry[:line_start] + entry[line_stop:]
        return rest if line_stop < len(entry) or entry.endswith("\n") else rest.removesuffix("\n").removesuffix("\r")
    return entry[:start].rstrip(" \t") + entry[end:]


def with_entry(text: str, service: str, entry: str | None) -> str:
    """The text with this entry for a service; the overrides below one that is there stay. None: without it."""
    old = entry_of(text, service)
    if entry is None:
        return "".join(piece for piece in logical_lines(text) if service_of(piece) != service)
    _one_line(entry)
    if service_of(entry) != service:
        raise ValueError(f"no entry of {service}")
    if old is None:
        return _ended(text) + entry + _usual_end(text)
    words = words_of(old)
    kept = old[words[_FIELDS - 1].end :]
    if len(words_of(entry)) > _FIELDS:
        stay = [one for one in overrides_of(old) if one.name not in {new.name for new in overrides_of(entry)}]
        kept = "".join(f"{line_end(old)}  {old[one.start : one.end]}" for one in stay) + _end_of(old)
    return _replaced(text, old, entry + kept)


# ── a setting that is a list ──


def list_words(raw: str) -> list[Word]:
    """The words of a list as Postfix parts them: white space and commas; what braces hold together is one."""
    plain = without_remarks(raw) if "\n" in raw else raw
    words, at = [], 0
    while found := re.compile(r"[\s,]*([^\s,])", re.ASCII).match(plain, at):
        start = found.start(1)
        at = _closed(plain, start) if found[1] == "{" else _word_end(plain, start)
        words.append(Word(raw[start:at], start, at))
    return words


def _word_end(text: str, start: int) -> int:
    found = re.compile(r"[^\s,]+", re.ASCII).match(text, start)
    return found.end() if found else len(text)


def edited_list(raw: str, add: str, before: Sequence[str], first: bool, remove: Sequence[str]) -> str:
    """The list with some entries taken out and one put in; each entry may be several words."""
    for entry in remove:
        while (at := _find(raw, entry)) >= 0:
            raw = _without(raw, at, len(list_words(entry)))
    if not add or (_find(raw, add) >= 0 and not (first and _find(raw, add) > 0)):
        return raw
    if (at := _find(raw, add)) > 0:
        raw = _without(raw, at, len(list_words(add)))
    places = [] if first else [at for entry in before if (at := _find(raw, entry)) >= 0]
    return _inserted(raw, add, 0 if first else min(places, default=len(list_words(raw))))


def _find(raw: str, entry: str) -> int:
    """At which word the entry begins; -1 where it is not in the list."""
    have, want = [word.text for word in list_words(raw)], [word.text for word in list_words(entry)]
    starts = range(len(have) - len(want) + 1) if want else ()
    return next((at for at in starts if have[at : at + len(want)] == want), -1)


def _without(raw: str, at: int, count: int) -> str:
    words = list_words(raw)
    if at + count < len(words):
        return raw[: words[at].start] + raw[words[at + count].start :]
    return raw[: words[at - 1].end if at else words[0].start] + raw[words[at + count - 1].end :]


def _inserted(raw: str, add: str, at: int) -> str:
    words = list_words(raw)
    between = _separator(raw, words)
    if not words:
        return f" {add}" + ("" if not raw.endswith("\n") else "\n")
    if at < len(words):
        return raw[: words[at].start] + add + between + raw[words[at].start :]
    return raw[: words[-1].end] + between + add + raw[words[-1].end :]


def _separator(raw: str, words: Sequence[Word]) -> str:
    """What stands between entries of this list, but never a remark."""
    if len(words) < 2:
        return ", " if "," in raw else " "
    gaps = [raw[one.end : two.start] for one, two in pairwise(words)]
    plain = [gap for gap in gaps if not gap.strip(SPACE + ",")]
    # Where commas part the entries, a blank only parts the words of one.
    return next((gap for gap in plain if "," in gap), plain[0] if plain else ", ")
