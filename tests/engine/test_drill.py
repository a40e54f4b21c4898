"""A drill against servers that stop, hold, mark, lose and lie: what is told of each, and what is left behind."""

from __future__ import annotations

import json
import os
import socketserver
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import pytest

from lockdown.config import Settings, read_settings
from lockdown.engine.canary import Arrival, MaildirCanary, arrival_of, open_canary
from lockdown.engine.drill import Sitting, drills, hold_drill
from lockdown.engine.drill_report import (
    AS_EXPECTED,
    NOT_AS_EXPECTED,
    NOT_TOLD,
    Report,
    Result,
    as_a_stranger,
    write_results,
)
from lockdown.mime import compose
from lockdown.model.errors import OperatorError
from lockdown.model.finding import State
from lockdown.model.held import HeldMessage, HeldState
from lockdown.model.step import Expect, Fate, Occasion, Step
from lockdown.probe.smtp import Deadlines, Target
from lockdown.state.layout import StateDirectory
from lockdown.state.spool import Spool, hold_durably
from lockdown.state.store import Store, open_store
from tests.engine.gate import PUT_OFF, REFUSE, TAKE, VANISH, Gate, Judge

QUICK = Deadlines(connect=2.0, command=2.0, piece=2.0, final=2.0)
HOLD = b"250 2.0.0 Held for review as HELD-1\r\n"


def _bad(occasion: Occasion) -> bytes:
    return compose.whole(compose.opening(occasion, "Bad"), compose.text("BAD\n"))


def _wanted(occasion: Occasion) -> bytes:
    return compose.whole(compose.opening(occasion, "Wanted"), compose.text("WANTED\n"))


STOP_IT = Step("antivirus.virus", "a set", "a bad letter", _bad, Expect.STOPPED, "It got in.")
LET_IT = Step("antispam.score", "a set", "a wanted letter", _wanted, Expect.ARRIVES, "It got lost.")


def _answering(bad: bytes = REFUSE, rest: bytes = TAKE) -> Judge:
    return lambda letter: bad if b"BAD" in letter else rest


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    return StateDirectory(tmp_path / "state").prepare()


@pytest.fixture
def store(state: StateDirectory) -> Iterator[Store]:
    opened = open_store(state.path)
    yield opened
    opened.close()


def _sitting(gate: Gate, store: Store | None = None, spool: Spool | None = None, wait: float = 0.5) -> Sitting:
    target = Target("127.0.0.1", gate.port)
    return Sitting(target, "canary@example.org", MaildirCanary(gate.mailbox), store, spool, wait, QUICK)


def _drilled(gate: Gate, *steps: Step, repeat: int = 1) -> Report:
    return hold_drill([("antivirus", step) for step in steps], _sitting(gate), repeat=repeat)


def _only(report: Report) -> Result:
    (result,) = report.results
    return result


def test_a_bad_letter_that_is_refused_beside_a_plain_one_that_arrives_is_as_expected(tmp_path: Path) -> None:
    with Gate(tmp_path / "mail", _answering(REFUSE)) as gate:
        report = _drilled(gate, STOP_IT)
    assert (_only(report).state, _only(report).fate, _only(report).id) == (State.PASS, Fate.REFUSED, "ABCDEF123")
    assert (report.plain_sent, report.plain_arrived, report.exit_code) == (1, 1, AS_EXPECTED)


def test_a_server_that_lets_everything_through_fails_each_step(tmp_path: Path) -> None:
    with Gate(tmp_path / "mail", _answering(TAKE)) as gate:
        report = _drilled(gate, STOP_IT, STOP_IT)
    assert [(one.state, one.fate) for one in report.results] == [(State.FAIL, Fate.ARRIVED)] * 2
    assert report.exit_code == NOT_AS_EXPECTED


def test_a_server_that_refuses_everything_proves_nothing(tmp_path: Path) -> None:
    with Gate(tmp_path / "mail", _answering(REFUSE, rest=REFUSE)) as gate:
        report = _drilled(gate, STOP_IT, LET_IT)
    assert {one.state for one in report.results} == {State.UNKNOWN}
    assert report.exit_code == NOT_TOLD
    assert "dead server" in report.notes[-1]


def test_a_dead_server_proves_nothing(tmp_path: Path) -> None:
    with Gate(tmp_path / "mail", _answering()) as gate:
        pass
    report = _drilled(gate, STOP_IT)
    assert (_only(report).state, _only(report).fate, report.exit_code) == (State.UNKNOWN, Fate.UNTOLD, NOT_TOLD)


