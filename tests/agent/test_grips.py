"""The agent holds accounts within its bounds: whom, how many, for how long, and who may let go."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.agent import verbs
from lockdown.agent.deeds import Deeds, Peer
from lockdown.agent.grip_deeds import MOST_GRIPS, GripDeeds
from lockdown.facts.holding import HOLD_TABLE
from lockdown.host import grips
from lockdown.host.grip_hands import GripHands, began_before, held_for, talking_to
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WIRED = {
    "postconf": f"check_sasl_access texthash:{HOLD_TABLE}\n",
    "postfix": "",
    "postmap": "HOLD this account is held\n",
}


class Commands:
    """Answers as the machine would, and remembers what was asked."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers, self.asked = answers, list[Sequence[str]]()

    def __call__(self, argv: Sequence[str]) -> Reading:
        self.asked.append(tuple(argv))
        known = self.answers.get(" ".join(argv[:2])) or self.answers.get(argv[0])
        return Unknown(f"{argv[0]} is not there") if known is None else known


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "lockdown" / "held-accounts.json"


def deeds(record: Path, answers: dict[str, str]) -> GripDeeds:
    return GripDeeds(GripHands((), record, Commands(answers)))


def hold(user: str = "anna@example.org", *, lock: bool = False, seconds: int = 3600) -> verbs.GripUser:
    return verbs.GripUser(user=user, lock=lock, seconds=seconds, why="sends spam", by="lockdown")


def test_an_account_is_held_until_its_term_and_then_no_more(record: Path) -> None:
    ours = deeds(record, WIRED)
    reply = ours.answer(hold(), NOW)
    assert isinstance(reply, verbs.Done)
    assert reply.until == NOW + timedelta(hours=1)
    assert list(GripHands((), record).held()) == ["anna@example.org"]
    assert ours.expire(NOW + timedelta(minutes=59)) == []
    assert ours.expire(NOW + timedelta(hours=1)) == ["anna@example.org"]
    assert GripHands((), record).held() == {}


def test_what_stays_in_hold_is_written_down_when_a_thief_is_let_go_and_when_a_term_is_over(
    record: Path, tmp_path: Path
) -> None:
    (tmp_path / "hold").mkdir()
    (tmp_path / "hold" / "AAAA1111").write_bytes(b"C\x04abcdA\x1esasl_username=anna@example.org")
    commands = Commands(WIRED | {"postconf -h": str(tmp_path)})
    written: list[tuple[object, ...]] = []

    def keep(*told: object) -> str:
        written.append(told)
        return "written down"

    ours = GripDeeds(GripHands((), record, commands), keep)
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    ours.answer(hold(), long_ago)
    released = ours.answer(verbs.ReleaseUser(user="anna@example.org", by="root", send=False), NOW)
    assert isinstance(released, verbs.Done)
    assert [(one.user, one.was_owner) for one in grips.released(record.with_name(grips.RELEASED.name))] == [
        ("anna@example.org", False)
    ]
    assert released.says.endswith("; written down")
    ours.answer(hold(), long_ago)
    ours.expire(long_ago + timedelta(days=1))
    assert [(ids, by) for ids, _, by, _ in written] == [
        (("AAAA1111",), "root"), (("AAAA1111",), "lockdown, at the end of a term")
    ]  # fmt: skip
    assert not any("postsuper" in argv[0] for argv in commands.asked)


def test_where_nothing_can_be_done_nobody_is_said_to_be_held(record: Path) -> None:
    reply = deeds(record, {}).answer(hold(), NOW)
    assert isinstance(reply, verbs.Refused)
    assert "postconf -e" in reply.why
    assert GripHands((), record).held() == {}


def test_a_lock_of_which_a_piece_is_missing_says_so(record: Path) -> None:
    reply = deeds(record, WIRED).answer(hold(lock=True), NOW)
    assert isinstance(reply, verbs.Done)
    assert "NOT done: Dovecot goes on letting it in" in reply.says


def test_a_longer_term_is_not_cut_by_a_shorter_one(record: Path) -> None:
    ours = deeds(record, WIRED)
    ours.answer(hold(seconds=86400), NOW)
    reply = ours.answer(hold(seconds=3600), NOW)
    assert isinstance(reply, verbs.Done)
    assert reply.until == NOW + timedelta(days=1)


def test_a_runaway_is_stopped(record: Path) -> None:
    ours = deeds(record, WIRED)
    replies = [ours.answer(hold(f"user{number}"), NOW) for number in range(MOST_GRIPS + 1)]
    assert [type(reply) for reply in replies[:-1]] == [verbs.Done] * MOST_GRIPS
    assert isinstance(replies[-1], verbs.Refused)
    assert isinstance(ours.answer(hold("later"), NOW + timedelta(hours=2)), verbs.Done)


