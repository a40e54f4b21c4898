"""Exim's access control lists: ordered statements, walked for a stranger as Exim walks them (spec chapter 44).

A stranger chooses what he says: sender, HELO, TLS, a recipient that can be delivered to. A rule that asks for these
alone stops nobody, and lets anybody in. What cannot be told from the text makes the walk DOUBTFUL, never a refusal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from lockdown.facts.exim_lists import Answer, Lists, Truth, on_list
from lockdown.facts.exim_text import Line
from lockdown.facts.networks import IPAddress, parse_network

VERBS = ("accept", "defer", "deny", "discard", "drop", "require", "warn")
MOST_DEPTH = 6
_STATEMENT = re.compile(rf"(?P<verb>{'|'.join(VERBS)})\b\s*(?P<rest>.*)\Z", re.DOTALL)
_NAME = re.compile(r"(?P<name>[\w.$-]+):\s*\Z")
_CONDITION = re.compile(r"(?P<no>!?)\s*(?P<name>[a-z_]\w*)\s*=\s*(?P<value>.*)\Z", re.DOTALL)
_VARIABLE = re.compile(r"\$\{?(?P<name>[a-z]\w*)")

# What a client says or does as he likes, and what any well set up client brings.
_CHOSEN = ("encrypted", "senders", "sender_domains", "local_parts", "recipients", "verify", "dnslists", "ratelimit",
           "spf", "spf_guess", "dmarc_status", "dkim_signers", "dkim_status", "malware", "spam", "regex",
           "mime_regex", "decode", "seen", "bmi_optin")  # fmt: skip
_CHOSEN_VARIABLES = frozenset(
    {"rcpt_count", "recipients_count", "rcpt_fail_count", "rcpt_defer_count", "sender_address",
     "sender_address_domain", "sender_address_local_part", "sender_helo_name", "local_part", "message_size",
     "smtp_command", "smtp_command_argument", "tls_cipher", "tls_in_cipher", "tls_sni", "tls_in_sni", "sender_rate",
     "if", "eval", "lc", "uc", "length", "extract", "sg", "tr"}
)  # fmt: skip
_MODIFIERS = ("add_header", "remove_header", "continue", "control", "delay", "log_message", "log_reject_target",
              "logwrite", "message", "queue", "set", "udpsend")  # fmt: skip
_TRUE, _FALSE = ("1", "true", "yes"), ("0", "false", "no", "")


class Outcome(Enum):
    """What becomes of the stranger's command."""

    PERMITS = "is accepted"
    REFUSES = "is refused"
    DOUBTFUL = "cannot be told"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition or modifier."""

    name: str
    value: str
    negated: bool
    line: Line


@dataclass(frozen=True, slots=True)
class Statement:
    """A verb and its conditions, in order."""

    verb: str
    conditions: tuple[Condition, ...]
    line: Line

    def values(self, name: str) -> tuple[Condition, ...]:
        return tuple(condition for condition in self.conditions if condition.name == name)


Acls = Mapping[str, tuple[Statement, ...]]


@dataclass(frozen=True, slots=True)
class Walk:
    """How it ends, at which line, and why where it cannot be told."""

    outcome: Outcome
    line: Line | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Stranger:
    """Who comes, and for whom: `own_domain` empty is a foreign recipient; `address` is one host instead of anybody."""

    own_domain: str = ""
    encrypted: bool = True
    empty_sender: bool = False
    address: IPAddress | None = None


def acls_of(lines: Sequence[Line]) -> Acls:
    """The section `acl`: each list by its name."""
    found: dict[str, list[Statement]] = {}
    name, verb, start, held = "", "", None, list[Condition]()

    def ended() -> None:
        if verb and start is not None:
            found.setdefault(name, []).append(Statement(verb, tuple(held), start))

    for line in lines:
        if named := _NAME.match(line.text):
            ended()
            name, verb, held = named["name"], "", []
            found.setdefault(name, [])
            continue
        text = line.text
        statement = _STATEMENT.match(text)
        if statement and not re.match(r"\w+\s*=", text):
            ended()
            verb, start, held, text = statement["verb"], line, [], statement["rest"]
        if text.strip():
            held.append(_condition(text.strip(), line))
    ended()
    return {acl: tuple(statements) for acl, statements in found.items()}


def _condition(text: str, line: Line) -> Condition:
    if text == "endpass":
        return Condition("endpass", "", False, line)
    if re.match(r"set\s", text):
        return Condition("set", text, False, line)
    found = _CONDITION.match(text)
    if found is None:
        return Condition("?", text, False, line)
    return Condition(found["name"], found["value"].strip(), bool(found["no"]), line)


def walk(acls: Acls, lists: Lists, name: str, who: Stranger, depth: int = 0) -> Walk:
    """What a list says at its end or before; Exim refuses where no statement has decided."""
    statements = acls.get(name)
    if statements is None or depth > MOST_DEPTH:
        return Walk(Outcome.DOUBTFUL, None, f"the access list {name} is not defined here")
    doubt: Walk | None = None
    for statement in statements:
        step, is_doubt = _step(acls, lists, statement, who, depth)
        if step is not None and not is_doubt:
            return step if doubt is None or doubt.outcome is step.outcome else _doubtful(doubt)
        doubt = doubt or step
    ended = Walk(Outcome.REFUSES, statements[-1].line if statements else None, "no statement accepts it")
    return ended if doubt is None or doubt.outcome is Outcome.REFUSES else _doubtful(doubt)


def _doubtful(doubt: Walk) -> Walk:
    return Walk(Outcome.DOUBTFUL, doubt.line, doubt.why)


def _step(acls: Acls, lists: Lists, statement: Statement, who: Stranger, depth: int) -> tuple[Walk | None, bool]:
    """What one statement decides; with True, what it perhaps decides."""
    if statement.verb == "warn":
        return None, False
    denies = statement.verb in ("deny", "drop", "defer")
    answer, passed_end = _all(acls, lists, statement, who, depth)
    line, because = statement.line, answer.because
    if denies or statement.verb == "discard":
        refused = Walk(Outcome.REFUSES, line, because)
        return {Truth.YES: (refused, False), Truth.DOUBT: (refused, True)}.get(answer.truth, (None, False))
    if statement.verb == "require":
        refused = Walk(Outcome.REFUSES, line, because)
        return {Truth.NO: (refused, False), Truth.DOUBT: (refused, True)}.get(answer.truth, (None, False))
    if answer.truth in (Truth.YES, Truth.CHOICE):
        return Walk(Outcome.PERMITS, line, because), False
    if answer.truth is Truth.DOUBT:
        return Walk(Outcome.PERMITS, line, because), True
    return (Walk(Outcome.REFUSES, line, because), False) if passed_end else (None, False)


_RANK = {Truth.YES: 0, Truth.CHOICE: 1, Truth.DOUBT: 2, Truth.NO: 3}


def _all(acls: Acls, lists: Lists, statement: Statement, who: Stranger, depth: int) -> tuple[Answer, bool]:
    """All conditions together: one that fails decides, then one that cannot be told. True: `endpass` stood before."""
    worst, passed_end = Answer(Truth.YES), False
    denies = statement.verb in ("deny", "drop", "defer", "discard")
    for condition in statement.conditions:
        if condition.name == "endpass":
            passed_end = worst.truth in (Truth.YES, Truth.CHOICE)
            continue
        if condition.name in _MODIFIERS:
            continue
        answer = _holds(acls, lists, condition, who, denies, depth)
        if answer.truth is Truth.NO:
            return answer, passed_end
        if _RANK[answer.truth] > _RANK[worst.truth] or not worst.because:
            worst = answer if _RANK[answer.truth] >= _RANK[worst.truth] else worst
    return worst, passed_end


def _holds(acls: Acls, lists: Lists, condition: Condition, who: Stranger, denies: bool, depth: int) -> Answer:
    answer = _plain(acls, lists, condition, who, denies, depth)
    turned = {Truth.YES: Truth.NO, Truth.NO: Truth.YES}
    if condition.negated:
        answer = Answer(turned.get(answer.truth, answer.truth), answer.because)
    is_ban = answer.truth is Truth.DOUBT and denies and not condition.negated
    if is_ban and (condition.name == "hosts" or (condition.name == "condition" and _is_chosen(condition.value))):
        # A list of the banned that cannot be read: strangers are many, and one of them is not on it.
        return Answer(Truth.CHOICE, answer.because)
    return answer


def _plain(acls: Acls, lists: Lists, condition: Condition, who: Stranger, denies: bool, depth: int) -> Answer:
    name, value = condition.name, condition.value
    said = f"`{'!' if condition.negated else ''}{name} = {value[:80]}`"
    if name == "hosts":
        return _hosts(lists, value, who)
    if name == "domains":
        return on_list(lists, "domain", value, who.own_domain)
    if name == "authenticated":
        return Answer(Truth.NO, said)
    if name == "encrypted":
        return Answer(Truth.YES if who.encrypted else Truth.NO, said)
    if name == "acl":
        return _nested(acls, lists, value, who, depth)
    if name == "senders" and who.empty_sender:
        return Answer(Truth.YES if value.strip() in ("", ":") else Truth.NO, said)
    if name == "condition":
        bare = value.strip().lower()
        known = Truth.YES if bare in _TRUE else Truth.NO if bare in _FALSE else Truth.DOUBT
        return Answer(known, said)
    return Answer(Truth.CHOICE if name in _CHOSEN else Truth.DOUBT, said)


def _hosts(lists: Lists, value: str, who: Stranger) -> Answer:
    if who.address is None:
        return on_list(lists, "host", value)
    for item in lists.items("host", value):
        network = parse_network("0.0.0.0/0" if item.text == "*" else item.text)
        if network is not None and who.address in network:
            return Answer(Truth.NO if item.excluded else Truth.YES, item.text)
    return Answer(Truth.NO, value)


def _nested(acls: Acls, lists: Lists, value: str, who: Stranger, depth: int) -> Answer:
    name = value.split()[0] if value.split() else ""
    found = walk(acls, lists, name, who, depth + 1)
    truths = {Outcome.PERMITS: Truth.YES, Outcome.REFUSES: Truth.NO, Outcome.DOUBTFUL: Truth.DOUBT}
    return Answer(truths[found.outcome], f"acl = {name}: {found.why}" if found.why else f"acl = {name}")


def _is_chosen(value: str) -> bool:
    names = {found["name"] for found in _VARIABLE.finditer(value)}
    return bool(names) and names <= _CHOSEN_VARIABLES


def all_statements(acls: Acls, name: str, seen: frozenset[str] = frozenset()) -> tuple[Statement, ...]:
    """The statements of a list and of those that it asks."""
    found: list[Statement] = []
    for statement in acls.get(name, ()):
        found.append(statement)
        for asked in statement.values("acl"):
            inner = asked.value.split()[0] if asked.value.split() else ""
            if inner not in seen and inner != name:
                found.extend(all_statements(acls, inner, seen | {name}))
    return tuple(found)