def test_a_server_that_does_not_answer_is_soon_given_up(tmp_path: Path) -> None:
    with Gate(tmp_path / "mail", _answering()) as gate:
        pass
    report = _drilled(gate, *[STOP_IT] * 10)
    assert (len(report.results), report.unsent) == (3, 7)
    assert "does not answer" in report.notes[0]


def test_a_dead_mailbox_proves_nothing(tmp_path: Path) -> None:
    with Gate(tmp_path / "mail", _answering(REFUSE, rest=VANISH)) as gate:
        report = _drilled(gate, STOP_IT)
    assert (_only(report).state, report.exit_code) == (State.UNKNOWN, NOT_TOLD)


def test_one_plain_letter_that_is_stopped_takes_the_proof_from_the_letter_before_it(tmp_path: Path) -> None:
    with Gate(tmp_path / "mail", lambda letter: TAKE if len(gate.letters) == 2 else REFUSE) as gate:
        report = _drilled(gate, STOP_IT, STOP_IT)
    assert [one.state for one in report.results] == [State.PASS, State.UNKNOWN]
    assert "so was the plain letter" in report.results[1].says
    assert report.exit_code == NOT_TOLD


def test_accepted_and_vanished_is_a_failure_of_its_own(tmp_path: Path) -> None:
    with Gate(tmp_path / "mail", _answering(VANISH)) as gate:
        report = _drilled(gate, STOP_IT)
    assert (_only(report).state, _only(report).fate) == (State.FAIL, Fate.VANISHED)


def test_a_bad_letter_that_is_only_put_off_was_judged_by_nobody(tmp_path: Path) -> None:
    with Gate(tmp_path / "mail", _answering(PUT_OFF)) as gate:
        report = _drilled(gate, STOP_IT)
    assert (_only(report).state, _only(report).fate, report.exit_code) == (State.UNKNOWN, Fate.PUT_OFF, NOT_TOLD)


def test_a_wanted_letter_must_arrive_and_must_not_be_marked(tmp_path: Path) -> None:
    def top(letter: bytes) -> bytes:
        return b"X-Spam-Flag: YES\r\n" if b"WANTED" in letter else b"X-Lockdown-Scan: av=builtin:clean\r\n"

    with Gate(tmp_path / "one", _answering()) as gate:
        assert _only(_drilled(gate, LET_IT)).state is State.PASS
    with Gate(tmp_path / "two", _answering(), top=top) as gate:
        report = _drilled(gate, STOP_IT, LET_IT)
    assert [(one.state, one.fate) for one in report.results] == [
        (State.PASS, Fate.REFUSED),
        (State.FAIL, Fate.MARKED),
    ]


def test_a_promise_to_hold_is_believed_when_the_message_is_in_the_quarantine(
    tmp_path: Path, state: StateDirectory, store: Store
) -> None:
    spool = Spool(state.quarantine)
    held = HeldMessage("HELD-1", datetime.now(UTC), "127.0.0.1", "h", "", ("canary@example.org",), "c", "a virus")
    hold_durably(store, spool, held, [b"BAD"])
    with Gate(tmp_path / "mail", _answering(HOLD)) as gate:
        report = hold_drill([("antivirus", STOP_IT)], _sitting(gate, store, spool))
    assert (_only(report).state, _only(report).fate, _only(report).says) == (State.PASS, Fate.HELD, "a virus")
    after = store.held_message("HELD-1")
    assert after is not None
    assert (after.state, after.changed_by) == (HeldState.DELETED, "drill")
    assert not list(state.quarantine.rglob("*.eml"))


def test_a_promise_to_hold_that_was_not_kept_is_a_failure(tmp_path: Path, store: Store) -> None:
    with Gate(tmp_path / "mail", _answering(HOLD)) as gate:
        report = hold_drill([("antivirus", STOP_IT)], _sitting(gate, store))
    assert (_only(report).state, _only(report).fate) == (State.FAIL, Fate.VANISHED)


def test_a_quarantine_that_cannot_be_seen_tells_nothing(tmp_path: Path) -> None:
    with Gate(tmp_path / "mail", _answering(HOLD)) as gate:
        assert _only(_drilled(gate, STOP_IT)).fate is Fate.UNTOLD


def test_nothing_of_a_drill_is_left_in_the_mailbox_and_other_mail_is_untouched(tmp_path: Path) -> None:
    with Gate(tmp_path / "mail", _answering(TAKE)) as gate:
        _drilled(gate, LET_IT)
        other = tmp_path / "mail" / "cur" / "other"
        other.write_bytes(b"Message-ID: <0000@drill.example>\r\n\r\nSomebody else's.\r\n")
        _drilled(gate, STOP_IT, LET_IT)
    assert [path for path in (tmp_path / "mail").rglob("*") if path.is_file()] == [other]