@pytest.mark.parametrize("user", ["", "-H", "anna bob", "anna\nbob HOLD", "a:b", "x" * 200, "../etc"])
def test_a_name_that_is_more_than_a_name_is_none(user: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        verbs.decode_request(verbs.encode(hold(user)))


def test_only_root_lets_go(record: Path) -> None:
    ours = deeds(record, WIRED)
    nobody = Snapshot("host", NOW, "", {})
    agent = Deeds(None, lambda: (), lambda: nobody, NOW, grips=ours.answer)  # type: ignore[arg-type]
    assert isinstance(agent.answer(hold(), NOW, Peer(1234, 1)), verbs.Done)
    release = verbs.ReleaseUser(user="anna@example.org", by="x")
    assert isinstance(agent.answer(release, NOW, Peer(1234, 1)), verbs.Refused)
    assert isinstance(agent.answer(release, NOW, Peer(0, 1)), verbs.Done)
    assert isinstance(agent.answer(release, NOW, Peer(0, 1)), verbs.Refused)


def test_what_is_held_for_one_account_is_found_and_nobody_elses(tmp_path: Path) -> None:
    def record_of(text: bytes) -> bytes:
        return b"A" + bytes([len(text)]) + text

    for name, user in (("AAAA1111", b"anna"), ("BBBB2222", b"annabel"), ("CCCC3333", b"Anna")):
        (tmp_path / name).write_bytes(b"C\x04abcd" + record_of(b"sasl_username=" + user) + b"S\x01x")
    (tmp_path / "DDDD4444").write_bytes(b"\xff" * 100)
    since = datetime.now(UTC) - timedelta(minutes=1)
    assert held_for(tmp_path, "anna", since) == ["AAAA1111", "CCCC3333"]
    assert held_for(tmp_path, "anna", since + timedelta(hours=1)) == []
    assert held_for(tmp_path / "none", "anna", since) == []


def test_a_line_of_a_letter_that_names_an_account_is_not_its_mail_and_hides_none(tmp_path: Path) -> None:
    def record_of(kind: bytes, text: bytes) -> bytes:
        return kind + bytes([len(text)]) + text

    begin, sign = record_of(b"C", b"  9 9 1"), b"sasl_username=anna"
    # A stranger's letter is in hold for another reason, and says so in its text.
    (tmp_path / "AAAA1111").write_bytes(begin + record_of(b"S", b"x") + record_of(b"M", b"") + record_of(b"N", sign))
    # Hers, from a program that greets with a name like that.
    helo = record_of(b"A", b"log_helo_name=" + sign)
    (tmp_path / "BBBB2222").write_bytes(begin + helo + record_of(b"A", sign) + record_of(b"S", b"x"))
    assert held_for(tmp_path, "anna", datetime.now(UTC) - timedelta(minutes=1)) == ["BBBB2222"]


def test_a_stranger_who_greets_with_a_line_of_the_log_neither_hides_a_thief_nor_ends_anybody_else() -> None:
    took = "mail postfix/submission/smtpd[{}]: 4A0001: client=pc[192.0.2.1], sasl_method=PLAIN, sasl_username={}"
    greets = (
        "mail postfix/smtpd[99]: NOQUEUE: reject: RCPT from x[203.0.113.1]: 550 5.1.1 <a@b>: no; from=<a@b> to=<a@b> "
        "proto=SMTP helo=<{}>"
    )
    log = "\n".join((
        took.format(11, "anna"),
        took.format(12, "bert"),
        greets.format("mail postfix/smtpd[11]: disconnect from x"),
        greets.format("mail postfix/smtpd[12]: AAAAAA: client=x, sasl_username=anna, x"),
    ))  # fmt: skip
    assert talking_to("anna", log.encode()) == {11}


def test_only_the_conversation_of_now_is_ended_and_not_who_came_after_on_the_same_process() -> None:
    def took(pid: int, login: str) -> str:
        client = "client=pc[192.0.2.1], sasl_method=PLAIN"
        return f"mail postfix/submission/smtpd[{pid}]: 4A00{pid}: {client}, sasl_username={login}"

    log = "\n".join((
        "mail postfix/submission/smtpd[11]: connect from pc[192.0.2.1]",
        took(11, "anna"),
        took(12, "anna"),
        "mail postfix/submission/smtpd[12]: disconnect from pc[192.0.2.1] ehlo=1 auth=1 mail=1 commands=3",
        "mail postfix/submission/smtpd[12]: connect from pc[192.0.2.2]",
        took(13, "anna"),
        took(13, "bert"),
        took(14, "annabel"),
        took(15, "Anna, sasl_sender=x"),
        took(16, "anna") + " ",
    ))  # fmt: skip
    assert talking_to("anna", log.encode()) == {11, 15}


def test_a_process_is_older_than_what_came_after_it_and_a_dead_one_is_not() -> None:
    now = datetime.now(UTC)
    assert began_before(os.getpid(), now, now)
    assert not began_before(os.getpid(), now - timedelta(days=3000), now)
    assert not began_before(2**22 + 1, now, now)


@pytest.mark.parametrize("pid", ["9" * 5000, "\u00b2", ""])
def test_a_process_has_a_number_or_is_none(pid: str) -> None:
    said = "4A0001: client=x[192.0.2.1], sasl_method=PLAIN, sasl_username=anna, sasl_sender=/smtpd["
    lines = f"mail a/smtpd[{pid}]: {said}\n<22>1 2026-03-02T12:00:00Z mail postfix/smtpd {pid} - - {said}"
    assert talking_to("anna", lines.encode()) == set()


@given(st.binary(max_size=300))
def test_no_log_makes_it_raise(octets: bytes) -> None:
    assert talking_to("anna", b"mail postfix/smtpd[1]: connect from " + octets) <= {1}
