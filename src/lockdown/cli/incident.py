"""`lockdown incident`: what the watch has seen: what is wrong, since when, what becomes of mail, what was done.

Exit 0: nothing is open, 1: something is, 3: nothing is, but nobody watches. The first line says what is wrong, the last
what to type.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from lockdown.cli.opened import open_existing
from lockdown.cli.options import (
    common_options,
    operator_name,
    paint,
    print_json,
    print_labelled,
    print_table,
    printable,
    wrapped,
)
from lockdown.engine.alert_health import told_of
from lockdown.engine.grip import grips
from lockdown.engine.incidents import gravest_first
from lockdown.engine.looked import not_watched
from lockdown.engine.settings_files import load_settings
from lockdown.engine.story import SO_FAR, Moment, blocked_networks, related, timeline
from lockdown.model.alarm import Answer, Incident
from lockdown.model.finding import Severity
from lockdown.model.units import show_duration
from lockdown.state.store import Store

_COMMIT_SECONDS = 10.0
_SHOWN = 20
_MOST_ANSWERS = 3
"""In the list: the story has all of them."""
_DONE = ("answered", "not done", "ended")
_TIMELINE = 28
_LOOKED_AT = 200
"""Newest incidents, for those that are related."""
_COLOURS = {Severity.CRITICAL: "red", Severity.HIGH: "red", Severity.MEDIUM: "yellow", Severity.LOW: "cyan"}


@click.group(name="incident", epilog="Example:  lockdown incident list     then:  lockdown incident show 7")
def command() -> None:
    """What is wrong, what became of it, and what was done about it: list, show, close."""


@command.command("list", epilog="Example:  lockdown incident list --all")
@click.option("--all", "everything", is_flag=True, help="Also those that are over.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="The newest so many.")
@common_options
def list_incidents(everything: bool, limit: int, config: Path | None, as_json: bool) -> int:
    """What is open, the gravest first. Exit 0 when nothing is, 1 when something is, 3 when nobody watches."""
    now, settings = datetime.now(UTC), load_settings(config).settings
    blind = not_watched(Path(settings.state.directory), now)
    with open_existing(settings) as (store, _):
        is_open = gravest_first(store.open_incidents())
        past = [one for one in store.incidents(limit=limit) if not one.is_open] if everything else []
        moments = _moments(store, is_open[0], now) if is_open else ()
    if as_json:
        shown = [*is_open[:limit], *past]
        told = [fields(incident) for incident in shown]
        print_json("incident-list", open=len(is_open), not_watched=blind, incidents=told)
    else:
        _print_list(is_open, past, moments, blind, now)
    return 1 if is_open else 3 if blind else 0


def _print_list(
    is_open: list[Incident], past: list[Incident], moments: tuple[Moment, ...], blind: str, now: datetime
) -> None:
    if is_open:
        gravest = is_open[0]
        more = f"     (and {len(is_open) - 1} more)" if len(is_open) > 1 else ""
        for line in wrapped(f"{printable(gravest.says)}{more}", 0):
            click.echo(paint(line, fg=_COLOURS[gravest.severity], bold=True))
        _print_meanwhile(gravest, moments)
        click.echo()
        print_table([_row(one, now) for one in is_open[:_SHOWN]], ("id", "severity", "since (UTC)", "seen", "what"))
        if len(is_open) > _SHOWN:
            click.echo(f"… and {len(is_open) - _SHOWN} more: lockdown incident list --json")
    else:
        click.echo(f"no incident is open, but {blind}" if blind else "no incident is open")
    if past:
        click.echo("\nover:")
        print_table([_past_row(one) for one in past], ("id", "severity", "since (UTC)", "ended", "by", "what"))
    if is_open and blind:
        click.echo(f"\nthis is how it was: {blind}")
    if is_open:
        click.echo(f"\ntype: {_what_to_type(is_open[0])}")
    elif blind:
        click.echo("type: lockdown doctor")


def _row(incident: Incident, now: datetime) -> tuple[str, ...]:
    seen = f"{_ago(incident.last_seen, now)} ago"
    return (str(incident.number), incident.severity, f"{incident.opened_at:%m-%d %H:%M}", seen, incident.says)


def _past_row(incident: Incident) -> tuple[str, ...]:
    ended = f"{incident.closed_at:%m-%d %H:%M}" if incident.closed_at else ""
    since = f"{incident.opened_at:%m-%d %H:%M}"
    return (str(incident.number), incident.severity, since, ended, incident.closed_by, incident.says)


def _what_to_type(incident: Incident) -> str:
    return printable(_named(incident)) or f"lockdown incident show {incident.number}"


def _named(incident: Incident) -> str:
    """What to type, with the incident's own id where it stands for one."""
    return incident.next_command.replace("incident close ID", f"incident close {incident.number}")


