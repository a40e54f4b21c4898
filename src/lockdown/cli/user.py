"""`lockdown user`: who sends what, how likely it is in foreign hands and why, who is held; hold, lock, let go.

Fails as: exit 1 when it could not be done, or not wholly, with the reason; 3 when nothing is known of accounts.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from lockdown.cli.durations import DurationType
from lockdown.cli.options import common_options, operator_name, print_json, print_table, printable
from lockdown.config import Settings
from lockdown.engine.accounts import Judged, Reason, judged, kept_facts
from lockdown.engine.grip import Held, grip, grips
from lockdown.engine.grip import release as release_account
from lockdown.engine.means import Deed
from lockdown.engine.settings_files import load_settings
from lockdown.model.accounts import Accounts
from lockdown.model.unknown import Unknown

_SHOWN_LEFT = 20


@click.group(name="user", epilog="Example:  lockdown user list     then:  lockdown user show anna@example.org")
def command() -> None:
    """Accounts: list, show, hold, lock, release."""


@command.command("list", epilog="Example:  lockdown user list")
@common_options
def list_users(config: Path | None, as_json: bool) -> int:
    """Accounts that have sent something within a day, the likeliest in foreign hands first. Exit 1 if one is held."""
    settings = load_settings(config).settings
    held, found = grips(), _facts(settings)
    if isinstance(found, Unknown) and not held:
        return _unknown(found.why, as_json)
    ranked = judged(found, settings) if isinstance(found, Accounts) else []
    quiet = [user for user in held if user not in {one.account.user for one in ranked}]
    if as_json:
        told = [_fields(one, held) for one in ranked]
        print_json("user-list", accounts=told, held_without_mail=quiet)
    else:
        rows = [_row(one, held) for one in ranked]
        rows += [(user, "", "", "", _how(held[user]), "nothing sent today") for user in quiet]
        if rows:
            print_table(rows, ("account", "score", "outside today", "new to it", "held", "why"))
        else:
            click.echo("no account has sent anything outside within a day")
    return 1 if held else 0


def _row(found: Judged, held: dict[str, Held]) -> tuple[str, ...]:
    account, points, reasons = found
    how = _how(held[account.user]) if account.user in held else ""
    why = _in_words(reasons[0]) if reasons else "nothing unusual"
    return (account.user, f"{points:.1f}", str(account.day.external), str(account.day.first_time), how, why)


@command.command("show", epilog="Example:  lockdown user show anna@example.org")
@click.argument("user")
@common_options
def show(user: str, config: Path | None, as_json: bool) -> int:
    """One account: the score with its reasons, from where it was opened, what left, and how it is held."""
    settings = load_settings(config).settings
    held, found = grips(), _facts(settings)
    if isinstance(found, Unknown) and user not in held:
        return _unknown(found.why, as_json)
    ranked = judged(found, settings) if isinstance(found, Accounts) else []
    account = next((one for one in ranked if one.account.user == user.casefold()), None)
    if as_json:
        told = _fields(account, held) if account else {"user": user, "held": _held_fields(held.get(user))}
        print_json("user-show", **told)
    else:
        _print_one(user, account, held.get(user))
    return 1 if user in held else 0


def _print_one(user: str, account: Judged | None, hold: Held | None) -> None:
    if hold:
        click.echo(f"{printable(user)} is {_how(hold)} until {hold.until:%F %H:%M}Z, by {printable(hold.by)}")
        click.echo(f"{'why':<10}{printable(hold.why)}")
    if account is None:
        click.echo(f"{printable(user)} has sent nothing within a day")
    else:
        _print_account(account)
    if hold:
        lets_go = f"lockdown user release {printable(user)}"
        click.echo(f"\ntype: {lets_go}     (it was its owner: what waits is sent)")
        click.echo(f"      {lets_go} --keep-held     (it was a thief, and the password is changed)")


def _print_account(found: Judged) -> None:
    account, points, reasons = found
    click.echo(f"{'score':<10}{points:.1f}     (3 is told, 6 holds its mail, 9 locks it)")
    for weight in reasons:
        click.echo(f"{'':<10}{printable(_in_words(weight))}")
    for one in account.sign_ins:
        click.echo(f"{'opened':<10}from {one.network}{' for the first time' if one.new else ''}")
    click.echo(f"{'outside':<10}{account.hour.external} recipients this hour, {account.day.external} today")
    for left in account.left[-_SHOWN_LEFT:]:
        subject = f"  {printable(left.subject)}" if left.subject else ""
        click.echo(f"{'left':<10}{left.at:%H:%M} {printable(left.recipient)}  {left.queue_id}{subject}")
    if len(account.left) > _SHOWN_LEFT:
        click.echo(f"{'':<10}and {len(account.left) - _SHOWN_LEFT} before: --json shows them")


def _in_words(reason: Reason) -> str:
    return f"{reason.points:+.1f} {reason.words}" if reason.points else f"cap  {reason.words}"


@command.command("hold", epilog="Example:  lockdown user hold anna@example.org --why 'sends spam'")
@click.argument("user")
@click.option("--for", "term", type=DurationType(), default="7d", show_default=True, help="How long: 2h, 7d.")
@click.option("--why", default="by hand", show_default=True, help="The reason, for whoever looks later.")
@common_options
def hold_mail(user: str, term: timedelta, why: str, config: Path | None, as_json: bool) -> int:
    """Let what USER hands in wait in the queue. Nothing is lost: `release` sends it."""
    return _grip(user, term, why, load_settings(config).settings, lock=False, as_json=as_json)


@command.command("lock", epilog="Example:  lockdown user lock anna@example.org")
@click.argument("user")
@click.option("--for", "term", type=DurationType(), default="7d", show_default=True, help="How long: 2h, 7d.")
@click.option("--why", default="by hand", show_default=True, help="The reason, for whoever looks later.")
@common_options
def lock_account(user: str, term: timedelta, why: str, config: Path | None, as_json: bool) -> int:
    """Hold USER's mail, end its sessions, and let its password open nothing."""
    return _grip(user, term, why, load_settings(config).settings, lock=True, as_json=as_json)


