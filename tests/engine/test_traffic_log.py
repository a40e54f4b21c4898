"""What the mail server's log adds: who handed in how much, once each, and nothing of the days before."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from lockdown.config import read_settings
from lockdown.engine.log_health import log_is_seen
from lockdown.engine.traffic_log import TrafficLog
from lockdown.model.finding import State
from lockdown.model.traffic import Dimension
from lockdown.state.correspondents import Correspondents, id_digest
from lockdown.state.log_sight import FILE, read_sight, sight_numbers
from tests.checklist.monitoring.traffic import START, Town

MINUTE = timedelta(minutes=1)


class Server(Town):
    """With a mail log that tests write."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder=folder)
        self.path = folder / "mail.log"
        self.path.touch()
        self.settings = read_settings([("x", f'[monitoring]\nmail_logs = ["{self.path}"]')]).settings
        self.known = Correspondents(folder)
        self.reads = TrafficLog(self.settings, folder, self.counter, self.known)

    def says(self, daemon: str, text: str) -> None:
        with self.path.open("a") as file:
            file.write(f"{self.now:%Y-%m-%dT%H:%M:%S.%f}+00:00 mx postfix/{daemon}[77]: {text}\n")

    def submits(self, number: int, login: str = ", sasl_method=PLAIN, sasl_username=ben") -> None:
        queue_id = f"4X{number:05X}BCDFG"
        self.says("submission/smtpd", f"{queue_id}: client=dsl.example[203.0.113.50]{login}")
        for _ in range(2):
            self.says("qmgr", f"{queue_id}: from=<ben@example.org>, size=1000, nrcpt=3 (queue active)")


def users(server: Server) -> dict[str, tuple[int, int]]:
    server.reads.read(server.now)
    hitters = server.traffic().hitters
    return {one.key[1]: (one.messages, one.recipients) for one in hitters if one.key[0] is Dimension.USER}


def test_what_a_user_hands_in_is_counted_once_by_user(tmp_path: Path) -> None:
    server = Server(tmp_path)
    for number in range(25):
        server.submits(number)
    assert users(server) == {"ben": (25, 75)}


def test_mail_of_strangers_is_the_gateways_to_count(tmp_path: Path) -> None:
    server = Server(tmp_path)
    for number in range(25):
        server.submits(number, login="")
    assert users(server) == {}
    assert server.traffic().messages == 0


def test_the_days_before_are_no_flood_of_now(tmp_path: Path) -> None:
    server = Server(tmp_path)
    for number in range(25):
        server.submits(number)
    server.now = START + timedelta(days=2)
    server.counter.advance(server.now)
    assert users(server) == {}


def test_after_a_restart_nothing_is_counted_twice(tmp_path: Path) -> None:
    server = Server(tmp_path)
    for number in range(25):
        server.submits(number)
    assert users(server)
    server.reads.keep()
    again = Server(tmp_path)
    assert users(again) == {}


