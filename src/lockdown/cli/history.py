"""`lockdown history`: what was changed on this machine: who, when, why, the diff, how it was proved, how it stands.

Fails as: exit 2 for an apply that is not there; one whose journal cannot be read is shown as that.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lockdown.cli.options import common_options, paint, print_json, print_table, printable

if TYPE_CHECKING:
    from lockdown.engine.apply_record import Entry, Record

_SHOWN = 50


@click.command(name="history", epilog="Example:  lockdown history     lockdown history last")
@click.argument("apply", metavar="[APPLY]", required=False, default="")
@click.option("--all", "show_all", is_flag=True, help=f"More than the newest {_SHOWN}.")
@common_options
def command(apply: str, show_all: bool, config: Path | None, as_json: bool) -> int:
    """Every apply, the newest first; or the whole story of one (`last`: the newest)."""
    from lockdown.engine.apply_record import record_named, records
    from lockdown.engine.own_folder import bring_over
    from lockdown.engine.settings_files import load_settings
    from lockdown.state.layout import StateDirectory

    directory = StateDirectory(Path(load_settings(config).settings.state.directory))
    bring_over(directory)
    folder = directory.applies
    if apply:
        record = record_named(folder, apply)
        print_json("history", **_fields(record)) if as_json else _print(record)
        return 0
    found = records(folder)
    shown = found if show_all else found[:_SHOWN]
    if as_json:
        print_json("history-list", applies=[_summary(record) for record in shown])
    elif not found:
        click.echo("Lockdown has changed nothing on this machine.")
    else:
        print_table([_row(record) for record in shown], ("apply", "by", "items", "changes", "state"))
        if len(found) > len(shown):
            click.echo(f"… and {len(found) - len(shown)} older ones: --all")
    return 0


def _row(record: Record) -> tuple[str, ...]:
    by = record.approval.by if record.approval else "?"
    state = f"{record.state}: {record.problem}" if record.problem else str(record.state)
    if record.until and record.state == "on probation":
        state += f" until {record.until:%T}Z"
    return record.id, by, ", ".join(_items(record)) or "-", str(len(record.changes)), state


def _items(record: Record) -> tuple[str, ...]:
    return tuple(dict.fromkeys(purpose.control.partition(".")[0] for purpose in record.purposes))


# ── one of them ──


def _print(record: Record) -> None:
    click.echo(paint(f"apply {record.id}: {record.state}", bold=True))
    if record.problem:
        click.echo(f"  {printable(record.problem)}; its files lie in {record.journal.folder}")
    if record.approval:
        planned = f", planned by {record.approval.planned}" if record.approval.planned else ""
        click.echo(printable(f"  plan {record.approval.plan}, approved by {record.approval.by}{planned}"))
    for purpose in record.purposes:
        click.echo(f"\n  {paint(purpose.control, bold=True)}  {printable(purpose.why)}")
    click.echo()
    for line in _diff(record):
        click.echo(f"  {printable(line.expandtabs(8))}")
    click.echo()
    for entry in record.entries:
        if words := _in_words(entry):
            click.echo(f"  {entry.at:%F %T}Z  {printable(words)}")
    if record.state in ("applied", "confirmed", "on probation", "rolled back in part"):
        click.echo(f"\n  the way back:  lockdown rollback {record.id}")


def _diff(record: Record) -> Iterator[str]:
    from lockdown.engine.apply_record import described, diff_of

    for edit in record.edits:
        yield from diff_of(edit, context=0).splitlines()
    for deed in record.deeds:
        yield f"* {described(deed.change)}"


def _in_words(entry: Entry) -> str:
    """The entries that a person asks for."""
    fields = entry.fields
    match entry.event:
        case "intended":
            return f"begun; {fields.get('flow', '')}"
        case "armed":
            return f"its timer is set for {str(fields.get('until', ''))[:19].replace('T', ' ')}Z"
        case "reloaded":
            return "written, checked by the services themselves, reloaded"
        case "verified":
            doubts = "".join(f"; not proved: {line}" for line in fields.get("not_proved", ()))
            turned = len(fields.get("turned", ()))
            return f"verified: {turned} controls hold that did not; {fields.get('mail', '')}{doubts}"
        case "committed":
            return "on probation" if fields.get("probation") else "applied"
        case "failed":
            return f"failed: {fields.get('why', '')}"
        case "confirmed":
            return f"confirmed by {fields.get('by', '')}"
        case "undoing":
            return f"rolled back: {fields.get('why', '')}"
        case "undone":
            left = [f"left: {line}" for line in fields.get("left", ())]
            return "; ".join([*left, *map(str, fields.get("problems", ()))]) or "all of it is as it was before"
        case "mail":
            return str(fields.get("says", ""))
        case _:
            return ""


# ── JSON ──


def _summary(record: Record) -> dict[str, Any]:
    approval = record.approval
    return {
        "apply": record.id,
        "state": str(record.state),
        "problem": record.problem or None,
        "plan": approval.plan if approval else None,
        "by": approval.by if approval else None,
        "planned": approval.planned if approval else None,
        "began": record.began.isoformat() if record.began else None,
        "until": record.until.isoformat() if record.until else None,
        "items": list(_items(record)),
        "changes": len(record.changes),
    }


def _fields(record: Record) -> dict[str, Any]:
    from lockdown.engine.apply_record import described, diff_of

    return {
        **_summary(record),
        "purposes": [
            {"control": one.control, "target": one.target, "why": one.why, "risk": one.risk,
             "side_effects": one.side_effects, "on_probation": one.on_probation}
            for one in record.purposes
        ],
        "files": [{"path": edit.after.path, "diff": diff_of(edit)} for edit in record.edits],
        "deeds": [described(deed.change) for deed in record.deeds],
        "left": list(record.left),
        "story": [
            {"at": entry.at.isoformat(), "event": entry.event, "says": _in_words(entry)} for entry in record.entries
        ],
    }  # fmt: skip
