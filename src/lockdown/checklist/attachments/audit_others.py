"""What item 4 demands of an Exim or an OpenSMTPD: a bounded message; what only Postfix has does not apply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lockdown.checklist.attachments.controls import MAILBOX_HOLDS_MESSAGE, MESSAGE_LIMIT, RATE_EXCEPTIONS, RATES_COUNTED
from lockdown.checklist.attachments.sizes import judged
from lockdown.config import Settings
from lockdown.facts import opensmtpd
from lockdown.facts.exim import Exim
from lockdown.facts.opensmtpd import OpenSmtpd
from lockdown.model.finding import Control, Finding, State
from lockdown.model.unknown import Unknown

_POSTFIX_ONLY = (MAILBOX_HOLDS_MESSAGE, RATE_EXCEPTIONS, RATES_COUNTED)


def audit_others(server: Exim | OpenSmtpd, policy: Settings, controls: Sequence[Control]) -> Iterator[Finding]:
    """The findings on a server that is not Postfix."""
    name, target = ("Exim", "exim") if isinstance(server, Exim) else ("OpenSMTPD", "opensmtpd")
    yield _message_limit(server, policy, name, target)
    for control in controls:
        if control in _POSTFIX_ONLY:
            says = f"Only Postfix has this setting; {name} has none like it."
            yield control.finding(State.NOT_APPLICABLE, says, target=target)
        elif control is not MESSAGE_LIMIT:
            says = f"This is not judged for {name} in this version."
            yield control.finding(State.UNKNOWN, says, target=target, next_command=_look(server))


def _look(server: Exim | OpenSmtpd) -> str:
    return "exim4 -bP" if isinstance(server, Exim) else "smtpd -n"


def _message_limit(server: Exim | OpenSmtpd, policy: Settings, name: str, target: str) -> Finding:
    if isinstance(server, Exim):
        limit, setting, fix = server.size("message_size_limit"), "message_size_limit", "message_size_limit = 25M"
    else:
        limit, setting, fix = opensmtpd.size(server), "max-message-size", 'smtp max-message-size "25M"'
    evidence = server.evidence(setting)
    if isinstance(limit, Unknown):
        says = f"The limit cannot be told: {limit.why}."
        return MESSAGE_LIMIT.finding(State.UNKNOWN, says, evidence, target=target, next_command=_look(server))
    state, what = judged(limit, policy.site.profile)
    ask = f"write `{fix}`, and restart {name}" if state is not State.PASS else ""
    return MESSAGE_LIMIT.finding(state, f"{name} takes messages {what}.", evidence, target=target, next_command=ask)
