"""The canary: over a real gateway it arrives and leaves nothing; what is missed says at which stage."""

from __future__ import annotations

import socket
import ssl
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.checklist.monitoring import watch_canary
from lockdown.config import Settings, read_settings
from lockdown.engine.alert_health import canary_arrives, told_over
from lockdown.engine.recent import Recent
from lockdown.engine.round_trip import RoundTrips, canary_missed, canary_now, has_canary
from lockdown.model.alert_path import key_of_path
from lockdown.model.finding import Severity, State
from lockdown.model.unknown import Unknown
from lockdown.model.window import CanaryPath, Room, ToldPath, Window
from lockdown.state.canary_rounds import (
    FILE,
    MOST_ROUNDS,
    Flown,
    Round,
    canary_name,
    canary_paths,
    keep_flown,
    read_flown,
)
from lockdown.state.layout import StateDirectory
from lockdown.state.maildir import deliver
from lockdown.state.metrics import canary_numbers
from lockdown.state.told import PathMemory, ToldFile, keep_told
from lockdown.state.transactions import LoggedClient, Transaction, TransactionLog
from tests.engine.watched import START, site
from tests.gateway.house import House, house, run
from tests.rig.certificate import make_certificate
from tests.rig.network import eventually, free_port
from tests.rig.upstream import Call, FakeUpstream, Say

NOW = datetime.now(UTC)
MINUTE = timedelta(minutes=1)


def settings_for(state: Path, listen: str, more: str = "") -> Settings:
    text = f'[state]\ndirectory = "{state}"\n[gateway]\nlisten = ["{listen}"]\n[monitoring]\ncanary_wait = "1s"\n{more}'
    return read_settings([("lockdown.toml", text)]).settings


def flown(state: Path) -> Flown:
    found = read_flown(state)
    assert isinstance(found, Flown)
    return found


def last(state: Path) -> Round:
    (rounds,) = flown(state).paths.values()
    return rounds[-1]


def box(state: Path) -> list[Path]:
    return [*(state / "mail" / "new").glob("*")]


# ── over a real gateway ──


def test_over_a_real_gateway_it_is_timed_at_each_stage_and_leaves_nothing(tmp_path: Path) -> None:
    async def story(here: House) -> None:
        import asyncio

        state = here.worker.state.path
        wanted = settings_for(state, f"127.0.0.1:{here.port}")
        trips = RoundTrips(wanted, state)
        await asyncio.to_thread(trips.fly, NOW)
        one = last(state)
        assert one.arrived, one
        assert [*one.seconds] == ["connect", "greeting", "accepted", "arrived"]
        assert [*one.seconds.values()] == sorted(one.seconds.values())
        assert box(state) == []
        assert canary_missed(wanted, state, NOW) == ""
        # It is in the log, and yet nobody counts it.
        (logged,) = here.log()
        assert logged.client.helo == canary_name(state)
        assert Recent(wanted, here.worker.state, {"127.0.0.1"}).look(datetime.now(UTC)) == ()

    async def all_of_it() -> None:
        async with house(tmp_path) as here:
            await story(here)

    run(all_of_it())


def test_only_the_canary_itself_is_not_counted_and_nobody_hides_behind_it(tmp_path: Path) -> None:
    directory = StateDirectory(tmp_path).prepare()
    wanted = settings_for(tmp_path, "127.0.0.1:2525")
    log = TransactionLog(tmp_path, wanted.log, clock=NOW.timestamp)
    clients = (("127.0.0.1", canary_name(tmp_path)), ("203.0.113.9", canary_name(tmp_path)), ("127.0.0.1", "other"))
    for number, (address, helo) in enumerate(clients):
        log.record(Transaction(type="accepted", id=f"I{number}", at=NOW, client=LoggedClient(address, helo)))
    log.close()
    events = Recent(wanted, directory, {"127.0.0.1"}).look(NOW)
    assert not isinstance(events, Unknown)
    assert [event.id for event in events] == ["I1", "I2"]


# ── what is missed ──