def test_a_letter_that_its_reader_has_moved_is_found_and_old_mail_is_not_read(tmp_path: Path) -> None:
    for name, age in (("cur/a:2,S", 0), ("new/b", 3600)):
        file = tmp_path / name
        file.parent.mkdir()
        file.write_bytes(b"Message-ID: <%s@drill.example>\r\n\r\n" % name[4:5].encode())
        os.utime(file, (time.time() - age, time.time() - age))
    assert MaildirCanary(tmp_path).arrivals(["<a@", "<b@"]) == {"<a@": Arrival(False)}


def test_an_interrupted_drill_cleans_up_as_well(tmp_path: Path) -> None:
    def interrupt(_: Result) -> None:
        raise KeyboardInterrupt

    with Gate(tmp_path / "mail", _answering(TAKE)) as gate, pytest.raises(KeyboardInterrupt):
        hold_drill([("antivirus", STOP_IT)], _sitting(gate), interrupt)
    assert len(gate.letters) == 2
    assert not [path for path in (tmp_path / "mail").rglob("*") if path.is_file()]


def test_each_letter_is_sent_as_often_as_asked_over_few_connections(tmp_path: Path) -> None:
    answers = iter([REFUSE, TAKE, TAKE, TAKE])  # the same letter passes the second time
    with Gate(tmp_path / "mail", lambda letter: next(answers)) as gate:
        report = _drilled(gate, STOP_IT, repeat=2)
    assert [(one.round, one.state) for one in report.results] == [(1, State.PASS), (2, State.FAIL)]
    assert gate.connections == 1
    assert len(set(gate.letters)) == 4


def test_the_gateways_own_limit_ends_the_drill_and_says_so(tmp_path: Path) -> None:
    limit = b"452 4.7.0 Too much mail for this recipient, try again later (X)\r\n"
    with Gate(tmp_path / "mail", _answering()) as gate:
        gate.judge = lambda letter: [TAKE, REFUSE, limit][len(gate.letters) - 1]
        report = _drilled(gate, LET_IT, STOP_IT, LET_IT)
    assert len(report.results) == 2
    assert report.exit_code == NOT_TOLD
    assert "monitoring.never_limit" in report.notes[0]


def test_a_drill_that_may_rest_goes_on_when_the_gateway_takes_more(tmp_path: Path) -> None:
    limit = b"452 4.7.0 Too much mail for this recipient, try again later (X)\r\n"
    rests: list[int] = []
    with Gate(tmp_path / "mail", lambda letter: TAKE if len(gate.letters) == 1 or rests else limit) as gate:
        steps = [("antispam", LET_IT)] * 3
        report = hold_drill(steps, _sitting(gate), rest=lambda: rests.append(len(gate.letters)))
    assert rests == [2]
    assert (len(report.results), report.exit_code, report.notes) == (3, AS_EXPECTED, ())


def test_what_a_trusted_client_may_do_proves_nothing_about_strangers(tmp_path: Path) -> None:
    trusted = read_settings([("f", '[gateway]\ntrusted_networks = ["127.0.0.0/8"]\n')]).settings
    with Gate(tmp_path / "mail", _answering(TAKE)) as gate:
        report = hold_drill([("antispam", STOP_IT)], _sitting(gate))
        target = _sitting(gate).target
    assert as_a_stranger(report, target, Settings()).exit_code == NOT_AS_EXPECTED
    assert as_a_stranger(report, target, trusted).exit_code == NOT_TOLD


def test_the_results_are_kept_and_the_last_success_is_not_forgotten(tmp_path: Path, state: StateDirectory) -> None:
    with Gate(tmp_path / "one", _answering()) as gate:
        good = _drilled(gate, STOP_IT)
    with Gate(tmp_path / "two", _answering(TAKE)) as gate:
        bad = _drilled(gate, STOP_IT)
    write_results(good, ["antivirus"], state)
    kept = json.loads(write_results(bad, ["antivirus"], state).read_text())
    assert (kept["exit_code"], kept["last_success"]) == (NOT_AS_EXPECTED, good.began.timestamp())
    assert [one["name"] for one in kept["not_as_expected"]] == ["a bad letter"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"Subject: x\r\n", Arrival(False)),
        (b"X-Lockdown-Id: ABC\r\nX-Lockdown-Scan: av=builtin:clean spam=0.1/5.0\r\n", Arrival(False, "ABC")),
        (b"X-Lockdown-Scan: av=builtin:clean\r\n\tmark=antivirus.encrypted\r\n", Arrival(True)),
        (b"X-Lockdown-Scan: av=builtin:clean spam=0.0/5.0 rspamd=unavailable\r\n", Arrival(True)),
        (b"X-Spam-Flag: YES\r\n", Arrival(True)),
        (b"Subject: mark=\r\nX-Lockdown-Scan: av=off\r\nX-Note: mark=no\r\n", Arrival(False)),
    ],
)
def test_a_mark_is_what_the_gateway_has_written(header: bytes, expected: Arrival) -> None:
    assert arrival_of(header) == expected


