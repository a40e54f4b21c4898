"""What was gathered of a message, as it is told: in the fields that go out with it, and in the log.

Fails as: nothing; every answer has its word, the unknown ones too.
"""

from __future__ import annotations

import re
from typing import NamedTuple, assert_never

from lockdown.config import Settings
from lockdown.mime.authentication import authentication_results
from lockdown.model.scan import Answer, Clean, Encrypted, Examined, Failed, Found, Identity, Opinion, Score, TooBig
from lockdown.model.unknown import Unknown
from lockdown.state.transactions import LoggedScan

_MOST_REASONS = 8
_MOST_UNREAD = 20
_MOST_STARS = 50
_NOT_A_TEST = re.compile(r"[^A-Za-z0-9_.-]+")


class Scanned(NamedTuple):
    """A message with all that engines said of it, and the points that they make together."""

    examined: Examined
    score: Score


def vouching(scanned: Scanned, authserv_id: str) -> str:
    """Authentication-Results (RFC 8601); none for mail of our own on its way out, and none where nobody was asked."""
    examined = scanned.examined
    if examined.mail.client.trusted or isinstance(examined.identity, Unknown):
        return ""
    return authentication_results(authserv_id, examined.identity).decode()


def spam_fields(scanned: Scanned, policy: Settings) -> str:
    """X-Spam-*, as mail programs know them; nobody sorts his own mail on its way out."""
    examined, score = scanned
    return "" if examined.mail.client.trusted or not policy.antispam.engines else _spam_fields(score, policy)


def _spam_fields(score: Score, policy: Settings) -> str:
    points, required = score.points, policy.antispam.tag
    is_spam = points >= required
    flag = "X-Spam-Flag: YES\r\n" if is_spam else ""
    stars = "*" * min(_MOST_STARS, int(points)) if points >= 1 else ""
    level = f"X-Spam-Level: {stars}\r\n" if stars else ""
    tests = (
        ",\r\n\t".join([_NOT_A_TEST.sub("-", reason.name)[:40] for reason in score.reasons[:_MOST_REASONS]]) or "none"
    )
    answer = "Yes" if is_spam else "No"
    return f"{flag}X-Spam-Status: {answer}, score={points:.1f} required={required:.1f}\r\n\ttests={tests}\r\n{level}"


def in_one_line(scanned: Scanned, policy: Settings) -> str:
    """The words of X-Lockdown-Scan: which engine has read it, and what it came to."""
    examined, score = scanned
    words = [f"av={'+'.join(_antivirus_words(examined, policy)) or 'off'}"]
    if policy.antispam.engines:
        words.append(f"spam={score.points:.1f}/{policy.antispam.tag:.1f}")
        words += [f"{_short(one.engine)}=unavailable" for one in examined.opinions if isinstance(one, Failed)]
    return " ".join(words)


def _antivirus_words(examined: Examined, policy: Settings) -> list[str]:
    words = []
    if "builtin" in policy.antivirus.engines:
        words.append(_builtin_word(examined))
    return words + [f"{_short(answer.engine)}:{_word(answer)}" for answer in examined.answers]


def _builtin_word(examined: Examined) -> str:
    reading = examined.reading
    if isinstance(reading, Unknown):
        return "builtin:unavailable"
    content = reading.content
    if content.found:
        return "builtin:found"
    if content.unread:
        return "builtin:unread"
    return "builtin:suspicious" if content.suspicious else "builtin:clean"


def _word(answer: Answer) -> str:
    match answer.outcome:
        case Clean():
            return "clean"
        case Found():
            return "found"
        case Encrypted():
            return "encrypted"
        case TooBig():
            return "too-big"
        case Unknown():
            return "unavailable"
        case _:
            assert_never(answer.outcome)


def _short(engine: str) -> str:
    return engine.partition(":")[0]


# ── the log ──


def logged(scanned: Scanned, policy: Settings) -> LoggedScan:
    """The coverage, the identity and the score of one message."""
    examined, score = scanned
    unread = () if isinstance(examined.reading, Unknown) else examined.reading.content.unread
    return LoggedScan(
        antivirus=_coverage(examined, policy),
        unread=[f"{one.path}: {one.why}" for one in unread[:_MOST_UNREAD]] if unread else [],
        spam=round(score.points, 1),
        reasons=[f"{one.name} {one.points:+.1f}" for one in score.reasons[:_MOST_REASONS]],
        antispam={one.engine: _opinion_in_words(one) for one in examined.opinions},
        identity=_identity_in_words(examined.identity),
    )


def _coverage(examined: Examined, policy: Settings) -> dict[str, str]:
    """Of antivirus engines alone: what was read only for its words was not looked into for viruses."""
    own = {"builtin": _builtin_in_words(examined)} if "builtin" in policy.antivirus.engines else {}
    return own | {answer.engine: _outcome_in_words(answer) for answer in examined.answers}


def _builtin_in_words(examined: Examined) -> str:
    reading = examined.reading
    if isinstance(reading, Unknown):
        return f"not read: {reading.why}"
    content = reading.content
    if content.found:
        return f"found {content.found[0].name}"
    if content.suspicious:
        return f"suspects {content.suspicious[0].name}"
    missed = f", {len(content.unread)} not read" if content.unread else ""
    count = len(content.files)
    return f"{count} {'file' if count == 1 else 'files'} read{missed}"


def _outcome_in_words(answer: Answer) -> str:
    match answer.outcome:
        case Found(name):
            return f"found {name}"
        case Unknown(why):
            return f"not read: {why}"
        case _:
            return _word(answer)


def _opinion_in_words(opinion: Opinion | Failed) -> str:
    if isinstance(opinion, Failed):
        return f"no answer: {opinion.why}"
    return f"{opinion.score:.1f}/{opinion.required:.1f}"


def _identity_in_words(identity: Identity | Unknown) -> dict[str, str]:
    if isinstance(identity, Unknown):
        return {"all": f"unknown: {identity.why}"}
    words = {"spf": str(identity.spf.result), "dmarc": str(identity.dmarc.result)}
    if identity.dkim:
        words["dkim"] = ",".join([f"{one.result}:{one.domain}" for one in identity.dkim])
    if identity.arc.result != "none":
        words["arc"] = str(identity.arc.result)
    return words