def test_a_way_that_hangs_delays_no_letter_of_another(tmp_path: Path) -> None:
    greets = socket.create_server(("127.0.0.1", 0))
    saw_the_other = list[bool]()

    def greet_late(folder: Path) -> None:
        connection, _ = greets.accept()
        with connection:
            saw_the_other.append(bool(eventually(lambda: box(folder), "the other's letter", 10.0)))
            connection.sendall(b"554 no\r\n")

    async def story(here: House) -> None:
        import asyncio

        hangs = f"127.0.0.1:{greets.getsockname()[1]}"
        state, more = here.worker.state.path, f'canary_servers = ["{hangs}"]\n'
        threading.Thread(target=greet_late, args=(state,), daemon=True).start()
        await asyncio.to_thread(RoundTrips(settings_for(state, f"127.0.0.1:{here.port}", more), state).fly, NOW)
        paths = flown(state).paths
        assert [paths[f"127.0.0.1:{here.port}"][0].arrived, paths[hangs][0].stage] == [True, "greeting"]
        assert saw_the_other == [True]

    async def all_of_it() -> None:
        async with house(tmp_path) as here:
            await story(here)

    run(all_of_it())
    greets.close()


def test_where_nothing_listens_it_is_lost_at_connect(tmp_path: Path) -> None:
    wanted = settings_for(tmp_path, f"127.0.0.1:{free_port()}")
    RoundTrips(wanted, tmp_path).fly(NOW)
    assert (last(tmp_path).stage, last(tmp_path).why) == ("connect", "connection refused")
    assert flown(tmp_path).waiting == {}


@pytest.mark.parametrize(
    ("moment", "said", "stage"),
    [("banner", b"554 go away\r\n", "greeting"), ("RCPT", b"550 5.1.1 unknown\r\n", "accepted"),
     ("dot", b"451 4.7.1 later\r\n", "accepted")],
)  # fmt: skip
def test_a_server_that_says_no_is_quoted(tmp_path: Path, moment: str, said: bytes, stage: str) -> None:
    with FakeUpstream() as server:
        server.on(moment, Say(said))
        RoundTrips(settings_for(tmp_path, f"127.0.0.1:{server.port}"), tmp_path).fly(NOW)
    assert last(tmp_path).stage == stage
    assert said.decode().split("\r")[0] in last(tmp_path).why
    assert flown(tmp_path).waiting == {}


def test_what_is_accepted_and_comes_late_is_missed_and_yet_removed(tmp_path: Path) -> None:
    with FakeUpstream() as server:
        wanted = settings_for(tmp_path, f"127.0.0.1:{server.port}", 'canary_every = "5m"\n')
        RoundTrips(wanted, tmp_path).fly(NOW)
        assert last(tmp_path).stage == "arrived"
        (late,) = server.accepted
        deliver(tmp_path / "mail", [late.content])
        deliver(tmp_path / "mail", [b"Subject: somebody else's\r\n\r\nhello\r\n"])

        def at_once() -> None:
            deliver(tmp_path / "mail", [server.accepted[-1].content])

        server.on("taken", Call(at_once))
        RoundTrips(wanted, tmp_path).fly(NOW + 5 * MINUTE)
    assert last(tmp_path).arrived
    assert flown(tmp_path).waiting == {}
    assert [file.read_bytes()[:8] for file in box(tmp_path)] == [b"Subject:"]


def test_two_that_are_missed_ring_and_silence_the_heartbeat_and_one_does_not(tmp_path: Path) -> None:
    wanted = settings_for(tmp_path, f"127.0.0.1:{free_port()}")
    trips = RoundTrips(wanted, tmp_path)
    trips.fly(NOW)
    assert rings(wanted, tmp_path) == []
    assert canary_missed(wanted, tmp_path, NOW) == ""
    trips.fly(NOW + 5 * MINUTE)
    ((name, severity),) = rings(wanted, tmp_path)
    assert (name, severity) == ("monitoring.canary-missed", Severity.CRITICAL)
    assert "missed 2 times" in canary_missed(wanted, tmp_path, NOW + 5 * MINUTE)