@command.command("show", epilog="Example:  lockdown incident show 7")
@click.argument("id", type=int)
@common_options
def show(id: int, config: Path | None, as_json: bool) -> int:
    """The whole story of one: what, since when, the evidence, what becomes of mail, what was done. Exit 1 if open."""
    settings, now = load_settings(config).settings, datetime.now(UTC)
    with open_existing(settings) as (store, _):
        incident = store.incident(id)
        moments = () if incident is None else _moments(store, incident, now)
        akin = [] if incident is None else related(incident, store.incidents(limit=_LOOKED_AT))
    if incident is None:
        return _none(id, as_json)
    told = told_of(settings, id)
    if as_json:
        shown = [_moment_fields(one) for one in moments]
        print_json("incident-show", **fields(incident), told=told, related=[one.number for one in akin], timeline=shown)
    else:
        _print_story(incident, moments, told, akin, now)
    return 1 if incident.is_open else 0


def _moments(store: Store, incident: Incident, now: datetime) -> tuple[Moment, ...]:
    blocks = {network: store.block_history(network) for network in blocked_networks(incident)}
    return timeline(incident, now, store.restraint_history(incident.opened_at), blocks, grips())


def _print_story(
    incident: Incident, moments: tuple[Moment, ...], over: list[str], akin: list[Incident], now: datetime
) -> None:
    for line in wrapped(printable(incident.says), 0):
        click.echo(paint(line, fg=_COLOURS[incident.severity], bold=True))
    for name, value in _told_of(incident, over, now):
        if value:
            print_labelled(name, value)
    for one in akin:
        print_labelled("related", f"{one.number}: {one.object}{'' if one.is_open else ', over'}")
    click.echo("\nwhat happened (UTC):")
    for moment in moments:
        if moment.what != SO_FAR:
            at = f"  {moment.at.astimezone(UTC):%m-%d %H:%M:%S}  {moment.what}"
            print_labelled(at, f"{moment.says}{_until(moment)}", _TIMELINE)
    if holding := _holding(moments):
        click.echo("\nholds now:")
    for moment in holding:
        print_labelled("", f"{moment.says}{_until(moment)}", 2)
        click.echo(f"  undo: {printable(moment.undo)}")
    if incident.is_open:
        click.echo(f"\ntype: {_what_to_type(incident)}")


def _told_of(incident: Incident, over: list[str], now: datetime) -> Iterator[tuple[str, str]]:
    times = "once" if incident.count == 1 else f"{incident.count} times"
    back = f", back {incident.returned} times" if incident.returned else ""
    yield "meanwhile", incident.meanwhile if incident.is_open else ""
    yield "what", f"{incident.name}: {incident.object}"
    yield "severity", incident.severity.value
    yield "since", f"{incident.opened_at:%F %T}Z, {_ago(incident.opened_at, now)} ago"
    yield "seen", f"{times}, last {incident.last_seen:%F %T}Z{back}"
    yield "ended", f"{incident.closed_at:%F %T}Z by {incident.closed_by}" if incident.closed_at else ""
    yield "control", f"{incident.control}     (lockdown explain {incident.control})" if incident.control else ""
    for evidence in incident.evidence:
        yield "evidence", f"{evidence.source}: {evidence.text}"
    yield "told", ", ".join(over)


