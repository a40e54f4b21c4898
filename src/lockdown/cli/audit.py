"""`lockdown audit`: how a machine stands against the checklist: this one, another over ssh, a snapshot, or files alone.

Fails as: exit 1 for findings, 2 for usage and settings, 3 when nothing failed but not everything could be told.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lockdown.cli.options import common_options, printable
from lockdown.model.errors import OperatorError
from lockdown.model.finding import State

if TYPE_CHECKING:
    from lockdown.config import Settings
    from lockdown.engine.audit import Report, Waiver
    from lockdown.engine.changes import Change
    from lockdown.model.snapshot import Snapshot

_COMMIT_SECONDS = 10.0
FORMS = ("text", "json", "html", "sarif", "junit", "ocsf", "nagios")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says."""

    target: str
    postfix_config: Path | None
    items: tuple[str, ...]
    config: Path | None
    profile: str
    role: str
    probe: str
    resolver: str
    diff: bool


@click.command(
    name="audit",
    epilog="Example:  lockdown audit --item relaying     lockdown audit ssh://root@mail.example.com     "
    "lockdown audit ./etc --format sarif -o audit.sarif",
)
@click.argument("target", required=False, default="")
@click.option(
    "--from",
    "folder",
    metavar="FOLDER",
    help="The same as TARGET: a snapshot, an image, a copy of /etc, a file such as main.cf.",
)
@click.option(
    "--postfix-config",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where main.cf and master.cf lie [Postfix's own].",
)
@click.option("--item", "items", multiple=True, metavar="ID", help="Only this item of the checklist; may be repeated.")
@click.option("--profile", type=click.Choice(["starter", "business", "strict"]), help="How much is demanded.")
@click.option("--role", type=click.Choice(["gateway", "mx", "backend", "all-in-one"]), help="What the machine is for.")
@click.option("--probe", default="", metavar="HOST", help="Look at this host or domain from outside as well.")
@click.option("--resolver", default="", metavar="HOST:PORT", help="Whom --probe asks for names [of the settings].")
@click.option("--format", "form", type=click.Choice(FORMS), default="text", show_default=True)
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
@click.option("--diff", is_flag=True, help="Only what has changed since the last recorded audit of this host.")
@click.option("--all", "show_all", is_flag=True, help="Show what holds as well.")
@common_options
def command(
    target: str, folder: str | None, postfix_config: Path | None, items: tuple[str, ...], profile: str | None,
    role: str | None, probe: str, resolver: str, form: str, output: Path | None, fail_on: str, diff: bool,
    show_all: bool, config: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """How a machine stands against the checklist. Reads only; changes nothing.

    TARGET: nothing for this machine; ssh://user@host; a snapshot; an image, a copy of /etc, or one file of settings.
    """
    if target and folder:
        raise click.UsageError("TARGET and --from are two words for the same; give one of them.")
    if (target or folder) and postfix_config:
        raise click.UsageError("--postfix-config is for this machine: another target brings its own Postfix.")
    _check_items(items)
    asked = Asked(
        target or folder or "", postfix_config, items, config, profile or "", role or "", probe, resolver, diff
    )
    report, changed = _report(asked)
    form = "json" if as_json else form
    code = _code(report, form, State(fail_on), items)
    text = formed(report, form, code, State(fail_on), changed, show_all=show_all, to_file=bool(output))
    if output:
        _write(output, text)
        click.echo(f"report written to {output}", err=True)
    else:
        click.echo(text, nl=False)
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


# ── forms ──


def _code(report: Report, form: str, fail_on: State, items: Sequence[str]) -> int:
    from lockdown.cli.forms.nagios import nagios_code

    return nagios_code(report) if form == "nagios" else report.exit_code(fail_on, items)


def formed(
    report: Report, form: str, code: int, fail_on: State, changed: Sequence[Change] | None, *, show_all: bool,
    to_file: bool,
) -> str:  # fmt: skip
    """The report in one of its forms; each is imported when it is asked for."""
    if form == "json":
        from lockdown.cli.forms.fields import as_json

        return as_json(report, code, changed)
    if form == "html":
        from lockdown.cli.forms.html import as_html

        return as_html(report, changed)
    if form == "sarif":
        from lockdown.cli.forms.sarif import as_sarif

        return as_sarif(report)
    if form == "junit":
        from lockdown.cli.forms.junit import as_junit

        return as_junit(report, fail_on)
    if form == "ocsf":
        from lockdown.cli.forms.ocsf import as_ocsf

        return as_ocsf(report)
    if form == "nagios":
        from lockdown.cli.forms.nagios import as_nagios

        return as_nagios(report)
    from lockdown.cli.audit_text import render, render_changes

    coloured = False if to_file else None
    if changed is not None:
        return render_changes(report, changed, coloured=coloured)
    return render(report, show_all=show_all, coloured=coloured)


# ── the audit itself ──


def _report(asked: Asked) -> tuple[Report, tuple[Change, ...] | None]:
    from lockdown.engine.settings_files import load_settings
    from lockdown.engine.snapshots import snapshot_of, snapshot_of_this_machine

    now = datetime.now(UTC)
    loaded = load_settings(asked.config)
    if asked.target:
        snapshot = snapshot_of(asked.target, now)
        policy = _policy_for(snapshot, asked, loaded.settings)
    else:
        snapshot = snapshot_of_this_machine(loaded, now, asked.postfix_config)
        policy = _judged_as(loaded.settings, asked)
    return _audit(_probed(snapshot, asked, policy), policy, loaded.settings, asked, now)


def _policy_for(snapshot: Snapshot, asked: Asked, own: Settings) -> Settings:
    """Another machine is judged by its own settings, then by those named; files alone as a whole mail server."""
    from lockdown.engine.snapshots import settings_of
    from lockdown.model.unknown import Unknown

    theirs = settings_of(snapshot)
    if isinstance(theirs, Unknown):
        return _judged_as(own, asked, role="" if asked.config else "all-in-one")
    return _judged_as(own if asked.config else theirs, asked)


def _judged_as(settings: Settings, asked: Asked, role: str = "") -> Settings:
    """The settings, with the profile and the role of the command line in the place of theirs."""
    import msgspec

    named: dict[str, Any] = {"profile": asked.profile, "role": asked.role or role}
    site = msgspec.structs.replace(settings.site, **{name: value for name, value in named.items() if value})
    return msgspec.structs.replace(settings, site=site)


def _probed(snapshot: Snapshot, asked: Asked, policy: Settings) -> Snapshot:
    """With what is seen from outside."""
    if not asked.probe:
        return snapshot
    from lockdown.engine.probing import Options, probe_readings, with_probe

    options = Options(resolver=asked.resolver, tell=lambda line: click.echo(f"looking at {printable(line)}", err=True))
    return with_probe(snapshot, probe_readings(asked.probe, options, policy))


def _audit(
    snapshot: Snapshot, policy: Settings, own: Settings, asked: Asked, now: datetime
) -> tuple[Report, tuple[Change, ...] | None]:
    from lockdown.engine.audit import audit

    report = audit(snapshot, policy, now, items=asked.items, waivers=_waivers(own, now))
    changed = _changes(report, own, asked) if asked.diff else None
    # A whole audit is kept, so that the next one can say what has changed.
    if not asked.items and not asked.postfix_config and not asked.probe:
        try:
            _record(report, own)
        except OperatorError as problem:
            print(f"lockdown: this audit is not recorded: {problem.what}: {problem.why}", file=sys.stderr)
    return report, changed


def _changes(report: Report, settings: Settings, asked: Asked) -> tuple[Change, ...]:
    """Against the last recorded audit of the same host, of the items that were asked for."""
    from lockdown.engine.changes import changes
    from lockdown.state.store import open_store

    last = None
    if _database_exists(settings):
        with closing(open_store(Path(settings.state.directory))) as store:
            last = store.latest_audit(report.host)
    if last is None:
        raise OperatorError(
            "no-audit-before",
            what=f"there is no recorded audit of {report.host} to compare with",
            why=f"audits are recorded in {settings.state.directory}, once `lockdown up` has made it",
            try_this="lockdown audit     (records one; then --diff)",
        )
    before = [found for found in last.findings if not asked.items or found.control.partition(".")[0] in asked.items]
    return changes(before, report.findings)


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
