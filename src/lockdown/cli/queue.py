"""`lockdown queue`: what waits in the mail server's queue, who clogs it, and how to get rid of it without losing mail.

Messages are held first, and can be released; what is deleted was archived, and can be put back. Exit 0: done, or
nothing waits; 1: something waits, or not all was done; 3: the queue could not be read.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lockdown.cli.durations import DurationType
from lockdown.cli.options import (
    common_options,
    operator_name,
    paint,
    print_json,
    print_labelled,
    print_table,
    printable,
)
from lockdown.model.errors import OperatorError
from lockdown.model.units import ByteSize, show_duration
from lockdown.model.unknown import Unknown

if TYPE_CHECKING:
    from lockdown.config import Settings
    from lockdown.engine.queue import By, Choice, Group, Groups, Hands, Preview, QueueSurgery
    from lockdown.model.queued import Queued

AnyCommand = TypeVar("AnyCommand", bound=Callable[..., Any])
_TOP = 5
_CLOGS = 0.4
"""Who has so much of the queue, clogs it."""
_OPTIONS = (
    ("sender", "SENDER", 'Of this envelope sender; "<>" is that of bounces.'),
    ("client", "ADDRESS", "Handed in by this address, or a network like 203.0.113.0/24."),
    ("user", "USER", "Handed in by this user, signed in."),
    ("domain", "DOMAIN", "To somebody at this domain."),
    ("subject", "WORDS", "With these words in its subject."),
    ("reason", "WORDS", "With these words in the reason why it waits."),
)


@click.group(
    name="queue", invoke_without_command=True,
    epilog="Example:  lockdown queue     then:  lockdown queue hold --sender x@example.net",
)  # fmt: skip
@click.pass_context
def command(context: click.Context) -> int:
    """What waits in the mail server's queue (as `top` says), and how to set it aside."""
    if context.invoked_subcommand is None:
        nothing = dict.fromkeys((*(name for name, _, _ in _OPTIONS), "older_than"))
        return int(context.invoke(top, config=None, as_json=False, **nothing))
    return 0


def choosing(function: AnyCommand) -> AnyCommand:
    """The options that say which messages are meant; all of them must hold."""
    function = click.option(
        "--older-than", type=DurationType(), metavar="TIME", help="That wait for longer, like 2h or 3d."
    )(function)
    for name, metavar, help in reversed(_OPTIONS):
        function = click.option(f"--{name}", metavar=metavar, help=help)(function)
    return function


def _choice(given: dict[str, Any]) -> Choice:
    values = {name: given[name] for name, _, _ in _OPTIONS if given[name] is not None}
    if values.get("sender") == "<>":
        values["sender"] = ""
    older: timedelta | None = given["older_than"]
    age = (("older-than", str(older.total_seconds())),) if older else ()
    return (*values.items(), *age)


def _settings(config: Path | None) -> Settings:
    from lockdown.engine.settings_files import load_settings

    return load_settings(config).settings


def _hands() -> Hands:
    from lockdown.engine.queue import hands_here

    match hands_here():
        case Unknown(why):
            raise OperatorError("no-queue", what="The queue could not be read.", why=why, try_this="lockdown doctor")
        case hands:
            return hands


def _known(answer: Any) -> Any:
    """The answer, or the reason why the choice is none."""
    if isinstance(answer, Unknown):
        raise click.UsageError(f"{answer.why}; see: lockdown queue hold --help")
    return answer


def _surgery(settings: Settings, hands: Hands) -> QueueSurgery:
    from lockdown.engine.queue import QueueSurgery
    from lockdown.state.layout import make_folder

    if os.geteuid() != 0:
        raise OperatorError(
            "not-root", what="nothing is changed", why="only root may change the queue",
            try_this="sudo lockdown queue …     (the same command)",
        )  # fmt: skip
    return QueueSurgery(make_folder(Path(settings.state.directory).absolute()), hands)


# ── looking ──


@command.command("top", epilog="Example:  lockdown queue top --domain example.org")
@choosing
@common_options
def top(config: Path | None, as_json: bool, **given: Any) -> int:
    """Who clogs the queue: senders, clients, users, domains, reasons, ages. Exit 1 when something waits."""
    from lockdown.engine.queue import grouped_here

    now = datetime.now(UTC)
    groups: Groups = _known(grouped_here(_hands(), _choice(given), now))
    if as_json:
        print_json("queue-top", **_groups_fields(groups))
    else:
        _print_groups(groups, now)
    return 1 if groups.all.messages else 0


