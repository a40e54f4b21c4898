"""Every file in tests/dialogues is a conversation that a mail admin can read; here all of them are held."""

from pathlib import Path

import pytest

from .talk import cut_at, every_byte, speak, turns

DIALOGUES = sorted((Path(__file__).parents[1] / "dialogues").glob("*.txt"))


@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
def test_the_conversation_goes_as_written(path: Path) -> None:
    speak(*turns(path))


@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
def test_the_conversation_goes_the_same_byte_by_byte(path: Path) -> None:
    assert speak(*turns(path), every_byte).events == speak(*turns(path)).events


@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
def test_the_conversation_goes_the_same_cut_at_any_place(path: Path) -> None:
    settings, parts = turns(path)
    expected = speak(settings, parts).events
    longest = max(len(turn.group) for turn in parts)
    for place in range(1, longest, max(1, longest // 400)):
        assert speak(settings, parts, cut_at(place)).events == expected


def test_there_are_conversations() -> None:
    assert len(DIALOGUES) >= 40
