"""`lockdown audit`: how this machine, or a snapshot of another one, stands against the checklist.

Fails as: exit 1 for findings, 2 for usage and settings, 3 when nothing failed but not everything could be told.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lockdown.cli.options import common_options
from lockdown.model.errors import OperatorError
from lockdown.model.finding import State

if TYPE_CHECKING:
    from lockdown.config import Settings
    from lockdown.engine.audit import Report, Waiver
    from lockdown.model.snapshot import Snapshot

_COMMIT_SECONDS = 10.0


@click.command(
    name="audit", epilog="Example:  lockdown audit --item relaying     lockdown audit --from ./snapshot --json"
)
@click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Judge this snapshot instead of this machine.",
)
@click.option(
    "--postfix-config",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where main.cf and master.cf lie [Postfix's own].",
)
@click.option("--item", "items", multiple=True, metavar="ID", help="Only this item of the checklist; may be repeated.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write the report there."
)
@click.option(
    "--fail-on",
    type=click.Choice(["warn", "fail"]),
    default="fail",
    show_default=True,
    help="What makes the exit code 1.",
)
@click.option("--all", "show_all", is_flag=True, help="Show what holds as well.")
@common_options
def command(
    folder: Path | None, postfix_config: Path | None, items: tuple[str, ...], form: str, output: Path | None,
    fail_on: str, show_all: bool, config: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """How this machine stands against the checklist. Reads only; changes nothing."""
    from lockdown.cli.audit_text import render

    if folder and postfix_config:
        raise click.UsageError("--from and --postfix-config exclude each other: a snapshot brings its own Postfix.")
    _check_items(items)
    report = _report(folder, postfix_config, items, config)
    code = report.exit_code(State(fail_on), items)
    machine = as_json or form == "json"
    text = json.dumps(as_fields(report, code), ensure_ascii=False, indent=2) + "\n" if machine else ""
    if output:
        _write(output, text or render(report, show_all=show_all, coloured=False))
        click.echo(f"report written to {output}", err=True)
    else:
        click.echo(text or render(report, show_all=show_all), nl=False)
    return code


def _check_items(items: Sequence[str]) -> None:
    import difflib

    from lockdown.engine.audit import cards

    known = [card.id for card in cards()]
    for item in items:
        if item not in known:
            near = difflib.get_close_matches(item, known, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]}?" if near else f"Items: {', '.join(known)}."
            raise click.UsageError(f"There is no item {item!r}. {hint}")


def _report(folder: Path | None, postfix_config: Path | None, items: Sequence[str], config: Path | None) -> Report:
    from lockdown.engine.audit import audit
    from lockdown.engine.settings_files import load_settings
    from lockdown.engine.snapshots import snapshot_from_folder, snapshot_of_this_machine

    now = datetime.now(UTC)
    if folder:
        snapshot = snapshot_from_folder(folder)
        return audit(snapshot, _policy_for(snapshot, config), now, items=items)
    loaded = load_settings(config)
    snapshot = snapshot_of_this_machine(loaded, now, postfix_config)
    if postfix_config or items:
        return audit(snapshot, loaded.settings, now, items=items, waivers=_waivers(loaded.settings, now))
    return _audit_and_record(snapshot, loaded.settings, now)


def _policy_for(snapshot: Snapshot, config: Path | None) -> Settings:
    """A snapshot is judged by the profile and role of its own machine, unless other settings are named."""
    from lockdown.engine.settings_files import load_settings
    from lockdown.engine.snapshots import settings_of
    from lockdown.model.unknown import Unknown

    own = settings_of(snapshot)
    return load_settings(config).settings if config or isinstance(own, Unknown) else own


def _audit_and_record(snapshot: Snapshot, settings: Settings, now: datetime) -> Report:
    """A whole audit of this machine is kept, so that the next one can say what has changed."""
    from lockdown.engine.audit import audit

    report = audit(snapshot, settings, now, waivers=_waivers(settings, now))
    try:
        _record(report, settings)
    except OperatorError as problem:
        print(f"lockdown: this audit is not recorded: {problem.what}: {problem.why}", file=sys.stderr)
    return report


def _database_exists(settings: Settings) -> bool:
    from lockdown.state.layout import StateDirectory

    return StateDirectory(Path(settings.state.directory)).database.exists()


def _waivers(settings: Settings, now: datetime) -> list[Waiver]:
    """The waivers in force; a store that cannot be read waives nothing, and is told."""
    if not _database_exists(settings):
        return []
    from lockdown.state.store import open_store

    try:
        with closing(open_store(Path(settings.state.directory))) as store:
            return list(store.waivers(now))
    except OperatorError as problem:
        print(f"lockdown: waivers are not read: {problem.what}: {problem.why}", file=sys.stderr)
        return []


def _record(report: Report, settings: Settings) -> None:
    """An audit alone makes no state directory: that is for `lockdown up`."""
    if not _database_exists(settings):
        return
    from lockdown.state.store import open_store

    with closing(open_store(Path(settings.state.directory))) as store:
        store.record_audit(report.findings, report.host, report.taken_at).result(_COMMIT_SECONDS)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OperatorError(
            "report-not-written",
            what=f"{path} could not be written",
            why=error.strerror or str(error),
            try_this="lockdown audit -o /tmp/report.txt     (a place that you may write to)",
        ) from None


def as_fields(report: Report, code: int) -> dict[str, Any]:
    """The report as JSON; `schema` names its version."""
    return {
        "schema": "lockdown.audit/1",
        "host": report.host,
        "taken_at": report.taken_at.isoformat(),
        "version": report.version,
        "exit_code": code,
        "counts": {str(state): report.counts()[state] for state in State},
        "items": [_item_fields(item) for item in report.items],
    }


def _item_fields(item: Any) -> dict[str, Any]:
    controls = {control.id: control for control in item.card.controls}
    return {
        "number": item.card.number,
        "id": item.card.id,
        "title": item.card.title,
        "state": item.state and str(item.state),
        "not_judged": item.not_judged or None,
        "findings": [_finding_fields(finding, controls.get(finding.control)) for finding in item.findings],
    }


def _finding_fields(finding: Any, control: Any) -> dict[str, Any]:
    import hashlib

    # The same control on the same target is the same finding tomorrow, whatever it says then.
    key = hashlib.sha256(f"{finding.control}\0{finding.target}".encode()).hexdigest()[:16]
    return {
        "id": key,
        "control": finding.control,
        "title": control.title if control else None,
        "severity": str(control.severity) if control else None,
        "state": str(finding.state),
        "target": finding.target,
        "says": finding.says,
        "evidence": [{"source": line.source, "line": line.line, "text": line.text} for line in finding.evidence],
        "next_command": finding.next_command or None,
    }