def test_one_that_no_longer_flies_rings_too(tmp_path: Path) -> None:
    wanted = settings_for(tmp_path, "127.0.0.1:2525")
    assert canary_missed(wanted, tmp_path, NOW) == "the canary has not flown yet"
    long_ago = [Round((NOW - 30 * MINUTE).timestamp(), True)]
    keep_flown(tmp_path, Flown(paths={"127.0.0.1:2525": long_ago, "submission mail:587": long_ago}))
    assert [name for name, _ in rings(wanted, tmp_path)] == ["monitoring.canary-late"]
    assert "has not flown over" in canary_missed(wanted, tmp_path, NOW)


def rings(wanted: Settings, state: Path) -> list[tuple[str, Severity]]:
    now = NOW + 5 * MINUTE
    window = Window(now, now, (), (), canary=canary_now(wanted, state), told_over=told_over(wanted, state))
    return [(alarm.name, alarm.severity) for alarm in watch_canary.watch(window, wanted)]


def test_the_watch_says_when_nobody_knows_and_when_nobody_can_be_told() -> None:
    wanted = settings_for(Path("x"), "127.0.0.1:2525")
    lost = Window(NOW, NOW, (), (), canary=Unknown("canary.json is damaged"))
    (alarm,) = watch_canary.watch(lost, wanted)
    assert "canary.json is damaged" in alarm.says
    paths = (ToldPath("https://a.example/***", 2, NOW, "it answers 500"), ToldPath("ntfy://***", 3, NOW, "no answer"))
    (alarm,) = watch_canary.watch(Window(NOW, NOW, (), (), told_over=paths), wanted)
    assert (alarm.name, alarm.object) == ("monitoring.alert-path-down", "ntfy://***")
    well = CanaryPath("127.0.0.1:2525", NOW.timestamp(), 0, "", "", NOW.timestamp(), 0.1)
    assert [*watch_canary.watch(Window(NOW, NOW, (), (), canary=(well,)), wanted)] == []


def lost_at(stage: str, path: str, why: str) -> CanaryPath:
    return CanaryPath(path, NOW.timestamp(), 2, stage, why, None, None)


def test_what_is_lost_behind_acceptance_is_one_trouble_and_what_is_lost_before_is_one_for_each_way() -> None:
    wanted = settings_for(Path("x"), "127.0.0.1:2525")
    why = "4B17D248 is deferred: connect to private/dovecot-lmtp: No such file or directory"
    paths = (lost_at("arrived", "a:25", why), lost_at("arrived", "b:587", why), lost_at("connect", "c:26", "refused"))
    behind, before = watch_canary.watch(Window(NOW, NOW, (), (), canary=paths), wanted)
    assert behind.says == "Letters sent over a:25 and b:587 no longer arrive: it is accepted and does not arrive."
    assert (behind.object, before.object) == ("delivery", "c:26")
    assert why in behind.evidence[0].text
    assert "nothing answers there" in before.says


MEBIBYTE = 1 << 20


@pytest.mark.parametrize(
    ("free", "severity"), [(30, Severity.CRITICAL), (100, Severity.HIGH), (200, None), (10_000, None)]
)
def test_a_disk_is_told_before_it_is_full_and_worse_when_it_is(free: int, severity: Severity | None) -> None:
    wanted, room = settings_for(Path("x"), "127.0.0.1:2525"), Room("/var", free * MEBIBYTE, 37 * MEBIBYTE)
    rung = [*watch_canary.watch(Window(NOW, NOW, (), (), room=room), wanted)]
    assert [alarm.severity for alarm in rung] == ([severity] if severity else [])


def test_a_mailbox_that_nobody_can_look_into_says_nothing_of_the_mail() -> None:
    wanted = settings_for(Path("x"), "127.0.0.1:2525")
    paths = (lost_at("mailbox", "a:25", "AUTHENTICATIONFAILED"), lost_at("mailbox", "b:587", "AUTHENTICATIONFAILED"))
    (alarm,) = watch_canary.watch(Window(NOW, NOW, (), (), canary=paths), wanted)
    assert (alarm.name, alarm.severity) == ("monitoring.canary-unknown", Severity.MEDIUM)
    assert "cannot be looked into: AUTHENTICATIONFAILED" in alarm.says


