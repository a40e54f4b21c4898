"""What item 8 demands of an OpenSMTPD: its rules are walked for a stranger, its listeners asked for TLS before AUTH."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lockdown.checklist.relaying.controls import NO_VRFY, OPEN_TO_STRANGERS, PASSWORDS_NEED_TLS
from lockdown.facts.opensmtpd import OpenSmtpd
from lockdown.model.finding import Control, Evidence, Finding, State

TARGET = "opensmtpd"
_AGAIN = "smtpd -n && systemctl restart opensmtpd"
_TLS = ("tls-require", "smtps", "secure")


def audit_opensmtpd(server: OpenSmtpd, rest: Sequence[Control]) -> Iterator[Finding]:
    """The findings on OpenSMTPD; `rest` are the controls that the room has for a mail server."""
    yield _open(server)
    yield from _passwords(server)
    says = "OpenSMTPD does not tell who has a mailbox: it has no VRFY."
    yield NO_VRFY.finding(State.PASS, says, Evidence(server.path, "VRFY is not offered"), target=TARGET)
    for control in rest:
        if control not in (OPEN_TO_STRANGERS, PASSWORDS_NEED_TLS, NO_VRFY):
            says = "This is not judged for OpenSMTPD in this version."
            yield control.finding(State.UNKNOWN, says, target=TARGET, next_command="smtpd -n")


def _open(server: OpenSmtpd) -> Finding:
    if server.listens and not any(one.is_reachable for one in server.listens):
        says = "Strangers do not reach OpenSMTPD: it listens on this machine only."
        return OPEN_TO_STRANGERS.finding(State.PASS, says, server.listens[0].line.evidence, target=TARGET)
    outcome, rule, why = server.answer()
    evidence = rule.line.evidence if rule else Evidence(server.path, "no rule takes foreign recipients from anyone")
    if outcome == "permits":
        says = "Anyone may relay: this rule takes foreign recipients from strangers."
        fix = f"write `from local` or `auth` into that rule, or `for domain` with your own; then {_AGAIN}"
        return OPEN_TO_STRANGERS.finding(State.FAIL, says, evidence, target=TARGET, next_command=fix)
    unread = server.unread[0] if server.unread else ""
    if outcome == "doubtful" or unread:
        says = f"Whether strangers may relay cannot be told: {why if outcome == 'doubtful' else unread}."
        return OPEN_TO_STRANGERS.finding(
            State.UNKNOWN, says, evidence, target=TARGET, next_command="sudo lockdown audit"
        )
    says = (
        "Strangers cannot relay: this rule sends nothing on." if rule else "Strangers cannot relay: no rule takes it."
    )
    return OPEN_TO_STRANGERS.finding(State.PASS, says, evidence, target=TARGET)


def _passwords(server: OpenSmtpd) -> Iterator[Finding]:
    offering = [one for one in server.listens if one.has("auth", "auth-optional")]
    if not offering:
        says = "Users do not log in here: no listener offers AUTH."
        evidence = Evidence(server.path, "no `listen on` has auth")
        yield PASSWORDS_NEED_TLS.finding(State.NOT_APPLICABLE, says, evidence, target=TARGET)
    for one in offering:
        # smtpd.conf(5): with `tls` AUTH is offered only once TLS is on; without any, smtpd does not take the file.
        if one.has("tls", *_TLS) or not one.is_reachable:
            says = "AUTH is taken here over TLS only, or from this machine."
            yield PASSWORDS_NEED_TLS.finding(State.PASS, says, one.line.evidence, target=one.label)
        else:
            says = "AUTH is taken here without TLS: passwords cross the network in clear."
            fix = f"write tls-require and a pki into that line; then {_AGAIN}"
            yield PASSWORDS_NEED_TLS.finding(State.FAIL, says, one.line.evidence, target=one.label, next_command=fix)
