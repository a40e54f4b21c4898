"""The drill of item 5, by literals: how a mailbox is filled, and what a full one may say, and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.checklist.mailboxes import CARD
from lockdown.checklist.mailboxes.drill import drill
from lockdown.model.finding import State
from lockdown.model.snapshot import Reading
from lockdown.model.trial import Deliver, Heard, Look, Move, Need, Say
from tests.checklist.told import judged, named, policy, scene

TRIALS = tuple(drill(policy()))
EARLY, WARNED, BOMB = (named(TRIALS, name) for name in ("is refused", "is told", "fills one"))
MIB = 1 << 20
FULL = "552 5.2.2 <canary@example.org>: Recipient address rejected: Quota exceeded (mailbox for user is full)"
TAKEN = Heard(250, "2.0.0 Ok: queued as 4F2", verb="DATA-END", arrived=1)
QUOTA = "mail_plugins = quota\nplugin {{\n  quota = count:User quota\n  quota_rule = *:storage={}\n}}\n"


def dovecot(text: str) -> Mapping[str, Reading]:
    return {"dovecot/doveconf-n": f"# 2.3.19.1\n{text}"}


def mailbox(
    limit: int, full: Heard, other: Heard = Heard(250, "2.1.5 Ok"), look: Heard = Heard()  # noqa: B008  # frozen
) -> Callable[[Move], Heard]:  # fmt: skip
    """A mailbox that takes `limit` octets and then answers with `full`."""
    inside = 0

    def answer(move: Move) -> Heard:
        nonlocal inside
        match move:
            case Deliver():
                if inside + move.size_bytes > limit:
                    return full
                inside += move.size_bytes
                return TAKEN
            case Look():
                return look
            case Say(line) if str(line).startswith("RCPT"):
                return other
            case _:
                return Heard(250, "Ok")

    return answer


AT_RCPT = Heard(552, FULL, verb="RCPT")


def test_every_trial_proves_a_control_of_the_card_and_fills_only_a_mailbox_of_its_own() -> None:
    assert {trial.control for trial in TRIALS} <= {control.id for control in CARD.controls}
    assert all(trial.fills and trial.needs == {Need.MAILBOX} for trial in TRIALS)
    for trial in TRIALS:
        letters = [move for move in trial.moves(scene()) if isinstance(move, Deliver)]
        assert {move.recipient for move in letters} == {"canary@example.org"}
        assert sum(move.size_bytes * move.times for move in letters) <= 53 * MIB


def test_no_letter_is_larger_than_the_server_takes() -> None:
    for trial in TRIALS:
        letters = [move for move in trial.moves(scene(limit=MIB)) if isinstance(move, Deliver)]
        assert max(move.size_bytes for move in letters) < MIB


def test_another_mailbox_is_asked_for_and_gets_no_letter() -> None:
    said = [str(move.line) for move in EARLY.moves(scene()) if isinstance(move, Say)]
    assert "RCPT TO:<postmaster@example.org>" in said
    assert "DATA" not in said
    alone = EARLY.moves(scene(recipient="postmaster@example.org"))
    assert not [move for move in alone if isinstance(move, Say)]


@pytest.mark.parametrize("limit", [300 * 1024, 3 * MIB, 30 * MIB])
@pytest.mark.parametrize("code", [552, 452])
def test_refused_at_rcpt_is_right_for_mailboxes_of_every_size(limit: int, code: int) -> None:
    found = judged(EARLY, scene(), mailbox(limit, Heard(code, FULL, verb="RCPT")))
    assert found.state is State.PASS
    assert "RCPT" in found.says


WRONG = [
    ("taken and bounced later", Heard(250, "2.0.0 Ok", verb="DATA-END"), State.FAIL),
    ("refused when the whole message has come", Heard(552, "5.2.2 Mailbox is full", verb="DATA-END"), State.FAIL),
    ("a limit of the client", Heard(450, "4.7.1 Error: too much mail from 198.18.0.2", verb="RCPT"), State.UNKNOWN),
    ("no answer", Heard(lost="connection reset"), State.UNKNOWN),
]


@pytest.mark.parametrize(("name", "full", "state"), WRONG, ids=[name for name, *_ in WRONG])
def test_anything_else_is_not_right(name: str, full: Heard, state: State) -> None:
    assert judged(EARLY, scene(), mailbox(3 * MIB, full)).state is state


def test_a_letter_on_its_way_while_the_mailbox_became_full_is_no_fault_and_one_taken_later_is() -> None:
    def answers(*heard: Heard, last: Heard) -> Callable[[Move], Heard]:
        stream = iter(heard)
        return lambda move: next(stream, last) if isinstance(move, Deliver) else Heard(250, "Ok")

    lost = Heard(250, "2.0.0 Ok", verb="DATA-END")
    assert judged(EARLY, scene(), answers(TAKEN, TAKEN, lost, last=AT_RCPT)).state is State.PASS
    assert judged(EARLY, scene(), answers(TAKEN, TAKEN, AT_RCPT, last=lost)).state is State.FAIL


def test_a_server_that_refuses_everybody_knows_no_full_mailbox() -> None:
    assert judged(EARLY, scene(), mailbox(3 * MIB, AT_RCPT, other=AT_RCPT)).state is State.FAIL
    assert judged(EARLY, scene(), mailbox(3 * MIB, AT_RCPT, other=Heard(lost="reset"))).state is State.UNKNOWN


def test_a_mailbox_that_cannot_be_filled_says_how_to_make_a_small_one() -> None:
    found = judged(EARLY, scene(dovecot(QUOTA.format("100M"))), mailbox(100 * MIB, AT_RCPT))
    assert found.state is State.UNKNOWN
    assert "userdb_quota_rule=*:storage=5M" in found.says
    found = judged(EARLY, scene(), mailbox(100 * MIB, AT_RCPT))
    assert (found.state, "did not fill" in found.says) == (State.UNKNOWN, True)


def test_nothing_is_sent_to_a_mailbox_that_is_known_to_be_too_large() -> None:
    moves = EARLY.moves(scene(dovecot(QUOTA.format("5G"))))
    assert not [move for move in moves if isinstance(move, Deliver)]


def test_a_mailbox_that_has_no_limit_is_not_filled_for_nothing() -> None:
    where = scene(dovecot("mail_plugins =\n"))
    for trial in (EARLY, WARNED):
        assert not [move for move in trial.moves(where) if isinstance(move, Deliver | Look)]
        assert judged(trial, where, mailbox(3 * MIB, AT_RCPT)).state is State.UNKNOWN


# ── the warning ──


def test_a_warning_that_speaks_of_it_passes() -> None:
    look = Heard(text="Your mailbox is 95 % full", arrived=1)
    assert judged(WARNED, scene(), mailbox(3 * MIB, AT_RCPT, look=look)).state is State.PASS


def test_a_mailbox_that_fills_without_a_word_fails() -> None:
    assert judged(WARNED, scene(), mailbox(3 * MIB, AT_RCPT)).state is State.FAIL


@pytest.mark.parametrize(
    ("limit", "look"),
    [
        (3 * MIB, Heard(lost="the mailbox could not be opened")),
        (3 * MIB, Heard(text="Lunch?", arrived=1)),
        (100 * MIB, Heard()),
    ],
)
def test_where_it_was_not_full_or_not_seen_nothing_is_told(limit: int, look: Heard) -> None:
    assert judged(WARNED, scene(), mailbox(limit, AT_RCPT, look=look)).state is State.UNKNOWN


# ── the bomb ──


def test_a_bomb_that_ends_passes_however_it_is_kept_out() -> None:
    assert judged(BOMB, scene(), mailbox(5 * MIB, AT_RCPT)).state is State.PASS
    assert judged(BOMB, scene(), mailbox(5 * MIB, Heard(250, "Ok", verb="DATA-END"))).state is State.PASS


def test_a_bomb_that_lies_in_a_mailbox_without_an_end_fails() -> None:
    for unlimited in ("mail_plugins =\n", "mail_plugins = quota\nplugin {\n  quota = count:User quota\n}\n"):
        assert judged(BOMB, scene(dovecot(unlimited)), mailbox(1 << 40, AT_RCPT)).state is State.FAIL
    assert judged(BOMB, scene(), mailbox(1 << 40, AT_RCPT)).state is State.UNKNOWN


def test_a_server_that_takes_nothing_proves_no_end() -> None:
    assert judged(BOMB, scene(), lambda move: Heard(lost="refused")).state is State.UNKNOWN


@given(st.text(max_size=200), st.integers(0, 999), st.integers(0, 1))
def test_garbage_never_raises(text: str, code: int, arrived: int) -> None:
    for trial in TRIALS:
        assert judged(trial, scene(), lambda move: Heard(code, text, text, arrived=arrived)).says
