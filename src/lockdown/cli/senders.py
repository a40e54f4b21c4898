"""`lockdown senders top`: who sends most right now, and whether it looks like an account in foreign hands.

Fails as: exit 3 where neither log could be read: nothing seen is not nothing sent.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from lockdown.cli.durations import DurationType
from lockdown.cli.options import common_options, paint, print_json, print_table, printable
from lockdown.engine.settings_files import load_settings
from lockdown.engine.top_senders import KINDS, Sender, Top, top_senders
from lockdown.model.units import ByteSize, show_duration

_HEADS = ("messages", "recipients", "new", "bounced", "spam", "refused", "size")


@click.group(name="senders", epilog="Example:  lockdown senders top --by user --since 1h")
def command() -> None:
    """Who sends most, and to how many new recipients: top."""


@command.command("top", epilog="Example:  lockdown senders top --by network --since 10m")
@click.option("--by", type=click.Choice(KINDS), default="user", show_default=True, help="What to tell senders by.")
@click.option("--since", type=DurationType(), default="1h", show_default=True, help="Look back so far: 10m, 1h, 1d.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="The first so many.")
@common_options
def top(by: str, since: timedelta, limit: int, config: Path | None, as_json: bool) -> int:
    """Those with most recipients: new ones, bounces and spam tell an account in foreign hands from a busy one."""
    now, settings = datetime.now(UTC), load_settings(config).settings
    found = top_senders(settings, by, now - since, now)
    blind = bool(found.unseen) and not found.senders and not found.knows_before
    if as_json:
        senders = [asdict(one) for one in found.first(limit)]
        print_json(
            "senders-top", by=by, since=found.since.isoformat(), senders=senders,
            unseen=found.unseen, knows_before=found.knows_before,
        )  # fmt: skip
    else:
        _print(found, limit, show_duration(since))
    return 3 if blind else 0


def _print(found: Top, limit: int, since: str) -> None:
    rows = [_row(one, found) for one in found.first(limit)]
    if rows:
        print_table(rows, (found.by, *_HEADS))
        if len(found.senders) > limit:
            click.echo(f"… and {len(found.senders) - limit} more")
    else:
        click.echo(f"nobody is known to have sent within {since}, told by {found.by}")
        if found.by == "user":
            click.echo("who has not signed in:  lockdown senders top --by client     (or network, sender, subject)")
    if rows and not found.knows_before:
        click.echo("who is new cannot be told: the logs do not go back before that time")
    for why in found.unseen:
        click.echo(paint(f"not seen: {printable(why)}", fg="yellow"))
    if rows and found.by == "user":
        click.echo("\nto hold one: lockdown user hold USER     (what it sends outside waits, nothing is lost)")


def _row(one: Sender, found: Top) -> tuple[str, ...]:
    new = _share(one.new_recipients, one.recipients) if found.knows_before else "?"
    return (
        one.value or "<>",
        str(one.messages),
        str(one.recipients),
        new,
        _share(one.bounced, one.tried),
        _share(one.spam, one.judged),
        str(one.refused),
        str(ByteSize(one.octets)),
    )


def _share(part: int, whole: int) -> str:
    """A dash where nothing is known of it."""
    return f"{part / whole:.0%}" if whole else "-"
