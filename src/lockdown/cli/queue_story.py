"""The deeds on a queue, on the screen: a list of them, and the story of one, with what can be typed next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click

from lockdown.cli.options import paint, print_labelled, print_table, printable
from lockdown.engine.queue_record import Deed, Record, State
from lockdown.model.units import ByteSize

_NEXT: dict[State, tuple[tuple[str, str], ...]] = {
    State.HOLDING: (("undo", "lockdown queue undo {id}"),),
    State.HELD: (("undo", "lockdown queue undo {id}     (they go on)"), ("delete", "lockdown queue delete {id}")),
    State.DUE: (("undo", "lockdown queue undo {id}     (they go on)"),),
    State.DELETING: (("undo", "lockdown queue undo {id}     (they lie in hold again)"),),
    State.DELETED: (("undo", "lockdown queue undo {id}     (they lie in hold again)"),),
    State.RELEASED: (),
    State.EXPIRED: (),
}
_EVENTS = {
    "intended": "to be held", "held": "held", "due": "to be deleted", "archived": "archived",
    "deleted": "deleted from the queue", "released": "released", "restored": "put back, and held",
    "expired": "the archive and the samples are removed", "not-released": "not all was released",
    "not-deleted": "not deleted",
}  # fmt: skip


def print_deeds(deeds: Sequence[Deed]) -> None:
    """The newest first."""
    if not deeds:
        click.echo("nothing was done to the queue here, as far as this user may read")
        return
    rows = [
        (deed.id, deed.state.value, f"{deed.since:%m-%d %H:%M}", str(deed.count), "; ".join(_about(deed)))
        for deed in deeds
    ]
    print_table(rows, ("deed", "is", "since (UTC)", "mails", "what"))
    click.echo(f"\ntype: lockdown queue status {deeds[0].id}")


def _about(deed: Deed) -> Iterator[str]:
    yield deed.what
    yield f"by {deed.by}" + (f": {deed.why}" if deed.why else "")
    if deed.progress:
        yield deed.progress


def print_deed(kept: Record) -> None:
    """All that is known of one."""
    deed = kept.deed()
    count = f"{deed.count} messages, {ByteSize(deed.octets)}; times are UTC"
    click.echo(paint(f"{deed.id} is {deed.state.value}: {printable(count)}", bold=True))
    _say("what", deed.what)
    _say("by", deed.by)
    for label, text in (("why", deed.why), ("progress", deed.progress)):
        if text:
            _say(label, text)
    for entry in deed.entries:
        _say(f"{entry.at:%m-%d %H:%M:%S}", _event(entry.event, entry.fields))
    if samples := kept.samples():
        _say("samples", f"{len(samples)}: less {samples[0].parent}/*")
    if deed.state in (State.DELETING, State.DELETED):
        _say("archive", str(kept.archive))
    for label, words in _NEXT[deed.state]:
        _say(label, words.format(id=deed.id))


def _say(label: str, text: str) -> None:
    print_labelled(label, text, width=16)


def _event(event: str, fields: Any) -> str:
    count, by, said = fields.get("count"), fields.get("by"), fields.get("said")
    words = _EVENTS.get(event, event) + (f": {count}" if count is not None else "")
    gone = f", {fields['gone']} were gone" if fields.get("gone") else ""
    return words + gone + (f", by {by}" if by else "") + (f": {said}" if said else "")


def deed_fields(deed: Deed) -> dict[str, object]:
    """For programs."""
    return {
        "id": deed.id, "state": deed.state.value, "at": deed.at.isoformat(), "since": deed.since.isoformat(),
        "server": deed.server, "what": deed.what, "by": deed.by, "why": deed.why, "count": deed.count,
        "octets": deed.octets, "progress": deed.progress,
    }  # fmt: skip
