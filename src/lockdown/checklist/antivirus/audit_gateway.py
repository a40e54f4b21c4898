"""What item 1 demands of the gateway's own settings: that it scans, and that no setting lets something pass unread."""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.antivirus.audit_controls import (
    ENCRYPTED_STATED,
    FAILS_CLOSED,
    GATEWAY_SCANS,
    NO_NOTIFICATION,
    OWN_HOST,
    SCANNER_IN_EVERY_PATH,
    TYPES_BY_CONTENT,
)
from lockdown.config import Settings
from lockdown.facts.clamav import clamd, tells_encrypted
from lockdown.facts.gateway import Gateway
from lockdown.facts.scanner_files import Words
from lockdown.facts.upstream import Here, upstreams_of
from lockdown.mime.kinds import KINDS, Family
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.snapshot import Snapshot

TARGET = "gateway"
BUILTIN = "builtin"
PASSES = "accept-and-mark"


def audit_gateway(snapshot: Snapshot, found: Gateway, policy: Settings) -> Iterator[Finding]:
    """The findings on the gateway itself."""
    yield _path(found)
    yield _scans(found, policy)
    yield _unavailable(found, policy)
    yield _own_host(snapshot, found)
    says = "The gateway refuses a virus while its sender waits, or holds it: it writes to nobody."
    yield NO_NOTIFICATION.finding(State.PASS, says, found.evidence("antivirus.found"), target=TARGET)
    yield _encrypted(snapshot, found, policy)
    yield _types(found)


def _weak(policy: Settings) -> State:
    """What delivers a danger with a mark is a warning, and for a regulated site a failure."""
    return State.FAIL if policy.site.profile == "strict" else State.WARN


def _path(found: Gateway) -> Finding:
    engines, listens = found.settings.antivirus.engines, ", ".join(found.settings.gateway.listen)
    evidence = (found.evidence("antivirus.engines"), found.evidence("gateway.listen"))
    fix = GATEWAY_SCANS.fix
    if not engines:
        says = f"The gateway takes mail on {listens}, and no engine is set: viruses pass."
        return SCANNER_IN_EVERY_PATH.finding(State.FAIL, says, *evidence, target=TARGET, next_command=fix)
    says = f"All that comes in on {listens} is read by {', '.join(engines)}."
    return SCANNER_IN_EVERY_PATH.finding(State.PASS, says, *evidence, target=TARGET)


def _scans(found: Gateway, policy: Settings) -> Finding:
    engines, evidence = found.settings.antivirus.engines, found.evidence("antivirus.engines")
    if not engines:
        return GATEWAY_SCANS.finding(State.FAIL, "The gateway scans nothing.", evidence, target=TARGET)
    if BUILTIN not in engines:
        says = "The builtin engine is off: types, macros and containers are not read."
        return GATEWAY_SCANS.finding(State.WARN, says, evidence, target=TARGET)
    if engines == (BUILTIN,):
        says = (
            "The builtin engine reads types, macros and containers; none with a database of viruses stands beside it."
        )
        state = State.WARN if policy.site.profile == "strict" else State.PASS
        return GATEWAY_SCANS.finding(state, says, evidence, target=TARGET)
    return GATEWAY_SCANS.finding(State.PASS, f"The gateway scans with {', '.join(engines)}.", evidence, target=TARGET)


def _unavailable(found: Gateway, policy: Settings) -> Finding:
    chosen, evidence = found.settings.antivirus.unavailable, found.evidence("antivirus.unavailable")
    if chosen == PASSES:
        says = "When a scanner is down, the gateway delivers mail that it has not read, with a mark."
        return FAILS_CLOSED.finding(_weak(policy), says, evidence, target=TARGET)
    becomes = "waits at its sender" if chosen == "defer" else "is held for a person"
    says = f"When a scanner is down, mail {becomes}."
    return FAILS_CLOSED.finding(State.PASS, says, evidence, target=TARGET)


def _own_host(snapshot: Snapshot, found: Gateway) -> Finding:
    evidence = (found.evidence("gateway.upstream"), found.evidence("site.role"))
    beside = _mailboxes_here(snapshot, found)
    if not beside:
        says = "The mail server behind is another machine."
        return OWN_HOST.finding(State.PASS, says, *evidence, target=TARGET)
    says = f"Strangers' files are opened on the machine of the mailboxes ({beside})."
    if found.settings.site.role == "all-in-one":
        says += " This machine is meant to be all in one; a gateway of its own would be the better wall."
    return OWN_HOST.finding(State.WARN, says, *evidence, target=TARGET)


