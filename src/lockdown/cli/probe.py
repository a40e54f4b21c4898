"""`lockdown probe`: what a mail server tells and lets a stranger do; no root, nothing installed over there.

Fails as: exit 1 for findings, 2 for usage and settings, 3 when nothing failed but not everything could be told.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lockdown.cli.audit import FORMS, formed
from lockdown.cli.options import common_options, printable
from lockdown.model.finding import State

if TYPE_CHECKING:
    from lockdown.config import Settings
    from lockdown.model.snapshot import Snapshot


@click.command(
    name="probe",
    epilog="Example:  lockdown probe mx.example.org --resolver 192.0.2.53     lockdown probe --token example.org",
)
@click.argument("target", metavar="HOST|DOMAIN")
@click.option("--token", "wants_token", is_flag=True, help="Print the TXT record that proves that DOMAIN is yours.")
@click.option(
    "--port",
    "ports",
    type=click.IntRange(1, 65535),
    multiple=True,
    help="Mail port; may be repeated [25 587 465 2525].",
)
@click.option("--domain", default="", metavar="DOMAIN", help="Whose mail the server takes [the domain of its name].")
@click.option("--name", default="", metavar="EHLO", help="What to call ourselves [our address].")
@click.option(
    "--resolver", default="", metavar="HOST:PORT", help="Whom to ask for names [antispam.resolvers of the settings]."
)
@click.option("--canary", default="", metavar="ADDRESS", help="A mailbox of yours elsewhere, for what is relayed.")
@click.option("--canary-maildir", "mailbox", default="", metavar="DIR", help="Where that mailbox lies.")
@click.option(
    "--recipient", default="", metavar="ADDRESS", help="A mailbox of the server for test letters [postmaster]."
)
@click.option(
    "--pace", type=click.IntRange(0, 1000), metavar="N", help="Transactions a minute on a server of yours; 0: no limit."
)
@click.option(
    "--seconds", type=click.FloatRange(5, 7200), default=900.0, show_default=True, help="Most time for a listener."
)
@click.option(
    "--wait", type=click.FloatRange(1, 300), default=30.0, show_default=True, help="Most seconds for an answer."
)
@click.option("--format", "form", type=click.Choice(FORMS), default="text", show_default=True)
@click.option("--save", type=click.Path(path_type=Path), metavar="FOLDER", help="Keep what was seen as a snapshot.")
@click.option("--fail-on", type=click.Choice(["warn", "fail"]), default="fail", show_default=True)
@click.option("--all", "show_all", is_flag=True, help="Show what holds as well.")
@common_options
def command(
    target: str, wants_token: bool, ports: tuple[int, ...], domain: str, name: str, resolver: str, canary: str,
    mailbox: str, recipient: str, pace: int | None, seconds: float, wait: float, form: str, save: Path | None,
    fail_on: str, show_all: bool, config: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """What a stranger sees of a mail server, or of all that take a domain's mail. Attacks only what is proved yours."""
    from lockdown.engine.probing import Options, probe_snapshot
    from lockdown.engine.settings_files import load_settings
    from lockdown.engine.snapshots import write_snapshot

    settings = load_settings(config).settings
    if wants_token:
        return _print_token(target, settings.state.directory, as_json)
    _check(canary, name)
    options = Options(
        listeners=ports, domain=domain.lower(), name=name, resolver=resolver, canary=canary,
        canary_mailbox=f"maildir:{mailbox}" if mailbox else "", recipient=recipient, per_minute=pace,
        seconds=seconds, answer_seconds=wait, tell=lambda line: click.echo(f"looking at {printable(line)}", err=True),
    )  # fmt: skip
    snapshot = probe_snapshot(target, options, settings, datetime.now(UTC))
    if save:
        write_snapshot(snapshot, save)
    return _report(snapshot, settings, form="json" if as_json else form, fail_on=fail_on, show_all=show_all)


def _report(snapshot: Snapshot, settings: Settings, *, form: str, fail_on: str, show_all: bool) -> int:
    from lockdown.cli.audit_text import render
    from lockdown.cli.forms.fields import as_json as document
    from lockdown.cli.forms.nagios import nagios_code
    from lockdown.engine.probe_report import probe_report, scope_in_words

    report = probe_report(snapshot, settings)
    # An empty report is no good news: the target could not be looked at at all.
    code = report.exit_code(State(fail_on)) if report.findings else 3
    words = scope_in_words(snapshot)
    if form == "json":
        fields = {**json.loads(document(report, code)), "schema": "lockdown.probe/1", "scope": list(words)}
        click.echo(json.dumps(fields, ensure_ascii=False, indent=2))
        return code
    if form != "text":
        text = formed(report, form, code, State(fail_on), None, show_all=show_all, to_file=False)
        click.echo(text, nl=False)
        return nagios_code(report) if form == "nagios" and report.findings else code
    click.echo(render(report, show_all=show_all), nl=False)
    for line in words:
        click.echo(printable(line))
    return code


def _check(canary: str, name: str) -> None:
    if canary and (canary.count("@") != 1 or not canary.isprintable() or " " in canary or canary[0] == "@"):
        raise click.UsageError("--canary is not an address: canary@your-other-domain.example")
    if name and (not name.isprintable() or " " in name):
        raise click.UsageError("--name is not a name for EHLO: probe.example.org, or [192.0.2.1]")


def _print_token(domain: str, state: str, as_json: bool) -> int:
    from lockdown.cli.options import print_json
    from lockdown.engine.ownership import LABEL, token

    name, value = f"{LABEL}.{domain.lower().rstrip('.')}", token(domain, Path(state))
    if as_json:
        print_json("probe-token", name=name, type="TXT", value=value)
    else:
        click.echo(f'{printable(name)}. IN TXT "{value}"')
    return 0
