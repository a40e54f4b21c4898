"""Waivers and words in the settings: by whom, until when, why; and never for what cannot be waived or can be seen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lockdown.checklist import relaying
from lockdown.config import Settings, read_settings
from lockdown.engine.audit import audit, cards
from lockdown.engine.statements import by_word, statements
from lockdown.model.errors import OperatorError
from lockdown.model.finding import Control, Finding, Severity, State
from tests.recordings.literal import host

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SIGNED = Control(
    "education.signed", "Everyone has signed", Severity.LOW, "Why.", "fix", "a person's word", by_word=True
)


def waiving(line: str) -> Settings:
    return read_settings([("lockdown.toml", f'[audit]\nwaivers = ["{line}"]\n')]).settings


def vrfy(policy: Settings) -> list[Finding]:
    report = audit(host("disable_vrfy_command = no\n"), policy, NOW, checklist=(relaying,))
    return [found for found in report.findings if found.control == "relaying.no-user-probing"]


def test_a_waived_failure_is_shown_as_waived_with_who_why_and_until_when() -> None:
    (first, *_) = vrfy(waiving("relaying.no-user-probing by Ada Byron until 2026-06-15: partners need VRFY"))
    assert first.state is State.WAIVED
    for words in ("Ada Byron", "partners need VRFY", "VRFY tells strangers"):
        assert words in first.says


def test_a_waiver_of_one_target_leaves_the_others() -> None:
    found = vrfy(waiving("relaying.no-user-probing @ postfix 9999/inet by Ada until 2026-12-31: x"))
    assert State.WARN in {one.state for one in found}


def test_a_waiver_that_has_run_out_waives_nothing_and_is_told() -> None:
    (first, *_) = vrfy(waiving("relaying.no-user-probing by Ada until 2026-06-14: partners need VRFY"))
    assert first.state is State.WARN
    assert "The waiver of Ada ran out on 2026-06-14." in first.says


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("relaying.no-user-probing by Ada: forgot the day", "not of the form"),
        ("relaying.no-user-probing by Ada until tomorrow: x", "is no day"),
        ("relaying.no-user-probing by Ada until 2026-02-30: x", "is no day"),
        ("relaying.no-user-probin by Ada until 2026-12-31: x", "did you mean relaying.no-user-probing?"),
        ("relaying.open-to-strangers by Ada until 2026-12-31: x", "cannot be waived"),
        ("", "not of the form"),
    ],
)
def test_a_line_that_is_wrong_is_an_error_in_words(line: str, words: str) -> None:
    with pytest.raises(OperatorError) as problem:
        vrfy(waiving(line))
    assert words in problem.value.why
    assert "lockdown.toml" in problem.value.try_this


def test_what_the_machine_shows_is_not_settled_by_a_word() -> None:
    with pytest.raises(OperatorError) as problem:
        statements(["relaying.no-user-probing by Ada until 2026-12-31: x"], "audit.attested", cards())
    assert "not on anyone's word" in problem.value.why


def test_what_only_a_person_can_say_is_unknown_until_someone_says_it_and_after_the_word_has_run_out() -> None:
    class _Card:
        controls = (SIGNED,)

    def stands(*lines: str) -> Finding:
        return by_word(SIGNED, statements(lines, "audit.attested", [_Card()]), NOW)  # type: ignore[list-item]

    silent = stands()
    assert (silent.state, "audit.attested" in silent.next_command) == (State.UNKNOWN, True)
    held = stands("education.signed by Ada until 2026-06-15: the lists are in the folder")
    assert (held.state, "Ada" in held.says) == (State.PASS, True)
    over = stands("education.signed by Ada until 2026-06-14: the lists are in the folder")
    assert (over.state, "nobody has renewed it" in over.says) == (State.UNKNOWN, True)
