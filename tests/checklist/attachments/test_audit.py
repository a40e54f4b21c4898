"""Audit of item 4, by literals: limits of size, whether they agree along the way, and whether repetition is bounded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockdown.checklist.attachments.audit import audit
from lockdown.checklist.attachments.controls import (
    CLIENT_RATES,
    GATEWAY_MESSAGE_LIMIT,
    GATEWAY_REPETITION,
    GATEWAY_STRUCTURE,
    HEADER_LIMIT,
    LIMITS_AGREE,
    MAILBOX_HOLDS_MESSAGE,
    MESSAGE_LIMIT,
    QUEUE_ROOM,
    RATE_EXCEPTIONS,
    RATES_COUNTED,
    SLOW_CLIENTS,
    STRUCTURE_LIMITS,
)
from lockdown.config import Settings, read_settings
from lockdown.facts import postfix as facts
from lockdown.model.finding import Control, Finding, State
from lockdown.model.unknown import Unknown
from tests.recordings.literal import host

PASS, WARN, FAIL, UNKNOWN, N_A = State.PASS, State.WARN, State.FAIL, State.UNKNOWN, State.NOT_APPLICABLE
MIB = 1024 * 1024


def found(control: Control, main: str = "", *, settings: str = "", **more: str) -> Finding:
    policy = read_settings([("lockdown.toml", settings)]).settings
    snapshot = host(main, settings=settings, **more)  # type: ignore[arg-type]
    return next(finding for finding in audit(snapshot, policy) if finding.control == control.id)


@pytest.mark.parametrize(
    ("size", "profile", "state"),
    [
        ("0", "starter", FAIL),
        ("10240000", "business", PASS),
        (str(50 * MIB), "business", PASS),
        (str(51 * MIB), "business", WARN),
        (str(90 * MIB), "starter", PASS),
        (str(40 * MIB), "strict", WARN),
        ("1000000", "business", WARN),
        ("25M", "business", UNKNOWN),
    ],
)
def test_the_size_of_a_message_is_bounded_by_the_profile(size: str, profile: str, state: State) -> None:
    settings = f'[site]\nprofile = "{profile}"\n'
    assert found(MESSAGE_LIMIT, f"message_size_limit = {size}\n", settings=settings).state is state


def test_a_size_is_also_said_as_attachments() -> None:
    assert "25 MiB, attachments of 18 MB" in found(MESSAGE_LIMIT, "message_size_limit = 26214400\n").says


def test_a_service_has_its_own_limit() -> None:
    finding = found(MESSAGE_LIMIT, overrides="smtp/inet/message_size_limit = 0\n")
    assert finding.state is FAIL
    assert "-P 'smtp/inet/message_size_limit=" in finding.next_command


BEHIND = '[gateway]\nupstream = "smtp://127.0.0.1:25"\n'


@pytest.mark.parametrize(
    ("main", "settings", "state"),
    [
        ("message_size_limit = 26214400\n", BEHIND, PASS),
        ("message_size_limit = 26214399\n", BEHIND, FAIL),
        ("message_size_limit = 0\n", BEHIND, PASS),
        ("message_size_limit = 10240000\n", BEHIND + 'max_message = "9 MiB"\n', PASS),
        ("message_size_limit = x\n", BEHIND, UNKNOWN),
        ("message_size_limit = 1000\n", "", N_A),
    ],
)
def test_the_gateway_takes_nothing_that_the_server_behind_refuses(main: str, settings: str, state: State) -> None:
    assert found(LIMITS_AGREE, main, settings=settings).state is state


@pytest.mark.parametrize(
    ("main", "state"),
    [
        ("mailbox_size_limit = 0\n", PASS),
        ("mailbox_size_limit = 1000\n", FAIL),
        ("mailbox_size_limit = 51200000\nmessage_size_limit = 51200000\n", PASS),
        ("mailbox_size_limit = 51200000\nmessage_size_limit = 0\n", FAIL),
        ("mailbox_size_limit = many\n", UNKNOWN),
        ("virtual_mailbox_maps = hash:/a\nvirtual_transport = virtual\nvirtual_mailbox_limit = 1000\n", FAIL),
        ("virtual_mailbox_maps = hash:/a\nvirtual_transport = lmtp:unix:x\nvirtual_mailbox_limit = 1000\n", PASS),
    ],
)
def test_a_mailbox_file_holds_the_largest_message(main: str, state: State) -> None:
    assert found(MAILBOX_HOLDS_MESSAGE, main).state is state


@pytest.mark.parametrize(("value", "state"), [("102400", PASS), ("0", WARN), ("99999999", WARN), ("?", UNKNOWN)])
def test_headers_are_bounded(value: str, state: State) -> None:
    assert found(HEADER_LIMIT, f"header_size_limit = {value}\n").state is state


@pytest.mark.parametrize(
    ("main", "state"),
    [
        ("queue_minfree = 0\n", PASS),
        ("queue_minfree = 1000\n", WARN),
        ("queue_minfree = 99999999\n", PASS),
        ("message_size_limit = 0\n", FAIL),
        ("queue_minfree = some\n", UNKNOWN),
    ],
)
def test_the_queue_disk_keeps_room_for_one_and_a_half_messages(main: str, state: State) -> None:
    assert found(QUEUE_ROOM, main).state is state


NO_RATE = "smtpd_client_message_rate_limit = 0\n"


@pytest.mark.parametrize(
    ("main", "settings", "state"),
    [
        ("", "", PASS),
        (NO_RATE, "", WARN),
        (NO_RATE + "smtpd_client_connection_rate_limit = 60\n", "", PASS),
        ("smtpd_client_connection_count_limit = 0\n", "", WARN),
        (NO_RATE, BEHIND, WARN),  # strangers go past the gateway
        (NO_RATE + "inet_interfaces = loopback-only\n", BEHIND, N_A),
        (NO_RATE + "inet_interfaces = loopback-only\n", "", PASS),
    ],
)
def test_one_client_cannot_send_without_end(main: str, settings: str, state: State) -> None:
    assert found(CLIENT_RATES, main, settings=settings).state is state


@pytest.mark.parametrize(
    ("main", "state"),
    [
        ("", PASS),
        ("mynetworks = 192.0.2.7\n", PASS),
        ("mynetworks = 192.0.2.0/24\n", WARN),
        ("smtpd_client_event_limit_exceptions = 127.0.0.1\nmynetworks = 192.0.2.0/24\n", PASS),
        ("smtpd_client_event_limit_exceptions = hash:/etc/postfix/gone\n", UNKNOWN),
    ],
)
def test_few_are_free_of_limits(main: str, state: State) -> None:
    assert found(RATE_EXCEPTIONS, main).state is state


def test_without_anvil_no_limit_works() -> None:
    assert found(RATES_COUNTED).state is PASS
    assert found(RATES_COUNTED, services="smtp inet n - y - - smtpd\n").state is FAIL


@pytest.mark.parametrize(("size", "state"), [("25 MiB", PASS), ("1 MiB", WARN), ("60 MiB", WARN)])
def test_the_gateway_bounds_a_message(size: str, state: State) -> None:
    assert found(GATEWAY_MESSAGE_LIMIT, settings=f'[gateway]\nmax_message = "{size}"\n').state is state


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ('max_header = "256 KiB"', PASS),
        ('max_header = "2 MiB"', WARN),
        ("max_parts = 20000", WARN),
        ("max_nesting = 500", WARN),
    ],
)
def test_the_gateway_bounds_what_a_message_is_made_of(line: str, state: State) -> None:
    assert found(GATEWAY_STRUCTURE, settings=f"[attachments]\n{line}\n").state is state


@pytest.mark.parametrize(
    ("settings", "state"),
    [
        ("", PASS),
        ('[attachments]\nnetwork_bytes = "10 MiB"\n', WARN),
        ('[attachments]\nrecipient_bytes = "1 TiB"\n', FAIL),
        ('[monitoring]\nnever_limit = ["192.0.2.0/24"]\n', PASS),
        ('[monitoring]\nnever_limit = ["10.0.0.0/8"]\n', WARN),
        ('[monitoring]\nnever_limit = ["0.0.0.0/0"]\n', FAIL),
    ],
)
def test_the_gateway_bounds_repetition(settings: str, state: State) -> None:
    assert found(GATEWAY_REPETITION, settings=settings).state is state


def test_a_machine_where_postfix_takes_no_mail_is_not_blamed() -> None:
    assert found(MESSAGE_LIMIT, services="pickup unix n - y 60 1 pickup\nanvil unix - - y - 1 anvil\n").state is N_A


@pytest.mark.parametrize(
    ("main", "state"),
    [
        ("", PASS),
        ("hopcount_limit = 0\n", WARN),
        ("mime_nesting_limit = 99999\n", WARN),
        ("line_length_limit = 0\n", WARN),
        ("smtpd_recipient_limit = 100000\n", WARN),
        ("hopcount_limit = few\n", UNKNOWN),
    ],
)
def test_what_a_message_is_made_of_is_bounded(main: str, state: State) -> None:
    assert found(STRUCTURE_LIMITS, main).state is state


@pytest.mark.parametrize(
    ("main", "state"),
    [
        ("", PASS),
        ("smtpd_timeout = 30m\n", PASS),
        ("smtpd_timeout = 1h\n", WARN),
        ("smtpd_timeout = 0\n", WARN),
        ("smtpd_timeout = soon\n", UNKNOWN),
        ("smtpd_hard_error_limit = 100000\n", WARN),
        ("smtpd_hard_error_limit = ${stress?1}${stress:5}\n", PASS),
        ("smtpd_hard_error_limit = x\n", UNKNOWN),
        ("smtpd_hard_error_limit = 1000\ninet_interfaces = loopback-only\n", PASS),
    ],
)
def test_slow_and_clumsy_clients_are_hung_up_on(main: str, state: State) -> None:
    assert found(SLOW_CLIENTS, main).state is state


def test_a_limit_of_mailbox_files_counts_only_where_there_are_some() -> None:
    small = "mailbox_size_limit = 1000\n"
    assert found(MAILBOX_HOLDS_MESSAGE, small + "mydestination =\n").state is PASS
    assert found(MAILBOX_HOLDS_MESSAGE, small + "local_transport = lmtp:unix:private/lmtp\n").state is PASS


@pytest.mark.parametrize("given", ["main", "master"])
def test_a_file_that_was_not_given_leaves_unknown_what_it_says(given: str) -> None:
    files = {"main": "compatibility_level = 3.6\n", "master": "smtp inet n - n - - smtpd\n"}
    not_told = {name: Unknown("files alone") for name in (facts.WHERE, facts.EFFECTIVE)}
    missing = {name: Unknown("was not given") for name in (facts.MAIN_CF, facts.MASTER_CF)}
    snapshot = host()
    readings = {**snapshot.readings, **not_told, **missing, f"postfix/{given}.cf": files[given]}
    findings = list(audit(replace(snapshot, readings=readings), Settings()))
    states = {(one.control, one.target): one.state for one in findings}
    assert states[MESSAGE_LIMIT.id, "postfix smtp/inet"] is (PASS if given == "main" else UNKNOWN)
    assert ((MESSAGE_LIMIT.id, "postfix master.cf") in states) == (given == "main")
    counted = states.get((RATES_COUNTED.id, "postfix"), states.get((RATES_COUNTED.id, "postfix master.cf")))
    assert counted is (UNKNOWN if given == "main" else FAIL)
