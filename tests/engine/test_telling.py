"""Telling over real paths: a webhook, a relay; restarts, failures, the heartbeat, and what is said of a path."""

from __future__ import annotations

import email
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.policy import default
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.cli import main
from lockdown.config import Settings, read_settings
from lockdown.engine import looked, telling
from lockdown.engine.alert_health import alerts_work, path_health
from lockdown.engine.alert_paths import NotTold, Outcome, Told, rides_on_us, tell
from lockdown.engine.alerts import Words
from lockdown.engine.telling import Bounded, Teller
from lockdown.model.finding import Severity, State
from lockdown.state.layout import StateDirectory
from lockdown.state.store import Store, open_store
from lockdown.state.told import FILE, read_told
from tests.engine.test_alerts import FLOOD, SMALL
from tests.rig.network import free_port
from tests.rig.upstream import FakeUpstream
from tests.rig.webhook import Webhook

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WORDS = Words(
    "Lockdown mx: [high] opened: a flood", "[high] opened: a flood\nstory      lockdown incident show 7", Severity.HIGH
)


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with Webhook() as opened:
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    StateDirectory(tmp_path).prepare()
    with closing(open_store(tmp_path)) as opened:
        yield opened


def settings_for(folder: Path, *to: str, more: str = "") -> Settings:
    text = f'[state]\ndirectory = "{folder}"\n[alerts]\nto = {json.dumps(to)}\n{more}\n'
    return read_settings([("lockdown.toml", text)]).settings


def happens(store: Store, *incidents: object) -> None:
    for incident in incidents:
        one = replace(incident, key=f"k{incident.object}", number=0, opened_at=NOW, last_seen=NOW)  # type: ignore[type-var, attr-defined]
        store.raise_incident(one.key, lambda before, one=one: one).result()  # type: ignore[misc]


# ── over real paths ──


def test_a_webhook_gets_the_story_and_is_not_told_twice_after_a_restart(
    tmp_path: Path, store: Store, hook: Webhook
) -> None:
    wanted = settings_for(tmp_path, f"{hook.url}/services/secret")
    happens(store, FLOOD)
    Teller(wanted, tmp_path, store).round(NOW)
    Teller(wanted, tmp_path, store).round(NOW + MINUTE)
    assert hook.asked == [("POST", "/services/secret")]
    (told,) = hook.bodies
    assert (told["schema"], told["severity"]) == ("lockdown.alert/1", "high")
    assert "lockdown block remove r3" in told["text"]
    store.close_incident(1, "ann", NOW + 2 * MINUTE).result()
    Teller(wanted, tmp_path, store).round(NOW + 20 * MINUTE)
    assert "over" in hook.bodies[1]["title"]
    assert "by ann" in hook.bodies[1]["body"]


def test_a_relay_gets_a_letter_that_no_holiday_notice_answers(tmp_path: Path, store: Store) -> None:
    with FakeUpstream(offers=()) as relay:
        happens(store, FLOOD)
        Teller(
            settings_for(tmp_path, f"mailto://127.0.0.1:{relay.port}?to=ann@elsewhere.example"), tmp_path, store
        ).round(NOW)
        (letter,) = relay.accepted
    assert letter.recipients == ("ann@elsewhere.example",)
    message = email.message_from_bytes(letter.content, policy=default)
    assert message["Auto-Submitted"] == "auto-generated"
    assert "[high] opened: 203.0.113.0/24 floods" in message["Subject"]
    assert "undo       lockdown block remove r3" in message.get_content()


HOSTILE = "```\n<!channel> @everyone <https://evil.example|click here> <b>bold</b> \u202e\x1b[31m"


def test_what_a_stranger_has_written_calls_nobody_in_a_chat_and_is_no_link(
    tmp_path: Path, store: Store, hook: Webhook
) -> None:
    happens(store, replace(FLOOD, says=f"1 message from {HOSTILE}"))
    Teller(settings_for(tmp_path, f"{hook.url}/x"), tmp_path, store).round(NOW)
    (told,) = hook.bodies
    for text in (told["text"], told["content"]):
        ours, block, rest = text.split("```")
        assert ("@" in ours, rest) == (False, "")
        assert "@everyone" in block
        assert "<!" not in block
        assert "<https:" not in block
        assert "\x1b" not in block
        assert "\u202e" not in block
    assert len(told["content"]) <= 2000  # Discord's own limit


def test_apprise_is_given_text_and_its_refusal_is_told(hook: Webhook) -> None:
    url = hook.url.replace("http://", "json://") + "/SECRET"
    assert tell(url, WORDS, "mx") == Told("Apprise has handed it over")
    assert hook.bodies[0]["message"] == WORDS.body
    hook.status = 500
    refused = tell(url, WORDS, "mx")
    assert isinstance(refused, NotTold)
    assert "SECRET" not in refused.why


