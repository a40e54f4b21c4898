"""What item 1 demands of a ClamAV on the machine: that it reads as far as mail is accepted, and that it is updated."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from lockdown.checklist.antivirus.audit_controls import ENCRYPTED_STATED, LIMITS_AGREE, SIGNATURES_FRESH
from lockdown.facts.clamav import (
    Limit,
    Update,
    clamd,
    freshclam,
    is_of,
    last_update,
    limits,
    tells_encrypted,
    tells_what_it_skipped,
)
from lockdown.facts.engines import Engine, engines
from lockdown.facts.gateway import Gateway
from lockdown.facts.scanner_files import Absent, Words
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.units import ByteSize
from lockdown.model.unknown import Unknown

FRESHCLAM = "freshclam"
_LOCAL = ("clamd:///", "clamd://127.", "clamd://localhost:", "clamd://[::1]:")


def audit_clamav(snapshot: Snapshot, found: Gateway) -> Iterator[Finding]:
    """The findings on each clamd that the settings name, and on what updates the one of this machine."""
    asked = engines(snapshot, "antivirus", found.settings.antivirus.engines)
    clamds = {url: engine for url, engine in asked.items() if url.startswith("clamd:")}
    if not clamds:
        says = "No clamd is among the engines of the gateway; the builtin one says itself what it has not read."
        evidence = found.evidence("antivirus.engines")
        yield LIMITS_AGREE.finding(State.NOT_APPLICABLE, says, evidence, target="gateway")
    for url, engine in clamds.items():
        yield _limits(snapshot, found, url, engine)
        yield _encrypted(snapshot, url)
    if any(url.startswith(_LOCAL) for url in clamds):
        yield _updates(snapshot, found)


def _conf(snapshot: Snapshot, url: str) -> Words | Absent | Unknown:
    if not url.startswith(_LOCAL):
        return Absent("it is another machine's")
    conf = clamd(snapshot)
    if isinstance(conf, Words) and not is_of(conf, url):
        return Absent(f"{conf.path} names other sockets")
    return conf


def _encrypted(snapshot: Snapshot, url: str) -> Finding:
    """A second pair of eyes: the builtin engine notices passwords too, unless the format is one that it cannot open."""
    conf, target = _conf(snapshot, url), f"engine {url}"
    if not isinstance(conf, Words):
        says = f"Whether this clamd notices what needs a password cannot be told: {conf.why}."
        ask = "clamconf -n     (on the machine of that engine: AlertEncrypted must be yes)"
        return ENCRYPTED_STATED.finding(State.UNKNOWN, says, target=target, next_command=ask)
    evidence = conf.evidence("AlertEncrypted", "not written, no is the default")
    if tells_encrypted(conf):
        says = "This clamd notices what needs a password."
        return ENCRYPTED_STATED.finding(State.PASS, says, evidence, target=target)
    says = "This clamd calls clean what needs a password."
    fix = f"write AlertEncrypted yes in {conf.path}, then systemctl restart clamav-daemon"
    return ENCRYPTED_STATED.finding(State.WARN, says, evidence, target=target, next_command=fix)


def _limits(snapshot: Snapshot, found: Gateway, url: str, engine: Engine | Unknown) -> Finding:
    conf = _conf(snapshot, url)
    if isinstance(conf, Words):
        known = limits(conf, "" if isinstance(engine, Unknown) else engine.version)
        return _agree(found, url, conf, known, engine)
    return _as_tried(found, url, conf.why, engine)


def _as_tried(found: Gateway, url: str, why: str, engine: Engine | Unknown) -> Finding:
    """Without its settings, the trial is all there is: it tells how far one file is read, not what is in archives."""
    evidence, target = found.evidence("gateway.max_message"), f"engine {url}"
    if isinstance(engine, Engine) and engine.reaches is False:
        says = f"It says nothing of a virus behind {found.settings.gateway.max_message} of other files."
        return LIMITS_AGREE.finding(State.FAIL, says, evidence, engine.evidence, target=target)
    says = f"How far this clamd reads cannot be told: its settings could not be read ({why})."
    ask = "clamconf -n     (on the machine of that engine: AlertExceedsMax must be yes)"
    return LIMITS_AGREE.finding(State.UNKNOWN, says, evidence, target=target, next_command=ask)


def _agree(
    found: Gateway, url: str, conf: Words, known: tuple[Limit, ...] | Unknown, engine: Engine | Unknown
) -> Finding:
    target, most = f"engine {url}", found.settings.gateway.max_message
    tells = conf.evidence("AlertExceedsMax", "not written, no is the default")
    accepted = found.evidence("gateway.max_message")
    if isinstance(known, Unknown):
        return LIMITS_AGREE.finding(State.UNKNOWN, f"{known.why}.", accepted, target=target, next_command="clamconf -n")
    small = [limit for limit in known if limit.value is not None and limit.value < most]
    silent = not tells_what_it_skipped(conf)
    if silent and (beyond := [limit for limit in small if limit.name != "StreamMaxLength"]):
        says = f"You accept {most}, {_named(beyond)}, and clamd calls clean what lies beyond."
        return LIMITS_AGREE.finding(State.FAIL, says, beyond[0].evidence, tells, accepted, target=target)
    if isinstance(engine, Engine) and engine.reaches is False:
        says = f"It was tried, and says nothing of a virus behind {most} of other files."
        return LIMITS_AGREE.finding(State.FAIL, says, engine.evidence, tells, accepted, target=target)
    if silent:
        says = "What an archive unpacks to beyond MaxScanSize, MaxFiles or MaxRecursion, clamd calls clean."
        return LIMITS_AGREE.finding(State.WARN, says, tells, accepted, target=target)
    if small:
        says = f"You accept {most}, {_named(small)}: what is larger is not delivered, but held."
        fix = f"write {small[0].name} {_megabytes(most)} in {conf.path}, then systemctl restart clamav-daemon"
        return LIMITS_AGREE.finding(State.WARN, says, small[0].evidence, accepted, target=target, next_command=fix)
    says = f"clamd reads all of {most}, and says what it has not read."
    return LIMITS_AGREE.finding(State.PASS, says, *(limit.evidence for limit in known), tells, target=target)


def _named(small: list[Limit]) -> str:
    return "clamd reads " + ", ".join(f"{limit.name} {limit.value}" for limit in small)


def _megabytes(size: int) -> str:
    return f"{-(-size // ByteSize.parse('1 MiB'))}M"


def _updates(snapshot: Snapshot, found: Gateway) -> Finding:
    """What brings the signatures: its settings, and its last success."""
    conf = freshclam(snapshot)
    if isinstance(conf, Unknown):
        return _update(State.UNKNOWN, f"Whether signatures are updated cannot be told: {conf.why}.")
    if isinstance(conf, Absent):
        return _update(State.WARN, f"Nothing here updates the signatures: freshclam is {conf.why}.")
    if conf.last("Checks") == "0":
        return _update(State.FAIL, "freshclam is told never to look for new signatures.", conf)
    return _last(snapshot, found, conf)


def _last(snapshot: Snapshot, found: Gateway, conf: Words) -> Finding:
    limit = found.settings.antivirus.signature_age
    match last_update(snapshot):
        case Absent(why):
            return _update(State.UNKNOWN, f"When signatures last came cannot be told: freshclam's log is {why}.", conf)
        case Unknown(why):
            return _update(State.UNKNOWN, f"When signatures last came cannot be told: {why}.", conf)
        case Update(at, evidence):
            # The log is in local time: half a day either way is no news.
            age = max(timedelta(0), snapshot.taken_at - at - timedelta(hours=14))
    state = State.FAIL if age > limit else State.WARN if age > limit / 3 else State.PASS
    says = f"freshclam last had all that there is on {at:%Y-%m-%d %H:%M}."
    return SIGNATURES_FRESH.finding(state, says, evidence, target=FRESHCLAM)


def _update(state: State, says: str, conf: Words | None = None) -> Finding:
    evidence = [conf.evidence("Checks", "not written, 12 a day is the default")] if conf else []
    ask = "journalctl -u clamav-freshclam" if state is State.UNKNOWN else ""
    return SIGNATURES_FRESH.finding(state, says, *evidence, target=FRESHCLAM, next_command=ask)