def _groups_fields(groups: Groups) -> dict[str, object]:
    from lockdown.engine.queue import By

    def fields(group: Group) -> dict[str, object]:
        oldest = group.oldest.isoformat() if group.oldest else None
        return {
            "messages": group.messages, "octets": group.octets, "recipients": group.recipients, "oldest": oldest,
        }  # fmt: skip

    by = {str(one): [{"key": key, **fields(it)} for key, it in groups.top(one, 20)] for one in By}
    return {"all": fields(groups.all), "held": fields(groups.held), "unread": groups.unread, "by": by}


_DULL_ALONE = ("age", "size", "queue")
"""Where all is of one kind, that is not worth a table."""


def _print_groups(groups: Groups, now: datetime) -> None:
    from lockdown.engine.queue import By

    whole = groups.all
    if not whole.messages:
        click.echo("nothing waits in the queue" + _unread(groups.unread))
        if aside := _held_aside(groups):
            click.echo(f"{aside}\n\ntype: lockdown queue status")
        return
    click.echo(paint(_headline(groups, now), bold=True) + _unread(groups.unread))
    if aside := _held_aside(groups):
        click.echo(aside)
    for by in By:
        rows = groups.top(by, _TOP)
        if len(rows) >= (2 if by in _DULL_ALONE else 1):
            click.echo()
            print_table([_group_row(by, key, group, whole, now) for key, group in rows], _heads(by))
    clogs = _clogging(groups)
    other = "status" if groups.held.messages else "list"
    click.echo(f"\ntype: lockdown queue {f'hold {clogs[2]}' if clogs else other}")


def _headline(groups: Groups, now: datetime) -> str:
    whole = groups.all
    said = f"{whole.messages} messages wait, {ByteSize(whole.octets)}, the oldest for {_age(whole.oldest, now)}"
    clogs = _clogging(groups)
    return printable(f"{clogs[0]} {clogs[1]} has most of it: {said}") if clogs else said


def _held_aside(groups: Groups) -> str:
    held = groups.held
    return f"{held.messages} more are held, {ByteSize(held.octets)}" if held.messages else ""


def _clogging(groups: Groups) -> tuple[str, str, str] | None:
    """What most of the queue has in common: whoever can be proved first, a label last."""
    import shlex

    from lockdown.engine.queue import UNKNOWN, By

    if groups.held.messages > groups.all.messages:
        return None  # who clogged it is set aside already
    for by, option in ((By.USER, "user"), (By.CLIENT, "client"), (By.SENDER, "sender")):
        for key, group in groups.top(by, 1):
            # What this machine itself hands in, may be everybody's.
            is_somebody = key not in (UNKNOWN, "127.0.0.1", "::1") or by is not By.CLIENT
            if group.messages >= max(20, _CLOGS * groups.all.messages) and is_somebody:
                return by.value, key or "<>", f"--{option} {shlex.quote(printable(key) or '<>')}"
    return None


def _heads(by: By) -> tuple[str, ...]:
    return "messages", "share", "size", "oldest", "newest", by.value


def _group_row(by: By, key: str, group: Group, whole: Group, now: datetime) -> tuple[str, ...]:
    share = f"{100 * group.messages // whole.messages} %"
    size = str(ByteSize(group.octets))
    from lockdown.engine.queue import By

    shown = key or ("<>" if by is By.SENDER else "-")
    return str(group.messages), share, size, _age(group.oldest, now), _age(group.newest, now), shown[:100]


@command.command("list", epilog="Example:  lockdown queue list --client 203.0.113.0/24")
@choosing
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="The oldest so many.")
@common_options
def list_queue(limit: int, config: Path | None, as_json: bool, **given: Any) -> int:
    """The messages themselves, the oldest first. Exit 1 when something waits."""
    from lockdown.engine.queue import listed

    now = datetime.now(UTC)
    messages, total = _known(listed(_hands(), _choice(given), now, limit))
    if as_json:
        print_json("queue-list", count=total, messages=[_fields(it) for it in messages])
    elif not messages:
        click.echo("nothing that waits matches" if _choice(given) else "nothing waits in the queue")
    else:
        print_table([_row(it, now) for it in messages], ("id", "age", "size", "sender", "to", "what"))
        if total > len(messages):
            click.echo(f"… and {total - len(messages)} more")
    return 1 if total else 0


