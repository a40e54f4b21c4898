"""`lockdown explain CONTROL`: what a control means, why it matters, how to mend it, what that does, and the way back;
whether a plan can change it, and which drill proves it.

Fails as: exit 2 for a name that no control has, with the near miss.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from lockdown.cli.options import common_options, paint, print_json
from lockdown.engine.audit import cards, control_named
from lockdown.model.card import VERBS, Card
from lockdown.model.finding import Control


@click.command(
    name="explain", epilog="Example:  lockdown explain relaying.open-to-strangers     lockdown explain relaying"
)
@click.argument("control", required=False)
@common_options
def command(control: str | None, config: Path | None, as_json: bool) -> None:
    """What a control, or an item of the checklist, means. Without a name: all of them."""
    if control is None:
        _print_all(as_json)
    elif found := control_named(control):
        _print_control(*found, as_json)
    elif card := next((card for card in cards() if control in (card.id, str(card.number))), None):
        _print_card(card, as_json)
    else:
        raise click.UsageError(_no_such(control))


def _no_such(name: str) -> str:
    """The near miss: by letters first, then by the last part of the name."""
    known = [control.id for card in cards() for control in card.controls] + [card.id for card in cards()]
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    near = near or [entry for entry in known if name.lower().rpartition(".")[2] in entry][:3]
    hint = f"Did you mean {' or '.join(near)}?" if near else "`lockdown explain` lists them all."
    return f"There is no control {name!r}. {hint}"


def _fields(control: Control) -> dict[str, object]:
    return {**asdict(control), "severity": str(control.severity)}


def _print_all(as_json: bool) -> None:
    if as_json:
        print_json("controls", controls=[_fields(control) for card in cards() for control in card.controls])
        return
    for card in cards():
        click.echo(paint(f"{card.number:>2}  {card.title}", bold=True) + f"  ({card.id})")
        for control in card.controls:
            click.echo(f"      {control.id:<42} {control.title}")


def _print_control(control: Control, card: Card, as_json: bool) -> None:
    if as_json:
        proofs = list(_proofs(control, card))
        print_json("control", item=card.id, **_fields(control), plan=_is_planned(control, card), drill=proofs)
        return
    click.echo(paint(control.title, bold=True))
    click.echo(f"{control.id}, {control.severity}; item {card.number}: {card.title}\n")
    for head, text in (*_paragraphs(control), *_what_to_type(control, card)):
        for number, line in enumerate(_lines(head, text)):
            click.echo((paint(f"{head:<14}", bold=True) if number == 0 else " " * 14) + line)


def _paragraphs(control: Control) -> Iterator[tuple[str, str]]:
    yield "why", control.why
    yield "judged on", control.evidence + (" (mail in flight only)" if control.in_flight else "")
    yield "fix", control.fix
    yield "side effects", control.side_effects
    yield "undo", control.undo
    if not control.waivable:
        yield "waiver", "none: this one cannot be waived"
    for number, demand in enumerate(control.maps):
        yield ("" if number else "demanded by"), demand
    for number, reference in enumerate(control.references):
        yield ("" if number else "references"), reference


def _what_to_type(control: Control, card: Card) -> Iterator[tuple[str, str]]:
    """Who can change it, and what proves it."""
    if _is_planned(control, card):
        yield "plan", f"lockdown plan {card.id}: proposes the change where it is safe, and says why where it is not"
    else:
        yield "plan", card.empty.get("enforce", "none: it is not changed by itself")
    if sets := list(_proofs(control, card)):
        yield "drill", f"lockdown drill {card.id}: {', '.join(sets)}"
    else:
        yield "drill", card.empty.get("drill", "none: it is judged on what can be read")


def _is_planned(control: Control, card: Card) -> bool:
    """A plan is made of what was found on the machine itself."""
    from_elsewhere = control.by_word or control.by_drill or control.black_box or control.in_flight
    return "enforce" not in card.empty and not from_elsewhere


def _proofs(control: Control, card: Card) -> Iterator[str]:
    """The headings of the drill's parts that try this control, each once."""
    if "drill" in card.empty:
        return
    from lockdown.config import Settings
    from lockdown.engine.drill import drills

    moves = drills([card.id])[card.id](Settings())
    yield from dict.fromkeys(one.set for one in moves if one.control == control.id)


def _lines(head: str, text: str) -> list[str]:
    """A command to type is never wrapped."""
    from lockdown.cli.audit_text import paragraph

    return [text] if head == "fix" else paragraph(text)


def _print_card(card: Card, as_json: bool) -> None:
    if as_json:
        controls = [_fields(control) for control in card.controls]
        print_json("item", number=card.number, id=card.id, title=card.title, promise=card.promise, controls=controls)
        return
    click.echo(paint(f"{card.number}. {card.title}", bold=True))
    click.echo(card.promise + "\n")
    for control in card.controls:
        click.echo(f"  {control.id:<42} {control.title}")
    for verb in VERBS:
        if verb in card.empty:
            click.echo(f"  {verb:<10} {card.empty[verb]}")
