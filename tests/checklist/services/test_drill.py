"""The drill of item 6, by literals: which doors are tried, and what is said of an open, a shut and an untold one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.checklist.services import CARD
from lockdown.checklist.services.drill import drill
from lockdown.facts.listeners import SOURCE
from lockdown.model.finding import State
from lockdown.model.trial import Ask, Heard, Knock, Move
from lockdown.model.unknown import Unknown
from tests.checklist.told import judged, named, policy, scene

ALL = 'site = { role = "all-in-one" }\n'
TRIALS = tuple(drill(policy(ALL)))
LISTENING = "tcp 0.0.0.0:25 1 master\ntcp [::]:25 1 master\ntcp 0.0.0.0:9999 7 mystery\ntcp 127.0.0.1:3306 8 mysqld\n"
OLD_4 = named(TRIALS, "another time, over IPv4")
STRANGE_4 = named(TRIALS, "not declared, over IPv4")
STRANGE_6 = named(TRIALS, "not declared, over IPv6")


def doors(default: str = "closed", **others: str) -> Callable[[Move], Heard]:
    """Port 25 is open; `p23="open"` is another answer of that port."""
    known = {25: "open"} | {int(name[1:]): door for name, door in others.items()}
    return lambda move: Heard(door=known.get(move.port, default) if isinstance(move, Knock) else "")


def ports(trial_moves: tuple[Move, ...]) -> list[int]:
    return [move.port for move in trial_moves if isinstance(move, Knock)]


def test_every_trial_proves_a_control_of_the_card() -> None:
    assert {trial.control for trial in TRIALS} <= {control.id for control in CARD.controls}


def test_doors_are_tried_over_both_protocols_and_25_first() -> None:
    assert {move.ipv6 for trial in TRIALS for move in trial.moves(scene()) if isinstance(move, Knock)} == {True, False}
    assert ports(OLD_4.moves(scene()))[0] == 25
    assert {21, 23, 111, 445, 512, 631, 2049, 5900} <= set(ports(OLD_4.moves(scene())))


def test_shut_doors_pass() -> None:
    assert judged(OLD_4, scene(), doors()).state is State.PASS
    assert judged(OLD_4, scene(), doors("silent")).state is State.PASS


def test_an_open_door_fails_and_is_named() -> None:
    found = judged(OLD_4, scene(), doors(p23="open", p445="open"))
    assert found.state is State.FAIL
    assert "23 (telnet), 445 (samba)" in found.says


def test_where_not_even_25_answers_no_door_is_proved_shut() -> None:
    assert judged(OLD_4, scene(), doors("silent", p25="silent")).state is State.UNKNOWN


def test_a_stranger_who_cannot_knock_tells_nothing() -> None:
    found = judged(OLD_4, scene(), lambda move: Heard(door="unknown", lost="no route"))
    assert (found.state, "no route" in found.says) == (State.UNKNOWN, True)


def test_what_listens_undeclared_is_tried_and_what_is_declared_is_not() -> None:
    assert ports(STRANGE_4.moves(scene({SOURCE: LISTENING}))) == [25, 3306, 9999]
    declared = drill(policy(ALL + '[services]\ndeclared = ["tcp/9999 ours"]\n'))
    assert ports(named(declared, "not declared, over IPv4").moves(scene({SOURCE: LISTENING}))) == [25, 3306]


def test_an_undeclared_door_that_opens_fails() -> None:
    found = judged(STRANGE_4, scene({SOURCE: LISTENING}), doors(p9999="open"))
    assert found == (State.FAIL, "Open to strangers: 9999.")


@pytest.mark.parametrize("readings", [None, {}, {SOURCE: Unknown("not allowed")}, {SOURCE: "junk"}])
def test_what_listens_must_be_known(readings: dict[str, str | Unknown] | None) -> None:
    assert judged(STRANGE_4, scene(readings), doors()).state is State.UNKNOWN


def test_more_ports_than_can_be_tried_are_not_passed_over() -> None:
    many = "".join(f"tcp 0.0.0.0:{port} 1 x\n" for port in range(10_000, 10_200))
    assert judged(STRANGE_4, scene({SOURCE: many}), doors()).state is State.UNKNOWN


def test_a_number_that_is_no_port_is_not_tried() -> None:
    assert ports(STRANGE_4.moves(scene({SOURCE: "tcp 0.0.0.0:99999 1 x\ntcp 0.0.0.0:8080 1 x\n"}))) == [25, 8080]


def test_a_machine_without_ipv6_has_no_door_there() -> None:
    lost = Heard(door="unknown", lost="no route")
    only_4 = "tcp 0.0.0.0:25 1 master\ntcp [::1]:25 1 master\n"
    assert judged(STRANGE_6, scene({SOURCE: only_4}), lambda move: lost).state is State.PASS
    assert judged(STRANGE_6, scene({SOURCE: LISTENING}), lambda move: lost).state is State.UNKNOWN


def test_what_lockdown_has_stopped_must_stay_shut_unless_it_was_declared_since() -> None:
    where = replace(scene({SOURCE: LISTENING}), stopped=("tcp/143", "tcp/8080", "telnet", "this host"))
    stopped = named(TRIALS, "has stopped, over IPv4")
    assert ports(stopped.moves(where)) == [25, 23, 143, 8080]
    assert judged(stopped, where, doors()).state is State.PASS
    assert judged(stopped, where, doors(p8080="open")) == (State.FAIL, "Open to strangers: 8080.")
    assert judged(stopped, replace(scene(), stopped=("tcp/8080",)), doors()).state is State.UNKNOWN
    declared = drill(policy(ALL + '[services]\ndeclared = ["tcp/8080 wanted again"]\n'))
    assert ports(named(declared, "has stopped, over IPv4").moves(where)) == [25, 23, 143]


# ── passwords before TLS: the servers' own words ──

OPEN_IMAP = "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] Dovecot ready.\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\na1 OK done.\n"
SAID = [
    ("IMAP", OPEN_IMAP + "a2 NO [PRIVACYREQUIRED] Plaintext authentication disallowed on non-secure connections.",
     State.PASS),
    ("IMAP", OPEN_IMAP + "a2 BAD Command requires TLS", State.PASS),
    ("IMAP", OPEN_IMAP + "a2 NO [AUTHENTICATIONFAILED] Authentication failed.", State.FAIL),
    ("IMAP", OPEN_IMAP, State.UNKNOWN),
    ("IMAP", "", State.UNKNOWN),
    ("POP3", "+OK Dovecot ready.\n-ERR [AUTH] Plaintext authentication disallowed.", State.PASS),
    ("POP3", "+OK Dovecot ready.\n+OK", State.FAIL),
    ("POP3", "+OK Dovecot ready.", State.UNKNOWN),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "state"), SAID)
def test_a_password_before_tls_is_told_by_the_answer(name: str, text: str, state: State) -> None:
    def answer(move: Move) -> Heard:
        return Heard(text=text, lost="" if text else "it said nothing") if isinstance(move, Ask) else Heard(door="open")

    assert judged(named(TRIALS, name), scene(), answer).state is state


def test_a_shut_port_takes_no_password() -> None:
    assert judged(named(TRIALS, "IMAP"), scene(), lambda move: Heard(door="closed", lost="refused")).state is State.PASS


@given(st.text(max_size=200), st.sampled_from(["open", "closed", "silent", "unknown", ""]))
def test_garbage_never_raises(text: str, door: str) -> None:
    for trial in TRIALS:
        for where in (scene(), scene({SOURCE: LISTENING})):
            assert judged(trial, where, lambda move: Heard(text=text, door=door, lost=text)).says