def test_a_mailbox_that_cannot_be_opened_is_told_as_that(tmp_path: Path) -> None:
    more = 'canary_mailbox = "imap://canary@127.0.0.1:1"\ncanary_password = "/dev/null"\n'

    async def story(here: House) -> None:
        import asyncio

        wanted = settings_for(here.worker.state.path, f"127.0.0.1:{here.port}", more)
        await asyncio.to_thread(RoundTrips(wanted, here.worker.state.path).fly, NOW)
        one = last(here.worker.state.path)
        assert (one.arrived, one.stage, "accepted" in one.seconds) == (False, "mailbox", True)

    async def all_of_it() -> None:
        async with house(tmp_path) as here:
            await story(here)

    run(all_of_it())


class Submission:
    """A submission server's handler: who signed in sends, and it lies in the mailbox at once."""

    def __init__(self, mailbox: Path) -> None:
        self.mailbox, self.senders = mailbox, list[tuple[str, bool]]()

    async def handle_DATA(self, server: object, session: Session, envelope: Envelope) -> str:
        self.senders.append((envelope.mail_from or "", session.ssl is not None))
        deliver(self.mailbox, [envelope.original_content or b""])
        return "250 taken"


def test_over_submission_it_signs_in_encrypted_and_sends_as_himself(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(make_certificate(tmp_path / "pair.pem", "mail.example.org"))
    handler, port = Submission(tmp_path / "mail"), free_port()

    def signs_in(server: object, session: object, envelope: object, mechanism: str, given: LoginPassword) -> AuthResult:
        return AuthResult(success=given == LoginPassword(b"canary", b"secret"), handled=False)

    controller = Controller(
        handler, "127.0.0.1", port, tls_context=context, require_starttls=True, authenticator=signs_in,
        auth_required=True, decode_data=False,
    )  # fmt: skip
    (tmp_path / "pw").write_text("secret\n")
    more = f'canary_servers = ["submission://canary@127.0.0.1:{port}"]\n'
    more += f'canary_submission_password = "{tmp_path / "pw"}"\n'
    wanted = settings_for(tmp_path, f"127.0.0.1:{free_port()}", more)
    controller.start()
    try:
        RoundTrips(wanted, tmp_path).fly(NOW)
        (tmp_path / "pw").write_text("wrong")
        RoundTrips(wanted, tmp_path).fly(NOW + 5 * MINUTE)
    finally:
        controller.stop()
    first, second = flown(tmp_path).paths[f"submission 127.0.0.1:{port}"]
    assert first.arrived, first
    assert handler.senders == [("canary@example.org", True)]
    assert (second.stage, "535" in second.why) == ("signed-in", True)
    assert "wrong" not in second.why


def test_the_watch_makes_incidents_of_a_lost_canary_and_of_a_path_that_is_down(tmp_path: Path) -> None:
    url = "https://hooks.example/secret"
    with site(tmp_path, f'[alerts]\nto = ["{url}"]\n') as here:
        lost = [Round((START + n * MINUTE / 2).timestamp(), False, "connect", "connection refused") for n in range(2)]
        keep_flown(tmp_path, Flown(paths={"127.0.0.1:2525": lost}))
        keep_told(tmp_path, ToldFile(paths={key_of_path(url): PathMemory(failures=3, why="it answers 500")}))
        here.look()
        assert here.open()["monitoring.canary-missed"].object == "127.0.0.1:2525"
        assert here.open()["monitoring.alert-path-down"].object == "https://hooks.example/***"


# ── when it flies ──


def test_it_flies_only_where_there_is_a_mailbox_to_find_it_in(tmp_path: Path) -> None:
    elsewhere = '[gateway]\nupstream = "smtp://10.0.0.5:25"\n'
    assert not has_canary(read_settings([("x", elsewhere)]).settings)
    assert has_canary(read_settings([("x", f'{elsewhere}[monitoring]\ncanary_mailbox = "maildir:/m"\n')]).settings)
    assert has_canary(read_settings([("x", "")]).settings)
    assert not has_canary(read_settings([("x", '[monitoring]\ncanary_every = "0s"\n')]).settings)


def test_its_rounds_come_every_five_minutes_and_a_clock_set_back_does_not_stop_them(tmp_path: Path) -> None:
    trips = RoundTrips(settings_for(tmp_path, f"127.0.0.1:{free_port()}"), tmp_path)
    for seconds in (0, 59, 60, 65, 359, 360):
        trips.round(NOW + timedelta(seconds=seconds))
    assert len(next(iter(flown(tmp_path).paths.values()))) == 2
    trips.round(NOW - timedelta(days=9))
    trips.round(NOW - timedelta(days=9) + 61 * MINUTE)
    assert len(next(iter(flown(tmp_path).paths.values()))) == 3


def test_one_that_flies_more_often_than_its_first_pause_flies_all_the_same(tmp_path: Path) -> None:
    trips = RoundTrips(settings_for(tmp_path, f"127.0.0.1:{free_port()}", 'canary_every = "20s"\n'), tmp_path)
    for seconds in range(0, 91, 5):
        trips.round(NOW + timedelta(seconds=seconds))
    assert len(next(iter(flown(tmp_path).paths.values()))) == 2


def test_the_ring_is_bounded(tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_port()}"
    keep_flown(tmp_path, Flown(paths={listen: [Round(float(number)) for number in range(MOST_ROUNDS)]}))
    RoundTrips(settings_for(tmp_path, listen), tmp_path).fly(NOW)
    assert len(flown(tmp_path).paths[listen]) == MOST_ROUNDS


def test_a_password_file_that_is_not_there_is_a_missed_letter_and_no_crash(tmp_path: Path) -> None:
    more = 'canary_servers = ["submission://me@127.0.0.1:587"]\ncanary_submission_password = "/nowhere/pw"\n'
    RoundTrips(settings_for(tmp_path, f"127.0.0.1:{free_port()}", more), tmp_path).fly(NOW)
    assert "cannot be read" in flown(tmp_path).paths["submission"][-1].why


def test_metrics_tell_age_stages_and_misses(tmp_path: Path) -> None:
    good = Round(
        NOW.timestamp() - 60, True, seconds={"connect": 0.01, "greeting": 0.02, "accepted": 0.1, "arrived": 0.5}
    )
    keep_flown(tmp_path, Flown(paths={"[::1]:25": [good, Round(NOW.timestamp(), False, "accepted", "it answers 451")]}))
    text = canary_numbers(tmp_path, NOW).decode()
    assert 'lockdown_canary_missed{path="[::1]:25"} 1.0' in text
    assert 'lockdown_canary_seconds{path="[::1]:25",stage="arrived"} 0.5' in text
    assert 'lockdown_canary_age_seconds{path="[::1]:25"} 60' in text


def test_doctor_says_how_long_ago_it_arrived_or_why_not(tmp_path: Path) -> None:
    wanted = settings_for(tmp_path, "127.0.0.1:25")
    (none,) = canary_arrives(wanted, NOW)
    assert (none.state, none.says) == (State.WARN, "the canary has not flown yet")
    good, bad = (
        Round(NOW.timestamp() - 60, True, seconds={"connect": 0.0, "greeting": 0.1, "accepted": 0.4, "arrived": 0.5}),
        Round(NOW.timestamp(), False, "connect", "no"),
    )
    keep_flown(tmp_path, Flown(paths={"127.0.0.1:25": [good]}))
    (well,) = canary_arrives(wanted, NOW)
    stages = "connected 0.00, greeted 0.10, accepted 0.30, arrived 0.10 s"
    assert (well.state, well.says) == (State.PASS, f"arrived over 127.0.0.1:25 1m ago, in 0.50 s ({stages})")
    keep_flown(tmp_path, Flown(paths={"127.0.0.1:25": [good, bad, bad]}))
    (ill,) = canary_arrives(wanted, NOW)
    assert ill.state is State.FAIL


@given(st.binary(max_size=300))
@settings(max_examples=50)
def test_no_file_makes_reading_it_raise(octets: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / FILE).write_bytes(octets)
        canary_paths(read_flown(Path(folder)))