def test_a_password_is_not_sent_in_the_clear() -> None:
    with FakeUpstream(offers=("AUTH PLAIN LOGIN",)) as relay:
        outcome = tell(f"mailto://me:secret@127.0.0.1:{relay.port}?to=a@b.example", WORDS, "mx")
        relay.settle()
        assert isinstance(outcome, NotTold)
        assert "not sent in the clear" in outcome.why
        assert not any("AUTH" in command for talk in relay.conversations for command in talk.commands)


def test_a_redirect_is_not_followed_and_is_no_success(hook: Webhook) -> None:
    hook.status = 302
    assert tell(f"{hook.url}/x", WORDS, "mx") == NotTold("it answers 302")
    assert hook.asked == [("POST", "/x")]


def test_what_is_said_of_a_failure_never_repeats_the_url() -> None:
    for url in (f"http://127.0.0.1:{free_port()}/topsecret", "https://topsecret.invalid/topsecret"):
        outcome = tell(url, WORDS, "mx")
        assert isinstance(outcome, NotTold)
        assert "topsecret" not in outcome.why + outcome.try_this


def test_without_apprise_it_is_said_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    outcome = tell("ntfys://topsecret", WORDS, "mx")
    assert outcome == NotTold(
        "ntfys:// needs Apprise, which is not installed",
        "pip install 'mail-lockdown[notify]'     (Apprise; mailto:// and https:// work without it)",
    )


# ── when a path fails ──


def test_a_path_that_fails_is_tried_later_and_later_and_then_told_the_present_only(
    tmp_path: Path, store: Store, hook: Webhook
) -> None:
    hook.status, wanted = 500, settings_for(tmp_path, f"{hook.url}/x")
    happens(store, FLOOD)
    (tmp_path / looked.FILE).touch()
    looked.note(tmp_path, NOW + 16 * MINUTE)
    teller = Teller(wanted, tmp_path, store)
    for seconds in range(0, 600, 10):
        teller.round(NOW + timedelta(seconds=seconds))
    assert len(hook.asked) == 4  # at once, and after 1, 3 and 7 minutes
    (health,) = path_health(wanted, NOW)
    assert not health.well
    assert "4 attempts: it answers 500" in health.says
    hook.status, hook.bodies[:] = 200, []
    store.close_incident(1, "ann", NOW + 11 * MINUTE).result()
    teller.round(NOW + 16 * MINUTE)
    assert ["came and went" in one["title"] for one in hook.bodies] == [True]
    assert [one.well for one in path_health(wanted, NOW)] == [True]


def test_on_a_disk_that_takes_nothing_it_is_told_once_and_not_every_few_seconds(
    tmp_path: Path, store: Store, hook: Webhook
) -> None:
    for name in (f"{FILE}.new", "alerts.lock"):
        (tmp_path / name).mkdir()
    happens(store, FLOOD)
    teller = Teller(settings_for(tmp_path, f"{hook.url}/x"), tmp_path, store)
    for seconds in range(0, 60, 5):
        teller.round(NOW + timedelta(seconds=seconds))
    assert len(hook.bodies) == 1
    (tmp_path / f"{FILE}.new").rmdir()
    happens(store, replace(FLOOD, object="198.51.100.0/24"))
    teller.round(NOW + MINUTE)
    assert len(hook.bodies) == 2
    (kept,) = read_told(tmp_path).paths.values()
    assert set(kept.known) == {1, 2}


def test_what_an_older_version_has_told_is_not_told_again(tmp_path: Path, store: Store, hook: Webhook) -> None:
    happens(store, FLOOD)
    wanted = settings_for(tmp_path, f"{hook.url}/x")
    Teller(wanted, tmp_path, store).round(NOW)
    kept = json.loads((tmp_path / FILE).read_text())
    for path in kept["paths"].values():
        for incident in path["known"].values():
            del incident["deeds"]
    (tmp_path / FILE).write_text(json.dumps(kept))
    Teller(wanted, tmp_path, store).round(NOW + MINUTE)
    assert len(hook.bodies) == 1


def test_one_path_that_hangs_keeps_no_other_waiting(tmp_path: Path, store: Store, hook: Webhook) -> None:
    hangs = threading.Event()

    def sender(url: str, words: Words, host: str) -> Outcome:
        return tell(url, words, host) if url.startswith(hook.url) else Told("late" * hangs.wait(20))

    happens(store, FLOOD)
    wanted = settings_for(tmp_path, "ntfy://slow", f"{hook.url}/x")
    Teller(wanted, tmp_path, store, sender, within_seconds=0.2).round(NOW)
    hangs.set()
    assert len(hook.bodies) == 1
    assert {one.failures: one.why for one in read_told(tmp_path).paths.values()} == {0: "", 1: "no end in 0 s"}


