"""`lockdown block` with restraints: what runs, why somebody is met, and how a person ends it."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lockdown.cli import main
from lockdown.model.restraint import Restraint
from lockdown.model.traffic import Dimension, Rung
from lockdown.state.store import open_store

NOW = datetime.now(UTC)
NETWORK = Restraint(
    ((Dimension.NETWORK, "203.0.113.0/24"),), Rung.DEFER, NOW, NOW + timedelta(hours=1), "lockdown",
    "94 % from there, no good mail in 30 days (incident 3)", incident=3, hits=40,
)  # fmt: skip
WORDS = replace(NETWORK, match=((Dimension.SENDER, "a@example.net"), (Dimension.SUBJECT, "you have \x1b[31mwon")))
OVER = replace(NETWORK, since=NOW - timedelta(hours=3), until=NOW - timedelta(hours=2))


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def given(*restraints: Restraint) -> None:
    Path("var").mkdir(mode=0o700, exist_ok=True)
    with closing(open_store(Path("var"))) as store:
        for one in restraints:
            store.restrain(one).result()


def test_the_list_shows_what_is_restrained_how_and_what_it_has_met(capsys: pytest.CaptureFixture[str]) -> None:
    given(NETWORK, replace(WORDS, shadow=True, rung=Rung.REJECT))
    main(["block", "list"])
    said = capsys.readouterr().out

    assert "r1  network 203.0.113.0/24" in said and "put off (451)" in said and "40" in said
    assert "would be refused (550)" in said and "40 in shadow" in said
    assert "\x1b" not in said, "strangers' words move no cursor"
    assert said.splitlines()[-1] == "one ends it: lockdown block remove ID"


def test_the_list_for_machines_names_each_value(capsys: pytest.CaptureFixture[str]) -> None:
    given(NETWORK)
    main(["block", "list", "--json"])
    (one,) = json.loads(capsys.readouterr().out)["restraints"]

    assert (one["id"], one["match"], one["rung"], one["hits"]) == ("r1", [["network", "203.0.113.0/24"]], "defer", 40)


@pytest.mark.parametrize("typed", ["203.0.113.7", "203.0.113.0/24", "r1"])
def test_an_address_of_a_restrained_network_is_told_why(typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    given(NETWORK)
    assert main(["block", "why", typed]) == 0
    said = capsys.readouterr().out
    assert "r1: network 203.0.113.0/24 is put off (451), still" in said
    assert "94 % from there" in said and "lockdown block remove r1" in said


def test_a_sender_is_told_why_and_what_is_over_is_told_as_over(capsys: pytest.CaptureFixture[str]) -> None:
    given(OVER, WORDS)
    assert main(["block", "why", "A@Example.net"]) == 0
    assert "r2: sender a@example.net" in capsys.readouterr().out
    assert main(["block", "why", "203.0.113.9"]) == 1
    assert "was put off (451), met 40" in capsys.readouterr().out


def test_a_restraint_that_is_asked_for_by_its_name_is_told_with_its_story_and_what_it_holds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    given(replace(NETWORK, rung=Rung.QUARANTINE))
    assert main(["block", "why", "r1"]) == 0
    first, *others = capsys.readouterr().out.splitlines()
    assert first.startswith("r1: network 203.0.113.0/24 is held in quarantine")
    assert "  what it holds lies in quarantine: lockdown quarantine release r1" in others
    assert "  its story: lockdown incident show 3" in others
    assert main(["block", "why", "r9"]) == 1
    assert "there is no restraint r9" in capsys.readouterr().out


def test_others_are_told_that_nothing_is_known_against_them(capsys: pytest.CaptureFixture[str]) -> None:
    given(NETWORK, WORDS)
    assert main(["block", "why", "b@example.net"]) == 1
    assert main(["block", "why", "192.0.2.1"]) == 1
    assert capsys.readouterr().out == "b@example.net is not blocked\n192.0.2.1/32 is not blocked\n"


def test_a_person_ends_a_restraint_by_its_id_once(capsys: pytest.CaptureFixture[str]) -> None:
    given(NETWORK)
    assert main(["block", "remove", "r1"]) == 0
    assert "r1 has ended" in capsys.readouterr().out
    assert main(["block", "remove", "r1"]) == 1
    assert "r1 does not run" in capsys.readouterr().err


def test_a_network_that_is_removed_is_no_longer_restrained_either(capsys: pytest.CaptureFixture[str]) -> None:
    given(NETWORK, WORDS)
    assert main(["block", "remove", "203.0.113.0/24"]) == 0
    main(["block", "list", "--json"])
    assert [one["id"] for one in json.loads(capsys.readouterr().out.splitlines()[-1])["restraints"]] == ["r2"]