def _holding(moments: tuple[Moment, ...]) -> list[Moment]:
    """What still runs, each once: what it has met so far says more than that it was begun."""
    return [*{moment.undo: moment for moment in moments if moment.undo}.values()]


def _until(moment: Moment) -> str:
    return f", until {moment.until:%m-%d %H:%M}" if moment.until else ""


def _moment_fields(moment: Moment) -> dict[str, object]:
    until = moment.until.isoformat() if moment.until else None
    at = moment.at.isoformat()
    return {"at": at, "what": moment.what, "says": moment.says, "until": until, "undo": moment.undo}


def _print_meanwhile(incident: Incident, moments: tuple[Moment, ...]) -> None:
    """What was done of late, and what would undo it while it runs."""
    if incident.meanwhile:
        print_labelled("meanwhile", incident.meanwhile)
    for moment in [one for one in moments if one.what in _DONE][-_MOST_ANSWERS:]:
        undo = f"; undo: {moment.undo}" if moment.undo else ""
        print_labelled(moment.what, f"{moment.at:%H:%M} {moment.says}{_until(moment)}{undo}")


@command.command("close", epilog="Example:  lockdown incident close 7")
@click.argument("ids", metavar="ID…", type=int, nargs=-1, required=True)
@common_options
def close(ids: tuple[int, ...], config: Path | None, as_json: bool) -> int:
    """Take note of it: it is not told again while it goes on, for a day. A loosened setting is thereby accepted."""
    with open_existing(load_settings(config).settings) as (store, _):
        now, by = datetime.now(UTC), operator_name()
        closed = {id: store.close_incident(id, by, now).result(_COMMIT_SECONDS) for id in ids}
    return max(_told(id, incident, as_json) for id, incident in closed.items())


def _told(id: int, incident: Incident | None, as_json: bool) -> int:
    if incident is None:
        return _none(id, as_json)
    if as_json:
        print_json("incident-close", **fields(incident))
    else:
        click.echo(f"{id} is closed by {incident.closed_by} at {incident.closed_at:%F %T}Z: {printable(incident.says)}")
    return 0


def _none(id: int, as_json: bool) -> int:
    if as_json:
        print_json("incident-none", id=id)
    else:
        click.echo(f"there is no incident {id}\n  try: lockdown incident list --all", err=True)
    return 1


def fields(incident: Incident) -> dict[str, object]:
    """For JSON."""
    return {
        "id": incident.number,
        "name": incident.name,
        "object": incident.object,
        "control": incident.control,
        "severity": incident.severity.value,
        "open": incident.is_open,
        "says": incident.says,
        "meanwhile": incident.meanwhile,
        "evidence": [asdict(one) for one in incident.evidence],
        "try": _named(incident),
        "count": incident.count,
        "returned": incident.returned,
        "opened_at": incident.opened_at.isoformat(),
        "last_seen": incident.last_seen.isoformat(),
        "closed_at": incident.closed_at.isoformat() if incident.closed_at else None,
        "closed_by": incident.closed_by,
        "answers": [_answer_fields(one) for one in incident.answers],
    }


def _answer_fields(answer: Answer) -> dict[str, object]:
    until = answer.until.isoformat() if answer.until else None
    return {"at": answer.at.isoformat(), "says": answer.says, "done": answer.done, "until": until, "undo": answer.undo}


def _ago(then: datetime, now: datetime) -> str:
    seconds = max(0, round((now - then).total_seconds()))
    return show_duration(timedelta(seconds=seconds if seconds < 120 else seconds // 60 * 60))
