"""Audit of item 9, by literals: the queue, the logs, the clock, bans, and who is told."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from lockdown.checklist.monitoring.audit import audit
from lockdown.checklist.monitoring.server_controls import EYES, HOLDING, QUEUE_SETTINGS
from lockdown.checklist.monitoring.watch_controls import (
    GATEWAY_ANSWERS,
    GUESSING_BANNED,
    QUEUE_MOVES,
    QUEUE_SIZE,
    WATCHED,
)
from lockdown.config import read_settings
from lockdown.facts import dovecot, gateway, postfix, queue, watchers
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown
from tests.live.faults_upkeep import MONITORING_FAULTS
from tests.recordings.upkeep import files_of, kept, without

FINE = (State.PASS, State.NOT_APPLICABLE)
ALL_IN_ONE = '[site]\nrole = "all-in-one"\n'
STARTS = ("queue/", "clock/", "watchers/", "logs/", "accounts/", "gateway/", "packages/", "host/unit", "postfix/")


def findings(snapshot: Snapshot, settings: str = ALL_IN_ONE) -> list[Finding]:
    return list(audit(snapshot, read_settings([("lockdown.toml", settings)]).settings))


def one(control: str, *changes: Mapping[str, Reading], settings: str = ALL_IN_ONE) -> Finding:
    return next(it for it in findings(kept(*changes), settings) if it.control == control)


def test_a_machine_that_is_watched_raises_nothing() -> None:
    assert [it for it in findings(kept()) if it.state not in FINE] == []


def test_every_control_of_the_audit_is_judged_whatever_could_be_read() -> None:
    shown = {control.id for control in (*WATCHED, *HOLDING, *QUEUE_SETTINGS, EYES)}
    assert {it.control for it in findings(kept())} == {it.control for it in findings(without(kept(), *STARTS))} == shown


def test_what_was_not_read_is_unknown_and_says_what_to_type() -> None:
    for finding in findings(without(kept(), *STARTS)):
        assert finding.state is State.UNKNOWN, finding
        assert finding.next_command


@pytest.mark.parametrize(
    ("name", "change", "control", "state"), MONITORING_FAULTS, ids=[it[0] for it in MONITORING_FAULTS]
)
def test_a_planted_fault_is_found(name: str, change: dict[str, Reading], control: str, state: State) -> None:
    found = [it for it in findings(kept(_named(change))) if it.control == control]
    assert state in {it.state for it in found}, (name, found)


def _named(change: dict[str, Reading]) -> dict[str, Reading]:
    from lockdown.facts import listeners

    return {listeners.SOURCE if name == "listeners" else name: it for name, it in change.items()}


def test_a_list_that_was_cut_short_says_so() -> None:
    lines = "deferred\t1768470000\t1\t1\ta@b\tx\n" * 1200
    found = one(QUEUE_SIZE.id, {queue.POSTFIX: f"{lines}# cut short\n"})
    assert found.state is State.WARN
    assert found.says == "At least 1200 messages wait in the queue; the list was cut short."


def test_a_queue_whose_answer_broke_off_is_not_empty() -> None:
    assert one(QUEUE_SIZE.id, {queue.POSTFIX: ""}).state is State.UNKNOWN


def test_of_exim_the_number_is_judged_and_the_rest_is_said_to_be_unknown() -> None:
    exim = {queue.POSTFIX: "not installed: no postqueue\n", queue.EXIM: "20000\n"}
    assert one(QUEUE_SIZE.id, exim).state is State.FAIL
    assert one(QUEUE_MOVES.id, exim).state is State.UNKNOWN


def test_where_only_the_gateway_stands_it_is_what_shuts_guessers_out() -> None:
    none = files_of(watchers.FAIL2BAN, {})
    alone = {**none, postfix.WHERE: "not installed: no postconf\n", dovecot.EFFECTIVE: "not installed: no doveconf\n"}
    alone[dovecot.FILES] = "not installed: no /etc/dovecot/dovecot.conf\n"
    alone[f"{dovecot.FILES}{dovecot.MAIN}"] = "not installed: no /etc/dovecot/dovecot.conf\n"
    gateway_only = '[site]\nrole = "gateway"\n'
    assert one(GUESSING_BANNED.id, alone, settings=gateway_only).state is State.PASS
    logged_in = {name: text for name, text in alone.items() if name != postfix.WHERE}
    assert one(GUESSING_BANNED.id, logged_in, settings=gateway_only).state is State.WARN
    unread = {name: Unknown(f"{name}: Permission denied") for name in (*alone, watchers.FAIL2BAN, postfix.EFFECTIVE)}
    assert one(GUESSING_BANNED.id, unread, settings=gateway_only).state is State.UNKNOWN


def test_a_gateway_that_only_looks_on_is_told() -> None:
    watching = read_settings([("lockdown.toml", '[monitoring]\nmode = "observe"\n')])
    assert one(GATEWAY_ANSWERS.id, {gateway.SOURCE: gateway.describe(watching)}).state is State.WARN


def test_of_fail2bans_files_the_local_ones_count_last() -> None:
    texts: dict[str, Reading] = {
        "/etc/fail2ban/jail.local": "[dovecot]\nenabled = true\n",
        "/etc/fail2ban/jail.d/defaults-debian.conf": "[dovecot]\nenabled = false\n",
        "/etc/fail2ban/jail.conf": "[dovecot]\nenabled = false\nport = imap\n  imaps\n",
    }
    found = watchers.jails(kept(files_of(watchers.FAIL2BAN, texts)))
    assert isinstance(found, tuple)
    assert [(jail.name, jail.is_on, jail.value("port")) for jail in found] == [("dovecot", True, "imap imaps")]
