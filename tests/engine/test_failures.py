"""The drill of failure: the relay fails in each way it is told to; what becomes of mail is judged by the settings."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lockdown.config import Settings, read_settings
from lockdown.engine.canary import MaildirCanary
from lockdown.engine.drill import Sitting, drills
from lockdown.engine.failures import _Case, _cases, _promised, _under, failure_drill
from lockdown.engine.lane import lane_settings
from lockdown.engine.relay import Failure, Relay, whitewashed
from lockdown.model.finding import State
from lockdown.model.step import Expect, Fate
from lockdown.probe.smtp import Deadlines, Target
from tests.engine.gate import PUT_OFF, REFUSE, TAKE, Gate, Judge

FOUND = b"stream: Eicar-Test-Signature FOUND\0"


class _Engine(socketserver.StreamRequestHandler):
    """Answers each question with FOUND, and hangs up, as clamd does."""

    def handle(self) -> None:
        while not self.rfile.readline().startswith(b"end"):
            pass
        self.wfile.write(FOUND)


@pytest.fixture
def engine() -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Engine) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"clamd://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def _ask(relay: Relay, seconds: float = 5.0) -> bytes:
    port = int(relay.url.rpartition(":")[2])
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(b"question\nend\n")
        while piece := connection.recv(4096):
            answer += piece
    return answer


def test_a_relay_that_does_not_fail_changes_nothing(engine: str) -> None:
    with Relay(engine) as relay:
        assert relay.url != engine
        assert _ask(relay) == FOUND


def test_a_stopped_engine_refuses_the_connection_and_comes_back_on_the_same_port(engine: str) -> None:
    with Relay(engine) as relay:
        before = relay.url
        relay.fail(Failure.STOPPED)
        with pytest.raises(ConnectionRefusedError):
            _ask(relay)
        relay.fail(Failure.NONE)
        assert (_ask(relay), relay.url) == (FOUND, before)


@pytest.mark.parametrize("failure", [Failure.SILENT, Failure.SLOW])
def test_a_silent_or_slow_engine_does_not_answer_in_time(engine: str, failure: Failure) -> None:
    with Relay(engine, failure) as relay, pytest.raises(TimeoutError):
        _ask(relay, 0.3)


def test_an_engine_that_hangs_up_gives_half_of_its_answer(engine: str) -> None:
    with Relay(engine, Failure.CUT) as relay:
        assert _ask(relay) == FOUND[: len(FOUND) // 2]


def test_nonsense_is_not_what_the_engine_said(engine: str) -> None:
    with Relay(engine, Failure.GARBAGE) as relay:
        answer = _ask(relay)
    assert answer
    assert b"stream:" not in answer


def test_a_liar_says_that_everything_is_well(engine: str) -> None:
    with Relay(engine, Failure.LYING) as relay:
        assert _ask(relay) == b"stream: OK\0"


def test_an_engine_that_is_not_there_hangs_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with Relay(f"clamd://127.0.0.1:{port}") as relay, suppress(ConnectionResetError):
        assert _ask(relay) == b""


@pytest.mark.parametrize(
    ("scheme", "answer", "expected"),
    [
        ("clamd", b"stream: OK\0", b"stream: OK\0"),
        ("clamd", b"ClamAV 1.4.6/27431/Tue Nov 18 09:27:31 2026\0", b"ClamAV 1.4.6/27431/Tue Nov 18 09:27:31 2026\0"),
        (
            "spamd",
            b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1000.0 / 5.0\r\n",
            b"SPAMD/1.1 0 EX_OK\r\nSpam: False ; 0.0 / 5.0\r\n",
        ),
        ("rspamd", b"HTTP/1.1 200 OK\r\n\r\npong", b"HTTP/1.1 200 OK\r\n\r\npong"),
    ],
)
def test_a_lie_is_told_in_the_engines_own_words(scheme: str, answer: bytes, expected: bytes) -> None:
    assert whitewashed(answer, scheme) == expected


def test_a_lie_of_rspamd_is_whole_http() -> None:
    head, _, body = whitewashed(b'HTTP/1.1 200 OK\r\n\r\n{"score":20,"required_score":15}', "rspamd").partition(
        b"\r\n\r\n"
    )
    assert f"Content-Length: {len(body)}".encode() in head
    assert b'"score":0.0' in body


# ── what must become of mail ──


@pytest.mark.parametrize(
    ("unavailable", "plain", "bad"),
    [
        ("defer", Expect.PUT_OFF, Expect.ANSWERED),
        ("quarantine", Expect.HELD, Expect.STOPPED),
        ("accept-and-mark", Expect.MARKED, Expect.CAUGHT),
    ],
)
def test_no_setting_lets_mail_in_unread_and_unmarked(unavailable: str, plain: Expect, bad: Expect) -> None:
    assert _promised(unavailable) == (plain, bad)
    assert Fate.ARRIVED not in plain.fates | bad.fates


def _case(policy: str = "") -> _Case:
    settings = read_settings([("f", policy)]).settings
    (case,) = _cases({"antivirus": list(drills(["antivirus"])["antivirus"](settings))}, settings)
    return case


def _tried(tmp_path: Path, judge: Judge, top: bytes = b"", policy: str = "") -> list[tuple[State, Fate]]:
    deadlines = Deadlines(connect=2.0, command=2.0, piece=2.0, final=2.0)
    with Gate(tmp_path / "mail", judge, top=lambda letter: top) as gate:
        target = Target("127.0.0.1", gate.port)
        sitting = Sitting(target, "a@example.org", MaildirCanary(gate.mailbox), None, None, 0.3, deadlines)
        return [(result.state, result.fate) for result in _under(_case(policy), "is stopped", sitting)]


def test_a_gateway_that_puts_mail_off_is_as_promised(tmp_path: Path) -> None:
    assert _tried(tmp_path, lambda letter: PUT_OFF) == [(State.PASS, Fate.PUT_OFF)] * 2


def test_a_gateway_that_fails_open_is_found_out(tmp_path: Path) -> None:
    assert _tried(tmp_path, lambda letter: TAKE) == [(State.FAIL, Fate.ARRIVED)] * 2


def test_a_broken_engine_that_is_taken_for_a_virus_is_found_out(tmp_path: Path) -> None:
    assert _tried(tmp_path, lambda letter: REFUSE) == [(State.FAIL, Fate.REFUSED), (State.PASS, Fate.REFUSED)]


def test_mail_that_goes_on_with_a_mark_is_as_promised_where_the_settings_say_so(tmp_path: Path) -> None:
    mark = b"X-Lockdown-Scan: av=clamd:unavailable\r\n\tmark=antivirus.unavailable\r\n"
    policy = '[antivirus]\nunavailable = "accept-and-mark"\n'
    assert _tried(tmp_path, lambda letter: TAKE, mark, policy) == [(State.PASS, Fate.MARKED)] * 2
    assert _tried(tmp_path, lambda letter: TAKE, b"", policy)[0] == (State.FAIL, Fate.ARRIVED)


def test_every_engine_of_the_settings_is_a_case_but_for_the_one_that_cannot_fail_alone() -> None:
    policy = (
        '[antivirus]\nengines = ["builtin", "clamd://127.0.0.1:3310"]\n'
        '[antispam]\nengines = ["builtin", "rspamd://127.0.0.1:11333"]\n'
    )
    settings = read_settings([("f", policy)]).settings
    steps = {item: list(drill(settings)) for item, drill in drills(["antivirus", "antispam"]).items()}
    assert [(case.item, case.engine) for case in _cases(steps, settings)] == [
        ("antivirus", "builtin"),
        ("antivirus", "clamd://127.0.0.1:3310"),
        ("antispam", "rspamd://127.0.0.1:11333"),
    ]
    assert [case.item for case in _cases({"antispam": steps["antispam"]}, settings)] == ["antispam"]


def test_a_lane_that_does_not_start_is_unknown_and_the_drill_goes_on(tmp_path: Path) -> None:
    settings = read_settings(
        [("f", f'[antivirus]\nrules = ["{tmp_path}/none.yar"]\ndigests = "{tmp_path}/none"\n')]
    ).settings
    steps = {"antivirus": list(drills(["antivirus"])["antivirus"](settings))}
    report = failure_drill(steps, settings, "postmaster@example.org")
    assert [(one.state, one.fate) for one in report.results] == [(State.UNKNOWN, Fate.UNTOLD)]
    assert report.exit_code == 3


def test_a_lane_has_the_settings_in_force_and_a_world_of_its_own(tmp_path: Path) -> None:
    policy = (
        '[site]\ndomains = ["firm.test"]\n[gateway]\nlisten = ["0.0.0.0:25"]\nupstream = "smtp://10.0.0.5:25"\n'
        '[antivirus]\nengines = ["builtin", "clamd://10.0.0.7:3310"]\nencrypted = "reject"\n'
    )
    settings = read_settings([("f", policy)]).settings
    lane = lane_settings(settings, tmp_path, {"clamd://10.0.0.7:3310": "clamd://127.0.0.1:1"})
    assert (lane.site, lane.antivirus.encrypted) == (settings.site, "reject")
    assert (lane.gateway.listen, lane.gateway.upstream) == (("127.0.0.1:0",), "maildir:mail")
    assert lane.antivirus.engines == ("builtin", "clamd://127.0.0.1:1")
    assert lane.state.directory == str(tmp_path)
    assert lane.gateway.scan_deadline < Settings().gateway.scan_deadline