def _mailboxes_here(snapshot: Snapshot, found: Gateway) -> str:
    """The upstream that keeps its mailboxes on this machine; empty for none."""
    for upstream in upstreams_of(snapshot, found.settings):
        local = upstream.url.startswith(("maildir:", "lmtp:/")) and not upstream.url.startswith("lmtp://")
        loopback = upstream.url.startswith(("lmtp://127.", "lmtp://localhost", "lmtp://[::1]"))
        if isinstance(upstream, Here) or local or loopback:
            return upstream.url
    return ""


def _encrypted(snapshot: Snapshot, found: Gateway, policy: Settings) -> Finding:
    chosen = found.settings.antivirus
    evidence = (found.evidence("antivirus.encrypted"), found.evidence("antivirus.unread"))
    for key, value in (("encrypted", chosen.encrypted), ("unread", chosen.unread)):
        if value == PASSES:
            what = "needs a password" if key == "encrypted" else "no engine has read"
            fix = f'write antivirus.{key} = "quarantine" in lockdown.toml'
            says = f"What {what} is delivered, with a mark."
            return _stated(_weak(policy), says, *evidence, fix=fix)
    if BUILTIN not in chosen.engines:
        return _seen_by_clamd(snapshot, found, evidence)
    words = {"reject": "refused", "quarantine": "held for a person"}
    says = f"What needs a password is {words[chosen.encrypted]}, what could not be read {words[chosen.unread]}."
    return _stated(State.PASS, says, *evidence)


def _stated(state: State, says: str, *evidence: Evidence, fix: str = "") -> Finding:
    return ENCRYPTED_STATED.finding(state, says, *evidence, target=TARGET, next_command=fix)


def _seen_by_clamd(snapshot: Snapshot, found: Gateway, evidence: tuple[Evidence, ...]) -> Finding:
    """Without the builtin engine it is clamd that must notice a password."""
    conf = clamd(snapshot)
    fix = GATEWAY_SCANS.fix
    if not any(engine.startswith("clamd:") for engine in found.settings.antivirus.engines):
        return _stated(State.FAIL, "No engine notices what needs a password.", *evidence, fix=fix)
    if not isinstance(conf, Words):
        says = f"Whether clamd notices what needs a password cannot be told: {conf.why}."
        return _stated(State.UNKNOWN, says, *evidence, fix=fix)
    if not tells_encrypted(conf):
        says = "The builtin engine is off, and clamd calls clean what needs a password."
        return _stated(State.FAIL, says, conf.evidence("AlertEncrypted", "not written, no is the default"), fix=fix)
    says = "clamd notices what needs a password, and it is not delivered."
    return _stated(State.PASS, says, conf.evidence("AlertEncrypted"), *evidence)


_PROGRAMS = frozenset({Family.PROGRAM, Family.SCRIPT, Family.SHORTCUT})


def _types(found: Gateway) -> Finding:
    chosen = found.settings.antivirus
    evidence = (
        found.evidence("antivirus.forbidden"),
        found.evidence("antivirus.macros"),
        found.evidence("antivirus.allowed_types"),
    )
    if BUILTIN not in chosen.engines:
        says = "The builtin engine is off, and no other looks at types: programs pass."
        return _typed(State.FAIL, says, *evidence, fix=GATEWAY_SCANS.fix)
    for key, value in (("forbidden", chosen.forbidden), ("macros", chosen.macros)):
        if value == PASSES:
            what = "Programs and scripts are" if key == "forbidden" else "Documents with macros are"
            fix = f'write antivirus.{key} = "quarantine" in lockdown.toml'
            return _typed(State.FAIL, f"{what} delivered, with a mark.", *evidence, fix=fix)
    allowed = [KINDS[word] for word in chosen.allowed_types if word in KINDS]
    if any(kind.family in _PROGRAMS for kind in allowed):
        says = f"What starts when it is opened comes through, from anybody: {', '.join(chosen.allowed_types)}."
        return _typed(State.FAIL, says, evidence[2])
    if chosen.allowed_types:
        says = f"There are exceptions, for anybody's mail: {', '.join(chosen.allowed_types)}."
        return _typed(State.WARN, says, evidence[2])
    return _typed(State.PASS, "Types are told by their content, and there is no exception.", *evidence)


def _typed(state: State, says: str, *evidence: Evidence, fix: str = "") -> Finding:
    return TYPES_BY_CONTENT.finding(state, says, *evidence, target=TARGET, next_command=fix)
