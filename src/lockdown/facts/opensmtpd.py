"""OpenSMTPD as it is set up: listeners, actions and match rules in their order, old and new syntax, with their lines.

The first rule that matches decides; where none does, the recipient is refused (smtpd.conf(5)).
Fails as: Absent (no OpenSMTPD), Unknown("smtpd.conf was not given"). Never raises for a bad file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lockdown.facts.exim_text import Line
from lockdown.facts.networks import Width, parse_network, width
from lockdown.facts.scanner_files import Absent
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Reading, Snapshot, absent
from lockdown.model.units import ByteSize
from lockdown.model.unknown import Unknown

WHERE, TABLES = "opensmtpd/where", "opensmtpd/tables"
PLACES = {"opensmtpd/smtpd.conf": "/etc/smtpd.conf", "opensmtpd/mail-smtpd.conf": "/etc/mail/smtpd.conf"}
DEFAULT_SIZE = ByteSize.parse("35 MiB")
_WORD = re.compile(r'"(?:\\.|[^"\\])*"|\{|\}|!|[^\s{}"!,]+|,')
_MACRO = re.compile(r"(?P<name>[A-Za-z]\w*)\s*=\s*(?P<value>.*)\Z")
_LOCAL = ("lo", "lo0", "localhost", "127.", "::1", "socket")


@dataclass(frozen=True, slots=True)
class Listen:
    """One `listen on`."""

    where: str
    words: tuple[str, ...]
    line: Line

    def has(self, *names: str) -> bool:
        return any(name in self.words for name in names)

    def after(self, name: str) -> str:
        """The word behind a name; empty where it is not written."""
        return next((self.words[at + 1] for at, one in enumerate(self.words[:-1]) if one == name), "")

    @property
    def is_reachable(self) -> bool:
        return not self.where.startswith(_LOCAL)

    @property
    def label(self) -> str:
        port = self.after("port")
        return f"opensmtpd listen on {self.where}{f' port {port}' if port else ''}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One `match` or `accept`/`reject`; `action` is the name of one, or the old syntax's `relay` and `deliver`."""

    rejects: bool
    source: tuple[bool, str]
    destination: tuple[bool, str]
    asks_auth: bool
    other: tuple[str, ...]
    action: str
    line: Line


class Doubt(Exception):
    """A rule that cannot be decided; the message says why."""


@dataclass(frozen=True, slots=True)
class OpenSmtpd:
    """The file as the server reads it."""

    listens: tuple[Listen, ...]
    rules: tuple[Rule, ...]
    actions: Mapping[str, tuple[str, Line]]
    tables: Mapping[str, tuple[str, Line]]
    options: Mapping[str, tuple[str, Line]]
    files: Mapping[str, Reading]
    unread: tuple[str, ...]
    path: str

    def evidence(self, name: str) -> Evidence:
        found = self.options.get(name)
        return found[1].evidence if found else Evidence(self.path, f"{name} is not written; its default counts")

    def entries(self, word: str) -> tuple[str, ...] | Unknown:
        """What a word of a rule stands for: the keys of `<table>`, or itself."""
        if not (word.startswith("<") and word.endswith(">")):
            return (word.strip('"'),)
        written = self.tables.get(word[1:-1])
        if written is None:
            return Unknown(f"the table {word} is not defined")
        if written[0].startswith("{"):
            return tuple(one.strip('"') for one in _WORD.findall(written[0]) if one not in "{},!" and one != "=")
        path = written[0].removeprefix("file:").strip('"')
        reading = self.files.get(path, Unknown(f"{path} was not read"))
        if not path.startswith("/") or isinstance(reading, Unknown) or absent(reading):
            return Unknown(reading.why if isinstance(reading, Unknown) else f"{word} is kept in {path}")
        lines = (one.partition("#")[0].split() for one in reading.splitlines())
        return tuple(one[0].rstrip(":") for one in lines if one)

    def from_everyone(self, rule: Rule) -> bool:
        """Whether strangers are among those that the rule is for; raises Doubt."""
        turned, word = rule.source
        if word in ("any", "rdns", "mail-from"):
            return not turned
        if word in ("local", "socket", "auth"):
            return turned
        entries = self.entries(word)
        if isinstance(entries, Unknown):
            raise Doubt(entries.why)
        networks = [parse_network("0.0.0.0/0" if one == "*" else one) for one in entries]
        return any(one is not None and width(one) is Width.EVERYONE for one in networks) != turned

    def to_foreign(self, rule: Rule) -> bool:
        """Whether foreign recipients are among those that the rule is for; raises Doubt."""
        turned, word = rule.destination
        if word == "any":
            return not turned
        if word == "local":
            return turned
        if word == "rcpt-to":
            raise Doubt("it depends on a table of recipients")
        entries = self.entries(word)
        if isinstance(entries, Unknown):
            raise Doubt(entries.why)
        return any(one in ("*", "@") or (one.startswith("*.") and one.count(".") < 2) for one in entries) != turned

    def relays(self, rule: Rule) -> bool:
        """Whether what the rule takes is sent on, not kept; raises Doubt."""
        written = self.actions.get(rule.action)
        if written is None and rule.action not in ("relay", "deliver"):
            raise Doubt(f"the action {rule.action} is not defined")
        return (written[0] if written else rule.action).startswith("relay")

    def for_some(self, rule: Rule) -> bool:
        """Whether it is for some strangers or some foreign domains alone; raises Doubt."""
        turned, word = rule.destination
        if rule.other or turned or word == "any":
            return bool(rule.other)
        entries = self.entries(word)
        if isinstance(entries, Unknown):
            raise Doubt(entries.why)
        return "*" not in entries and "@" not in entries

    def answer(self) -> tuple[str, Rule | None, str]:
        """`permits`, `refuses` or `doubtful`, by which rule, and why, for a stranger with a foreign recipient."""
        doubt: tuple[Rule, str] | None = None
        for rule in self.rules:
            try:
                holds = not rule.asks_auth and self.from_everyone(rule) and self.to_foreign(rule)
                relays = holds and not rule.rejects and self.relays(rule)
                passes_by = holds and not relays and self.for_some(rule)
            except Doubt as why:
                doubt = doubt or (rule, str(why))
                continue
            if passes_by:
                continue  # a ban on some, or mail of some that is kept: others go on to the next rule
            if holds and doubt is None:
                return ("permits" if relays else "refuses"), rule, ""
            if holds:
                break
        else:
            if doubt is None or doubt[0].rejects:
                return "refuses", None, "no rule takes it"
        return ("doubtful", *doubt) if doubt else ("refuses", None, "")


