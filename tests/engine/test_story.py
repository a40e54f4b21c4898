"""An incident as a timeline: in order, with who did what, what it met, how it ended, and an undo only for what runs."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lockdown.cli import main
from lockdown.console.page import build
from lockdown.engine.story import Moment, blocked_networks, related, timeline
from lockdown.model.alarm import Answer, Incident
from lockdown.model.alert_path import key_of_path
from lockdown.model.mail import AUTOMATIC
from lockdown.model.record import BlockRecord
from lockdown.model.restraint import Restraint
from lockdown.model.traffic import Dimension, Rung
from lockdown.model.window import CanaryPath, ToldPath
from lockdown.state.store import open_store
from lockdown.state.told import PathMemory, ToldFile, ToldIncident, keep_told
from tests.console.test_app import an_app, get
from tests.console.test_page import facts
from tests.engine.test_alerts import FLOOD

OPENED = FLOOD.opened_at
MINUTE = timedelta(minutes=1)
NET = "203.0.113.0/24"
DEFERRED = Restraint(
    ((Dimension.NETWORK, NET),), Rung.DEFER, OPENED + MINUTE, OPENED + 61 * MINUTE, AUTOMATIC, "flood", incident=7,
    hits=4012, number=3,
)  # fmt: skip


def told(moments: tuple[Moment, ...]) -> list[tuple[str, str, str]]:
    return [(one.what, one.says, one.undo) for one in moments]


def test_what_still_runs_says_what_it_has_met_so_far_and_how_to_end_it() -> None:
    moments = told(timeline(FLOOD, OPENED + 30 * MINUTE, [DEFERRED]))
    assert [what for what, _, _ in moments] == ["opened", "answered", "last seen", "so far"]
    says = f"r3 (network {NET} put off (451)): it has met 4,012 messages and connections"
    assert moments[-1] == ("so far", says, "lockdown block remove r3")


def test_what_has_ended_says_how_and_is_not_offered_to_be_undone() -> None:
    later = OPENED + timedelta(hours=3)
    closed = replace(FLOOD, closed_at=OPENED + 80 * MINUTE, closed_by=AUTOMATIC, returned=2, count=9)
    moments = told(timeline(closed, later, [DEFERRED]))
    assert (
        "ended",
        f"r3 (network {NET} put off (451)) at its term; it has met 4,012 messages and connections",
        "",
    ) in moments
    assert moments[-1] == ("closed", "by Lockdown itself: its cause was gone for ten minutes", "")
    assert ("last seen", "9 times in all; it came back 2 times", "") in moments
    assert all(undo == "" for _, _, undo in moments)


def test_what_a_person_has_undone_is_no_longer_offered_to_be_undone() -> None:
    now, until = OPENED + 5 * MINUTE, OPENED + 60 * MINUTE
    answers = tuple(
        Answer(OPENED, what, True, until, undo)
        for what, undo in (
            ("r3: put off", "lockdown block remove r3"),
            ("blocked", f"lockdown block remove {NET}"),
            ("held", "lockdown user release anna"),
        )
    )
    incident, lifted = replace(FLOOD, answers=answers), replace(DEFERRED, ended_at=now, ended_by="ann")
    terms = {NET: [BlockRecord(NET, "flood", OPENED, until, AUTOMATIC, now, "ann")]}
    offered = [one.undo for one in timeline(incident, now, [DEFERRED], {}, ["anna"]) if one.what == "answered"]
    assert offered == [answer.undo for answer in answers]
    for of_it in (timeline(incident, now, [lifted], terms, []), timeline(incident, now, [lifted], terms, ["bert"])):
        assert [one.undo for one in of_it if one.undo] == []
    assert [one.undo for one in timeline(incident, now, [lifted], terms) if one.undo] == ["lockdown user release anna"]


def test_mail_that_lies_in_quarantine_is_told_after_its_term_too_with_what_releases_it() -> None:
    holds = replace(DEFERRED, rung=Rung.QUARANTINE)
    for later in (OPENED + 30 * MINUTE, OPENED + timedelta(hours=3)):
        assert any("lockdown quarantine release r3" in says for _, says, _ in told(timeline(FLOOD, later, [holds])))
    for none in (replace(holds, hits=0), replace(holds, shadow=True), DEFERRED):
        assert not any(
            "quarantine release" in says for _, says, _ in told(timeline(FLOOD, OPENED + 30 * MINUTE, [none]))
        )


def test_a_person_who_ended_it_is_named_and_a_shadow_says_that_it_did_nothing() -> None:
    lifted = replace(DEFERRED, ended_at=OPENED + 5 * MINUTE, ended_by="ann", shadow=True)
    moments = told(timeline(FLOOD, OPENED + 30 * MINUTE, [lifted, replace(DEFERRED, incident=8)]))
    assert [says for what, says, _ in moments if what == "ended"] == [
        f"r3 (network {NET} put off (451)) by ann; it would have met 4,012 messages and connections"
    ]
    assert "so far" not in [what for what, _, _ in moments]  # the other answers another incident


def test_the_end_of_a_block_is_part_of_the_story_and_an_older_block_is_not() -> None:
    answer = Answer(OPENED, f"{NET} is blocked for 1h", True, OPENED + 60 * MINUTE, f"lockdown block remove {NET}")
    blocked = replace(FLOOD, answers=(answer,))
    terms = [
        BlockRecord(NET, "flood", OPENED, OPENED + 60 * MINUTE, AUTOMATIC, OPENED + 9 * MINUTE, "ann"),
        BlockRecord(NET, "old", OPENED - timedelta(days=9), OPENED - timedelta(days=8), AUTOMATIC, None, ""),
    ]
    assert blocked_networks(blocked) == (NET,)
    ended = [
        says for what, says, _ in told(timeline(blocked, OPENED + 9 * 60 * MINUTE, (), {NET: terms})) if what == "ended"
    ]
    assert ended == [f"the block of {NET} by ann"]


def test_an_attack_that_has_moved_within_its_network_is_related_and_another_one_is_not() -> None:
    def one(number: int, object: str, after: timedelta = MINUTE) -> Incident:
        return replace(FLOOD, number=number, object=object, opened_at=OPENED + after, last_seen=OPENED + after)

    client = one(1, "client 203.0.113.7")
    network, elsewhere = one(2, "network 203.0.113.0/24"), one(3, "network 198.51.100.0/24")
    yesterday, text = one(4, "client 203.0.113.7", -timedelta(days=1)), one(5, "body 0020, client x")
    others = [client, network, elsewhere, yesterday, text, one(6, "client 2001:db8::1")]
    assert [found.number for found in related(client, others)] == [2]
    assert related(text, others) == []


def test_incident_show_has_it_in_words_and_in_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("var").mkdir(mode=0o700)
    url = "https://hooks.example/secret"
    Path("lockdown.toml").write_text(f'[alerts]\nto = ["{url}", "ntfy://silent"]\n')
    known = {1: ToldIncident("high", 0, True)}
    keep_told(Path("var"), ToldFile(paths={key_of_path(url): PathMemory(known=known)}))
    now = datetime.now(UTC)
    with closing(open_store(Path("var"))) as store:
        answers = (replace(FLOOD.answers[0], at=now - MINUTE),)
        one = replace(FLOOD, number=0, opened_at=now - 3 * MINUTE, last_seen=now, answers=answers)
        store.raise_incident(one.key, lambda _: one).result()
        running = replace(DEFERRED, since=now - MINUTE, until=now + 60 * MINUTE, incident=1, number=0, hits=0)
        id = store.restrain(running).result().id
        store.count_hits({1: 17}).result()
    assert main(["incident", "show", "1"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == FLOOD.says
    assert lines[-1] == "type: lockdown senders top"
    holds = lines.index("holds now:")
    assert "it has met 17 messages" in lines[holds + 1]
    assert f"  undo: lockdown block remove {id}" in lines[holds:]
    assert "told      https://hooks.example/***" in lines
    main(["incident", "show", "1", "--json"])
    shown = json.loads(capsys.readouterr().out)
    assert [one["what"] for one in shown["timeline"]] == ["opened", "answered", "last seen", "so far"]
    assert "17 messages" in shown["timeline"][-1]["says"]


def test_the_page_has_the_same_story_and_says_how_canary_and_alerts_do() -> None:
    known = facts()
    lost = CanaryPath("127.0.0.1:25", known.now.timestamp(), 2, "accepted", "it answers 451", None, None)
    well = CanaryPath("[::1]:25", known.now.timestamp(), 0, "", "", known.now.timestamp() - 130, 0.25)
    page = build(
        replace(
            known, incidents=(FLOOD,), restraints=(replace(DEFERRED, until=known.now + MINUTE),), canary=(lost, well),
            told_over=(ToldPath("https://hooks.example/***", 4, None, "it answers 500"),),
        )
    )  # fmt: skip
    body = get(an_app(page)).body
    for part in (
        "what happened in 7", "it has met 4,012 messages", "lockdown block remove r3",
            "missed 2 times: it is not accepted: it answers 451",
        "arrived 2 min ago, in 0.25 s", "https://hooks.example/***: it answers 500",
    ):  # fmt: skip
        assert part in body, part
