"""What may pass: judged file by file on what was read, and on what was not.

A virus is refused, a forbidden type refused, what runs by itself held, what nobody could read held. An engine that did
not answer is `antivirus.unavailable`, never a pass. The tables below are the policy; the settings choose the action.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from lockdown.checklist.antivirus.controls import (
    AMBIGUOUS,
    ENCRYPTED,
    FORBIDDEN,
    MACROS,
    SUSPICIOUS,
    UNAVAILABLE,
    UNREAD,
    VIRUS,
)
from lockdown.config import Settings
from lockdown.mime.kinds import KINDS
from lockdown.model.finding import Control
from lockdown.model.scan import Ambiguity, Answer, Clean, Content, Encrypted, Examined, File, Found, TooBig, Trait
from lockdown.model.unknown import Unknown
from lockdown.model.verdict import ACCEPT, Kind, Verdict, strictest

_KINDS = {
    "reject": Kind.REJECT,
    "defer": Kind.DEFER,
    "quarantine": Kind.QUARANTINE,
    "accept-and-mark": Kind.TAG,
}
"""What a setting's word means."""

_TELLS = {
    VIRUS: "A virus was found in this message",
    FORBIDDEN: "An attachment of this type is not accepted; send a link to it",
    SUSPICIOUS: "Message held for review",
    MACROS: "Documents that run programs are not accepted; send it without macros, or as PDF",
    ENCRYPTED: "Encrypted attachments are not accepted",
    UNREAD: "An attachment could not be read, so it cannot be accepted",
    AMBIGUOUS: "This message is malformed, so it cannot be accepted (RFC 2045)",
    UNAVAILABLE: "Scanning is not possible right now; try again later",
}

_FORBIDDEN_TRAITS = frozenset(
    {
        Trait.DOUBLE_EXTENSION,
        Trait.RIGHT_TO_LEFT,
        Trait.PADDED_NAME,
        Trait.DDE,
        Trait.EXPLOIT_OBJECT,
        Trait.EMBEDDED_PROGRAM,
        Trait.PDF_LAUNCH,
        Trait.SMUGGLING,
    }
)
_OF_DEVELOPERS = frozenset({"script", "shell"})
"""What source code is made of, and no desktop runs at a click: held when it comes by itself, let in in an archive."""
_HELD_TRAITS = frozenset({Trait.MACROS, Trait.OLD_MACROS, Trait.REMOTE_TEMPLATE})
"""What runs, but not by itself: `antivirus.macros`."""
_PUZZLING_TRAITS = frozenset({Trait.TRAILING_DOT, Trait.NAME_LIES, Trait.CONTROL_IN_NAME})
_ACTIVE_WHEN_ATTACHED = frozenset({Trait.SCRIPT, Trait.PASSWORD_FORM})
"""Old newsletters carry scripts in their bodies, where no mail program runs them; a page to open is another thing."""
_NOT_READ_TRAITS = frozenset({Trait.BOMB, Trait.DAMAGED})
_ENCRYPTED_TRAITS = frozenset({Trait.ENCRYPTED, Trait.ENCRYPTED_NAMES})

_READ_ANYWAY = frozenset({Ambiguity.UUENCODE_IN_MIME, Ambiguity.TWO_NAMES, Ambiguity.ENCODED_CONTAINER})
"""All their readings are read, each as a file of its own, and honest mail has them: they hold nothing by themselves."""
_OF_THE_SENDER = frozenset(
    {Ambiguity.TWO_FROM, Ambiguity.TWO_SENDERS_IN_FROM, Ambiguity.NO_FROM, Ambiguity.TWO_SUBJECTS}
)
"""Ambiguities that hide who sends, and no file: item 2 judges them."""


def message(examined: Examined, policy: Settings) -> Verdict:
    """Judge all that was read of a message, and all that was not."""
    reading = examined.reading
    if "builtin" not in policy.antivirus.engines:
        return strictest(list(_of_engines(examined.answers, policy)))
    if isinstance(reading, Unknown):
        return strictest([_unavailable("builtin", reading.why, policy), *_of_engines(examined.answers, policy)])
    content = reading.content
    if not examined.answers and _is_plain(content):
        return ACCEPT
    return strictest([*_of_engines(examined.answers, policy), *_of_content(content, policy)])


def _is_plain(content: Content) -> bool:
    """Texts, and nothing in them to judge: as most messages are."""
    files, ambiguities, found, unread, _, suspicious = content
    if ambiguities or found or unread or suspicious:
        return False
    return all(not (file.traits or KINDS[file.kind].dangerous) for file in files)


