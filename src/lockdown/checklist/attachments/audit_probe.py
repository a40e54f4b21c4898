"""What item 4 says of what a stranger was told: the size that is announced, and whether it is kept."""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.attachments.sizes import judged
from lockdown.config import Settings
from lockdown.facts.probed import Listener, reached, was_probed
from lockdown.model.finding import Control, Evidence, Finding, Severity, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.units import ByteSize
from lockdown.model.unknown import Unknown

SEEN_SIZE = Control(
    id="attachments.seen-size-limit",
    title="The announced size is the one that holds",
    severity=Severity.MEDIUM,
    why="A sender who is not told the limit uploads the whole message before it is refused, or it is not refused.",
    fix="postconf -e message_size_limit=26214400 && postfix reload",
    evidence="SIZE in the EHLO answer, and the answer to MAIL FROM:<> with one octet more",
    references=("RFC 1870 6",),
    black_box=True,
)
PROBE_CONTROLS = (SEEN_SIZE,)


def audit_probe(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """On every listener that was asked; nothing where nothing was probed."""
    if not was_probed(snapshot):
        return
    asked = reached(snapshot)
    if not asked:
        yield SEEN_SIZE.finding(State.NOT_APPLICABLE, "No mail listener was asked.", target="probe")
    for place, seen in asked:
        if isinstance(seen, Unknown):
            says = f"{place} could not be asked: {seen.why}."
            yield SEEN_SIZE.finding(State.UNKNOWN, says, target=place, next_command="lockdown probe HOST")
        else:
            state, says = _size(seen, policy)
            words = f"SIZE {seen.size}; one octet more: {seen.over_size}"
            again = "lockdown probe HOST     (again, some minutes later)" if state is State.UNKNOWN else ""
            evidence = Evidence(seen.source, words)
            yield SEEN_SIZE.finding(state, says, evidence, target=place, next_command=again)


def _size(seen: Listener, policy: Settings) -> tuple[State, str]:
    if seen.kind == "lmtp":
        return State.NOT_APPLICABLE, "Strangers' mail does not come in here."
    if seen.size is None:
        return State.WARN, "It announces no limit of size: a sender learns of it after the upload only."
    if seen.size == 0:
        return State.FAIL, "It announces that messages of any size are taken."
    state, what = judged(ByteSize(seen.size), policy.site.profile)
    if seen.over_size.took:
        return State.FAIL, f"It announces a limit of {ByteSize(seen.size)} and takes more all the same."
    if not seen.over_size.refused:
        return State.UNKNOWN, f"Whether the limit is kept could not be told: {seen.over_size}."
    return state, f"It announces messages {what}, and refuses one octet more."
