"""`lockdown send`: one message through the gateway (or any server), with the whole dialogue on the screen.

Fails as: exit 1 when it was refused, with the server's words; 2 when nobody answers; 3 when the final answer was lost.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import assert_never

import click

from lockdown.cli.options import common_options, paint, print_json
from lockdown.config import Settings, upstreams
from lockdown.engine.send import (
    Accepted,
    Composed,
    Draft,
    Overhear,
    Refused,
    Target,
    compose,
    send,
    where_it_lies,
)
from lockdown.engine.settings_files import load_settings
from lockdown.engine.targets import Mailbox, gateway_target, target_of
from lockdown.model.units import ByteSize
from lockdown.model.unknown import Unknown


class SizeType(click.ParamType[ByteSize]):
    """`10MiB` on the command line."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> ByteSize:
        """The size, or a usage error that shows how one is written."""
        try:
            return ByteSize.parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(name="send", epilog="Example:  lockdown send --to postmaster@example.org --subject hello --size 1MiB")
@click.option("--to", "to", multiple=True, metavar="ADDR", help="Recipient; may be repeated [postmaster@first domain].")
@click.option("--from", "sender", metavar="ADDR", help='Envelope sender; "" is the null one [sender@outside.example].')
@click.option("--server", metavar="HOST:PORT", help="Whom to talk to [the gateway of the settings].")
@click.option("--subject", default="A test from Lockdown")
@click.option("--body", default="This is a test message.")
@click.option("--file", "raw", type=click.Path(path_type=Path, dir_okay=False), help="Send this .eml as it is.")
@click.option("--attach", type=click.Path(path_type=Path, dir_okay=False), help="Attach this file.")
@click.option("--size", type=SizeType(), default="0", metavar="SIZE", help="Pad the message to this size, like 10MiB.")
@click.option("--tls", is_flag=True, help="Demand STARTTLS.")
@click.option("--count", type=click.IntRange(1, 100_000), default=1, help="Send so many messages, one after another.")
@common_options
def command(
    to: tuple[str, ...],
    sender: str | None,
    server: str | None,
    subject: str,
    body: str,
    raw: Path | None,
    attach: Path | None,
    size: ByteSize,
    tls: bool,
    count: int,
    config: Path | None,
    as_json: bool,
) -> int:
    """Send a message and show the dialogue. Exit 0: accepted, 1: refused, 3: nobody can know."""
    settings = load_settings(config).settings
    target = _target(server or settings.gateway.listen[0], tls)
    recipients = to or (f"postmaster@{(*settings.site.domains, 'example.org')[0]}",)
    draft = Draft(
        sender="sender@outside.example" if sender is None else sender.strip("<>"),
        recipients=tuple(address.strip("<>") for address in recipients),
        subject=subject,
        body=body,
        attachment=attach,
        raw=raw,
        size_bytes=size,
    )
    codes = [_exit_code(_send_one(draft, target, settings, as_json, quiet=count > 1).outcome) for _ in range(count)]
    return max(codes)


@dataclass(frozen=True, slots=True)
class Sent:
    """One message that was sent, and all that is told of it."""

    composed: Composed
    target: Target
    outcome: Accepted | Refused | Unknown
    dialogue: list[tuple[str, str]]
    seconds: float
    file: Path | None
    mailbox: bool
    """The gateway that it went to keeps its mail in the embedded Maildir."""

    @property
    def config_words(self) -> str:
        """The settings file that was named, for the next command."""
        config = click.get_current_context().params.get("config")
        return f" --config {config}" if config else ""


def _target(server: str, tls: bool) -> Target:
    host, _, port = server.rpartition(":") if ":" in server else (server, "", "25")
    if not (host and port.isdigit() and int(port) < 65536):
        raise click.UsageError(f"{server!r} is not HOST:PORT, like 127.0.0.1:2525.")
    return replace(gateway_target(f"{host}:{port}"), tls=tls)


def _send_one(draft: Draft, target: Target, settings: Settings, as_json: bool, *, quiet: bool) -> Sent:
    composed = compose(draft, datetime.now(UTC))
    lines: list[tuple[str, str]] = []
    overhear = _kept_in(lines) if as_json or quiet else _shown
    began = time.monotonic()
    outcome = send(composed, target, overhear)
    seconds = time.monotonic() - began
    file = where_it_lies(settings, composed.message_id) if isinstance(outcome, Accepted) else None
    sent = Sent(composed, target, outcome, lines, seconds, file, _has_mailbox(target, settings))
    if as_json:
        _print_as_json(sent)
    else:
        _print_outcome(sent, quiet=quiet)
    return sent


def _has_mailbox(target: Target, settings: Settings) -> bool:
    ours = target.port in [gateway_target(listen).port for listen in settings.gateway.listen]
    return ours and isinstance(target_of(upstreams(settings.gateway)[0], settings), Mailbox)


def _kept_in(lines: list[tuple[str, str]]) -> Overhear:
    return lambda who, line: lines.append((who, line))


def _shown(who: str, line: str) -> None:
    colour = {"C": "cyan", "S": "green"}.get(who, "yellow")
    click.echo(f"{paint(f'{who}:', fg=colour)} {line}")


def _exit_code(outcome: Accepted | Refused | Unknown) -> int:
    match outcome:
        case Accepted(refused=refused):
            return 1 if refused else 0
        case Refused():
            return 1
        case Unknown():
            return 3
        case _:
            assert_never(outcome)


def _print_outcome(sent: Sent, *, quiet: bool) -> None:
    match sent.outcome:
        case Accepted(reply, refused):
            click.echo(
                paint(f"accepted by {sent.target} in {sent.seconds:.2f} s", fg="green") + f": {_text(reply.wire)}"
            )
            for address, no in refused:
                click.echo(paint(f"but not for {address}", fg="red") + f": {_text(no.wire)}")
            if not quiet:
                _print_where(sent)
        case Refused(verb, reply):
            click.echo(paint(f"refused by {sent.target} at {verb}", fg="red") + f": {_text(reply.wire)}")
        case Unknown(why):
            click.echo(paint("nobody can know what became of it", fg="yellow") + f": {why}")
        case _:
            assert_never(sent.outcome)


def _print_where(sent: Sent) -> None:
    if sent.file:
        click.echo(f"it lies in {sent.file}")
    elif sent.mailbox:
        click.echo(
            f"it is not in the mailbox: it was held for a person; see: lockdown quarantine list{sent.config_words}"
        )
    click.echo(f"its story: lockdown trace{sent.config_words} {sent.composed.letter.recipients[0]}")


def _text(wire: bytes) -> str:
    return " ".join(wire.decode("ascii", "replace").split())


def _print_as_json(sent: Sent) -> None:
    fields: dict[str, object] = {"server": str(sent.target), "message_id": sent.composed.message_id}
    match sent.outcome:
        case Accepted(reply, refused):
            no = {address: _text(answer.wire) for address, answer in refused}
            fields |= {"outcome": "accepted", "reply": _text(reply.wire), "refused": no}
        case Refused(verb, reply):
            fields |= {"outcome": "refused", "at": verb, "reply": _text(reply.wire)}
        case Unknown(why):
            fields |= {"outcome": "unknown", "why": why}
        case _:
            assert_never(sent.outcome)
    file = str(sent.file) if sent.file else None
    print_json("send", **fields, file=file, dialogue=[f"{who}: {line}" for who, line in sent.dialogue])
