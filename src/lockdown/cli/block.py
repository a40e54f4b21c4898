"""`lockdown block`: networks that may not talk to us. What is ours is never blocked; nothing is blocked for ever.

Fails as: exit 1 when a block is refused or not there, with the reason; 2 when the store cannot be used.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from lockdown.cli.durations import DurationType
from lockdown.cli.opened import open_existing, open_or_make
from lockdown.cli.options import common_options, operator_name, print_json, print_table
from lockdown.engine.blocking import Blockable, NotBlockable, judge_block, protected_networks, read_network
from lockdown.engine.settings_files import load_settings
from lockdown.model.mail import Block
from lockdown.model.record import BlockRecord
from lockdown.model.units import show_duration
from lockdown.model.unknown import Unknown

_COMMIT_SECONDS = 10.0


@click.group(name="block", epilog="Example:  lockdown block add 203.0.113.0/24 --for 1h --why 'sends junk'")
def command() -> None:
    """Networks that may not talk to us: list, add, remove, why."""


@command.command("list", epilog="Example:  lockdown block list")
@common_options
def list_blocks(config: Path | None, as_json: bool) -> None:
    """Every network that is blocked now."""
    now = datetime.now(UTC)
    with open_existing(load_settings(config).settings) as (store, _):
        blocks = store.active_blocks(now)
    if as_json:
        print_json("block-list", blocks=[_fields(block) for block in blocks])
    elif not blocks:
        click.echo("no network is blocked")
    else:
        rows = [(block.network, _left(block, now), block.by, block.why) for block in blocks]
        print_table(rows, ("network", "still", "by", "why"))


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


@command.command("remove", epilog="Example:  lockdown block remove 203.0.113.0/24")
@click.argument("network")
@common_options
def remove(network: str, config: Path | None, as_json: bool) -> int:
    """Let NETWORK talk again."""
    match read_network(network):
        case Unknown(reason):
            return _refused("nothing was removed", reason, "lockdown block list", as_json)
        case wanted:
            with open_existing(load_settings(config).settings) as (store, _):
                was_blocked = store.unblock(str(wanted), operator_name()).result(_COMMIT_SECONDS)
    if not was_blocked:
        return _refused("nothing was removed", f"{wanted} is not blocked", "lockdown block list", as_json)
    print_json("block-remove", network=str(wanted)) if as_json else click.echo(f"{wanted} may talk again")
    return 0


@command.command("why", epilog="Example:  lockdown block why 203.0.113.7")
@click.argument("address")
@common_options
def tell_why(address: str, config: Path | None, as_json: bool) -> int:
    """Is ADDRESS blocked, by what, since when; and was it ever? Exit 1 when it is not blocked."""
    settings = load_settings(config).settings
    match read_network(address):
        case Unknown(reason):
            return _refused("nothing to look for", reason, "lockdown block why 203.0.113.7", as_json)
        case wanted:
            with open_existing(settings) as (store, _):
                covering = [block for block in store.active_blocks(datetime.now(UTC)) if _touches(block, wanted)]
                networks = {block.network for block in covering} | {str(wanted)}
                records = [record for network in sorted(networks) for record in store.block_history(network)]
    protection = [
        f"{ours.network}: {ours.why}" for ours in protected_networks(settings) if ours.network.overlaps(wanted)
    ]
    if as_json:
        print_json(
            "block-why",
            blocked=[_fields(block) for block in covering],
            history=[_record_fields(record) for record in records],
            protected=protection,
        )
    else:
        _print_why(str(wanted), covering, records, protection)
    return 0 if covering else 1


def _print_why(wanted: str, covering: list[Block], records: list[BlockRecord], protection: list[str]) -> None:
    now = datetime.now(UTC)
    for block in covering:
        click.echo(f"{wanted} is blocked as {block.network}, still {_left(block, now)}, by {block.by}: {block.why}")
    if not covering:
        click.echo(f"{wanted} is not blocked")
    for reason in protection:
        click.echo(f"it is never blocked: {reason}")
    for record in records:
        click.echo(f"  {record.since:%F %H:%M} to {_ended(record)}  {record.network}  by {record.by}: {record.why}")


def _ended(record: BlockRecord) -> str:
    if record.ended_at:
        return f"{record.ended_at:%F %H:%M} (ended by {record.ended_by})"
    return f"{record.until:%F %H:%M}" if record.until else "removal"


def _touches(block: Block, wanted: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    return ipaddress.ip_network(block.network).overlaps(wanted)


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
