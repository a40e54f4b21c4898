"""Audit of item 1, by literals: one setting, one answer of an engine or one line of Postfix that differs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockdown.checklist.antivirus.audit import POSTFIX_CONTROLS, audit
from lockdown.checklist.antivirus.audit_controls import (
    AUDITED,
    ENCRYPTED_STATED,
    ENGINES_ANSWER,
    FAILS_CLOSED,
    GATEWAY_SCANS,
    LIMITS_AGREE,
    NO_NOTIFICATION,
    OWN_HOST,
    SCANNER_IN_EVERY_PATH,
    SIGNATURES_FRESH,
    TYPES_BY_CONTENT,
)
from lockdown.config import read_settings
from lockdown.model.finding import Control, Finding, State
from lockdown.model.snapshot import Reading
from lockdown.model.unknown import Unknown
from tests.recordings import scanners
from tests.recordings.literal import host
from tests.recordings.scanners import SOCKET

PASS, WARN, FAIL, UNKNOWN, N_A = State.PASS, State.WARN, State.FAIL, State.UNKNOWN, State.NOT_APPLICABLE
WITH_CLAMD = f'[antivirus]\nengines = ["builtin", "{SOCKET}"]\n'
CAREFUL_CLAMD = "AlertExceedsMax yes\nAlertEncrypted yes\nStreamMaxLength 50M\nMaxFileSize 50M\nMaxScanSize 200M\n"
DENIED = Unknown("/etc/x: Permission denied")


def findings(
    control: Control,
    target: str = "",
    *,
    main: str = "",
    settings: str = "",
    readings: dict[str, Reading] | None = None,
    **more: str,
) -> list[Finding]:
    snapshot = host(main, settings=settings, **more)  # type: ignore[arg-type]
    snapshot = replace(snapshot, readings={**snapshot.readings, **scanners.CAREFUL, **(readings or {})})
    policy = read_settings([("lockdown.toml", settings)]).settings
    return [one for one in audit(snapshot, policy) if one.control == control.id and one.target.startswith(target)]


def one(control: Control, target: str = "gateway", **more: object) -> Finding:
    found = findings(control, target, **more)  # type: ignore[arg-type]
    assert found, (control.id, target)
    return found[0]


# ── the gateway's own settings ──


@pytest.mark.parametrize(
    ("engines", "profile", "state"),
    [
        ('["builtin"]', "business", PASS),
        ('["builtin"]', "strict", WARN),
        (f'["builtin", "{SOCKET}"]', "strict", PASS),
        (f'["{SOCKET}"]', "business", WARN),
        ("[]", "business", FAIL),
    ],
)
def test_the_gateway_scans_with_the_builtin_engine_and_better_with_another(
    engines: str, profile: str, state: State
) -> None:
    settings = f'[site]\nprofile = "{profile}"\n[antivirus]\nengines = {engines}\n'
    assert one(GATEWAY_SCANS, settings=settings).state is state


@pytest.mark.parametrize(
    ("chosen", "profile", "state"),
    [
        ("defer", "business", PASS),
        ("quarantine", "strict", PASS),
        ("accept-and-mark", "business", WARN),
        ("accept-and-mark", "strict", FAIL),
    ],
)
def test_a_gateway_that_delivers_unread_mail_is_told_so(chosen: str, profile: str, state: State) -> None:
    settings = f'[site]\nprofile = "{profile}"\n[antivirus]\nunavailable = "{chosen}"\n'
    assert one(FAILS_CLOSED, settings=settings).state is state


@pytest.mark.parametrize(
    ("upstream", "state"),
    [
        ("smtp://192.0.2.200:25", PASS),
        ("lmtp://192.0.2.200:24", PASS),
        ("smtp://127.0.0.1:25", WARN),
        ("smtp://192.0.2.7:25", WARN),
        ("lmtp:/run/dovecot/lmtp", WARN),
        ("lmtp://127.0.0.1:24", WARN),
        ("maildir:mail", WARN),
    ],
)
def test_mailboxes_beside_the_scanner_are_a_warning(upstream: str, state: State) -> None:
    assert one(OWN_HOST, settings=f'[gateway]\nupstream = "{upstream}"\n').state is state


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("", PASS),
        ('encrypted = "reject"', PASS),
        ('encrypted = "accept-and-mark"', WARN),
        ('unread = "accept-and-mark"', WARN),
    ],
)
def test_what_nobody_can_read_is_not_delivered(words: str, state: State) -> None:
    assert one(ENCRYPTED_STATED, settings=f"[antivirus]\n{words}\n").state is state


@pytest.mark.parametrize(
    ("conf", "state"),
    [
        ("AlertEncrypted yes\n", PASS),
        ("AlertEncryptedArchive yes\nAlertEncryptedDoc true\n", PASS),
        ("AlertEncryptedArchive yes\n", FAIL),
        ("ArchiveBlockEncrypted false\n", FAIL),
        (DENIED, UNKNOWN),
    ],
)
def test_without_the_builtin_engine_clamd_must_notice_passwords(conf: Reading, state: State) -> None:
    settings = f'[antivirus]\nengines = ["{SOCKET}"]\n'
    assert one(ENCRYPTED_STATED, settings=settings, readings={"clamav/clamd.conf": conf}).state is state


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("", PASS),
        ('allowed_types = ["pe"]', FAIL),
        ('allowed_types = ["iso"]', WARN),
        ('forbidden = "accept-and-mark"', FAIL),
        ('macros = "accept-and-mark"', FAIL),
        ('macros = "reject"', PASS),
        (f'engines = ["{SOCKET}"]', FAIL),
    ],
)
def test_dangerous_types_have_no_exceptions(words: str, state: State) -> None:
    assert one(TYPES_BY_CONTENT, settings=f"[antivirus]\n{words}\n").state is state


def test_settings_that_cannot_be_read_leave_every_control_unknown() -> None:
    for control in AUDITED:
        assert one(control, readings={"gateway/settings.json": DENIED}).state is UNKNOWN, control.id


# ── the engines ──


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({}, PASS),
        ({"proven": False}, FAIL),
        ({"error": "clamd: connection refused"}, FAIL),
        (None, UNKNOWN),
    ],
)
def test_an_engine_that_does_not_answer_is_a_failure(said: dict[str, object] | None, state: State) -> None:
    readings = scanners.clamd(**said) if said is not None else {}
    assert one(ENGINES_ANSWER, f"engine {SOCKET}", settings=WITH_CLAMD, readings=readings).state is state


def test_no_engine_at_all_is_a_failure_of_every_engine() -> None:
    for control in (ENGINES_ANSWER, SIGNATURES_FRESH):
        found = one(control, settings="[antivirus]\nengines = []\n")
        assert found.state is FAIL
        assert "builtin" in found.next_command


def test_the_builtin_engine_has_no_signatures_to_grow_old() -> None:
    assert one(SIGNATURES_FRESH, "engine builtin").state is N_A


def test_an_engine_that_is_down_does_not_tell_how_old_it_is() -> None:
    readings = scanners.clamd(error="clamd: connection refused")
    assert one(SIGNATURES_FRESH, f"engine {SOCKET}", settings=WITH_CLAMD, readings=readings).state is UNKNOWN


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"url": 1}', "null", '{"url": "x", "item": "antivirus"}'])
def test_a_damaged_answer_is_none(damage: str) -> None:
    found = one(ENGINES_ANSWER, f"engine {SOCKET}", settings=WITH_CLAMD, readings={"engines/3.json": damage})
    assert found.state is UNKNOWN


# The snapshot is of 2026-01-15 03:00 UTC; the limit is three days.
@pytest.mark.parametrize(
    ("built", "state"),
    [
        ("2026-01-14T22:00:00+00:00", PASS),
        ("2026-01-14T02:59:00+00:00", WARN),
        ("2026-01-12T03:01:00+00:00", WARN),
        ("2026-01-12T02:59:00+00:00", FAIL),
        ("2026-01-16T00:00:00+00:00", PASS),
        ("", UNKNOWN),
    ],
)
def test_signatures_are_as_old_as_the_engine_itself_says(built: str, state: State) -> None:
    readings = scanners.clamd(built=built)
    assert one(SIGNATURES_FRESH, f"engine {SOCKET}", settings=WITH_CLAMD, readings=readings).state is state


@pytest.mark.parametrize(
    ("conf", "log", "state"),
    [
        ("Checks 24\n", "Wed Jan 14 20:00:00 2026 -> daily.cld database is up-to-date (version: 1)\n", PASS),
        ("Checks 24\n", "Tue Jan 13 02:00:00 2026 -> daily.cvd updated (version: 1)\n", WARN),
        ("Checks 24\n", "Thu Jan  1 02:00:00 2026 -> daily.cld database is up-to-date (version: 1)\n", FAIL),
        ("Checks 24\n", "Wed Jan 14 20:00:00 2026 -> ERROR: Can't download daily.cvd\n", UNKNOWN),
        ("Checks 24\n", DENIED, UNKNOWN),
        ("Checks 24\n", "not installed: no /var/log/clamav/freshclam.log\n", UNKNOWN),
        ("Checks 0\n", "", FAIL),
        ("not installed: no /etc/clamav/freshclam.conf\n", "", WARN),
        (DENIED, "", UNKNOWN),
    ],
)
def test_what_updates_the_signatures_is_looked_at_as_well(conf: Reading, log: Reading, state: State) -> None:
    readings = {**scanners.clamd(), "clamav/freshclam.conf": conf, "clamav/freshclam.log": log}
    assert one(SIGNATURES_FRESH, "freshclam", settings=WITH_CLAMD, readings=readings).state is state


@pytest.mark.parametrize(
    ("conf", "said", "state"),
    [
        (CAREFUL_CLAMD, {}, PASS),
        (CAREFUL_CLAMD.replace("AlertExceedsMax yes\n", ""), {}, WARN),
        (CAREFUL_CLAMD.replace("yes", "no", 1).replace("MaxFileSize 50M", "MaxFileSize 20M"), {}, FAIL),
        ("MaxScanSize 1048576\n", {}, FAIL),
        (CAREFUL_CLAMD.replace("StreamMaxLength 50M", "StreamMaxLength 10M"), {}, WARN),
        (CAREFUL_CLAMD.replace("MaxFileSize 50M", "MaxFileSize 0"), {}, PASS),
        (CAREFUL_CLAMD, {"reaches": False}, FAIL),
        ("AlertExceedsMax yes\n", {"version": "1.4.6"}, PASS),
        ("AlertExceedsMax yes\n", {"version": "0.103.8"}, PASS),
        ("AlertExceedsMax yes\n", {"version": ""}, UNKNOWN),
        ("MaxFileSize many\n", {}, UNKNOWN),
        (DENIED, {}, UNKNOWN),
        (DENIED, {"reaches": False}, FAIL),
        ("LocalSocket /run/another.ctl\n" + CAREFUL_CLAMD, {}, UNKNOWN),
        ("not installed: no /etc/clamav/clamd.conf\n", {}, UNKNOWN),
    ],
)
def test_clamd_reads_what_is_accepted_and_says_what_it_has_not_read(
    conf: Reading, said: dict[str, object], state: State
) -> None:
    readings = {**scanners.clamd(**said), "clamav/clamd.conf": conf}
    found = one(LIMITS_AGREE, f"engine {SOCKET}", settings=WITH_CLAMD, readings=readings)
    assert found.state is state, found.says


@pytest.mark.parametrize(
    ("conf", "state"), [("AlertEncrypted yes\n", PASS), ("AlertEncrypted no\n", WARN), (DENIED, UNKNOWN)]
)
def test_each_clamd_is_asked_to_notice_passwords(conf: Reading, state: State) -> None:
    readings = {**scanners.clamd(), "clamav/clamd.conf": conf}
    assert one(ENCRYPTED_STATED, f"engine {SOCKET}", settings=WITH_CLAMD, readings=readings).state is state


def test_without_clamd_there_are_no_limits_to_compare() -> None:
    assert one(LIMITS_AGREE).state is N_A


def test_the_settings_of_this_machine_say_nothing_of_a_clamd_on_another() -> None:
    settings = '[antivirus]\nengines = ["builtin", "clamd://192.0.2.50:3310"]\n'
    readings = {"clamav/clamd.conf": CAREFUL_CLAMD}
    assert one(LIMITS_AGREE, "engine clamd://192", settings=settings, readings=readings).state is UNKNOWN


# ── Postfix ──


def on_port_25(main: str, settings: str = "", **more: object) -> Finding:
    return one(SCANNER_IN_EVERY_PATH, "postfix smtp/", main=main, settings=settings, **more)


NO_ANTIVIRUS: dict[str, Reading] = {"rspamd/local.d/antivirus.conf": "not installed: no such file\n"}


@pytest.mark.parametrize(
    ("main", "readings", "state"),
    [
        ("smtpd_milters =\n", {}, FAIL),
        ("smtpd_milters = unix:/clamav/clamav-milter.ctl\n", {}, PASS),
        ("smtpd_milters = { unix:/clamav/clamav-milter.ctl, connect_timeout=10s }\n", {}, PASS),
        ("smtpd_milters = inet:127.0.0.1:11332\n", {}, PASS),
        ("smtpd_milters = inet:127.0.0.1:11332\n", NO_ANTIVIRUS, FAIL),
        ("smtpd_milters = inet:127.0.0.1:11332\n", {"rspamd/local.d/antivirus.conf": DENIED}, UNKNOWN),
        ("smtpd_milters = inet:192.0.2.50:11332\n", {}, UNKNOWN),
        ("smtpd_milters = unix:/spamass/spamass.sock\n", {}, FAIL),
        ("smtpd_milters = inet:localhost:8891\n", {}, FAIL),
        ("smtpd_milters = inet:localhost:8891, unix:/clamav/clamav-milter.ctl\n", {}, PASS),
        ("smtpd_milters = inet:127.0.0.1:9999\n", {}, UNKNOWN),
        ("smtpd_milters =\ncontent_filter = scan:[127.0.0.1]:10099\n", {}, UNKNOWN),
        ("smtpd_milters =\nsmtpd_proxy_filter = 127.0.0.1:2525\n", {}, PASS),
        ("smtpd_milters =\ncontent_filter = lockdown:[127.0.0.1]:2525\n", {}, PASS),
        ("smtpd_milters =\ncontent_filter = smtp-amavis:[127.0.0.1]:10024\n", {}, UNKNOWN),
        (
            "smtpd_milters =\ncontent_filter = smtp-amavis:[127.0.0.1]:10024\n",
            {"amavis/settings": "@bypass_virus_checks_maps = (1);\n"},
            FAIL,
        ),
        ("smtpd_milters =\ninet_interfaces = loopback-only\n", {}, PASS),
        ("smtpd_milters =\nsmtpd_client_restrictions = permit_mynetworks, reject\n", {}, PASS),
    ],
)
def test_a_service_that_strangers_reach_has_a_virus_scanner(
    main: str, readings: dict[str, Reading], state: State
) -> None:
    found = on_port_25(main, readings=readings)
    assert found.state is state, found.says


def test_the_program_that_listens_tells_what_a_port_is() -> None:
    found = on_port_25("smtpd_milters = inet:127.0.0.1:9999\n", listeners="tcp 127.0.0.1:9999 7 clamav-milter\n")
    assert found.state is PASS


def test_messages_that_clamav_milter_is_too_small_for_pass_unread() -> None:
    main = "smtpd_milters = unix:/clamav/clamav-milter.ctl\nmessage_size_limit = 52428800\n"
    assert on_port_25(main, readings={"clamav/clamav-milter.conf": "MaxFileSize 25M\n"}).state is FAIL
    assert on_port_25(main, readings={"clamav/clamav-milter.conf": "MaxFileSize 60M\n"}).state is PASS


def test_users_who_send_past_the_scanner_are_found_with_the_line_that_lets_them() -> None:
    found = one(
        SCANNER_IN_EVERY_PATH,
        "postfix submission/",
        services="smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n",
        overrides="submission/inet/smtpd_milters = \nsubmission/inet/smtpd_sasl_auth_enable = yes\n"
        "submission/inet/smtpd_client_restrictions = permit_sasl_authenticated, reject\n",
        main="smtpd_milters = inet:127.0.0.1:11332\n",
    )
    assert found.state is FAIL
    assert "Users send here" in found.says
    assert found.next_command.startswith("postconf -P 'submission/inet/smtpd_milters=inet:127.0.0.1:11332'")


def test_a_way_around_the_gateway_is_named_as_one() -> None:
    found = on_port_25("smtpd_milters =\n", '[gateway]\nupstream = "smtp://127.0.0.1:25"\n')
    assert found.state is FAIL
    assert "past the gateway" in found.says


def test_mail_by_the_sendmail_command_is_looked_for_where_milters_do_the_work() -> None:
    services = "smtp inet n - y - - smtpd\npickup unix n - y 60 1 pickup\n"
    found = findings(SCANNER_IN_EVERY_PATH, "postfix sendmail", services=services, main="non_smtpd_milters =\n")
    assert [each.state for each in found] == [WARN]
    assert not findings(SCANNER_IN_EVERY_PATH, "postfix sendmail", services=services)


@pytest.mark.parametrize(
    ("main", "state"),
    [
        ("", PASS),
        ("milter_default_action = accept\n", FAIL),
        ("milter_default_action = quarantine\n", PASS),
        ("smtpd_milters = { unix:/clamav/clamav-milter.ctl, default_action=accept }\n", FAIL),
        ("milter_default_action = accept\nsmtpd_milters = { unix:/clamav/c-milter, default_action=tempfail }\n", PASS),
        ("milter_default_action = accept\nsmtpd_milters = unix:/spamass/spamass.sock\n", N_A),
        ("smtpd_milters =\n", N_A),
        ("smtpd_milters =\ncontent_filter = scan:[127.0.0.1]:10099\n", PASS),
    ],
)
def test_a_milter_that_is_down_does_not_let_mail_pass(main: str, state: State) -> None:
    assert one(FAILS_CLOSED, "postfix smtp/", main=main).state is state


@pytest.mark.parametrize(
    ("conf", "state"),
    [
        ("OnInfected Reject\n", PASS),
        ("", PASS),
        ("OnInfected Accept\n", FAIL),
        ("OnInfected Blackhole\n", FAIL),
        ("VirusAction /usr/local/bin/tell\n", WARN),
        (DENIED, UNKNOWN),
    ],
)
def test_clamav_milter_neither_swallows_nor_delivers(conf: Reading, state: State) -> None:
    main = "smtpd_milters = unix:/clamav/clamav-milter.ctl\n"
    found = one(NO_NOTIFICATION, "clamav-milter", main=main, readings={"clamav/clamav-milter.conf": conf})
    assert found.state is state


@pytest.mark.parametrize(
    ("way", "conf", "state"),
    [
        ("content_filter = smtp-amavis:[127.0.0.1]:10024\n", "$final_virus_destiny = D_DISCARD;\n", PASS),
        ("content_filter = smtp-amavis:[127.0.0.1]:10024\n", "$final_virus_destiny = D_REJECT;\n", FAIL),
        ("smtpd_milters = inet:127.0.0.1:10024\n", "$final_virus_destiny = D_REJECT;\n", PASS),
        ("smtpd_milters = inet:127.0.0.1:10024\n", "$warnvirussender = 1;\n", FAIL),
        ("smtpd_milters = inet:127.0.0.1:10024\n", "$warnvirussender = 1;\n$warnvirussender = 0;\n", PASS),
        ("smtpd_milters = inet:127.0.0.1:10024\n", DENIED, UNKNOWN),
    ],
)
def test_amavis_writes_to_no_forged_sender(way: str, conf: Reading, state: State) -> None:
    found = one(NO_NOTIFICATION, "amavis", main="smtpd_milters =\n" + way, readings={"amavis/settings": conf})
    assert found.state is state


def test_a_machine_without_a_mail_server_has_no_way_past_the_gateway() -> None:
    nowhere = {"where": "not installed: no postconf\n", "listeners": "tcp 0.0.0.0:22 1 sshd\n"}
    exim = {**nowhere, "listeners": "tcp 0.0.0.0:25 1 exim4\n"}
    for control in POSTFIX_CONTROLS:
        assert one(control, "postfix", **nowhere).state is N_A
        assert one(control, "postfix", **exim).state is UNKNOWN


def test_behind_the_gateway_the_firewall_has_a_say() -> None:
    settings = '[site]\nrole = "backend"\n'
    found = one(SCANNER_IN_EVERY_PATH, "postfix smtp/", main="smtpd_milters =\n", settings=settings)
    assert found.state is WARN
    assert "check_client_access" in found.next_command


def test_the_way_through_the_gateway_is_scanned_when_an_engine_is_set() -> None:
    assert one(SCANNER_IN_EVERY_PATH).state is PASS
    none = "[antivirus]\nengines = []\n"
    assert one(SCANNER_IN_EVERY_PATH, settings=none).state is FAIL
    assert one(ENCRYPTED_STATED, settings=none).state is FAIL


def test_the_gateway_itself_writes_to_nobody() -> None:
    assert one(NO_NOTIFICATION).state is PASS
