"""From lines of the log to incidents and blocks: gathered, judged, kept, answered, ended."""

from __future__ import annotations

import json
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from lockdown.checklist import CHECKLIST
from lockdown.config import Settings
from lockdown.engine.answer import MOST_BLOCKS
from lockdown.engine.blocking import Protected
from lockdown.engine.life import Told, lessons
from lockdown.engine.looked import last_look, not_watched
from lockdown.engine.traffic_log import POSITIONS
from lockdown.engine.watch import judges, ringing
from lockdown.model.finding import Severity
from lockdown.model.mail import AUTOMATIC
from lockdown.model.restraint import Restraint
from lockdown.model.traffic import Dimension, Rung
from lockdown.model.unknown import Unknown
from lockdown.model.window import Window
from lockdown.scan import blocklists
from lockdown.scan.clamd import Clamd
from lockdown.scan.watched import Health
from tests.engine.watched import MINUTE, START, Site, site

CLAMD = "clamd:///run/clamav/clamd.ctl"
WITH_CLAMD = f'[antivirus]\nengines = ["builtin", "{CLAMD}"]\n'
DOWN = Told((Health(CLAMD, False, START, "clamd: connection refused"),))
UP = Told((Health(CLAMD, True, START, built=START),))


def blocked(place: Site) -> list[str]:
    return [block.network for block in place.store.active_blocks(place.now)]


# ── a story from its beginning to its end ──


def test_an_engine_that_dies_is_an_incident_until_it_has_been_back_for_ten_minutes(tmp_path: Path) -> None:
    with site(tmp_path, WITH_CLAMD) as here:
        assert here.looks(4, DOWN)[-1].alarms == ()
        (opened,) = here.look(DOWN).opened
        assert opened.name == "antivirus.engine-down"
        assert here.look(DOWN).opened == ()
        assert here.open()["antivirus.engine-down"].count == 2
        assert not any(look.closed for look in here.looks(19, UP))
        (closed,) = here.look(UP).closed
        assert (closed.number, closed.closed_by) == (opened.number, AUTOMATIC)
        assert here.open() == {}


def test_one_that_comes_back_is_the_same_incident_again(tmp_path: Path) -> None:
    with site(tmp_path, WITH_CLAMD) as here:
        here.looks(6, DOWN)
        here.looks(21, UP)
        (again,) = here.look(DOWN).opened
        assert (again.returned, again.number) == (1, 1)


def test_an_engine_that_lies_is_told_from_one_that_is_down(tmp_path: Path) -> None:
    with site(tmp_path, WITH_CLAMD) as here:
        here.look(Told((Health(CLAMD, False, START, Clamd.unproven),)))
        assert set(here.open()) == {"antivirus.engine-lies"}


def test_a_disk_that_takes_no_notes_does_not_end_the_watch(tmp_path: Path) -> None:
    (tmp_path / "mail.log").touch()
    with site(tmp_path, f'{WITH_CLAMD}[monitoring]\nmail_logs = ["{tmp_path}/mail.log"]\n') as here:
        for file in (POSITIONS, "traffic.json"):
            (here.directory.path / file).unlink(missing_ok=True)
            (here.directory.path / file).mkdir()
        here.looks(6, DOWN)
        assert set(here.open()) == {"antivirus.engine-down"}


def test_a_disk_without_room_is_an_incident_while_one_can_be_kept(tmp_path: Path) -> None:
    with site(tmp_path, '[gateway]\nmax_message = "1000 TiB"\n') as here:
        here.look()
        assert here.open()["monitoring.state-disk-full"].severity is Severity.CRITICAL


def test_while_nobody_can_look_nothing_is_over(tmp_path: Path) -> None:
    with site(tmp_path, WITH_CLAMD) as here:
        here.looks(6, DOWN)
        here.looks(60, Told(engines=Unknown("the gateway does not tell")))
        assert set(here.open()) == {"antivirus.engine-down", "antivirus.cannot-watch", "antispam.cannot-watch"}


