"""The 13 × 4 matrix, read from the cards: a place is filled by a module with its verb, or declared empty in words."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from lockdown.checklist import CHECKLIST, Room
from lockdown.config import read_settings
from lockdown.engine.audit import cards
from lockdown.model.card import VERBS, Card

ROOMS = Path(importlib.import_module("lockdown.checklist").__file__ or "").parent
GUARDED = read_settings(
    [("lockdown.toml", '[gateway]\nlisten = ["0.0.0.0:2525"]\nupstream = "smtp://127.0.0.1:10025"\n')]
).settings
"""A server with a gateway in front: a drill tries both ways in."""
GATES = {"antivirus", "antispam", "relaying", "attachments", "monitoring"}
SOURCE_TEXT = (
    "antivirus", "antispam", "dmz", "attachments", "mailboxes", "services", "admins",
    "relaying", "monitoring", "patches", "backups", "fightback", "education",
)  # fmt: skip


def module_of(room: Room, verb: str) -> ModuleType | None:
    name = f"{room.__name__}.{verb}"
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


def place(room: Room, verb: str) -> str:
    """`filled`, `empty`, or what is wrong with it."""
    module = module_of(room, verb)
    if module and not callable(getattr(module, verb, None)):
        return f"{verb}.py has no function {verb}"
    match bool(module), verb in room.CARD.empty:
        case True, False:
            return "filled"
        case False, True:
            return "empty"
        case True, True:
            return "filled, and declared empty"
        case _:
            return "neither filled nor declared empty"


def matrix() -> Iterator[str]:
    yield f"{'':<14}" + "".join(f"{verb:<10}" for verb in VERBS) + "gate"
    for room in CHECKLIST:
        marks = "".join(f"{'x' if place(room, verb) == 'filled' else '-':<10}" for verb in VERBS)
        yield f"{room.CARD.number:>2} {room.CARD.id:<11}{marks}{'x' if module_of(room, 'gate') else '-'}"


def test_the_checklist_is_the_source_text_in_its_order() -> None:
    assert tuple(card.id for card in cards()) == SOURCE_TEXT
    assert [card.number for card in cards()] == list(range(1, 14))


def test_every_folder_is_a_room_of_the_checklist() -> None:
    folders = {path.name for path in ROOMS.iterdir() if path.is_dir() and not path.name.startswith("__")}
    assert folders == {room.__name__.rpartition(".")[2] for room in CHECKLIST} == {card.id for card in cards()}


@pytest.mark.parametrize("room", CHECKLIST, ids=lambda room: room.CARD.id)
@pytest.mark.parametrize("verb", VERBS)
def test_every_place_of_the_matrix_is_filled_or_declared_empty(room: Room, verb: str) -> None:
    print("\n".join(matrix()))
    assert place(room, verb) in ("filled", "empty")


def test_the_gates_stand_where_mail_in_flight_is_judged() -> None:
    assert {room.CARD.id for room in CHECKLIST if module_of(room, "gate")} == GATES


@pytest.mark.parametrize("card", cards(), ids=lambda card: card.id)
def test_an_empty_place_says_in_a_sentence_what_the_user_misses(card: Card) -> None:
    assert set(card.empty) <= set(VERBS)
    for sentence in card.empty.values():
        assert re.fullmatch(r"[A-Z][^\n]{20,}\.", sentence), sentence
        assert "yet" in sentence, sentence


@pytest.mark.parametrize("card", cards(), ids=lambda card: card.id)
def test_every_control_is_named_after_its_room_and_documented_whole(card: Card) -> None:
    for control in card.controls:
        assert re.fullmatch(rf"{card.id}\.[a-z0-9]+(-[a-z0-9]+)*", control.id)
        for text in (control.title, control.why, control.fix, control.evidence, control.side_effects, control.undo):
            assert text.strip() and "\n" not in text, control.id


def test_no_two_controls_share_a_name_or_a_title() -> None:
    controls = [control for card in cards() for control in card.controls]
    assert len({control.id for control in controls}) == len(controls)
    assert len({control.title for control in controls}) == len(controls)


def test_an_item_without_an_audit_declares_no_control_that_an_audit_must_judge() -> None:
    for card in cards():
        if "audit" in card.empty:
            assert all(control.in_flight for control in card.controls), card.id


def test_every_control_that_a_gate_names_stands_on_its_card() -> None:
    known = {control.id for card in cards() for control in card.controls}
    for room in (ROOMS / name for name in GATES):
        source = (room / "gate.py").read_text()
        named = set(re.findall(rf'"({room.name}\.[a-z-]+)"', source))
        assert named <= known, room.name
        assert named or f"from lockdown.checklist.{room.name}.controls import" in source, room.name


@pytest.mark.parametrize("room", CHECKLIST, ids=lambda room: room.CARD.id)
def test_every_control_that_a_drill_proves_stands_on_its_card(room: Room) -> None:
    module = module_of(room, "drill")
    named = {one.control for one in module.drill(GUARDED)} if module else set()
    assert named <= {control.id for control in room.CARD.controls}
    assert bool(named) == ("drill" not in room.CARD.empty)
