"""`lockdown quarantine`: messages held for a person: look at them, let them go on, or remove them.

Fails as: exit 1 when a message is not there or was not taken by the server behind, with the reason; it is then still
held. Doing a thing twice is not an error and does nothing.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, assert_never

import click

from lockdown.cli.opened import open_existing
from lockdown.cli.options import common_options, operator_name, print_json, print_table, printable
from lockdown.config import Settings
from lockdown.engine.learning import Learnt, NotLearnt, Said, learn_file, learn_held, message_files
from lockdown.engine.release import Already, NotReleased, Released, Removed, delete, meant, release
from lockdown.engine.settings_files import load_settings
from lockdown.model.held import HeldMessage, HeldState
from lockdown.model.units import ByteSize
from lockdown.state.spool import Spool

_HEADER_BYTES = 64 * 1024
_BODY_LINES = 20


@click.group(name="quarantine", epilog="Example:  lockdown quarantine list     then:  lockdown quarantine show ID")
def command() -> None:
    """Messages held for a person: list, show, release, delete, learn."""


@command.command("list", epilog="Example:  lockdown quarantine list --all")
@click.option("--all", "everything", is_flag=True, help="Also those released or deleted.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="The newest so many.")
@common_options
def list_held(everything: bool, limit: int, config: Path | None, as_json: bool) -> None:
    """What is held, and until when."""
    settings = load_settings(config).settings
    with open_existing(settings) as (store, _):
        states = tuple(HeldState) if everything else (HeldState.HELD, HeldState.BYTES_MISSING)
        messages = store.held(limit=limit, states=states)
        totals = store.quarantine_totals()
    if as_json:
        print_json(
            "quarantine-list", held=totals.messages, messages=[_fields(message, settings) for message in messages]
        )
        return
    if messages:
        rows = [_row(message, settings) for message in messages]
        print_table(rows, ("id", "since (UTC)", "removed", "size", "from", "to", "why"))
    shown = f", {len(messages)} shown" if totals.messages > len(messages) else ""
    click.echo(f"{totals.messages} held, {ByteSize(totals.size_bytes)}{shown}")


def _row(message: HeldMessage, settings: Settings) -> tuple[str, ...]:
    ends = f"{message.at + settings.quarantine.keep:%m-%d}" if message.state is HeldState.HELD else message.state
    sender = message.sender or "<>"
    recipients = ", ".join(message.recipients)
    return (message.id, f"{message.at:%m-%d %H:%M}", ends, _size(message), sender, recipients, message.says)


def _size(message: HeldMessage) -> str:
    return str(ByteSize(message.size_bytes))


@command.command("show", epilog="Example:  lockdown quarantine show ID --raw > message.eml")
@click.argument("id")
@click.option("--raw", is_flag=True, help="The message itself, every octet, and nothing else.")
@common_options
def show(id: str, raw: bool, config: Path | None, as_json: bool) -> int:
    """Why a message is held, its header and the beginning of its text."""
    settings = load_settings(config).settings
    with open_existing(settings) as (store, spool):
        message = store.held_message(id)
        if message is None:
            return _told(NotReleased(f"no message {id} was ever held", "lockdown quarantine list"), id, as_json)
        if raw:
            return _print_raw(spool, message)
        if as_json:
            print_json("quarantine-show", **_fields(message, settings))
        else:
            _print_message(message, settings, spool)
    return 0


def _print_raw(spool: Spool, message: HeldMessage) -> int:
    with spool.open(message.id) as file:
        while piece := file.read(1 << 20):
            sys.stdout.buffer.write(piece)
    return 0


def _print_message(message: HeldMessage, settings: Settings, spool: Spool) -> None:
    told = {
        "id": message.id,
        "state": f"{message.state}{_changed(message)}",
        "held": f"{message.at:%F %T}Z, removed by age {message.at + settings.quarantine.keep:%F}",
        "why": f"{message.says} ({message.control})",
        "client": f"{message.client}, calls itself {message.helo}",
        "from": message.sender or "<>",
        "to": ", ".join(message.recipients),
        "size": f"{_size(message)}, sha256 {message.sha256}",
    }
    for name, value in told.items():
        click.echo(f"{name:<8}{printable(value)}")
    if message.state is HeldState.HELD:
        with spool.open(message.id) as file:
            _print_beginning(file)
        click.echo(f"\ntype: lockdown quarantine release {message.id}     or: delete {message.id}")


def _changed(message: HeldMessage) -> str:
    return f" by {message.changed_by} at {message.changed_at:%F %T}Z" if message.changed_at else ""


def _print_beginning(file: BinaryIO) -> None:
    lines = file.read(_HEADER_BYTES).decode("utf-8", "replace").splitlines()
    end = lines.index("") if "" in lines else len(lines)
    click.echo()
    for line in lines[: end + _BODY_LINES]:
        click.echo(f"  | {printable(line.expandtabs(4))}")
    if len(lines) > end + _BODY_LINES:
        click.echo("  | … (all of it: --raw)")


@command.command("release", epilog="Example:  lockdown quarantine release ID     lockdown quarantine release r7")
@click.argument("ids", metavar="ID…", nargs=-1, required=True)
@common_options
def release_held(ids: tuple[str, ...], config: Path | None, as_json: bool) -> int:
    """Let messages go on to the server behind. Marked as released only when it has said 250.

    In the place of an id, the name of a restraint (r7, see `lockdown block list`) means all that it holds.
    """
    settings = load_settings(config).settings
    with open_existing(settings) as (store, spool):
        return max(
            _told(release(settings, store, spool, one, operator_name(), datetime.now(UTC)), one, as_json)
            for id in ids
            for one in meant(store, id)
        )


@command.command("delete", epilog="Example:  lockdown quarantine delete ID")
@click.argument("ids", metavar="ID…", nargs=-1, required=True)
@common_options
def delete_held(ids: tuple[str, ...], config: Path | None, as_json: bool) -> int:
    """Remove messages. There is no way back."""
    with open_existing(load_settings(config).settings) as (store, spool):
        return max(_told(delete(store, spool, id, operator_name(), datetime.now(UTC)), id, as_json) for id in ids)


@command.command(
    "learn", epilog="Example:  lockdown quarantine learn ID --spam     lockdown quarantine learn reported/ --spam"
)
@click.argument("targets", metavar="ID|FILE|FOLDER…", nargs=-1, required=True)
@click.option("--spam", "said", flag_value="spam", help="It is spam, and what resembles it.")
@click.option("--wanted", "said", flag_value="wanted", help="It is wanted, and what resembles it.")
@click.option("--forget", "said", flag_value="forget", help="What was said of it before no longer counts.")
@click.option("--by", default="", help="Who has reported it [you]; one reporter moves the score only so far.")
@common_options
def learn(targets: tuple[str, ...], said: str | None, by: str, config: Path | None, as_json: bool) -> int:
    """Teach the classifier: by a held message's id, or by messages that people have reported."""
    if said is None:
        raise click.UsageError("say what it is: --spam, --wanted or --forget")
    settings, word, reporter = load_settings(config).settings, Said(said), by or operator_name()
    with open_existing(settings) as (_, spool):
        return max(_learnt(settings, spool, target, word, reporter, as_json) for target in targets)