def opensmtpd(snapshot: Snapshot) -> OpenSmtpd | Absent | Unknown:
    """The OpenSMTPD of the machine."""
    if gone := absent(snapshot.reading(WHERE)):
        return Absent(gone)
    why = "smtpd.conf was not given"
    for source, path in PLACES.items():
        reading = snapshot.reading(source)
        if isinstance(reading, str) and not absent(reading):
            return _read(path, reading, snapshot)
        if isinstance(reading, Unknown) and "denied" in reading.why:
            why = reading.why
    return Unknown(why)


def _read(path: str, text: str, snapshot: Snapshot) -> OpenSmtpd:
    listens: list[Listen] = []
    rules: list[Rule] = []
    actions: dict[str, tuple[str, Line]] = {}
    tables: dict[str, tuple[str, Line]] = {}
    options: dict[str, tuple[str, Line]] = {}
    unread: list[str] = []
    for line in _lines(path, text, snapshot, unread, 0):
        words = tuple(_WORD.findall(line.text))
        match words:
            case ("listen", "on", where, *rest):
                listens.append(Listen(where.strip('"'), tuple(rest), line))
            case ("match" | "accept" | "reject", *_):
                rules.append(_rule(words, line))
            case ("action", name, *_):
                actions[name.strip('"')] = (line.text.partition(name)[2].strip(), line)
            case ("table", name, *_):
                tables[name] = (line.text.partition(name)[2].strip(), line)
            case ("smtp" | "max-message-size", *rest):
                key = "max-message-size" if words[0] == "max-message-size" else rest[0] if rest else ""
                options[key] = (" ".join(rest[-1:]).strip('"'), line)
            case ("filter" | "queue" | "mta" | "bounce" | "admd" | "ca" | "pki" | "srs" | "proc" | "limit", *rest):
                options[f"{words[0]} {rest[0]}" if rest else words[0]] = (" ".join(rest), line)
            case _:
                unread.append(f"{line.source} line {line.number} is not understood")
    files = snapshot.below(TABLES)
    return OpenSmtpd(tuple(listens), tuple(rules), actions, tables, options, files, tuple(unread), path)


