"""The drill of item 7, by literals: which ways into ssh are right, and whom guessing may hold up."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.checklist.admins import CARD
from lockdown.checklist.admins.drill import TRIES, drill
from lockdown.engine.audit import audit
from lockdown.facts import listeners
from lockdown.facts.sshd import MAIN
from lockdown.model.finding import State
from lockdown.model.snapshot import Snapshot
from lockdown.model.trial import Heard, Knock, Move, Need, SignIn, WaysIn, Who
from tests.checklist.told import NOW, judged, named, policy, scene

TRIALS = tuple(drill(policy()))
NO_PASSWORD, ROOT = named(TRIALS, "no password"), named(TRIALS, "root's password")
MAILBOXES, SENDING, BY_SSH = (named(TRIALS, name) for name in ("mailboxes", "sending", "for ssh"))
IN, NO = Heard(235, codes=(235,), took=(0.1,)), Heard(535, codes=(535,), took=(2.0,))


def offers(*ways: str, door: str = "open") -> Callable[[Move], Heard]:
    return lambda move: Heard(text=",".join(ways)) if isinstance(move, WaysIn) else Heard(door=door)


def test_every_trial_proves_a_control_of_the_card() -> None:
    assert {trial.control for trial in TRIALS} <= {control.id for control in CARD.controls}


def test_wrong_passwords_are_few_and_come_from_one_address_and_the_owner_from_another() -> None:
    for trial in (MAILBOXES, SENDING, BY_SSH):
        assert trial.needs == {Need.ACCOUNT}
        tries = [move for move in trial.moves(scene()) if isinstance(move, SignIn)]
        assert [(move.right, move.who) for move in tries] == [
            (True, Who.OTHER), (False, Who.STRANGER), (True, Who.OTHER)
        ]  # fmt: skip
        assert sum(move.times for move in tries if not move.right) == TRIES < 10


def test_an_audit_is_silent_on_what_only_a_drill_can_show() -> None:
    found = audit(Snapshot("m", NOW, "1", {}), policy(), NOW, items=["admins"])
    assert "admins.guessing-is-stopped" not in {one.control for one in found.findings}


# ── ssh ──


@pytest.mark.parametrize(
    ("ways", "profile", "state"),
    [
        (("publickey",), "strict", State.PASS),
        (("publickey", "password"), "business", State.FAIL),
        (("publickey", "password"), "starter", State.PASS),
        (("publickey", "keyboard-interactive"), "business", State.PASS),
        (("publickey", "keyboard-interactive"), "strict", State.FAIL),
        ((), "strict", State.UNKNOWN),
    ],
)
def test_passwords_by_ssh(ways: tuple[str, ...], profile: str, state: State) -> None:
    trial = named(drill(policy(f'[site]\nprofile = "{profile}"\n')), "no password")
    assert judged(trial, scene(), offers(*ways)).state is state


def test_where_no_sshd_answers_there_is_no_way_in() -> None:
    for trial in (NO_PASSWORD, ROOT):
        assert judged(trial, scene(), offers(door="closed")).state is State.PASS
        assert judged(trial, scene(), offers(door="unknown")).state is State.UNKNOWN


def test_root_is_asked_for_a_password_even_where_it_is_worth_nothing() -> None:
    yes = {MAIN: "PermitRootLogin yes\nPasswordAuthentication yes\n"}
    no = {MAIN: "PermitRootLogin no\nPasswordAuthentication yes\n"}
    with_password = offers("publickey", "password")
    assert judged(ROOT, scene(yes), with_password).state is State.FAIL
    assert judged(ROOT, scene(no), with_password).state is State.PASS
    assert judged(ROOT, scene(), with_password).state is State.UNKNOWN
    assert judged(ROOT, scene({MAIN: no[MAIN] + "Match User root\nPermitRootLogin yes\n"}), with_password).state is (
        State.UNKNOWN
    )
    assert judged(ROOT, scene(yes), offers("publickey")).state is State.PASS


def test_ssh_is_asked_where_it_listens() -> None:
    for trial in (NO_PASSWORD, ROOT, BY_SSH):
        moves = trial.moves(scene({MAIN: "Port 2222\n"}))
        assert {move.port for move in moves if isinstance(move, Knock | WaysIn | SignIn)} == {2222}


# ── guessing ──


def guesses(
    *codes: int, took: tuple[float, ...] = (), before: Heard = IN, after: Heard = IN, door: str = "open", ways: str = ""
) -> Callable[[Move], Heard]:
    owner = iter((before, after))
    heard = Heard(codes[-1] if codes else 0, codes=codes, took=took or (2.0,) * len(codes))

    def answer(move: Move) -> Heard:
        match move:
            case Knock():
                return Heard(door=door)
            case SignIn(right=True):
                return next(owner)
            case WaysIn():
                return Heard(text=ways)
            case _:
                return heard

    return answer


STANDS = [
    ("turned away from the fourth try on", guesses(535, 535, 535, 0, 0), State.PASS),
    ("put off from the third on", guesses(535, 535, 454, 454, 454), State.PASS),
    ("made to wait", guesses(535, 535, 535, took=(2.0, 4.0, 15.0)), State.PASS),
    ("answered as fast as ever", guesses(535, 535, 535, 535, 535), State.FAIL),
    ("one answer lost in between", guesses(535, 0, 535, 535, 535), State.FAIL),
    ("let in by a wrong one", guesses(535, 235, 0, 0, 0), State.FAIL),
    ("the owner locked out with him", guesses(535, 535, 0, 0, 0, after=NO), State.FAIL),
    ("the owner never got in", guesses(535, 535, 0, 0, 0, before=NO), State.UNKNOWN),
    ("not one was answered", guesses(0, 0, 0, 0, 0), State.UNKNOWN),
    ("none was judged", guesses(454, 454, 454, 454, 454), State.UNKNOWN),
    ("no such door", guesses(door="closed", before=NO), State.PASS),
]


@pytest.mark.parametrize(("name", "answer", "state"), STANDS, ids=[name for name, *_ in STANDS])
def test_how_guessing_ends(name: str, answer: Callable[[Move], Heard], state: State) -> None:
    assert judged(SENDING, scene(), answer).state is state


def test_where_ssh_takes_keys_only_there_is_nothing_to_guess() -> None:
    assert judged(BY_SSH, scene(), guesses(535, before=NO, after=NO, ways="publickey")).state is State.PASS
    assert judged(BY_SSH, scene(), guesses(535, before=NO, ways="publickey,password")).state is State.UNKNOWN


def test_mailboxes_are_guessed_at_where_they_are_open() -> None:
    only_143 = scene({listeners.SOURCE: "tcp 0.0.0.0:143 1 dovecot\ntcp 127.0.0.1:993 1 dovecot\n"})
    assert {move.service for move in MAILBOXES.moves(only_143) if isinstance(move, SignIn)} == {"imap"}
    assert {move.service for move in MAILBOXES.moves(scene()) if isinstance(move, SignIn)} == {"imaps"}


@given(st.text(max_size=100), st.lists(st.integers(0, 999), max_size=6), st.sampled_from(["open", "silent", ""]))
def test_garbage_never_raises(text: str, codes: list[int], door: str) -> None:
    heard = Heard(text=text, lost=text, codes=tuple(codes), door=door)
    for trial in TRIALS:
        assert judged(trial, scene({MAIN: text}), lambda move: heard).says