def test_delays_of_deliveries_are_heard(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.says("smtp", "4X00001BCDFG: to=<a@far.example>, relay=far.example[192.0.2.1]:25, delay=4, "
                        "delays=0.1/0/3/0.9, dsn=2.0.0, status=sent (250 ok)")  # fmt: skip
    server.reads.read(server.now)
    assert server.traffic().deliveries == 1


def test_a_log_that_is_not_there_adds_nothing(tmp_path: Path) -> None:
    settings = read_settings([("x", f'[monitoring]\nmail_logs = ["{tmp_path}/none"]')]).settings
    town = Town()
    reads = TrafficLog(settings, tmp_path, town.counter, Correspondents(tmp_path))
    reads.read(START)
    reads.keep()
    traffic = town.traffic()
    assert (traffic.messages, traffic.deliveries, traffic.hitters) == (0, 0, ())


def test_a_log_that_may_not_be_read_is_said(tmp_path: Path) -> None:
    """A folder in its place: for root, too, it is nothing to read."""
    (tmp_path / "mail.log").mkdir()
    settings = read_settings([("x", f'[monitoring]\nmail_logs = ["{tmp_path}/mail.log"]')]).settings
    town = Town()
    TrafficLog(settings, tmp_path, town.counter, Correspondents(tmp_path)).read(START)
    assert "mail.log" in town.traffic().unseen_log
    assert "cannot-watch" in town.alarms()


# ── who writes to whom, and what went out ──


def sends(server: Server, queue_id: str, message_id: str, to: str, login: str = ", sasl_username=ben") -> None:
    server.says("submission/smtpd", f"{queue_id}: client=dsl.example[203.0.113.50]{login}")
    server.says("cleanup", f"{queue_id}: message-id=<{message_id}>")
    server.says("qmgr", f"{queue_id}: from=<Ben@example.org>, size=1000, nrcpt=1 (queue active)")
    server.says("smtp", f"{queue_id}: to=<{to}>, relay=far.example[192.0.2.1]:25, delay=4, "
                        "delays=0.1/0/3/0.9, dsn=2.0.0, status=sent (250 ok)")  # fmt: skip
    server.says("qmgr", f"{queue_id}: removed")


def test_what_the_log_of_days_before_says_went_out_is_known_at_the_first_look(tmp_path: Path) -> None:
    server = Server(tmp_path)
    sends(server, "4X00001BCDFG", "one@laptop.example", "ann@mail.far.example")
    server.now += timedelta(days=6)
    server.reads.read(server.now)
    now = server.now.timestamp()
    assert server.known.has_sent(id_digest(b"<one@laptop.example>"))
    assert server.known.knows_what_went_out(now) and not server.known.knows_what_went_out(now - 2 * 86400)
    assert server.known.writes("ben@example.org")
    assert server.known.knows("ben@example.org", ["far.example"], now)


def test_mail_among_ourselves_makes_no_acquaintances_outside(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.says("submission/smtpd", "4X00001BCDFG: client=dsl.example[203.0.113.50], sasl_username=ben")
    server.says("qmgr", "4X00001BCDFG: from=<ben@example.org>, size=1000, nrcpt=1 (queue active)")
    server.says("lmtp", "4X00001BCDFG: to=<anna@here.example>, relay=mx[private/lmtp], delay=1, "
                        "delays=0.1/0/0.3/0.6, dsn=2.0.0, status=sent (250 ok)")  # fmt: skip
    server.reads.read(server.now)
    assert not server.known.knows("ben@example.org", ["here.example"], server.now.timestamp())


def test_what_strangers_send_went_not_out_and_makes_them_no_acquaintances(tmp_path: Path) -> None:
    server = Server(tmp_path)
    sends(server, "4X00001BCDFG", "one@far.example", "ben@example.org", login="")
    server.reads.read(server.now)
    assert not server.known.has_sent(id_digest(b"<one@far.example>"))
    assert not server.known.writes("ben@example.org")


def looked_at(server: Server) -> list[tuple[State, str]]:
    settings = read_settings(
        [("x", f'[monitoring]\nmail_logs = ["{server.path}"]\n[state]\ndirectory = "{server.path.parent}"')]
    ).settings
    return [(one.state, one.says) for one in log_is_seen(settings, server.now)]


def test_blindness_is_counted_kept_over_a_restart_and_told(tmp_path: Path) -> None:
    server = Server(tmp_path)
    assert looked_at(server)[0][0] is State.WARN
    server.submits(1)
    for _ in range(300):
        server.says("qmgr", "4X00001BCDFG: removed")
    server.reads.read(server.now)
    server.reads.keep()
    assert looked_at(server) == [(State.PASS, "303 lines read, 0 of them not understood")]
    assert server.counter.unseen_log == ""

    for _ in range(100):
        server.says("smtpd", "a sentence of a later version")
    again = TrafficLog(server.settings, tmp_path, server.counter, server.known)
    again.read(server.now)
    again.keep()
    sight = read_sight(tmp_path)
    assert sight is not None and (sight.lines, sight.unread, sight.gaps) == (403, {"smtpd": 100}, 0)
    state, says = looked_at(server)[0]
    assert state is State.WARN and says.startswith("25% of the lines of late are not understood (smtpd 100)")
    assert server.counter.unseen_log == "25% of its lines are not understood"
    assert b'lockdown_mail_log_unread_total{daemon="smtpd"} 100.0' in sight_numbers(tmp_path)


def test_a_log_that_was_emptied_is_a_gap_that_is_counted(tmp_path: Path) -> None:
    server = Server(tmp_path)
    for _ in range(20):
        server.says("qmgr", "4X00001BCDFG: removed")
    server.reads.read(server.now)
    server.path.write_text("")
    server.says("qmgr", "4X00002BCDFG: removed")
    server.reads.read(server.now)
    server.reads.keep()
    assert "1 times something of it could not be read, the last: the log was emptied" in looked_at(server)[0][1]


def test_a_log_that_stays_away_is_one_gap(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.says("qmgr", "4X00001BCDFG: removed")
    server.reads.read(server.now)
    server.path.unlink()
    for _ in range(5):
        server.reads.read(server.now)
    server.reads.keep()
    sight = read_sight(tmp_path)
    assert sight is not None and sight.gaps == 1
    assert "is not there" in server.counter.unseen_log


def test_a_damaged_count_of_blindness_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\xff{")
    assert read_sight(tmp_path) is None
    assert sight_numbers(tmp_path) == b""
    server = Server(tmp_path)
    server.says("qmgr", "4X00001BCDFG: removed")
    server.reads.read(server.now)
    server.reads.keep()
    assert read_sight(tmp_path) is not None
