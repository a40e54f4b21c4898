"""`lockdown trace`: the whole story of a message (by its id), an address or a client, from the log and the quarantine.

Fails as: exit 1 when nothing is known of it. A line that cannot be read is shown as such.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import msgspec

from lockdown.cli.durations import DurationType
from lockdown.cli.options import common_options, paint, print_json, printable
from lockdown.config import Settings
from lockdown.engine.settings_files import load_settings
from lockdown.model.held import HeldMessage, HeldState
from lockdown.state.layout import StateDirectory
from lockdown.state.store import open_store
from lockdown.state.transactions import Transaction, for_people, read_transactions

_COLOURS = {"accepted": "green", "replayed": "green", "rejected": "red", "quarantined": "yellow", "deferred": "yellow"}


@dataclass(frozen=True, slots=True)
class Story:
    """What is known, the newest first."""

    transactions: list[Transaction]
    held: dict[str, HeldMessage]
    """What became of those that were quarantined, by id."""


@click.command(name="trace", epilog="Example:  lockdown trace alice@example.org --since 2d")
@click.argument("needle", metavar="ID|ADDRESS|CLIENT")
@click.option("--since", type=DurationType(), help="Look back so far: 1h, 2d [all that is kept].")
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="The newest so many.")
@common_options
def command(needle: str, since: timedelta | None, limit: int, config: Path | None, as_json: bool) -> int:
    """The whole story of a message, a mailbox address or a client. Exit 1: nothing is known of it."""
    settings = load_settings(config).settings
    story = _read(settings, needle, since, limit)
    if as_json:
        _print_as_json(needle, story)
    elif story.transactions:
        _print(story, limit)
    else:
        click.echo(f"nothing is known of {needle}{_looked_in(settings)}", err=True)
    return 0 if story.transactions else 1


def _read(settings: Settings, needle: str, since: timedelta | None, limit: int) -> Story:
    directory = Path(settings.state.directory)
    begin = datetime.now(UTC) - since if since else None
    transactions = read_transactions(directory, needle, newest_first=True, limit=limit, since=begin)
    quarantined = [transaction.id for transaction in transactions if transaction.type == "quarantined"]
    return Story(transactions, _held(directory, quarantined))


def _held(directory: Path, ids: list[str]) -> dict[str, HeldMessage]:
    if not ids or not StateDirectory(directory).database.exists():
        return {}
    with closing(open_store(directory)) as store:
        found = [store.held_message(id) for id in ids]
    return {message.id: message for message in found if message is not None}


def _looked_in(settings: Settings) -> str:
    folder = Path(settings.state.directory) / "log"
    days = sorted(folder.glob("gateway-*.jsonl")) if folder.is_dir() else []
    if not days:
        return f"; there is no log in {folder}"
    first = days[0].stem.removeprefix("gateway-")
    return f" since {first[:4]}-{first[4:6]}-{first[6:]} (older days are removed: log.keep = {settings.log.keep.days}d)"


def _print(story: Story, limit: int) -> None:
    for transaction in story.transactions:
        line = printable(for_people(transaction))
        mark = f"status={transaction.type}"
        click.echo(line.replace(mark, paint(mark, fg=_COLOURS.get(transaction.type, "magenta"), bold=True)))
        if message := story.held.get(transaction.id):
            click.echo(f"  {_what_became_of(message)}")
    if len(story.transactions) == limit:
        click.echo(paint(f"the newest {limit}; more: --limit {limit * 10}", dim=True))


def _what_became_of(message: HeldMessage) -> str:
    if message.changed_at:
        return f"then {message.state} by {message.changed_by} at {message.changed_at:%F %T}Z"
    if message.state is HeldState.HELD:
        return f"still held: lockdown quarantine show {message.id}"
    return f"now {message.state}"


def _print_as_json(needle: str, story: Story) -> None:
    print_json(
        "trace",
        needle=needle,
        transactions=[msgspec.to_builtins(transaction) for transaction in story.transactions],
        held={id: message.state.value for id, message in story.held.items()},
    )
