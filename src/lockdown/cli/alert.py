"""`lockdown alert`: who is told of incidents, how the paths do, and does a message really get through.

Exit 0: every path takes it; 1: one does not, or nobody is told at all; 2: usage. No secret of a URL is ever shown.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from lockdown.cli.options import common_options, paint, print_json
from lockdown.config import Settings
from lockdown.engine.alert_health import Health, heartbeat_health, path_health
from lockdown.engine.alert_paths import NotTold, Outcome, Told
from lockdown.engine.settings_files import load_settings
from lockdown.engine.telling import Tried, try_heartbeat, try_paths
from lockdown.model.alert_path import masked

_NOBODY = 'nobody is told: alerts.to is empty\n  try: to = ["mailto://RELAY?to=YOU@ELSEWHERE"] below [alerts]'


@click.group(name="alert", epilog="Example:  lockdown alert test")
def command() -> None:
    """Who is told of incidents, over which paths: status, test."""


@command.command("test", epilog="Example:  lockdown alert test --heartbeat")
@click.option("--heartbeat", is_flag=True, help="Send one beat too; who waits for it takes it for a real one.")
@common_options
def test(heartbeat: bool, config: Path | None, as_json: bool) -> int:
    """Send a test message over each path, and say what came of it. Exit 0 when all of them have taken it."""
    settings = load_settings(config).settings
    tried = [*_shown(settings, as_json)]
    if heartbeat and settings.alerts.heartbeat:
        beat = Tried(masked(settings.alerts.heartbeat), try_heartbeat(settings))
        tried.append(beat)
        if not as_json:
            _print(beat)
    if as_json:
        print_json("alert-test", paths=[_fields(one) for one in tried])
    elif not settings.alerts.to:
        click.echo(_NOBODY, err=True)
    all_took = all(isinstance(one.outcome, Told) for one in tried)
    return 0 if settings.alerts.to and all_took else 1


def _shown(settings: Settings, as_json: bool) -> list[Tried]:
    """Each as soon as it is known: a path that hangs takes its time."""
    found = []
    for one in try_paths(settings, datetime.now(UTC)):
        found.append(one)
        if not as_json:
            _print(one)
    return found


def _print(tried: Tried) -> None:
    match tried.outcome:
        case Told(says):
            click.echo(f"{paint('told', fg='green')}      {tried.name}: {says}")
        case NotTold(why, try_this):
            click.echo(f"{paint('not told', fg='red')}  {tried.name}: {why}\n  try: {try_this}")
    if tried.warning:
        click.echo(f"  but {tried.warning}\n  try: name a relay that is not this server")


def _fields(tried: Tried) -> dict[str, object]:
    return {"path": tried.name, **_outcome(tried.outcome), "warning": tried.warning}


def _outcome(outcome: Outcome) -> dict[str, object]:
    match outcome:
        case Told(says):
            return {"told": True, "says": says, "try": ""}
        case NotTold(why, try_this):
            return {"told": False, "says": why, "try": try_this}


@command.command("status", epilog="Example:  lockdown alert status")
@common_options
def status(config: Path | None, as_json: bool) -> int:
    """How each path and the heartbeat do, without sending anything. Exit 0 when all of them work."""
    settings, now = load_settings(config).settings, datetime.now(UTC)
    healths = [*path_health(settings, now), *heartbeat_health(settings, now)]
    if as_json:
        print_json("alert-status", paths=[{"path": one.name, "well": one.well, "says": one.says} for one in healths])
    else:
        _print_healths(healths)
    if not settings.alerts.to and not as_json:
        click.echo(_NOBODY, err=True)
    return 0 if settings.alerts.to and all(one.well for one in healths) else 1


def _print_healths(healths: list[Health]) -> None:
    for one in healths:
        click.echo(f"{paint('well', fg='green') if one.well else paint('ill ', fg='red')}  {one.name}: {one.says}")
