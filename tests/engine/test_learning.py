"""What people say of messages is learnt from held ones and from files, and it counts in the gateway afterwards."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockdown.config import Settings, StateSection
from lockdown.engine.learning import Learnt, NotLearnt, Said, learn_file, learn_held, message_files
from lockdown.mime.letter import letter_of
from lockdown.mime.reader import read_message
from lockdown.model.unknown import Unknown
from lockdown.scan.classifier import Classifier
from lockdown.scan.learning import LocalLearning
from lockdown.state.layout import StateDirectory
from lockdown.state.spool import Spool

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PITCH = (
    b"From: Walter <walter@pitches.example>\r\nTo: anna@example.org\r\nSubject: Your warehouse racking\r\n\r\n"
    b"Our galvanised racking engineers would gladly survey your warehouse, quote for shelving, mezzanine floors,\r\n"
    b"forklift guards, cantilever uprights and pallet stops, and refurbish corroded beams at weekends.\r\n"
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    StateDirectory(tmp_path / "var").prepare()
    return Settings(state=StateSection(directory=str(tmp_path / "var")))


def points(settings: Settings, message: bytes = PITCH) -> float:
    local = LocalLearning(StateDirectory(Path(settings.state.directory)).learning)
    local.refresh()
    classifier = Classifier.load(local=local)
    assert not isinstance(classifier, Unknown)
    return classifier.judge(letter_of(read_message(message))).score


def saved(tmp_path: Path, message: bytes = PITCH) -> Path:
    file = tmp_path / "reported.eml"
    file.write_bytes(message)
    return file


def test_a_reported_file_moves_what_resembles_it_and_can_be_forgotten(settings: Settings, tmp_path: Path) -> None:
    before = points(settings)
    outcome = learn_file(settings, saved(tmp_path), Said.SPAM, "anna", NOW)
    assert outcome == Learnt(Said.SPAM, "pitches.example", 1)
    assert points(settings) > before + 1
    assert learn_file(settings, saved(tmp_path), Said.FORGET, "anna", NOW) == Learnt(Said.FORGET, "pitches.example", 0)
    assert points(settings) == before


def test_what_is_wanted_moves_the_other_way(settings: Settings, tmp_path: Path) -> None:
    before = points(settings)
    learn_file(settings, saved(tmp_path), Said.WANTED, "anna", NOW)
    assert points(settings) < before


def test_the_fields_that_the_gateway_has_written_are_no_part_of_a_lesson(settings: Settings, tmp_path: Path) -> None:
    ours = b"X-Lockdown-Id: 1\r\nX-Spam-Status: Yes, score=9.0 required=5.0\r\n\ttests=words\r\n"
    learn_file(settings, saved(tmp_path, ours + PITCH), Said.SPAM, "anna", NOW)
    with_fields = points(settings)
    learn_file(settings, saved(tmp_path, PITCH), Said.SPAM, "anna", NOW)
    assert points(settings) == with_fields


def test_a_message_that_is_not_held_teaches_nothing(settings: Settings) -> None:
    outcome = learn_held(settings, Spool(StateDirectory(Path(settings.state.directory)).quarantine), "1A2B3C4D5E6F7001",
                         Said.SPAM, "anna", NOW)  # fmt: skip
    assert isinstance(outcome, NotLearnt) and "1A2B3C4D5E6F7001" in outcome.why


def test_a_message_of_three_words_teaches_nothing(settings: Settings, tmp_path: Path) -> None:
    outcome = learn_file(settings, saved(tmp_path, b"Subject: hi\r\n\r\nhello you there\r\n"), Said.SPAM, "anna", NOW)
    assert isinstance(outcome, NotLearnt) and "too few words" in outcome.why


def test_a_folder_means_its_messages_and_a_maildir_those_of_new_and_cur(tmp_path: Path) -> None:
    for name in ("new/1", "cur/2", "tmp/3"):
        (tmp_path / "box" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "box" / name).write_bytes(PITCH)
    assert [file.name for file in message_files(str(tmp_path / "box"))] == ["1", "2"]
    assert list(message_files(str(tmp_path / "absent"))) == []
    assert [file.name for file in message_files(str(tmp_path / "box" / "tmp"))] == ["3"]