@command.command("release", epilog="Example:  lockdown user release anna@example.org")
@click.argument("user")
@click.option("--keep-held", is_flag=True, help="Leave what was held in the queue, to be looked at and deleted.")
@common_options
def release(user: str, keep_held: bool, config: Path | None, as_json: bool) -> int:
    """Let USER send and sign in again, and send what was held: all of it, also what a thief has written."""
    settings, now = load_settings(config).settings, datetime.now(UTC)
    deed = release_account(settings, _as_held(user), operator_name(), now, send=not keep_held)
    return _told(deed, "user-release", as_json)


def _grip(user: str, term: timedelta, why: str, settings: Settings, *, lock: bool, as_json: bool) -> int:
    now = datetime.now(UTC)
    deed = grip(settings, _as_held(user), term, why, operator_name(), now, lock=lock)
    return _told(deed, "user-lock" if lock else "user-hold", as_json)


def _as_held(user: str) -> str:
    """As it is counted, unless it is held under another spelling."""
    return user if user in grips() else user.casefold()


def _told(deed: Deed, schema: str, as_json: bool) -> int:
    if as_json:
        print_json(schema, done=deed.done, says=deed.says, until=deed.until, type=deed.undo)
    elif deed.done:
        click.echo(printable(deed.says).replace("; ", "\n"))
        if deed.until:
            click.echo(f"until {deed.until:%F %H:%M}Z; undo: {printable(deed.undo)}")
    else:
        click.echo(f"it was not done\n  why: {printable(deed.says)}\n  try: {printable(deed.undo)}", err=True)
    return 0 if deed.done and "NOT done" not in deed.says else 1


def _unknown(why: str, as_json: bool) -> int:
    if as_json:
        print_json("user-unknown", why=why)
    else:
        click.echo(f"nothing is known of accounts\n  why: {why}\n  try: lockdown config explain monitoring.mail_logs",
                   err=True)  # fmt: skip
    return 3


def _facts(settings: Settings) -> Accounts | Unknown:
    return kept_facts(settings, Path(settings.state.directory), datetime.now(UTC), frozenset(grips()))


def _how(hold: Held) -> str:
    return "locked" if hold.locked else "held"


def _fields(found: Judged, held: dict[str, Held]) -> dict[str, object]:
    account, points, reasons = found
    return {
        "user": account.user,
        "score": points,
        "reasons": [{"points": one.points, "words": one.words} for one in reasons],
        "hour": account.hour._asdict(),
        "day": account.day._asdict(),
        "usual": account.usual._asdict(),
        "sign_ins": [one._asdict() for one in account.sign_ins],
        "left": [one._asdict() for one in account.left],
        "held": _held_fields(held.get(account.user)),
    }


def _held_fields(hold: Held | None) -> dict[str, object] | None:
    if hold is None:
        return None
    return {
        "locked": hold.locked, "since": hold.since, "until": hold.until, "by": hold.by, "why": hold.why,
        "pieces": hold.pieces,
    }  # fmt: skip