def test_of_a_slow_path_the_others_hear_nothing(tmp_path: Path, store: Store, hook: Webhook) -> None:
    others_were_told = list[bool]()
    told = threading.Event()

    def sender(url: str, words: Words, host: str) -> Outcome:
        if not url.startswith(hook.url):
            others_were_told.append(told.wait(20))
            return Told("at last")
        outcome = tell(url, words, host)
        told.set()
        return outcome

    happens(store, FLOOD)
    Teller(settings_for(tmp_path, "ntfy://slow", f"{hook.url}/x"), tmp_path, store, sender).round(NOW)
    assert others_were_told == [True]
    assert [one.failures for one in read_told(tmp_path).paths.values()] == [0, 0]


def test_a_fault_of_ours_is_not_a_message_that_was_told() -> None:
    assert Bounded(lambda: Told(str(1 / 0))).outcome(5.0) == NotTold("a fault of Lockdown: ZeroDivisionError")


def test_a_damaged_memory_tells_once_more_what_is_open(tmp_path: Path, store: Store, hook: Webhook) -> None:
    wanted = settings_for(tmp_path, f"{hook.url}/x")
    happens(store, FLOOD, SMALL)
    Teller(wanted, tmp_path, store).round(NOW)
    before = len(hook.bodies)
    (tmp_path / FILE).write_bytes(b'{"paths": {"x": [')
    Teller(wanted, tmp_path, store).round(NOW + MINUTE)
    assert len(hook.bodies) > before


@given(st.binary(max_size=300))
@settings(max_examples=50)
def test_no_file_makes_reading_it_raise(octets: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / FILE).write_bytes(octets)
        read_told(Path(folder))


def test_of_two_workers_one_tells(tmp_path: Path, store: Store, hook: Webhook) -> None:
    wanted = settings_for(tmp_path, f"{hook.url}/x")
    happens(store, FLOOD)
    with telling._alone(tmp_path) as is_alone:
        assert is_alone
        Teller(wanted, tmp_path, store).round(NOW)
    assert hook.asked == []


def test_the_url_is_written_nowhere(tmp_path: Path, store: Store, hook: Webhook) -> None:
    happens(store, FLOOD)
    Teller(
        settings_for(tmp_path, f"{hook.url}/topsecret", more=f'heartbeat = "{hook.url}/topsecret"'), tmp_path, store
    ).round(NOW)
    assert b"topsecret" not in (tmp_path / FILE).read_bytes()


# ── the heartbeat ──


def beats(folder: Path, store: Store, hook: Webhook) -> Teller:
    (folder / looked.FILE).touch()
    return Teller(settings_for(folder, more=f'heartbeat = "{hook.url}/beat"'), folder, store)


def test_the_heart_beats_every_five_minutes_while_the_watch_looks(tmp_path: Path, store: Store, hook: Webhook) -> None:
    teller = beats(tmp_path, store, hook)
    for minute in range(11):
        looked.note(tmp_path, NOW + minute * MINUTE)
        teller.round(NOW + minute * MINUTE)
    assert hook.asked == [("GET", "/beat")] * 3


def test_it_stops_when_the_watch_does_or_the_canary_no_longer_arrives(
    tmp_path: Path, store: Store, hook: Webhook
) -> None:
    teller = beats(tmp_path, store, hook)
    looked.note(tmp_path, NOW)
    teller.round(NOW + 3 * MINUTE)
    assert hook.asked == []
    assert "nobody has looked since" in read_told(tmp_path).beats.why
    looked.note(tmp_path, NOW + 9 * MINUTE)
    teller.round(NOW + 9 * MINUTE, "the canary has not arrived twice")
    assert hook.asked == []
    looked.note(tmp_path, NOW + 15 * MINUTE)
    teller.round(NOW + 15 * MINUTE)
    assert hook.asked == [("GET", "/beat")]


def test_that_nobody_watches_is_told_though_no_store_has_it_and_that_it_is_over(
    tmp_path: Path, store: Store, hook: Webhook
) -> None:
    (tmp_path / looked.FILE).touch()
    looked.note(tmp_path, NOW)
    teller = Teller(settings_for(tmp_path, f"{hook.url}/x"), tmp_path, store)
    for minute in range(8):
        teller.round(NOW + minute * MINUTE)
    (told,) = hook.bodies
    assert told["title"].endswith(": [critical] opened: Nobody watches: nobody has looked since 2026-11-24 15:00 UTC.")
    assert "next       lockdown doctor" in told["body"]
    assert "incident show" not in told["body"]
    looked.note(tmp_path, NOW + 20 * MINUTE)
    for minute in (20, 21):
        teller.round(NOW + minute * MINUTE)
    assert ["over: Nobody watches" in one["title"] for one in hook.bodies] == [False, True]