def _fields(it: Queued) -> dict[str, object]:
    return {**it._asdict(), "arrived": datetime.fromtimestamp(it.arrived / 1e6, UTC).isoformat()}


def _row(it: Queued, now: datetime) -> tuple[str, ...]:
    more = f" +{len(it.recipients) - 1}" if len(it.recipients) > 1 else ""
    to = (it.recipients[0][:40] if it.recipients else "") + more
    age = _age(datetime.fromtimestamp(it.arrived / 1e6, UTC), now)
    who = f"{it.client or '-'}{f' ({it.user})' if it.user else ''}"
    size = str(ByteSize(it.size))
    what = (f"from {who}", it.queue if it.queue != "deferred" else "", it.subject[:60], it.reason[:200])
    return it.id, age, size, it.sender[:40] or "<>", to, "; ".join(filter(None, what))


# ── deeds ──


@command.command("hold", epilog="Example:  lockdown queue hold --sender x@example.net --yes")
@choosing
@click.option("--why", default="", help="For the record.")
@click.option("--yes", is_flag=True, help="Without asking; else what would be held is shown first.")
@common_options
def hold(why: str, yes: bool, config: Path | None, as_json: bool, **given: Any) -> int:
    """Hold what matches: nothing is lost, and it can be released."""
    from lockdown.engine.queue import previewed

    hands, now, choice = _hands(), datetime.now(UTC), _choice(given)
    preview: Preview = _known(previewed(hands, choice, now))
    if not yes or not preview.count:
        _show_preview(preview, now, as_json)
        if not preview.count or as_json or not _confirmed(f"Hold these {preview.count}?"):
            return 0 if not preview.count else 1
    held = _surgery(_settings(config), hands).hold(preview, why, operator_name(), now)
    if as_json:
        print_json("queue-hold", id=held.id, count=held.count, octets=held.octets, gone=held.gone, undo=held.undo)
    else:
        click.echo(paint(printable(held.says), bold=True))
        for label, text in (
            ("look", f"lockdown queue status {held.id}"), ("undo", held.undo),
            ("delete", f"lockdown queue delete {held.id}"),
        ):  # fmt: skip
            print_labelled(label, text)
    return 0 if held.count + held.gone >= preview.count else 1


def _show_preview(preview: Preview, now: datetime, as_json: bool) -> None:
    if as_json:
        domains = dict(preview.domains.most_common(20))
        samples = [_fields(it) for it in preview.samples]
        print_json(
            "queue-preview", count=preview.count, octets=preview.octets, held_already=preview.held_already,
            samples=samples, domains=domains,
        )  # fmt: skip
        return
    already = f"; {preview.held_already} more are held already" if preview.held_already else ""
    if not preview.count:
        click.echo(f"nothing that waits matches{already}{_unread(preview.unread)}")
        return
    oldest = _age(datetime.fromtimestamp(preview.oldest / 1e6, UTC), now)
    click.echo(
        f"{preview.count} messages match, {ByteSize(preview.octets)}, the oldest waits for {oldest}{already}"
        + _unread(preview.unread)
    )
    for it in preview.samples:
        click.echo(f"  {' '.join(map(printable, filter(None, _row(it, now))))}")
    whither = ", ".join(f"{name or '-'} {count}" for name, count in preview.domains.most_common(10))
    click.echo(f"to: {printable(whither)}")


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is there to ask: say --yes.")
    return click.confirm(question)


@command.command("release", epilog="Example:  lockdown queue release 20261124-151200")
@click.argument("id", metavar="DEED")
@common_options
def release(id: str, config: Path | None, as_json: bool) -> int:
    """Let go what DEED holds: the server goes on with it at its next run."""
    return _tell(_surgery(_settings(config), _hands()).release(id, operator_name()), id, "queue-release", as_json)


