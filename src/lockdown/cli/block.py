"""`lockdown block`: networks that may not talk to us, and what floods have in common, restrained by itself.

What is ours is never blocked; nothing is blocked for ever.

Fails as: exit 1 when a block is refused or not there, with the reason; 2 when the store cannot be used.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from lockdown.cli import restraints as restrained
from lockdown.cli.durations import DurationType
from lockdown.cli.opened import open_existing, open_or_make
from lockdown.cli.options import common_options, operator_name, print_json, print_labelled, print_table, printable
from lockdown.config import Settings
from lockdown.engine.blocking import Blockable, Network, NotBlockable, judge_block, protected_networks, read_network
from lockdown.engine.settings_files import load_settings
from lockdown.model.mail import Block
from lockdown.model.record import BlockRecord
from lockdown.model.restraint import Restraint
from lockdown.model.units import show_duration
from lockdown.model.unknown import Unknown

_COMMIT_SECONDS = 10.0


@click.group(name="block", epilog="Example:  lockdown block add 203.0.113.0/24 --for 1h --why 'sends junk'")
def command() -> None:
    """Networks that may not talk to us, and floods that are restrained: list, add, remove, why."""


@command.command("list", epilog="Example:  lockdown block list")
@common_options
def list_blocks(config: Path | None, as_json: bool) -> None:
    """Every network that is blocked now, and everything that is restrained."""
    now = datetime.now(UTC)
    with open_existing(load_settings(config).settings) as (store, _):
        blocks, running = store.active_blocks(now), store.active_restraints(now)
    if as_json:
        told = [restrained.fields(one) for one in running]
        print_json("block-list", blocks=[_fields(block) for block in blocks], restraints=told)
        return
    if blocks:
        rows = [(block.network, _left(block, now), block.by, block.why) for block in blocks]
        print_table(rows, ("network", "still", "by", "why"))
    else:
        click.echo("no network is blocked")
    restrained.print_running(running, now)


@command.command("add", epilog="Example:  lockdown block add 203.0.113.7 --for 2h --why 'password guessing'")
@click.argument("network")
@click.option("--for", "term", type=DurationType(), default="1h", show_default=True, help="How long: 30m, 2h, 7d.")
@click.option("--why", default="by hand", show_default=True, help="The reason, for whoever looks later.")
@common_options
def add(network: str, term: timedelta, why: str, config: Path | None, as_json: bool) -> int:
    """Block NETWORK for a while."""
    settings = load_settings(config).settings
    now = datetime.now(UTC)
    match judge_block(network, term, protected_networks(settings), now):
        case NotBlockable(reason, try_this):
            return _refused(f"{network} is not blocked", reason, try_this, as_json)
        case Blockable(wanted, until):
            with open_or_make(settings) as store:
                block = store.block(wanted, why, until, operator_name(), now).result(_COMMIT_SECONDS)
            _tell_blocked(block, as_json)
            return 0


@command.command("remove", epilog="Example:  lockdown block remove 203.0.113.0/24     or:  lockdown block remove r7")
@click.argument("network", metavar="NETWORK|ID")
@common_options
def remove(network: str, config: Path | None, as_json: bool) -> int:
    """Let NETWORK talk again, or end the restraint of this ID."""
    settings, now = load_settings(config).settings, datetime.now(UTC)
    if (number := restrained.number_of(network)) is not None:
        return _end_restraint(settings, number, now, as_json)
    match read_network(network):
        case Unknown(reason):
            return _refused("nothing was removed", reason, "lockdown block list", as_json)
        case wanted:
            with open_existing(settings) as (store, _):
                was_blocked = store.unblock(str(wanted), operator_name()).result(_COMMIT_SECONDS)
                ended = restrained.sole_networks(store.active_restraints(now), wanted)
                for one in ended:
                    store.end_restraint(one.number, operator_name(), now).result(_COMMIT_SECONDS)
    if not was_blocked and not ended:
        return _refused("nothing was removed", f"{wanted} is not blocked", "lockdown block list", as_json)
    print_json("block-remove", network=str(wanted)) if as_json else click.echo(f"{wanted} may talk again")
    return 0


def _end_restraint(settings: Settings, number: int, now: datetime, as_json: bool) -> int:
    with open_existing(settings) as (store, _):
        running = [one for one in store.active_restraints(now) if one.number == number]
        ended = bool(running) and store.end_restraint(number, operator_name(), now).result(_COMMIT_SECONDS)
    if not ended:
        return _refused("nothing was removed", f"r{number} does not run", "lockdown block list", as_json)
    if as_json:
        print_json("block-remove", restraint=f"r{number}")
        return 0
    click.echo(f"r{number} has ended; it is not begun again while its incident lasts")
    if restrained.is_kept_by_the_kernel(running[0]):
        click.echo("the agent opens the packet filter within seconds     (sudo nft list table inet lockdown)")
    return 0


@command.command("why", epilog="Example:  lockdown block why 203.0.113.7     or:  lockdown block why a@example.net")
@click.argument("what", metavar="ADDRESS|SENDER|USER|ID")
@common_options
def tell_why(what: str, config: Path | None, as_json: bool) -> int:
    """Is it blocked or restrained, by what, since when; and was it ever? Exit 1 when it is neither."""
    settings, now = load_settings(config).settings, datetime.now(UTC)
    wanted = read_network(what)
    with open_existing(settings) as (store, _):
        blocks = [] if isinstance(wanted, Unknown) else store.active_blocks(now)
        covering = [block for block in blocks if _touches(block, wanted)]
        networks = {block.network for block in covering} | (set() if isinstance(wanted, Unknown) else {str(wanted)})
        records = [record for network in sorted(networks) for record in store.block_history(network)]
        story = restrained.about(what, store.restraint_history(now - restrained.REMEMBERED))
    protection = [] if isinstance(wanted, Unknown) else _protection(settings, wanted)
    if as_json:
        print_json(
            "block-why",
            blocked=[_fields(block) for block in covering],
            history=[_record_fields(record) for record in records],
            restraints=[restrained.fields(one) for one in story],
            protected=protection,
        )
    else:
        _print_why(what if isinstance(wanted, Unknown) else str(wanted), covering, records, protection, story)
    return 0 if covering or any(one.runs(now) for one in story) else 1


def _protection(settings: Settings, wanted: Network) -> list[str]:
    return [f"{ours.network}: {ours.why}" for ours in protected_networks(settings) if ours.network.overlaps(wanted)]


def _print_why(
    wanted: str, covering: list[Block], records: list[BlockRecord], protection: list[str], story: list[Restraint]
) -> None:
    now = datetime.now(UTC)
    for block in covering:
        print_labelled(
            "", f"{wanted} is blocked as {block.network}, still {_left(block, now)}, by {block.by}: {block.why}", 0
        )
    if not covering and restrained.number_of(wanted) is None:
        running = any(one.runs(now) for one in story)
        click.echo(f"{printable(wanted)} is not blocked{', but restrained' if running else ''}")
    restrained.print_story(story, now)
    if not story and restrained.number_of(wanted) is not None:
        click.echo(f"there is no restraint {wanted}, or it is older than {restrained.REMEMBERED.days} days")
    for reason in protection:
        click.echo(f"it is never blocked: {reason}")
    for record in records:
        print_labelled(
            "", f"{record.since:%F %H:%M} to {_ended(record)}  {record.network}  by {record.by}: {record.why}", 2
        )


def _ended(record: BlockRecord) -> str:
    if record.ended_at:
        return f"{record.ended_at:%F %H:%M} (ended by {record.ended_by})"
    return f"{record.until:%F %H:%M}" if record.until else "removal"


def _touches(block: Block, wanted: Network | Unknown) -> bool:
    return not isinstance(wanted, Unknown) and ipaddress.ip_network(block.network).overlaps(wanted)


def _refused(what: str, why: str, try_this: str, as_json: bool) -> int:
    if as_json:
        print_json("block-refused", what=what, why=why, try_this=try_this)
    else:
        click.echo(f"{what}\n  why: {why}\n  try: {try_this}", err=True)
    return 1


def _tell_blocked(block: Block, as_json: bool) -> None:
    if as_json:
        print_json("block-add", **_fields(block))
    else:
        until = f"{block.until:%F %T}Z" if block.until else "removed"
        click.echo(f"{block.network} is blocked until {until}; undo: lockdown block remove {block.network}")


def _fields(block: Block) -> dict[str, str | None]:
    until = block.until.isoformat() if block.until else None
    return {"network": block.network, "why": block.why, "until": until, "by": block.by}


def _record_fields(record: BlockRecord) -> dict[str, str | None]:
    ended = record.ended_at or record.until
    return {
        "network": record.network,
        "why": record.why,
        "since": record.since.isoformat(),
        "ends": ended.isoformat() if ended else None,
        "by": record.by,
        "ended_by": record.ended_by,
    }


def _left(block: Block, now: datetime) -> str:
    if block.until is None:
        return "until removed"
    return show_duration(timedelta(seconds=round((block.until - now).total_seconds())))
