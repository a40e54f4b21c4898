"""What item 7 would change: who gets in and no longer should, and how those who stay prove who they are.

Nobody is shut out who is in use, who is named in `admins.keep`, or who is the last. Whatever a person must choose is
left, with what to type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from lockdown.checklist.admins import controls
from lockdown.checklist.admins.audit import audit
from lockdown.checklist.admins.enforce_accounts import (
    empty_passwords,
    forced_ageing,
    second_root,
    service_shells,
    surplus,
    unused_administrators,
)
from lockdown.checklist.admins.enforce_local import narrow_queue
from lockdown.checklist.admins.enforce_passwords import least_length, strong_hashes
from lockdown.checklist.admins.enforce_ssh import no_passwords, no_root
from lockdown.checklist.admins.standing import Standing, standing
from lockdown.config import Settings
from lockdown.model.change import Left, Proposal
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot

Answer = Callable[[Standing, Finding], Iterator[Proposal | Left]]


def _by_hand(why: str) -> Answer:
    def left(now: Standing, finding: Finding) -> Iterator[Left]:
        yield Left(finding.control, f"{finding.says} {why}", finding.next_command, finding.target)

    return left


ANSWERS: Mapping[str, Answer] = {
    controls.ONE_ROOT.id: second_root,
    controls.FEW.id: surplus,
    controls.BY_NAME.id: _by_hand("Whose it is, only a person knows."),
    controls.NO_EMPTY.id: empty_passwords,
    controls.STRONG_HASHES.id: strong_hashes,
    controls.LENGTH.id: least_length,
    controls.NO_AGEING.id: forced_ageing,
    controls.SUDO_PASSWORD.id: _by_hand("What relies on it must be known first."),
    controls.ROOT_SSH.id: no_root,
    controls.PASSWORD_SSH.id: no_passwords,
    controls.KEYS.id: _by_hand("Its owner must bring another key first."),
    controls.UNUSED.id: unused_administrators,
    controls.SERVICE_SHELLS.id: service_shells,
    controls.NO_SETUP_PAGES.id: _by_hand("What the page is for, only a person knows."),
    controls.CONSOLE.id: _by_hand("lockdown.toml is yours to write."),
    controls.LOCAL_QUEUE.id: narrow_queue,
    controls.LOCAL_SUBMISSION.id: _by_hand("Whether a page or a job of it is to send mail, only a person knows."),
    controls.MAILBOX_SCHEMES.id: _by_hand("Only with the password itself is a new hash made: users set theirs again."),
}
"""By control; one that is not here is answered with its own words alone."""


def enforce(snapshot: Snapshot, policy: Settings) -> Iterator[Proposal | Left]:
    """What would turn the findings of the audit that do not hold."""
    now = standing(snapshot, policy)
    for finding in audit(snapshot, policy):
        if finding.state in (State.FAIL, State.WARN):
            yield from ANSWERS.get(finding.control, _by_hand("Nothing is changed for it."))(now, finding)
