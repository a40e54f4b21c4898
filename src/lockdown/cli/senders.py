"""`lockdown senders`: who sends most right now, and what the mail server's log comes to as a whole.

Fails as: exit 3 where neither log could be read: nothing seen is not nothing sent; OperatorError for a log that is
named and cannot be read.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from lockdown.cli.durations import DurationType
from lockdown.cli.options import common_options, paint, print_json, print_table, printable
from lockdown.engine.log_picture import WholeLog, whole_log
from lockdown.engine.settings_files import load_settings
from lockdown.engine.top_senders import KINDS, Sender, Top, top_senders
from lockdown.model.units import ByteSize, show_duration

_HEADS = ("messages", "recipients", "new", "bounced", "spam", "refused", "size")


@click.group(name="senders", epilog="Example:  lockdown senders top --by user --since 1h")
def command() -> None:
    """Who sends most, and to how many new recipients: top; what the mail server's log comes to: log."""


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


@command.command("log", epilog="Example:  lockdown senders log /var/log/mail.log.1")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--limit", type=click.IntRange(1, 1000), default=5, show_default=True, help="The first so many of each.")
@common_options
def log(files: tuple[Path, ...], limit: int, config: Path | None, as_json: bool) -> int:
    """A mail server's log in one picture, a million lines in seconds: of FILES, or of the logs of the settings."""
    found = whole_log(load_settings(config).settings, files, limit)
    if as_json:
        print_json("senders-log", **asdict(found))
    else:
        _print_log(found)
    return 0


def _print_log(found: WholeLog) -> None:
    click.echo(f"{found.lines:,} lines of a mail server, {found.first or '?'} to {found.last or '?'}")
    if found.unread:
        by = ", ".join(f"{daemon} {count:,}" for daemon, count in list(found.unread.items())[:5])
        click.echo(paint(f"not understood: {sum(found.unread.values()):,} of them ({by})", fg="yellow"))
    for name, part in found.parts.items():
        if part:
            click.echo()
            rows = [
                (row.value or "<>", f"{row.messages:,}", str(ByteSize(row.octets)) if row.octets else "-")
                for row in part
            ]
            print_table(rows, (name, "times", "size"))
    click.echo()
    for stage, seconds in found.latency.items():
        click.echo(f"half of all deliveries spent {seconds:g} s {stage}, or less")


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