def test_a_drill_without_a_mailbox_to_look_into_is_not_begun() -> None:
    settings = read_settings([("f", '[gateway]\nupstream = "smtp://10.0.0.5:25"\n')]).settings
    with pytest.raises(OperatorError, match="nobody can see what arrives"):
        open_canary(settings, "")
    with pytest.raises(OperatorError, match="is not a mailbox"):
        open_canary(settings, "pop3://x")


def test_a_password_is_never_taken_from_the_command_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LOCKDOWN_CANARY_PASSWORD", raising=False)
    with pytest.raises(OperatorError, match="wants a password"):
        open_canary(Settings(), "imaps://canary@mail.example.org")
    (tmp_path / "password").write_text("secret\n")
    canary = open_canary(Settings(), "imaps://canary@mail.example.org", tmp_path / "password")
    assert "secret" not in repr(canary)


def test_an_item_without_a_drill_is_named() -> None:
    assert set(drills([])) >= {"antivirus", "antispam"}
    with pytest.raises(OperatorError, match="no drill for 'education'"):
        drills(["education"])


# ── a mailbox over IMAP ──


class _Imap(socketserver.StreamRequestHandler):
    """Enough of RFC 9051 for one client: LOGIN, SELECT, UID SEARCH, UID FETCH, UID STORE, UID EXPUNGE, LOGOUT."""

    letters: ClassVar[dict[int, bytes]] = {}

    def handle(self) -> None:
        self.wfile.write(b"* OK ready\r\n")
        doomed: set[int] = set()
        while line := self.rfile.readline():
            tag, *words = line.decode().split()
            verb = " ".join(words[:2] if words[0].upper() == "UID" else words[:1]).upper()
            self.wfile.write(self._untagged(verb, words, doomed))
            no = verb == "LOGIN" and words[2] != '"secret"'
            self.wfile.write(f"{tag} {'NO' if no else 'OK'} {verb} done\r\n".encode())
            if verb == "LOGOUT":
                return

    def _untagged(self, verb: str, words: list[str], doomed: set[int]) -> bytes:
        match verb:
            case "CAPABILITY":
                return b"* CAPABILITY IMAP4rev1 UIDPLUS\r\n"
            case "UID SEARCH":
                return b"* SEARCH " + b" ".join(b"%d" % number for number in self.letters) + b"\r\n"
            case "UID FETCH":
                header = self.letters[int(words[2])]
                return b"* 1 FETCH (UID 1 BODY[HEADER] {%d}\r\n%s)\r\n" % (len(header), header)
            case "UID STORE":
                doomed.add(int(words[2]))
            case "UID EXPUNGE" if int(words[2]) in doomed:
                del self.letters[int(words[2])]
            case _:
                pass
        return b""


@pytest.fixture
def imap() -> Iterator[str]:
    _Imap.letters = {
        1: b"X-Lockdown-Id: ABC\r\nX-Spam-Flag: YES\r\nMessage-ID: <aaaa01@drill.example>\r\n\r\n",
        2: b"Message-ID: <bbbb01@drill.example>\r\n\r\n",
    }
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Imap) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"imap://canary%40example.org@127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_mailbox_over_imap_is_looked_into_and_only_our_letters_are_removed(
    imap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCKDOWN_CANARY_PASSWORD", "secret")
    canary = open_canary(Settings(), imap)
    assert canary.arrivals(["aaaa01", "cccc01"]) == {"aaaa01": Arrival(True, "ABC")}
    assert canary.remove(["aaaa01", "cccc01"]) == 1
    assert list(_Imap.letters) == [2]


def test_a_mailbox_that_does_not_let_us_in_is_said(imap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKDOWN_CANARY_PASSWORD", "wrong")
    with pytest.raises(OperatorError, match=r"127\.0\.0\.1 cannot be opened"):
        open_canary(Settings(), imap).arrivals(["aaaa01"])
