"""`lockdown doctor`: is Lockdown itself well? A table; each line that is not well has what to type.

Exit 0: well (with doubts perhaps), 1: something is ill, 3: nothing is, but something could not be told.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from lockdown.agent.client import status
from lockdown.cli.options import common_options, paint, print_json
from lockdown.config import Settings
from lockdown.engine.doctor import examine, worst
from lockdown.engine.settings_files import load_settings
from lockdown.engine.symptom import Symptom, ill, well
from lockdown.model.finding import State
from lockdown.model.unknown import Unknown

_COLOURS = {State.PASS: "green", State.WARN: "yellow", State.FAIL: "red", State.UNKNOWN: "magenta"}


@click.command(name="doctor", epilog="Example:  lockdown doctor")
@common_options
def command(config: Path | None, as_json: bool) -> int:
    """Is Lockdown itself well: settings, disk, clock, certificate, processes, upstream."""
    loaded = load_settings(config)
    symptoms = [*examine(loaded, datetime.now(UTC)), agent_answers(loaded.settings)]
    if as_json:
        print_json("doctor", symptoms=[_fields(symptom) for symptom in symptoms], exit=worst(symptoms))
    else:
        for symptom in symptoms:
            _print(symptom)
    return worst(symptoms)


def agent_answers(settings: Settings) -> Symptom:
    """Does the agent know us, and live?"""
    match status(Path(settings.state.directory)):
        case Unknown(why):
            return ill("agent", why, "lockdown up     (or: systemctl start lockdown-agent)")
        case running:
            return well("agent", f"process {running.pid} answers, since {running.since:%F %T}Z")


def _fields(symptom: Symptom) -> dict[str, str]:
    return {"part": symptom.part, "state": symptom.state, "says": symptom.says, "try": symptom.try_this}


def _print(symptom: Symptom) -> None:
    mark = paint(f"{symptom.state:<7}", fg=_COLOURS[symptom.state], bold=True)
    click.echo(f"{mark} {symptom.part:<11} {symptom.says}")
    if symptom.try_this:
        click.echo(f"{'':<20}try: {paint(symptom.try_this, bold=True)}")
