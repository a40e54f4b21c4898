"""Spam and forged senders: who is denied, who borrows a name, what DMARC asks for, and what the engines think.

The first that is certain decides, and of those that hold or refuse, the strictest. Points are those of the engine that
gives most; its reasons are told. What could not be asked is not clean: an engine that did not answer is ruled on by
`antispam.unavailable`, a claim to be us that could not be checked is put off or held.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from operator import attrgetter

from lockdown.checklist.antispam.marks import is_mild_test, is_test
from lockdown.checklist.antispam.shapes import Shape, shapes
from lockdown.checklist.antispam.signals import signals
from lockdown.checklist.antispam.vouching import is_vouched
from lockdown.config import Settings
from lockdown.mime.domains import readable
from lockdown.model.scan import Examined, Failed, Identity, Letter, Opinion, Points, Reason, Result, Score
from lockdown.model.unknown import Unknown
from lockdown.model.verdict import ACCEPT, Kind, Verdict, strictest

DENIED = "antispam.denied"
TEST_MESSAGE = "antispam.test-message"
DMARC = "antispam.dmarc"
SCORE = "antispam.score"
UNAVAILABLE = "antispam.unavailable"

BUILTIN = "builtin"
_points = attrgetter("points")
TOLD_REASONS = 4
_KINDS = {"reject": Kind.REJECT, "quarantine": Kind.QUARANTINE, "accept-and-mark": Kind.TAG, "defer": Kind.DEFER}
_REFUSED = "Message refused as spam"
_HELD = "Message held for review"
_FORGED = "Message refused: the sender could not be verified"


def message(examined: Examined, policy: Settings) -> Verdict:
    """Judge a message by who sends it and what it wants."""
    if not policy.antispam.engines:
        return ACCEPT
    reading, letter = examined.reading, None
    if not isinstance(reading, Unknown):
        letter = reading.letter
        if is_test(letter):
            return Verdict(Kind.REJECT, TEST_MESSAGE, "the test message for spam filters", _REFUSED, 550, "7.1")
    if denied := _listed(examined, letter, policy.antispam.deny):
        return Verdict(Kind.REJECT, DENIED, f"antispam.deny names {denied}", "Message refused", 550, "7.1")
    if examined.mail.client.trusted:
        return _scored(examined, policy)
    forged = _forged(shapes(examined, policy), policy)
    asked = _dmarc(examined.identity, policy)
    certain = forged if asked is ACCEPT else strictest([forged, asked])
    if certain.kind >= Kind.REJECT or is_allowed(examined, policy):
        return certain
    scored = _scored(examined, policy)
    return certain if scored is ACCEPT else strictest([certain, scored])


# ── lists ──


def is_allowed(examined: Examined, policy: Settings) -> bool:
    """`antispam.allow` names the sender, and SPF, DKIM or DMARC vouches for it: a list alone would be an invitation."""
    if not policy.antispam.allow or isinstance(examined.identity, Unknown):
        return False
    reading = examined.reading
    letter = None if isinstance(reading, Unknown) else reading.letter
    return any(is_vouched(domain, examined.identity) for domain in _matches(examined, letter, policy.antispam.allow))


def _listed(examined: Examined, letter: Letter | None, entries: tuple[str, ...]) -> str:
    if not entries:
        return ""
    return next(_matches(examined, letter, entries), "")


def _matches(examined: Examined, letter: Letter | None, entries: tuple[str, ...]) -> Iterator[str]:
    """Domains of the envelope sender and of From that a list names, by themselves or by one of their addresses."""
    listed = _list(entries)
    sender = examined.mail.sender
    claims = [(sender.local, readable(sender.domain))] if sender.domain else []
    if letter is not None:
        claims += [(box.address.rpartition("@")[0], box.domain) for box in letter.senders if box.domain]
    for local, domain in claims:
        if f"{local.lower()}@{domain}" in listed or any(parent in listed for parent in _parents(domain)):
            yield domain


@lru_cache(maxsize=8)
def _list(entries: tuple[str, ...]) -> frozenset[str]:
    """Addresses and domains; a domain stands for those below it too, whether written `d`, `@d` or `.d`."""
    found = set()
    for entry in entries:
        local, at, domain = entry.strip().lower().rpartition("@")
        found.add(f"{local}@{readable(domain)}" if at and local else readable(domain.lstrip(".")))
    return frozenset(found)


def _parents(domain: str) -> Iterator[str]:
    yield domain
    while "." in domain:
        domain = domain.partition(".")[2]
        yield domain


# ── borrowed names ──


def _forged(found: tuple[Shape, ...], policy: Settings) -> Verdict:
    if not found:
        return ACCEPT
    setting = _KINDS[policy.antispam.forged]
    return strictest([_of_shape(shape, setting) for shape in found])


def _of_shape(shape: Shape, setting: Kind) -> Verdict:
    kind = Kind.DEFER if shape.least is Kind.DEFER and setting > Kind.TAG else min(setting, shape.most)
    return _verdict(kind, shape.control, shape.says, _FORGED)


def _verdict(kind: Kind, control: str, says: str, refused: str) -> Verdict:
    match kind:
        case Kind.REJECT:
            return Verdict(kind, control, says, refused, 550, "7.1")
        case Kind.DEFER:
            return Verdict(kind, control, says, "The sender could not be verified, try again later", 451, "7.1")
        case Kind.QUARANTINE:
            return Verdict(kind, control, says, _HELD)
        case _:
            return Verdict(kind, control, says)


# ── DMARC ──


def _dmarc(identity: Identity | Unknown, policy: Settings) -> Verdict:
    """What the owner of the From domain asks for.

    A refusal is softened to a hold by a chain of forwarders that holds, and for a client with a local address: where a
    bridge or another proxy hides who the client is, SPF could not be told and only half of DMARC was.
    """
    if isinstance(identity, Unknown) or identity.dmarc.result is not Result.FAIL:
        return ACCEPT
    dmarc, forwarded = identity.dmarc, identity.arc.result is Result.PASS
    if dmarc.policy not in ("reject", "quarantine"):
        return ACCEPT
    says = f"DMARC fails for {dmarc.domain}, which asks to {dmarc.policy} such mail"
    if policy.antispam.dmarc == "mark":
        return Verdict(Kind.TAG, DMARC, says)
    if dmarc.policy == "quarantine":
        return Verdict(Kind.QUARANTINE, DMARC, says, _HELD)
    if forwarded:
        return Verdict(Kind.QUARANTINE, DMARC, f"{says}; forwarded by {identity.arc.sealer}, whose seal holds", _HELD)
    if identity.spf.local:
        return Verdict(Kind.QUARANTINE, DMARC, f"{says}; the client's address is local, so SPF is not known", _HELD)
    # RFC 9989 8.5, RFC 7372 3.2: 5.7.26, several checks have failed.
    return Verdict(Kind.REJECT, DMARC, says, "Message refused by the DMARC policy of the sender's domain", 550, "7.26")


# ── points ──


def score(examined: Examined, policy: Settings) -> Score:
    """The points of all engines, and the reasons of the one that gives most."""
    given: list[Points] = []
    reasons: tuple[Reason, ...] = ()
    missing: list[Failed] = []
    answered: set[str] = set()
    highest = float("-inf")
    for opinion in examined.opinions:
        answered.add(opinion.engine)
        if isinstance(opinion, Failed):
            missing.append(opinion)
            continue
        points, why = _points_of(opinion, examined, policy)
        given.append(Points(opinion.engine, points, opinion.rejects))
        if points > highest:
            highest, reasons = points, why
    for engine in policy.antispam.engines:
        if engine not in answered and engine.partition(":")[0] not in answered:
            missing.append(Failed(engine, "it was not asked"))
    if missing and not any(engine.engine == BUILTIN for engine in given) and BUILTIN in policy.antispam.engines:
        # Without its words, the builtin engine still has its eyes.
        signs = signals(examined, policy)
        points = sum(reason.points for reason in signs)
        if points > highest:
            highest, reasons = points, signs
    ordered = tuple(sorted(reasons, key=_points, reverse=True)) if len(reasons) > 1 else reasons
    return Score(round(highest, 2) if given or reasons else 0.0, ordered, tuple(given), tuple(missing))


def _points_of(opinion: Opinion, examined: Examined, policy: Settings) -> tuple[float, tuple[Reason, ...]]:
    """In our points; the builtin engine's words and what carries over are one opinion."""
    tag = policy.antispam.tag
    points = opinion.score if opinion.required == tag else opinion.score * tag / max(opinion.required, 0.1)
    if opinion.engine != BUILTIN:
        return points, opinion.reasons
    signs = signals(examined, policy)
    return _together(points, sum(map(_points, signs))), (*opinion.reasons, *signs)