def _of_engines(answers: tuple[Answer, ...], policy: Settings) -> Iterator[Verdict]:
    for answer in answers:
        engine = answer.engine.partition(":")[0]
        match answer.outcome:
            case Clean():
                continue
            case Found(name):
                yield _verdict(VIRUS, f"{engine} has found {name}", policy.antivirus.found)
            case Encrypted(what):
                yield _verdict(ENCRYPTED, f"{engine}: encrypted{_colon(what)}", policy.antivirus.encrypted)
            case TooBig(what):
                yield _verdict(UNREAD, f"{engine}: over its limit{_colon(what)}", policy.antivirus.unread)
            case Unknown(why):
                yield _unavailable(engine, why, policy)
            case _:
                assert_never(answer.outcome)


def _of_content(content: Content, policy: Settings) -> Iterator[Verdict]:
    settings = policy.antivirus
    for found in content.found:
        yield _verdict(VIRUS, f"{found.name} in {found.path or 'the message'}", settings.found)
    for found in content.suspicious:
        # By a rule, not by a signature: a person can tell, so it is held and never refused.
        yield _verdict(SUSPICIOUS, f"{found.name} in {found.path or 'the message'}", "quarantine")
    for file in content.files:
        yield from _of_file(file, policy)
    for unread in content.unread:
        if unread.encrypted:
            yield _verdict(ENCRYPTED, f"{unread.path}: {unread.why}", settings.encrypted)
        else:
            yield _verdict(UNREAD, f"{unread.path}: {unread.why}", settings.unread)
    for ambiguity in content.ambiguities:
        if ambiguity not in _OF_THE_SENDER and ambiguity not in _READ_ANYWAY:
            yield _verdict(AMBIGUOUS, str(ambiguity), settings.ambiguous)


def _of_file(file: File, policy: Settings) -> Iterator[Verdict]:
    settings, traits = policy.antivirus, frozenset(file.traits)
    to_be_opened = file.is_attachment or file.depth > 0
    if KINDS[file.kind].dangerous and to_be_opened and file.kind not in settings.allowed_types:
        yield from _of_a_dangerous_type(file, settings.forbidden)
    if not traits:
        return
    if Trait.AUTO_EXEC in traits and traits & {Trait.WRITES_OR_RUNS, Trait.OLD_MACROS}:
        yield _verdict(MACROS, _has(file, traits & {Trait.AUTO_EXEC, Trait.WRITES_OR_RUNS, Trait.OLD_MACROS}), "reject")
    by_table: tuple[tuple[frozenset[Trait], Control, str], ...] = (
        (_FORBIDDEN_TRAITS, FORBIDDEN, settings.forbidden),
        (_ACTIVE_WHEN_ATTACHED if to_be_opened else frozenset(), FORBIDDEN, settings.forbidden),
        (_HELD_TRAITS, MACROS, settings.macros),
        (_PUZZLING_TRAITS, AMBIGUOUS, settings.ambiguous),
        (_ENCRYPTED_TRAITS, ENCRYPTED, settings.encrypted),
        (_NOT_READ_TRAITS, UNREAD, settings.unread),
    )
    for table, control, action in by_table:
        if met := traits & table:
            yield _verdict(control, _has(file, met), action)
    if {Trait.PDF_SCRIPT, Trait.PDF_AUTO_ACTION} <= traits:
        yield _verdict(MACROS, f"{file.path}: {Trait.PDF_SCRIPT} that runs when it is opened", settings.macros)


def _of_a_dangerous_type(file: File, action: str) -> Iterator[Verdict]:
    says = f"{file.path} is {KINDS[file.kind].what} ({file.kind})"
    if file.kind not in _OF_DEVELOPERS:
        yield _verdict(FORBIDDEN, says, action)
    elif not file.depth:
        yield _verdict(FORBIDDEN, says, "quarantine" if action == "reject" else action)


def _has(file: File, met: frozenset[Trait]) -> str:
    return f"{file.path}: {', '.join(sorted(met))}"


def _colon(what: str) -> str:
    return f": {what}" if what else ""


def _unavailable(engine: str, why: str, policy: Settings) -> Verdict:
    return _verdict(UNAVAILABLE, f"{engine} has not read it: {why}", policy.antivirus.unavailable)


def _verdict(control: Control, says: str, action: str) -> Verdict:
    """The action of the settings. A refusal for good is 550 5.7.1, for now 451 4.7.1 (RFC 3463 3.8)."""
    kind = _KINDS[action]
    code = 550 if kind is Kind.REJECT else 451 if kind is Kind.DEFER else 0
    return Verdict(kind, control.id, says, _TELLS[control], code, "7.1" if code else "")
