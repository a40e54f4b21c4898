"""Trials against servers that obey, refuse, lose and talk nonsense: what is told of each, and what is left behind."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.config import Settings
from lockdown.engine.canary import MaildirCanary
from lockdown.engine.drill_letters import letter, pieces
from lockdown.engine.drill_queue import waiting
from lockdown.engine.drill_report import NOT_AS_EXPECTED, NOT_TOLD, TrialResult
from lockdown.engine.evidence import last_evidence, of_this_machine, read_evidence, write_evidence
from lockdown.engine.sink import Taking
from lockdown.engine.stranger import FromHere, NoStranger
from lockdown.engine.trial_ground import Orders, prepared
from lockdown.engine.trials import Ground, hold_trials, not_held
from lockdown.engine.wire import Lost, printed, replies
from lockdown.model.errors import OperatorError
from lockdown.model.finding import State
from lockdown.model.trial import Connect, Content, Deliver, Judged, Move, Need, Say, Scene, Told, Trial
from lockdown.state import maildir
from lockdown.state.layout import StateDirectory
from tests.engine.gate import REFUSE, TAKE, VANISH, Gate

CANARY = "canary@example.org"


def _taken(told: Told) -> Judged:
    arrived = sum(one.arrived for one in told.heard)
    return Judged(State.FAIL if arrived else State.PASS, f"{arrived} arrived.")


def _trial(port: int, *moves: Move, needs: frozenset[Need] = frozenset()) -> Trial:
    return Trial(
        "relaying.open-to-strangers", "a set", "a trial", lambda scene: moves, _taken, "It got in.", needs, port
    )


def _held(gate: Gate, *moves: Move, **more: object) -> TrialResult:
    ground = Ground(FromHere("127.0.0.1"), CANARY, MaildirCanary(gate.mailbox), is_here=False, wait_seconds=1.0)
    (one,) = hold_trials([("relaying", _trial(gate.port, *moves, **more))], ground).trials  # type: ignore[arg-type]
    return one


def _bomb(letter: bytes) -> bytes:
    return REFUSE if len(letter) > 5000 else TAKE


def test_what_arrives_is_counted_by_move_and_nothing_is_left(tmp_path: Path) -> None:
    with Gate(tmp_path / "mail", lambda letter: TAKE) as gate:
        one = _held(gate, Deliver(CANARY, times=3, port=gate.port))
        assert (one.state, one.says, one.plain_arrived) == (State.FAIL, "3 arrived.", True)
        assert len(gate.letters) == 4
        assert list((gate.mailbox / "new").iterdir()) == []


def test_what_is_refused_is_stopped_beside_a_plain_letter_that_arrives(tmp_path: Path) -> None:
    with Gate(tmp_path / "mail", _bomb) as gate:
        one = _held(gate, Deliver(CANARY, size_bytes=6000, port=gate.port))
    assert (one.state, one.plain_arrived) == (State.PASS, True)
    assert any("550 No (ABCDEF123)" in line.replace("5.7.1 ", "") for line in one.dialogue)


def test_a_server_that_loses_all_mail_has_stood_no_trial(tmp_path: Path) -> None:
    with Gate(tmp_path / "mail", lambda letter: VANISH) as gate:
        one = _held(gate, Deliver(CANARY, port=gate.port))
    assert one.state is State.UNKNOWN
    assert "plain letter of somebody else did not arrive" in one.says


def test_a_conversation_move_by_move_sends_its_letter_after_354_only(tmp_path: Path) -> None:
    begun = (Say("EHLO drill.example"), Say("MAIL FROM:<a@drill.example>"), Say(f"RCPT TO:<{CANARY}>"))
    with Gate(tmp_path / "mail", lambda letter: TAKE) as gate:
        whole = _held(gate, Connect(gate.port), *begun, Say("DATA"), Content())
        without = _held(gate, Connect(gate.port), *begun, Content())
    assert (whole.says, without.says) == ("1 arrived.", "0 arrived.")
    poured = [sum("octets)" in line for line in one.dialogue) for one in (whole, without)]
    assert poured == [2, 1]  # the plain letter is one of them


def test_a_letter_of_a_rooms_own_is_found_by_the_mark_that_it_wrote(tmp_path: Path) -> None:
    def moves(scene: Scene) -> tuple[Move, ...]:
        octets = f"Message-ID: <{scene.mark}x1@drill.example>\r\n\r\nHello\r\n.\r\n".encode()
        return Connect(gate.port), Say("DATA"), Say(octets)

    with Gate(tmp_path / "mail", lambda letter: TAKE) as gate:
        trial = Trial("a.b", "a set", "a trial", moves, _taken, "", door=gate.port)
        ground = Ground(FromHere("127.0.0.1"), CANARY, MaildirCanary(gate.mailbox), is_here=False, wait_seconds=1.0)
        (one,) = hold_trials([("relaying", trial)], ground).trials
        assert one.says == "1 arrived."
        assert list((gate.mailbox / "new").iterdir()) == []


def test_a_port_where_nobody_answers_and_a_need_that_is_not_met_are_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with Gate(tmp_path / "mail", lambda letter: TAKE) as gate:
        ground = Ground(
            FromHere("127.0.0.1"), CANARY, MaildirCanary(gate.mailbox), is_here=False,
            unmet={Need.PROOF: "type sudo lockdown drill"},
        )  # fmt: skip
        trials = [("relaying", _trial(port)), ("relaying", _trial(gate.port, needs=frozenset({Need.PROOF})))]
        report = hold_trials(trials, ground)
    assert [(one.state, one.was_held) for one in report.trials] == [(State.UNKNOWN, False)] * 2
    assert "Connection refused" in report.trials[0].says
    assert report.trials[1].says == "type sudo lockdown drill"
    assert report.exit_code == NOT_TOLD


def test_a_failed_trial_counts_though_no_plain_letter_arrived(tmp_path: Path) -> None:
    failed = Trial("a.b", "a set", "a trial", lambda scene: (), lambda told: Judged(State.FAIL, "It relays."), "")
    report = not_held([("relaying", failed)], "no stranger")
    assert report.exit_code == NOT_TOLD
    with Gate(tmp_path / "mail", lambda letter: VANISH) as gate:
        ground = Ground(FromHere("127.0.0.1"), CANARY, MaildirCanary(gate.mailbox), is_here=False, wait_seconds=0.2)
        held = hold_trials([("relaying", Trial(*_fields(failed), door=gate.port))], ground)
    assert held.exit_code == NOT_AS_EXPECTED


def _fields(trial: Trial) -> tuple[str, str, str, object, object, str]:
    return trial.control, trial.set, trial.name, trial.moves, trial.judge, trial.why  # type: ignore[return-value]


def test_a_server_elsewhere_may_trust_this_machine_unless_somebody_says_that_it_does_not() -> None:
    from lockdown.config import read_settings

    loaded, canary = read_settings([]), MaildirCanary(Path("/nonexistent"))
    with (
        pytest.raises(NoStranger, match="--as-stranger"),
        prepared(Orders(CANARY, server="192.0.2.1"), loaded, canary, None, None),
    ):
        pass
    with prepared(Orders(CANARY, server="192.0.2.1", as_stranger=True), loaded, canary, None, None) as ground:
        assert (ground.is_here, ground.snapshot, set(ground.unmet)) == (False, None, set(Need))


def test_letters_in_the_mailbox_that_are_not_of_a_drill_are_seen_by_their_subject(tmp_path: Path) -> None:
    maildir.deliver(tmp_path, [b"Subject: Your mailbox is 90 % full\r\nMessage-ID: <1@example.org>\r\n\r\n"])
    maildir.deliver(tmp_path, [b"Subject: A plain letter\r\nMessage-ID: <abc@drill.example>\r\n\r\n"])
    assert MaildirCanary(tmp_path).others(0.0) == ["Your mailbox is 90 % full"]


@pytest.mark.parametrize("size", [0, 2000, 2001, 100_000, 300_017])
def test_a_letter_is_as_long_as_it_is_asked_to_be_and_no_line_begins_with_a_dot(size: int) -> None:
    scene = Scene("m", datetime(2026, 1, 1, tzinfo=UTC), "example.org", CANARY, "", "")
    content = letter(scene, "mark1", b"X-More: 1\r\n")
    whole = b"".join(pieces(content, size))
    assert len(whole) == max(size, len(content))
    assert b"\r\n." not in whole
    assert b"X-More: 1\r\nMIME-Version:" in whole
    assert whole.index(b"mark1") < whole.index(b"X-More")


# ── what strangers say ──


@given(st.binary(max_size=300), st.integers(min_value=1, max_value=50))
def test_the_sink_takes_whatever_comes_cut_anywhere(octets: bytes, cut: int) -> None:
    whole, parts = Taking(), Taking()
    answers = whole.receive(octets)
    assert answers == b"".join(parts.receive(octets[at : at + cut]) for at in range(0, len(octets), cut))
    assert whole.letters == parts.letters


def test_the_sink_takes_a_letter() -> None:
    sink = Taking()
    said = sink.receive(b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@[198.18.0.2]>\r\nDATA\r\nHello\r\n.\r\nQUIT\r\n")
    assert [line[:3] for line in said.splitlines()] == [b"250", b"250", b"250", b"354", b"250", b"221"]
    assert (sink.letters, sink.is_over) == ([b"Hello\r\n"], True)


@given(st.binary(max_size=300))
def test_no_reply_of_a_server_does_more_than_end_the_conversation(octets: bytes) -> None:
    try:
        found, rest = replies(octets)
    except Lost:
        return
    assert all(200 <= one.code < 600 for one in found)
    assert octets.endswith(rest)


def test_replies_of_many_lines_and_many_replies_are_told_apart() -> None:
    found, rest = replies(b"250-a.example\r\n250-SIZE 10\r\n250 DSN\r\n354 Go on\r\n25")
    assert [(one.code, one.text) for one in found] == [(250, "a.example\nSIZE 10\nDSN"), (354, "Go on")]
    assert rest == b"25"
    assert printed(b"\x1b[31mred\x00") == "\\x1b[31mred\\x00"


def test_only_the_drills_own_letters_are_taken_out_of_the_queue() -> None:
    listed = "\n".join(
        [
            json.dumps({"queue_id": "4YxQ1ABCDEF", "recipients": [{"address": "bob@example.org"}]}),
            json.dumps({"queue_id": "4YxQ2ABCDEF", "recipients": [{"address": "carol@example.org"}]}),
            json.dumps({"queue_id": "4YxQ3ABCDEF", "recipients": [{"address": "canary@drill.example"}]}),
            json.dumps({"queue_id": "-d", "recipients": [{"address": "canary@drill.example"}]}),
            "garbage", "{}", "[]", json.dumps({"queue_id": 7, "recipients": [7]}),
        ]
    )  # fmt: skip
    assert list(waiting(listed, {"4YxQ1ABCDEF"}, lambda to: to.endswith("@drill.example"))) == [
        "4YxQ1ABCDEF",
        "4YxQ3ABCDEF",
    ]


# ── what is kept ──


def _results() -> dict[str, object]:
    began = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).isoformat()
    return {**of_this_machine(Settings()), "began": began, "trials": [{"state": "fail", "says": "ä"}]}


def test_a_signed_result_is_whole_and_ours_until_an_octet_changes(tmp_path: Path) -> None:
    directory = StateDirectory(tmp_path / "var")
    file = write_evidence(_results(), directory)
    assert file.name.startswith("20260102T030405Z-")
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    seen = read_evidence(file, directory)
    assert (seen.is_whole, seen.is_ours, last_evidence(directory)) == (True, True, file)
    file.write_text(json.dumps(json.loads(file.read_text()), sort_keys=True))
    assert read_evidence(file, directory).is_whole  # another form of the same
    file.write_text(file.read_text().replace('"fail"', '"pass"'))
    assert not read_evidence(file, directory).is_whole


def test_a_result_of_another_machine_is_whole_and_not_ours(tmp_path: Path) -> None:
    file = write_evidence(_results(), StateDirectory(tmp_path / "there"))
    seen = read_evidence(file, StateDirectory(tmp_path / "here"))
    assert (seen.is_whole, seen.is_ours) == (True, False)
    assert not (tmp_path / "here").exists()


@given(st.binary(max_size=200))
def test_a_file_that_is_no_result_is_said_to_be_none(tmp_path_factory: pytest.TempPathFactory, octets: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "none.json"
    file.write_bytes(octets)
    with pytest.raises(OperatorError):
        read_evidence(file, StateDirectory(file.parent / "nowhere"))


@pytest.mark.parametrize("damage", [{"key": "!"}, {"signature": 7}, {"results": []}, {"results": None}, {"key": ""}])
def test_a_result_whose_parts_are_none_is_said_to_be_none(tmp_path: Path, damage: dict[str, object]) -> None:
    directory = StateDirectory(tmp_path)
    file = write_evidence(_results(), directory)
    file.write_text(json.dumps({**json.loads(file.read_text()), **damage}))
    try:
        assert not read_evidence(file, directory).is_whole
    except OperatorError as error:
        assert "no signed result" in error.what