def _learnt(settings: Settings, spool: Spool, target: str, said: Said, by: str, as_json: bool) -> int:
    now = datetime.now(UTC)
    files = list(message_files(target))
    if not files:
        return _told_lesson(target, learn_held(settings, spool, target, said, by, now), as_json)
    return max(_told_lesson(str(file), learn_file(settings, file, said, by, now), as_json) for file in files)


def _told_lesson(target: str, outcome: Learnt | NotLearnt, as_json: bool) -> int:
    if as_json:
        print_json("quarantine-lesson", target=target, learnt=isinstance(outcome, Learnt), **asdict(outcome))
    elif isinstance(outcome, Learnt):
        words = "is forgotten" if outcome.said is Said.FORGET else f"is learnt as {outcome.said}"
        sender = outcome.sender or "nobody"
        click.echo(printable(f"{target} {words}, from {sender}; lessons that count now: {outcome.lessons}"))
    else:
        for line in (f"{target}: nothing was learnt", f"  why: {outcome.why}", f"  try: {outcome.try_this}"):
            click.echo(printable(line), err=True)
    return 0 if isinstance(outcome, Learnt) else 1


def _told(outcome: Released | Removed | Already | NotReleased, id: str, as_json: bool) -> int:
    word, lines = _in_words(outcome, id)
    if as_json:
        print_json("quarantine-deed", id=id, outcome=word, says=lines)
    else:
        for line in lines:
            click.echo(printable(line), err=isinstance(outcome, NotReleased))
    return 1 if isinstance(outcome, NotReleased) else 0


def _in_words(outcome: Released | Removed | Already | NotReleased, id: str) -> tuple[str, list[str]]:
    match outcome:
        case Released(where, says, refused):
            lines = [f"{id} is released to {where}: {says}"]
            return "released", lines + [f"  but not for {name}: {reply}" for name, reply in refused]
        case Removed():
            return "deleted", [f"{id} is deleted"]
        case Already(message):
            return "already", [f"{id} was {message.state} already{_changed(message)}; nothing was done"]
        case NotReleased(why, try_this):
            return "not-done", [f"{id}: nothing was done", f"  why: {why}", f"  try: {try_this}"]
        case _:
            assert_never(outcome)


def _fields(message: HeldMessage, settings: Settings) -> dict[str, object]:
    return {
        "id": message.id,
        "state": message.state.value,
        "at": message.at.isoformat(),
        "removed_at": (message.at + settings.quarantine.keep).isoformat(),
        "client": message.client,
        "helo": message.helo,
        "sender": message.sender,
        "recipients": list(message.recipients),
        "subject": message.subject,
        "control": message.control,
        "says": message.says,
        "size_bytes": message.size_bytes,
        "sha256": message.sha256,
        "changed_at": message.changed_at.isoformat() if message.changed_at else None,
        "changed_by": message.changed_by,
    }
