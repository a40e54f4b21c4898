"""Propose what turns the three."""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.config import Settings
from lockdown.model.change import Left, Proposal, PutFile, Risk, Run, SetAccount, SetPostfix
from lockdown.model.finding import State
from lockdown.model.snapshot import Snapshot
from tests.rig.double import ACCOUNT, LOGINS, VRFY
from tests.rig.double.audit import DROP_IN, SHUT, audit

TEXT = "# Lockdown: double.logins-told: failed logins are told; undo: lockdown rollback\nauth_verbose = yes\n"


def enforce(snapshot: Snapshot, policy: Settings) -> Iterator[Proposal | Left]:
    """Only what does not hold."""
    fails = {one.control for one in audit(snapshot, policy) if one.state in (State.FAIL, State.WARN)}
    if VRFY.id in fails:
        why, none = "VRFY answers strangers: disable_vrfy_command is no.", "none known"
        yield Proposal(VRFY.id, SetPostfix("disable_vrfy_command", "yes"), why, Risk.NONE, none)
        yield Proposal(VRFY.id, Run(("touch", "/etc/postfix/tables-made"), ()), why, Risk.NONE, none)
        if policy.site.profile == "strict":
            stops = SetPostfix("smtpd_recipient_restrictions", "reject")
            yield Proposal(VRFY.id, stops, "A change that stops all mail.", Risk.HIGH, "everybody")
    if LOGINS.id in fails:
        yield Proposal(
            LOGINS.id, PutFile(DROP_IN, TEXT), "Failed logins are not told: auth_verbose is no.", Risk.LOW,
            "the log grows", on_probation=policy.site.profile == "business",
        )  # fmt: skip
        yield Left("double.by-hand", "Who may log in is for a person to say.", "vi /etc/passwd")
    if ACCOUNT.id in fails:
        yield Proposal(
            ACCOUNT.id, SetAccount("surplus", locked=True, expired=True, shell=SHUT), "Nobody uses surplus.",
            Risk.LOW, "surplus cannot log in",
        )  # fmt: skip