def test_that_somebody_watches_again_is_told_over_a_restart(tmp_path: Path, store: Store, hook: Webhook) -> None:
    (tmp_path / looked.FILE).touch()
    looked.note(tmp_path, NOW)
    wanted = settings_for(tmp_path, f"{hook.url}/x")
    teller = Teller(wanted, tmp_path, store)
    for minute in (0, 5):
        teller.round(NOW + minute * MINUTE)
    after = Teller(wanted, tmp_path, store)
    after.round(NOW + 20 * MINUTE)
    assert len(hook.bodies) == 1
    looked.note(tmp_path, NOW + 21 * MINUTE)
    for minute in (21, 40):
        after.round(NOW + minute * MINUTE)
    assert ["over: Nobody watches" in one["title"] for one in hook.bodies][:2] == [False, True]


def test_after_a_long_stop_nobody_is_woken_before_the_first_look(tmp_path: Path, store: Store, hook: Webhook) -> None:
    (tmp_path / looked.FILE).touch()
    looked.note(tmp_path, NOW - timedelta(days=3))
    teller = Teller(settings_for(tmp_path, f"{hook.url}/x"), tmp_path, store)
    teller.round(NOW)
    looked.note(tmp_path, NOW + MINUTE / 2)
    teller.round(NOW + MINUTE)
    assert hook.bodies == []


# ── what people see ──


def test_mail_through_this_server_is_warned_of(tmp_path: Path) -> None:
    text = '[gateway]\nupstream = "smtp://10.0.0.5:25"\n'
    wanted = read_settings([("lockdown.toml", text)]).settings
    assert "this machine" in rides_on_us("mailto://localhost?to=a@b.example", wanted)
    assert "behind the gateway" in rides_on_us("mailto://10.0.0.5?to=a@b.example", wanted)
    assert rides_on_us("mailto://relay.example.net?to=a@b.example", wanted) == ""


def test_doctor_says_that_nobody_is_told_and_which_path_is_down(tmp_path: Path, store: Store, hook: Webhook) -> None:
    (nobody,) = alerts_work(settings_for(tmp_path), NOW)
    assert (nobody.state, nobody.try_this) == (State.WARN, "lockdown config explain alerts.to")
    hook.status, wanted = 500, settings_for(tmp_path, f"{hook.url}/x")
    happens(store, FLOOD)
    Teller(wanted, tmp_path, store).round(NOW)
    down, heart = alerts_work(wanted, NOW)
    assert (down.state, heart.state) == (State.FAIL, State.WARN)
    assert "down since 2026-11-24 15:00 UTC" in down.says


def test_doctor_tells_a_heartbeat_that_is_held_back_from_one_that_nobody_takes(
    tmp_path: Path, store: Store, hook: Webhook
) -> None:
    wanted = settings_for(tmp_path, f"{hook.url}/x", more=f'heartbeat = "{hook.url}/beat"')
    Teller(wanted, tmp_path, store).round(NOW)  # nobody has looked yet
    (*_, held_back) = alerts_work(wanted, NOW)
    assert (held_back.state, held_back.try_this) == (State.FAIL, "lockdown incident list")
    (tmp_path / looked.FILE).touch()
    looked.note(tmp_path, NOW + 9 * MINUTE)
    hook.status = 500
    Teller(wanted, tmp_path, store).round(NOW + 9 * MINUTE)
    (*_, refused) = alerts_work(wanted, NOW + 9 * MINUTE)
    assert refused.try_this == "lockdown alert test --heartbeat"


def test_alert_test_sends_to_each_path_and_says_what_happened(
    tmp_path: Path, hook: Webhook, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    good, bad = f"{hook.url}/topsecret", f"http://127.0.0.1:{free_port()}/topsecret"
    Path("lockdown.toml").write_text(f'[alerts]\nto = ["{good}"]\n')
    assert main(["alert", "test"]) == 0
    assert "told" in capsys.readouterr().out
    assert "Nothing is wrong" in hook.bodies[0]["body"]
    Path("lockdown.toml").write_text(f'[alerts]\nto = ["{good}", "{bad}"]\n')
    assert main(["alert", "test"]) == 1
    said = "".join(capsys.readouterr())
    assert "connection refused" in said
    assert "topsecret" not in said
    Path("lockdown.toml").write_text("")
    assert main(["alert", "test"]) == 1
    assert "nobody is told" in capsys.readouterr().err
    assert main(["alert", "status", "--json"]) == 1