def _together(words: float, signs: float) -> float:
    """What words and signs come to. Where both speak against a letter they often speak of the same thing, so the weaker
    counts a fifth; where the words speak for it, the signs count less, down to half."""
    if words > 0 and signs > 0:
        return max(words, signs) + min(words, signs) / 5
    if words < 0 < signs:
        return words + signs * max(0.5, 1 + words / 8)
    return words + signs


def _scored(examined: Examined, policy: Settings) -> Verdict:
    found, limits = examined.score or score(examined, policy), policy.antispam
    verdict = ACCEPT
    if advised := found.rejects:
        says = f"{advised} advises to refuse it: {in_words(found)}"
        return Verdict(Kind.REJECT, SCORE, says, _REFUSED, 550, "7.1")
    if found.points >= limits.tag:
        kind = (
            Kind.REJECT
            if found.points >= limits.refuse
            else Kind.QUARANTINE
            if found.points >= limits.hold
            else Kind.TAG
        )
        verdict = _verdict(kind, SCORE, in_words(found), _REFUSED)
    elif _is_mild_test(examined):
        verdict = Verdict(Kind.TAG, TEST_MESSAGE, "the test message that asks for a mark")
    if found.missing:
        return strictest([_unavailable(found.missing, policy), verdict])
    return verdict


def _is_mild_test(examined: Examined) -> bool:
    return not isinstance(examined.reading, Unknown) and is_mild_test(examined.reading.letter)


def in_words(found: Score) -> str:
    """`12.4 points: a link shows bank.example and leads to evil.test (+4.0), …`"""
    told = ", ".join(f"{reason.says or reason.name} ({reason.points:+.1f})" for reason in found.reasons[:TOLD_REASONS])
    return f"{found.points:.1f} points: {told}" if told else f"{found.points:.1f} points"


def _unavailable(missing: tuple[Failed, ...], policy: Settings) -> Verdict:
    says = "; ".join(f"{failed.engine}: {failed.why}" for failed in missing)
    kind = _KINDS[policy.antispam.unavailable]
    if kind is Kind.DEFER:
        return Verdict(kind, UNAVAILABLE, says, "The message could not be checked, try again later", 451, "7.1")
    return Verdict(kind, UNAVAILABLE, says, _HELD if kind is Kind.QUARANTINE else "")