def test_what_a_person_has_closed_stays_closed_while_it_goes_on(tmp_path: Path) -> None:
    with site(tmp_path, WITH_CLAMD) as here:
        here.looks(6, DOWN)
        here.store.close_incident(1, "anna", here.now).result()
        assert not any(look.opened for look in here.looks(30, DOWN))
        assert here.open() == {}


# ── the answer ──


def test_the_fifth_virus_of_a_network_is_answered_with_a_block_that_ends_and_can_be_undone(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.virus(times=4)
        here.look()
        assert blocked(here) == []
        here.virus(client="203.0.113.200")
        here.look()
        (block,) = here.store.active_blocks(here.now)
        assert (block.network, block.by, block.until) == ("203.0.113.0/24", AUTOMATIC, here.now + timedelta(hours=1))
        (answer,) = here.open()["antivirus.virus-sender"].answers
        assert answer.done
        assert answer.undo == "lockdown block remove 203.0.113.0/24"
        assert answer.until == block.until


def test_there_is_an_end_to_what_is_blocked_by_itself(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        for number in range(MOST_BLOCKS):
            until = here.now + timedelta(hours=1)
            here.store.block(f"198.51.{number}.0/24", "x", until, AUTOMATIC, here.now).result()
        here.virus(times=9)
        here.look()
        assert len(blocked(here)) == MOST_BLOCKS
        assert "100 networks are already" in here.open()["antivirus.virus-sender"].answers[0].says


def test_an_ipv6_network_is_blocked_as_what_one_owner_has(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        for number in range(5):
            here.virus(client=f"2001:db8:1:2::{number}")
        here.look()
        assert blocked(here) == ["2001:db8:1:2::/64"]


def test_a_wider_block_of_a_person_is_enough(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.store.block("203.0.0.0/16", "enough", None, "anna", here.now).result()
        here.virus(times=9)
        here.look()
        assert blocked(here) == ["203.0.0.0/16"]


def test_what_is_blocked_is_not_blocked_again(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.virus(times=9)
        here.looks(5)
        assert len(here.store.block_history("203.0.113.0/24")) == 1
        assert len(here.open()["antivirus.virus-sender"].answers) == 1


def test_who_only_observes_is_told_once_what_would_be_done(tmp_path: Path) -> None:
    with site(tmp_path, '[monitoring]\nmode = "observe"\n') as here:
        here.virus(times=9)
        here.looks(5)
        assert blocked(here) == []
        (answer,) = here.open()["antivirus.virus-sender"].answers
        assert not answer.done
        assert "would be blocked" in answer.says


def test_what_is_never_blocked_is_not_blocked_and_the_reason_is_told(tmp_path: Path) -> None:
    ours = Protected(ip_network("203.0.113.0/28"), "monitoring.never_block names it")
    with site(tmp_path, protected=(ours,)) as here:
        here.virus(times=9)
        here.looks(3)
        assert blocked(here) == []
        (answer,) = here.open()["antivirus.virus-sender"].answers
        assert "monitoring.never_block names it" in answer.says


def test_a_person_who_lifts_the_block_is_not_overruled(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.virus(times=9)
        here.look()
        here.store.unblock("203.0.113.0/24", "anna", here.now).result()
        here.looks(3)
        assert blocked(here) == []
        assert "anna has lifted its block" in here.open()["antivirus.virus-sender"].answers[-1].says


def test_a_block_that_has_ended_is_made_again_while_the_attack_goes_on(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.virus(times=9)
        here.look()
        here.now += timedelta(hours=1)
        here.virus(times=9)
        here.look()
        assert blocked(here) == ["203.0.113.0/24"]
        assert len(here.store.block_history("203.0.113.0/24")) == 2


def test_a_client_that_we_trust_is_never_blocked(tmp_path: Path) -> None:
    with site(tmp_path, '[gateway]\ntrusted_networks = ["203.0.113.0/24"]\n') as here:
        here.virus(times=9)
        here.look()
        assert set(here.open()) == {"antivirus.virus-from-inside"}
        assert blocked(here) == []


# ── the log ──


def test_what_is_older_than_the_window_no_longer_counts(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.virus(times=4)
        here.now += timedelta(minutes=16)
        here.virus()
        assert here.look().alarms == ()


def test_a_watch_that_begins_later_reads_what_was_written_before(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.virus(times=9)
        here.use("")
        here.look()
        assert "antivirus.virus-sender" in here.open()


def test_what_the_mail_server_wrote_before_the_first_look_does_not_break_it(tmp_path: Path) -> None:
    mail_log = tmp_path / "mail.log"
    mail_log.touch()
    with site(tmp_path / "state", f'[monitoring]\nmail_logs = ["{mail_log}"]\n') as place:
        line = (
            "4X00001BCDFG: to=<a@example.org>, relay=local, delay=0.2, delays=0.1/0/0/0.1, dsn=2.0.0, status=sent (x)"
        )
        mail_log.write_text(f"{place.now:%Y-%m-%dT%H:%M:%S.%f}+00:00 mx postfix/local[77]: {line}\n")
        assert place.look().alarms == ()


def test_lines_that_cannot_be_read_are_said_and_the_others_still_count(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.virus(times=20)
        (file,) = here.directory.log.glob("*.jsonl")
        with file.open("ab") as log:
            log.write(b'{"broken\n' * 12)
        here.look()
        assert "12 lines of it cannot be read" in here.open()["antivirus.cannot-watch"].says
        assert "antivirus.virus-sender" in here.open()


def test_a_log_of_garbage_is_unknown_and_not_quiet(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        (here.directory.log / "gateway-20260301.jsonl").write_bytes(b"garbage\n" * 500)
        here.look()
        assert "500 of its latest lines cannot be read" in here.open()["antivirus.cannot-watch"].says


def test_half_a_line_is_read_when_it_is_whole(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.virus(times=5)
        (file,) = here.directory.log.glob("*.jsonl")
        octets = file.read_bytes()
        file.write_bytes(octets[:-40])
        here.look()
        assert here.open() == {}
        with file.open("ab") as log:
            log.write(octets[-40:])
        here.look()
        assert set(here.open()) == {"antivirus.virus-sender"}


def test_around_midnight_both_days_are_read(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.now = START.replace(hour=23, minute=58)
        here.virus(times=3)
        here.now += 4 * MINUTE
        here.virus(times=2)
        here.look()
        assert "antivirus.virus-sender" in here.open()


def test_addresses_written_as_digests_are_as_good(tmp_path: Path) -> None:
    with site(tmp_path, '[log]\naddresses = "hashed"\n') as here:
        here.virus(times=12)
        here.look()
        assert "12 of your mailboxes" in here.open()["antivirus.virus-wave"].says


@pytest.mark.parametrize("addresses", ["full", "hashed"])
def test_a_drill_is_no_attack(addresses: str, tmp_path: Path) -> None:
    with site(tmp_path, f'[log]\naddresses = "{addresses}"\n') as here:
        for _ in range(25):
            here.virus(client="127.0.0.1", sender="office@example.org")
            here.virus(client="127.0.0.1", sender="canary@drill.example")
        assert here.look().alarms == ()


def test_viruses_of_this_machine_long_after_a_drill_are_an_attack(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.virus(client="127.0.0.1", sender="canary@drill.example")
        here.now += 5 * MINUTE
        here.virus(times=9, client="127.0.0.1")
        here.look()
        assert "antivirus.virus-sender" in here.open()


def test_a_stranger_who_calls_himself_a_drill_is_an_attack(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.virus(times=9, sender="canary@drill.example")
        here.look()
        assert "antivirus.virus-sender" in here.open()


def test_connections_that_were_turned_away_are_no_messages(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.virus(kind="turned-away", times=50)
        assert here.look().alarms == ()


# ── settings ──


def test_the_first_settings_are_accepted_and_looser_ones_ring_until_they_are_put_back(tmp_path: Path) -> None:
    with site(tmp_path, WITH_CLAMD) as here:
        here.look(UP)
        here.use('[antivirus]\nunavailable = "accept-and-mark"\n')
        here.look()
        objects = {incident.object.partition(":")[0] for incident in here.store.open_incidents()}
        assert objects == {"antivirus.engines", "antivirus.unavailable"}
        here.use(WITH_CLAMD)
        here.looks(21, UP)
        assert here.open() == {}


def test_looser_settings_are_accepted_by_who_closes_the_incident(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.look()
        here.use('[antivirus]\nfound = "quarantine"\n')
        here.looks(3)
        (incident,) = here.store.open_incidents()
        assert incident.next_command.startswith("lockdown incident close")
        here.store.close_incident(incident.number, "anna", here.now).result()
        here.look()
        assert here.look().alarms == ()


def test_looser_settings_that_were_only_left_alone_are_not_accepted(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.look()
        here.use('[antivirus]\nfound = "quarantine"\n')
        here.looks(60)
        assert set(here.open()) == {"antivirus.loosened"}


def test_stricter_settings_are_what_later_ones_are_held_against(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.look()
        here.use('[antivirus]\nmacros = "reject"\n')
        here.look()
        here.use("")
        here.look()
        assert "antivirus.macros was reject and is quarantine" in here.open()["antivirus.loosened"].says


def test_a_damaged_memory_of_settings_is_told_and_begun_anew(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        (tmp_path / "watch.json").write_text("{")
        here.look()
        assert "watch.json is damaged" in here.open()["antivirus.cannot-watch"].says
        assert here.look().alarms == ()


# ── other facts ──


def test_a_drill_that_got_through_is_an_incident(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        told = {
            "schema": "lockdown.drills/1", "items": ["antivirus"], "began": START.isoformat(), "last_success": None,
            "not_as_expected": [{"item": "antivirus", "set": "wrappings", "name": "in a zip", "state": "fail"}],
        }  # fmt: skip
        (tmp_path / "drills.json").write_text(json.dumps(told))
        here.look()
        assert "wrappings: in a zip" in here.open()["antivirus.drill-failed"].says


@pytest.mark.parametrize("text", ["[]", "{}", "nonsense", '{"began": 5, "items": null, "last_success": 1}'])
def test_results_of_a_drill_that_are_damaged_are_unknown(text: str, tmp_path: Path) -> None:
    with site(tmp_path) as here:
        (tmp_path / "drills.json").write_text(text)
        here.look()
        assert "drills.json is damaged" in here.open()["antivirus.cannot-watch"].says


def test_a_blocklist_that_is_left_out_is_an_incident(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.look(Told(lists=(blocklists.Health("bl.example", False, "it lists 127.0.0.1", 0.0),)))
        assert set(here.open()) == {"antispam.blocklist-disabled"}


def lesson(number: int, **changes: object) -> str:
    fields = {"key": f"k{number}", "is_spam": True, "by": "eve", "domain": "rival.example", "at": START.timestamp()}
    return json.dumps({"v": 1, "words": [1, 2, 3], **fields, **changes})


def test_lessons_beyond_what_counts_are_counted_and_those_taken_back_are_not(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        lines = [lesson(number) for number in range(40)] + [json.dumps({"v": 1, "unlearn": "k3"}), "torn {"]
        (here.directory.learning / "lessons.jsonl").write_text("\n".join(lines))
        (found,) = lessons(here.directory, START)  # type: ignore[misc]
        assert (found.given, found.counting, found.most_by) == (39, 8, "eve")
        assert lessons(here.directory, START + timedelta(days=2)) == ()
        here.look()
        assert set(here.open()) == {"antispam.learning-poisoned"}


def test_spam_of_before_is_what_spam_of_now_is_held_against(tmp_path: Path) -> None:
    from lockdown.state.transactions import LoggedScan

    with site(tmp_path) as here:
        here.log("accepted", times=300, scan=LoggedScan(antispam={"builtin": "0.1/5.0"}, spam=0.1))
        here.look()
        here.now += timedelta(hours=2)
        for number in range(60):
            scan = LoggedScan(antispam={"builtin": "9.0/5.0"}, spam=9.0)
            here.log("quarantined", client=f"198.51.{number}.7", scan=scan)
        here.look()
        assert "of those before, 0.0% did" in here.open()["antispam.score-drift"].says


def test_each_look_is_noted(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        assert "yet" in not_watched(tmp_path, here.now)
        here.looks(2)
        assert last_look(tmp_path) == here.now
        assert not_watched(tmp_path, here.now + 2 * MINUTE) == ""
        assert "since 2026-03-01 03:01" in not_watched(tmp_path, here.now + 3 * MINUTE)


# ── a room that breaks ──


def test_a_room_that_breaks_is_an_alarm_and_the_other_rooms_are_still_asked() -> None:
    def broken(window: Window, policy: Settings) -> list[object]:
        raise ZeroDivisionError("no")

    rooms = {"antivirus": broken, "antispam": judges()["antispam"]}
    window = Window(START, START, Unknown("x"), ())
    names = {alarm.name for alarm in ringing(rooms, window, Settings())}  # type: ignore[arg-type]
    assert names == {"antivirus.cannot-watch", "antispam.cannot-watch"}


def test_every_room_that_does_not_declare_its_watch_empty_is_asked() -> None:
    assert set(judges()) == {room.CARD.id for room in CHECKLIST if "watch" not in room.CARD.empty}
    assert not any(isinstance(judge, Unknown) for judge in judges().values())


def test_an_answer_of_a_clock_that_was_set_back_is_ended_at_the_next_look(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        match = ((Dimension.CLIENT, "203.0.113.9"),)
        later = here.now + timedelta(days=1)
        here.store.restrain(Restraint(match, Rung.DEFER, later, later + MINUTE, AUTOMATIC, "a flood")).result()
        here.look()
        assert here.store.active_restraints(here.now) == []


def test_a_sender_who_clogs_the_queue_is_an_incident_that_says_what_could_not_be_done(tmp_path: Path) -> None:
    log = tmp_path / "mail.log"
    with site(tmp_path, f'[monitoring]\nmail_logs = ["{log}"]') as here:
        stamp = f"{here.now:%Y-%m-%dT%H:%M:%S}+00:00 mx postfix"
        lines = []
        for number in range(150):
            queue_id = f"4X{number:05X}BCDFG"
            lines.append(f"{stamp}/smtpd[7]: {queue_id}: client=far.example[203.0.113.9]")
            sender = "x@forged.example" if number % 3 else f"b{number}@good.example"
            lines.append(f"{stamp}/qmgr[8]: {queue_id}: from=<{sender}>, size=1000, nrcpt=1 (queue active)")
        log.write_text("\n".join(lines) + "\n")
        here.use(f'[monitoring]\nmail_logs = ["{log}"]')
        here.looks(4)
        incident = here.open()["monitoring.queue-clogged"]
        assert incident.says.startswith("100 of the 150 messages that wait in the queue are of x@forged.example (67%)")
        told = [answer.says for answer in incident.answers]
        assert any(says.startswith("queued mail with sender x@forged.example, user nobody: not held") for says in told)
        assert any("client 203.0.113.9 is put off (451)" in says for says in told)
        with log.open("a") as file:
            file.writelines(f"{stamp}/qmgr[8]: 4X{number:05X}BCDFG: removed\n" for number in range(150))
        here.looks(25)
        assert here.open() == {}