def _lines(path: str, text: str, snapshot: Snapshot, unread: list[str], depth: int) -> Iterator[Line]:
    """Continued lines joined, comments cut, macros replaced, includes followed."""
    macros: dict[str, str] = {}
    held, begun = "", 0
    for number, raw in enumerate(text.splitlines(), start=1):
        cut = re.sub(r'^((?:[^"#]|"[^"]*")*)#.*', r"\1", raw).rstrip()
        begun = begun or number
        if cut.endswith("\\"):
            held += cut[:-1] + " "
            continue
        whole, start = (held + cut).strip(), begun
        held, begun = "", 0
        whole = re.sub(r"\$(\w+)", lambda found: macros.get(found[1], found[0]), whole)
        if not whole:
            continue
        if whole.startswith("include") and depth < 5:
            place = whole.removeprefix("include").strip().strip('"')
            reading = snapshot.reading(f"{TABLES}{place}")
            if isinstance(reading, str) and not absent(reading):
                yield from _lines(place, reading, snapshot, unread, depth + 1)
            else:
                unread.append(f"{place}, included by {path} line {start}, was not read")
        elif macro := _MACRO.match(whole):
            macros[macro["name"]] = macro["value"].strip('"')
        else:
            yield Line(whole, path, start)


_DESTINATIONS = ("domain", "rcpt-to")


def _rule(words: tuple[str, ...], line: Line) -> Rule:
    """Where nothing is said, a rule is for mail of this machine, to its local domains."""
    source, destination, asks_auth = (False, "local"), (False, "local"), False
    other: list[str] = []
    rejects = words[0] == "reject" or "reject" in words
    at, turned = 1, False
    said = dict(enumerate(words))
    while at < len(words):
        word = words[at]
        if word == "!":
            turned, at = True, at + 1
            continue
        step = 1
        if word == "from":
            step, source, asks = _source(said, at, turned)
            asks_auth = asks_auth or asks
        elif word == "for":
            step, destination = _destination(said, at, turned)
        elif word == "auth":
            asks_auth = asks_auth or not turned
        elif word in ("helo", "mail-from", "rcpt-to", "sender", "recipient", "tagged", "tag"):
            other.append(word)
            step = 3 if said.get(at + 1) == "regex" else 2
        elif word in ("action", "relay", "deliver"):
            break
        at, turned = at + step, False
    action = said.get(at + 1, "") if at < len(words) and words[at] == "action" else said.get(at, "")
    return Rule(rejects, source, destination, asks_auth, tuple(other), action.strip('"'), line)


def _source(said: Mapping[int, str], at: int, turned: bool) -> tuple[int, tuple[bool, str], bool]:
    at, turned, skipped = (at + 1, True, 1) if said.get(at + 1) == "!" else (at, turned, 0)
    word = said.get(at + 1, "")
    if word == "auth":
        return 2 + skipped, (False, "any"), not turned
    if word in ("src", "source", "rdns", "mail-from"):
        step = 4 if said.get(at + 2) == "regex" else 3
        kept = said.get(at + 2, "") if word in ("src", "source") else word
        return step + skipped, (turned, kept), False
    return 2 + skipped, (turned, word), False


def _destination(said: Mapping[int, str], at: int, turned: bool) -> tuple[int, tuple[bool, str]]:
    at, turned, skipped = (at + 1, True, 1) if said.get(at + 1) == "!" else (at, turned, 0)
    word = said.get(at + 1, "")
    if word in _DESTINATIONS:
        step = 4 if said.get(at + 2) == "regex" else 3
        return step + skipped, (turned, said.get(at + 2, "") if word == "domain" and step == 3 else "rcpt-to")
    return 2 + skipped, (turned, word)


def size(found: OpenSmtpd) -> int | Unknown:
    """The largest message, in bytes."""
    written = found.options.get("max-message-size")
    if written is None:
        return DEFAULT_SIZE
    match = re.fullmatch(r"(\d{1,15})([KkMmGgTt]?)[Bb]?", written[0])
    if match is None:
        return Unknown(f"max-message-size {written[0][:40]} is not a number")
    return int(match[1]) << 10 * " kmgt".index(match[2].lower() or " ")


def files_named(found: OpenSmtpd) -> tuple[str, ...]:
    """The files of the tables that a rule is about, and what is included; tables of passwords are not among them."""
    words = {word.strip("<>") for rule in found.rules for word in (rule.source[1], rule.destination[1])}
    paths = [text.removeprefix("file:").strip('"') for name, (text, _) in found.tables.items() if name in words]
    paths += [why.partition(",")[0] for why in found.unread if why.startswith("/") and ", included" in why]
    return tuple(path for path in paths if path.startswith("/"))
