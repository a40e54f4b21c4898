"""How a server secures connections, judged on what it said to a stranger: TLS, certificates, ciphers.

No grades: each control says what is required, recommended or only told, by profile, and by port. On port 25 TLS is
opportunistic (RFC 7435): a sender that finds none of its versions sends in plain text, and a name that does not match
keeps out nobody but those who insist (MTA-STS, DANE). Where people log in, both are required.
Judged on readings `probe/tls/…` alone; where a port could not be tried, everything about it is UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from lockdown.checklist.dmz.tls_controls import (
    SEEN_DATES,
    SEEN_HANDSHAKE,
    SEEN_KEY,
    SEEN_NAMES,
    SEEN_SAME,
    SEEN_SECRECY,
    SEEN_STARTTLS,
    SEEN_SUITES,
    SEEN_VERSIONS,
    TLS_CONTROLS,
)
from lockdown.config import Settings
from lockdown.facts.tls_seen import TlsSeen, Untold, names_match, tls_seen
from lockdown.model.finding import Control, Finding, State
from lockdown.model.snapshot import Snapshot

PROBE_CONTROLS = TLS_CONTROLS
_AGAIN = "lockdown probe HOST     (again, some minutes later)"
_SOON, _LATE = timedelta(days=14), timedelta(days=3)
_LEAST_BITS = {"RSA": 2048, "EC": 224}
_LEAST_DH, _BROKEN_DH = 2048, 1024
_BROKEN_DIGESTS = frozenset({"md5", "sha1"})
_BROKEN_SUITES = ("no encryption", "export", "DES", "RC4")

Told = tuple[State, str]
_PASS, _WARN, _FAIL, _NA, _UNKNOWN = State.PASS, State.WARN, State.FAIL, State.NOT_APPLICABLE, State.UNKNOWN

_BY_PROFILE: Mapping[str, Mapping[str, State]] = {
    # What is withdrawn, yet better than plain text between servers: told, recommended, required.
    "old version on 25": {"starter": _PASS, "business": _PASS, "strict": _WARN},
    "old version": {"starter": _WARN, "business": _WARN, "strict": _FAIL},
    "no TLS 1.3": {"starter": _PASS, "business": _PASS, "strict": _WARN},
    "no TLS 1.2": {"starter": _WARN, "business": _FAIL, "strict": _FAIL},
    "broken suite on 25": {"starter": _WARN, "business": _WARN, "strict": _FAIL},
    "broken suite": {"starter": _FAIL, "business": _FAIL, "strict": _FAIL},
    "3DES on 25": {"starter": _PASS, "business": _PASS, "strict": _WARN},
    "3DES": {"starter": _WARN, "business": _WARN, "strict": _FAIL},
    # Between servers nobody asks who the other is, so a cipher that cannot say it loses nothing (RFC 7672 8.2).
    "anonymous on 25": {"starter": _PASS, "business": _PASS, "strict": _PASS},
    "anonymous": {"starter": _FAIL, "business": _FAIL, "strict": _FAIL},
    "no forward secrecy": {"starter": _WARN, "business": _WARN, "strict": _FAIL},
    "static RSA too": {"starter": _PASS, "business": _PASS, "strict": _WARN},
    "untrusted on 25": {"starter": _PASS, "business": _PASS, "strict": _WARN},
    "wrong name on 25": {"starter": _PASS, "business": _PASS, "strict": _WARN},
    "untrusted": {"starter": _WARN, "business": _FAIL, "strict": _FAIL},
    "wrong name": {"starter": _WARN, "business": _FAIL, "strict": _FAIL},
    "no extended secret": {"starter": _PASS, "business": _PASS, "strict": _WARN},
}


def audit_probe_tls(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """The findings on every port that was tried."""
    if not any(name.startswith("probe/") for name in snapshot.readings):
        return
    seen = tls_seen(snapshot)
    if not seen:
        says = "No port was asked about its TLS."
        yield from (control.finding(_NA, says, target="probe") for control in PROBE_CONTROLS)
        return
    secured = [one for one in seen if isinstance(one, TlsSeen) and one.outcome == "secured"]
    for one in seen:
        yield from _port(one, policy, snapshot.taken_at)
    yield _same(secured, seen)


def _port(one: TlsSeen | Untold, policy: Settings, now: datetime) -> Iterator[Finding]:
    if isinstance(one, Untold):
        says = f"TLS on {one.where} could not be tried: {one.why}."
        for control in (SEEN_STARTTLS, *(control for control, _ in _QUESTIONS)):
            yield control.finding(_UNKNOWN, says, target=one.where, next_command=_AGAIN)
        return
    state, says = _offered(one, policy.site.profile)
    yield _finding(SEEN_STARTTLS, one, (state, says))
    for control, question in _QUESTIONS:
        if one.outcome == "secured":
            yield _finding(control, one, question(one, policy.site.profile, now))
        else:
            yield _finding(control, one, (_NA, f"{one.where} has no TLS that works."))


def _finding(control: Control, one: TlsSeen, told: Told) -> Finding:
    state, says = told
    ask = _AGAIN if state is _UNKNOWN else ""
    return control.finding(state, says, one.evidence, target=one.where, next_command=ask)


# ── is there TLS? ──


def _offered(one: TlsSeen, profile: str) -> Told:
    match one.outcome:
        case "secured":
            return _PASS, f"{one.where} offers TLS at {one.address}."
        case "broken":
            return _FAIL, f"{one.where} at {one.address}: {one.why}."
    if one.protocol == "smtp" and one.port == 25:
        return _FAIL, f"{one.where} at {one.address} offers no STARTTLS: all mail comes in as plain text."
    # Whether such a port takes passwords without TLS is another control's to say; none are safe on it.
    return _FAIL, f"{one.where} at {one.address} offers no TLS: passwords would cross the net as plain text."


# ── what is spoken ──


def _by(one: TlsSeen, fault: str, profile: str) -> State:
    key = f"{fault} on 25" if one.port == 25 and f"{fault} on 25" in _BY_PROFILE else fault
    return _BY_PROFILE[key][profile]


def _versions(one: TlsSeen, profile: str, now: datetime) -> Told:
    told = one.versions
    spoken = [name for name, answer in told.items() if answer == "yes"]
    if told.get("SSL 3.0") == "yes":
        return _FAIL, f"{one.where} speaks SSL 3.0, which can be read by others."
    if told.get("TLS 1.2") == told.get("TLS 1.3") == "no":
        return _by(one, "no TLS 1.2", profile), f"{one.where} speaks nothing newer than {spoken[-1]}."
    old = [name for name in ("TLS 1.0", "TLS 1.1") if told.get(name) == "yes"]
    if old:
        also = "; between servers that is better than plain text" if one.port == 25 else ""
        return _by(one, "old version", profile), f"{one.where} still speaks {' and '.join(old)}{also}."
    unknown = [name for name, answer in told.items() if answer == "unknown"]
    if unknown or not told:
        return _UNKNOWN, f"Whether {one.where} speaks {unknown[0] if unknown else 'old versions'} could not be told."
    if told.get("TLS 1.3") == "no":
        return _by(one, "no TLS 1.3", profile), f"{one.where} speaks TLS 1.2, and not yet 1.3."
    return _PASS, f"{one.where} speaks {' and '.join(spoken)}."


def _suites(one: TlsSeen, profile: str, now: datetime) -> Told:
    offered = [name for name, answer in one.suites.items() if answer == "yes"]
    broken = [name for name in _BROKEN_SUITES if name in offered]
    if broken:
        return _by(one, "broken suite", profile), f"{one.where} takes broken ciphers: {', '.join(broken)}."
    if "anonymous" in offered and one.port != 25:
        return _by(one, "anonymous", profile), f"{one.where} takes ciphers by which it need not say who it is."
    if "3DES" in offered:
        return _by(one, "3DES", profile), f"{one.where} takes 3DES, whose blocks are too short."
    unknown = [name for name, answer in one.suites.items() if answer == "unknown"]
    if unknown or not one.suites:
        what = unknown[0] if unknown else "weak ciphers"
        return _UNKNOWN, f"Whether {one.where} takes {what} could not be told."
    if "anonymous" in offered:
        return _by(
            one, "anonymous", profile
        ), f"{one.where} takes no broken cipher (anonymous ones, as is usual on 25)."
    return _PASS, f"{one.where} takes no broken cipher."


def _secrecy(one: TlsSeen, profile: str, now: datetime) -> Told:
    told = one.suites.get("forward secrecy", "unknown")
    modern = one.versions.get("TLS 1.3") == "yes"
    if told == "no" and not modern:
        return _by(one, "no forward secrecy", profile), f"{one.where} exchanges no keys with forward secrecy."
    if 0 < one.dh_bits < _LEAST_DH:
        state = _FAIL if one.dh_bits <= _BROKEN_DH and profile == "strict" else _WARN
        return state, f"{one.where} exchanges keys in a group of {one.dh_bits} bits; {_LEAST_DH} are right."
    if told == "unknown" and not modern:
        return _UNKNOWN, f"How {one.where} exchanges keys could not be told."
    group = f" ({one.group})" if one.group else ""
    if one.suites.get("static RSA") == "yes":
        state = _by(one, "static RSA too", profile)
        return state, f"{one.where} exchanges keys with forward secrecy{group}, and without it too if asked."
    return _PASS, f"{one.where} exchanges keys with forward secrecy{group}."


def _handshake(one: TlsSeen, profile: str, now: datetime) -> Told:
    if one.compression == "yes":
        return _WARN, f"{one.where} compresses what it encrypts, which leaks secrets."
    if one.renegotiation == "no":
        return _WARN, f"{one.where} does not protect renegotiation: others may speak before the client does."
    if "unknown" in (one.compression, one.renegotiation):
        return _UNKNOWN, f"How {one.where} shakes hands could not be told."
    if one.extended_secret == "no":
        state = _by(one, "no extended secret", profile)
        return state, f"{one.where} does not bind its secret to the handshake (RFC 7627)."
    return _PASS, f"{one.where} shakes hands without compression, and with renegotiation protected."


# ── certificates ──


def _unseen(one: TlsSeen) -> Told | None:
    if one.chain:
        return None
    return _UNKNOWN, f"The certificate of {one.where} was not seen: {one.untrusted_because or 'it sent none'}."


def _dates(one: TlsSeen, profile: str, now: datetime) -> Told:
    if unseen := _unseen(one):
        return unseen
    leaf = one.chain[0]
    left = leaf.not_after - now
    until = f"{leaf.not_after:%Y-%m-%d}"
    if left <= timedelta(0):
        return _FAIL, f"The certificate of {one.where} ran out on {until}."
    if leaf.not_before > now:
        return _FAIL, f"The certificate of {one.where} is valid only from {leaf.not_before:%Y-%m-%d} on."
    # A certificate that is made for less than a month is renewed later: two thirds of it are what is usual.
    whole = leaf.not_after - leaf.not_before
    if left < min(_SOON, whole / 3):
        state = _FAIL if left < min(_LATE, whole / 10) else _WARN
        return state, f"The certificate of {one.where} runs out on {until}: its renewal did not happen."
    return _PASS, f"The certificate of {one.where} is valid until {until}."


def _names(one: TlsSeen, profile: str, now: datetime) -> Told:
    if unseen := _unseen(one):
        return unseen
    named = ", ".join(one.chain[0].names[:3]) or "nobody"
    if not names_match(one.chain[0], one.host):
        return _by(one, "wrong name", profile), f"The certificate of {one.where} is made out to {named}."
    if one.trusted == "no":
        why = one.untrusted_because.removeprefix("certificate: ")
        return _by(one, "untrusted", profile), f"The certificate of {one.where} is not trusted: {why}."
    if one.trusted == "unknown":
        return (
            _UNKNOWN,
            f"Whether the certificate of {one.where} is trusted could not be told: {one.untrusted_because}.",
        )
    return _PASS, f"The certificate of {one.where} is trusted, and made out to it."


def _key(one: TlsSeen, profile: str, now: datetime) -> Told:
    if unseen := _unseen(one):
        return unseen
    # A root signs itself, and nobody checks that signature; the others must hold.
    for number, held in enumerate(one.chain):
        whose = f"The certificate of {one.where}" if number == 0 else f"A certificate above that of {one.where}"
        least = _LEAST_BITS.get(held.key.partition(" ")[0], 0)
        if held.bits < least:
            return _FAIL, f"{whose} has a key of {held.bits} bits ({held.key}); {least} are the least."
        if held.signed_with in _BROKEN_DIGESTS and not held.self_signed:
            return _FAIL, f"{whose} is signed with {held.signed_with.upper()}, which can be forged."
    return _PASS, f"The certificate of {one.where} has a good key ({one.chain[0].key})."


def _same(secured: list[TlsSeen], seen: tuple[TlsSeen | Untold, ...]) -> Finding:
    """Certificates for the same names that end on different days: one of them was not reloaded."""
    ends: dict[tuple[str, tuple[str, ...], str], dict[datetime, str]] = {}
    for one in secured:
        if one.chain:
            leaf = one.chain[0]
            ends.setdefault((one.host, tuple(sorted(leaf.names)), leaf.key), {}).setdefault(leaf.not_after, one.where)
    for (host, _, _), by_date in sorted(ends.items()):
        if len(by_date) > 1:
            first, last = min(by_date), max(by_date)
            says = (
                f"{by_date[first]} shows a certificate until {first:%Y-%m-%d}, and {by_date[last]} one for the same "
                f"names until {last:%Y-%m-%d}: a service was not reloaded."
            )
            return SEEN_SAME.finding(_WARN, says, target=host)
    if not ends:
        state = _UNKNOWN if any(isinstance(one, Untold) for one in seen) or secured else _NA
        ask = _AGAIN if state is _UNKNOWN else ""
        return SEEN_SAME.finding(state, "No certificate was seen.", target="probe", next_command=ask)
    return SEEN_SAME.finding(
        _PASS, "Every port shows the newest certificate that was seen for its names.", target="probe"
    )


_QUESTIONS: tuple[tuple[Control, Callable[[TlsSeen, str, datetime], Told]], ...] = (
    (SEEN_VERSIONS, _versions),
    (SEEN_SUITES, _suites),
    (SEEN_SECRECY, _secrecy),
    (SEEN_DATES, _dates),
    (SEEN_NAMES, _names),
    (SEEN_KEY, _key),
    (SEEN_HANDSHAKE, _handshake),
)