@command.command("delete", epilog="Example:  lockdown queue delete 20261124-151200 --yes")
@click.argument("id", metavar="[DEED]", required=False)
@choosing
@click.option("--why", default="", help="For the record.")
@click.option("--yes", is_flag=True, help="Without asking.")
@common_options
def delete(id: str | None, why: str, yes: bool, config: Path | None, as_json: bool, **given: Any) -> int:
    """Archive and delete what DEED holds; or hold what matches, then delete that. It can be put back for a while."""
    from lockdown.engine.queue import previewed
    from lockdown.engine.queue_record import record

    settings, hands, now, choice = _settings(config), _hands(), datetime.now(UTC), _choice(given)
    if (id is None) == (not choice):
        raise click.UsageError("either the id of a deed, or what to hold and delete")
    surgery = _surgery(settings, hands)
    if id is None:
        preview: Preview = _known(previewed(hands, choice, now))
        if not yes or not preview.count:
            _show_preview(preview, now, as_json)
            if not preview.count or as_json or not _confirmed(f"Delete these {preview.count}?"):
                return 0 if not preview.count else 1
        held = surgery.hold(preview, why, operator_name(), now)
        id = held.id
    elif not yes:
        deed = record(Path(settings.state.directory).absolute(), id).deed()
        id = deed.id
        click.echo(f"{deed.id} holds {deed.count} messages: {printable(deed.what)}", err=as_json)
        if not _confirmed("Archive and delete them?"):
            return 1
    said = (
        _begun_by_the_agent(settings, id) or f"{surgery.delete(id, operator_name())}; no agent runs, so by this command"
    )
    keep = show_duration(settings.monitoring.queue_retention)
    after = ("status", f"lockdown queue status {id}"), ("undo", f"lockdown queue undo {id}     (for {keep})")
    return _tell(said, id, "queue-delete", as_json, after)


def _begun_by_the_agent(settings: Settings, id: str) -> str:
    """What the agent says, which does it while nobody waits; "" where none runs."""
    from lockdown.agent import client

    match client.delete_queued(Path(settings.state.directory).absolute(), id, by=operator_name()):
        case Unknown(why) if why == client.NO_AGENT:
            return ""
        case Unknown(why):
            raise OperatorError(
                "agent-silent", what="it is not known whether it is deleted", why=why,
                try_this=f"lockdown queue status {id}",
            )  # fmt: skip
        case client.Refused(why=why, try_this=try_this):
            raise OperatorError("agent-refused", what="the agent does not delete it", why=why, try_this=try_this)
        case done:
            return f"{done.says} by the agent"


@command.command("undo", epilog="Example:  lockdown queue undo last")
@click.argument("id", metavar="[DEED]", required=False)
@common_options
def undo(id: str | None, config: Path | None, as_json: bool) -> int:
    """Take one step of DEED back: what is held is released, what was deleted is held. Without DEED: list them."""
    if id is None:
        return _list_deeds(_settings(config), as_json)
    return _tell(_surgery(_settings(config), _hands()).undo(id, operator_name()), id, "queue-undo", as_json)


@command.command("status", epilog="Example:  lockdown queue status last")
@click.argument("id", metavar="[DEED]", required=False)
@common_options
def status(id: str | None, config: Path | None, as_json: bool) -> int:
    """What was done to the queue, and how far it is; with DEED, all of its story, and where its samples lie."""
    from lockdown.cli.queue_story import deed_fields, print_deed
    from lockdown.engine.queue_record import record

    settings = _settings(config)
    if id is None:
        return _list_deeds(settings, as_json)
    kept = record(Path(settings.state.directory).absolute(), id)
    if as_json:
        print_json("queue-deed", **deed_fields(kept.deed()), samples=[str(path) for path in kept.samples()])
    else:
        print_deed(kept)
    return 0


def _list_deeds(settings: Settings, as_json: bool) -> int:
    from lockdown.cli.queue_story import deed_fields, print_deeds
    from lockdown.engine.queue import deeds

    found = deeds(Path(settings.state.directory).absolute())
    if as_json:
        print_json("queue-deeds", deeds=[deed_fields(deed) for deed in found])
    else:
        print_deeds(found)
    return 0


def _tell(said: str, id: str, schema: str, as_json: bool, after: Sequence[tuple[str, str]] = ()) -> int:
    if as_json:
        print_json(schema, id=id, says=said)
        return 0
    click.echo(paint(printable(said), bold=True))
    for label, text in after:
        print_labelled(label, text)
    return 0


def _age(then: datetime | None, now: datetime) -> str:
    seconds = max(0, round((now - then).total_seconds())) if then else 0
    step = next((step for limit, step in ((120, 1), (7200, 60), (172_800, 3600)) if seconds < limit), 86_400)
    return show_duration(timedelta(seconds=seconds // step * step))


def _unread(count: int) -> str:
    return f"     ({count} files there are no messages)" if count else ""
