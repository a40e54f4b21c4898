"""What holding an account needs is proposed where it is missing, in the right order, and where it cannot be, left."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lockdown.checklist.monitoring.audit_holding import audit_holding
from lockdown.checklist.monitoring.enforce import DROP_IN, enforce
from lockdown.checklist.monitoring.server_controls import CAN_HOLD, CAN_LOCK, HOLDING
from lockdown.config import Settings, read_settings
from lockdown.facts import dovecot, units
from lockdown.facts.holding import ASKS, DENY_TABLE, EMPTY_TABLE, HOLD_TABLE, LIST, TABLES
from lockdown.host.dovecot import without_passwords
from lockdown.model.change import EditPostfixList, Left, Proposal, PutFile
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown
from tests.recordings.literal import host
from tests.recordings.upkeep import listed

WANTED = read_settings([("lockdown.toml", "[monitoring]\nhold_accounts = true\n")]).settings
SASL = "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\n"
WITH_LIST = f"{SASL}{LIST} = {ASKS}\n"
SERVICES = "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\nanvil unix - - y - 1 anvil\n"
PAM = "passdb {\n  driver = pam\n}\n"
OURS = f"passdb {{\n  driver = passwd-file\n  deny = yes\n  args = {DENY_TABLE}\n}}\n"
INCLUDES = "!include conf.d/*.conf\n"
AUTH = "/etc/dovecot/conf.d/10-auth.conf"
BOTH = listed(HOLD_TABLE) + listed(DENY_TABLE)


def machine(
    main: str = SASL, conf: str = INCLUDES, auth: str = PAM, there: Reading = "", overrides: str = ""
) -> Snapshot:
    base = host(main, services=SERVICES, overrides=overrides)
    files = {dovecot.MAIN: without_passwords(conf), AUTH: without_passwords(auth)}
    told: dict[str, Reading] = {
        dovecot.FILES: "".join(f"{path}\n" for path in files),
        **{f"{dovecot.FILES}{path}": text for path, text in files.items()},
        TABLES: there,
    }
    kept = {name: one for name, one in base.readings.items() if not name.startswith("dovecot/")}
    return replace(base, readings={**kept, **told})


def judged(snapshot: Snapshot) -> dict[str, Finding]:
    return {one.control: one for one in audit_holding(snapshot, WANTED)}


def said(snapshot: Snapshot) -> list[Proposal | Left]:
    ours = {control.id for control in HOLDING}
    return [one for one in enforce(snapshot, WANTED) if one.control in ours]


def changes(snapshot: Snapshot, control: str) -> list[object]:
    return [one.change for one in said(snapshot) if isinstance(one, Proposal) and one.control == control]


def test_the_table_comes_before_whoever_asks_it_and_is_empty() -> None:
    table, asked = changes(machine(), CAN_HOLD.id)
    assert table == PutFile(HOLD_TABLE, EMPTY_TABLE)
    assert asked == EditPostfixList(LIST, ASKS, first=True)


def test_a_service_with_a_list_of_its_own_is_told_too() -> None:
    overrides = f"submission/inet/{LIST} = permit\n"
    made = changes(machine(overrides=overrides), CAN_HOLD.id)
    assert [one.service for one in made if isinstance(one, EditPostfixList)] == ["", "submission/inet"]
    with_main = machine(WITH_LIST, there=BOTH, overrides=overrides)
    assert judged(with_main)[CAN_HOLD.id].state is State.WARN
    assert [one.service for one in changes(with_main, CAN_HOLD.id)] == ["submission/inet"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("value", "state"),
    [
        (ASKS, State.PASS),
        (f"check_policy_service unix:x, {ASKS}", State.PASS),
        (f"permit_sasl_authenticated, {ASKS}", State.WARN),
        (f"check_sasl_access texthash:/etc/postfix/other, texthash:{HOLD_TABLE}", State.WARN),
        ("", State.WARN),
    ],
)
def test_only_a_table_that_is_asked_counts(value: str, state: State) -> None:
    assert judged(machine(f"{SASL}{LIST} = {value}\n", there=BOTH))[CAN_HOLD.id].state is state


def test_a_table_that_is_asked_and_not_there_is_put_there_alone() -> None:
    snapshot = machine(WITH_LIST, auth=OURS + PAM)
    assert {one.state for one in audit_holding(snapshot, Settings())} == {State.FAIL}, "it stops everybody's mail"
    assert changes(snapshot, CAN_HOLD.id) == [PutFile(HOLD_TABLE, EMPTY_TABLE)]
    assert changes(snapshot, CAN_LOCK.id) == [PutFile(DENY_TABLE, EMPTY_TABLE)]


def test_a_server_of_which_nobody_wants_it_lacks_nothing() -> None:
    assert {one.state for one in audit_holding(machine(), Settings())} == {State.NOT_APPLICABLE}
    assert [one for one in enforce(machine(), Settings()) if one.control in {control.id for control in HOLDING}] == []


@pytest.mark.parametrize(
    ("settings", "state"),
    [
        ("", State.WARN),
        ('mode = "observe"\n', State.NOT_APPLICABLE),
        ('shadow = ["grip"]\n', State.NOT_APPLICABLE),
        ('shadow = ["grip"]\nhold_accounts = true\n', State.WARN),
    ],
)
def test_where_the_agent_would_hold_by_itself_its_means_are_asked_for(settings: str, state: State) -> None:
    policy = read_settings([("lockdown.toml", f"[monitoring]\n{settings}")]).settings
    assert {one.state for one in audit_holding(with_agent(machine()), policy)} == {state}


def test_whether_an_agent_is_here_is_not_guessed() -> None:
    base = machine()
    unread = replace(base, readings={**base.readings, units.ENABLED: Unknown("systemctl: Permission denied")})
    assert {one.state for one in audit_holding(unread, Settings())} == {State.UNKNOWN}


def with_agent(snapshot: Snapshot) -> Snapshot:
    enabled = "lockdown-agent.service enabled enabled\n"
    return replace(snapshot, readings={**snapshot.readings, units.ENABLED: enabled})


def test_where_both_are_asked_nothing_is_proposed() -> None:
    snapshot = machine(WITH_LIST, auth=OURS + PAM, there=BOTH)
    assert {one.state for one in judged(snapshot).values()} == {State.PASS}
    assert said(snapshot) == []


def test_a_table_with_held_users_in_it_is_never_written_anew() -> None:
    made = [*changes(machine(there=BOTH), CAN_HOLD.id), *changes(machine(there=BOTH), CAN_LOCK.id)]
    assert [one.path for one in made if isinstance(one, PutFile)] == [DROP_IN]


def test_whether_tables_are_there_is_not_guessed() -> None:
    denied = Unknown("/etc/postfix: Permission denied")
    assert {one.state for one in judged(machine(WITH_LIST, auth=OURS + PAM, there=denied)).values()} == {State.UNKNOWN}
    assert all(isinstance(one, Left) for one in said(machine(there=denied)))


def test_where_nobody_signs_in_nothing_is_asked_for() -> None:
    snapshot = machine("smtpd_sasl_auth_enable = no\n")
    assert {one.state for one in judged(snapshot).values()} == {State.NOT_APPLICABLE}
    assert said(snapshot) == []


def test_behind_a_proxy_filter_postfix_holds_nothing_and_that_is_said() -> None:
    snapshot = machine(f"{WITH_LIST}smtpd_proxy_filter = 127.0.0.1:10024\n", auth=OURS + PAM, there=BOTH)
    assert judged(snapshot)[CAN_HOLD.id].state is State.WARN
    (left,) = said(snapshot)
    assert isinstance(left, Left) and "smtpd_proxy_filter" in left.why


def test_dovecot_is_told_in_a_file_that_is_read_before_its_other_passwords() -> None:
    table, drop_in = changes(machine(), CAN_LOCK.id)
    assert table == PutFile(DENY_TABLE, EMPTY_TABLE)
    assert isinstance(drop_in, PutFile) and drop_in.path == DROP_IN and drop_in.text and drop_in.text.endswith(OURS)
    after = machine(there=BOTH)
    readings = {**after.readings, f"{dovecot.FILES}{DROP_IN}": without_passwords(drop_in.text)}
    assert judged(replace(after, readings=readings))[CAN_LOCK.id].state is State.PASS


def test_2_4_has_it_by_its_own_names() -> None:
    new = machine(conf=f"dovecot_config_version = 2.4.1\n{INCLUDES}", auth="passdb pam {\n}\n")
    _, drop_in = changes(new, CAN_LOCK.id)
    assert isinstance(drop_in, PutFile) and drop_in.text
    assert f"passdb lockdown-locked {{\n  driver = passwd-file\n  deny = yes\n  passwd_file_path = {DENY_TABLE}" in (
        drop_in.text
    )


@pytest.mark.parametrize(
    ("conf", "auth"),
    [
        (PAM + INCLUDES, ""),
        (PAM, ""),
        (f"dovecot_config_version = 2.4.1\npassdb pam {{\n}}\n{INCLUDES}", ""),
        (INCLUDES, PAM + OURS),
    ],
    ids=["passwords before conf.d", "no conf.d", "2.4, with no setting of its own", "ours, and too late"],
)
def test_where_it_would_be_asked_too_late_it_is_left_with_what_to_type(conf: str, auth: str) -> None:
    snapshot = machine(WITH_LIST, conf, auth, BOTH)
    assert judged(snapshot)[CAN_LOCK.id].state is State.WARN
    (left,) = said(snapshot)
    assert isinstance(left, Left) and DENY_TABLE in left.try_this


def test_a_table_that_is_asked_too_late_and_not_there_is_put_there_all_the_same() -> None:
    snapshot = machine(WITH_LIST, INCLUDES, PAM + OURS, listed(HOLD_TABLE))
    assert judged(snapshot)[CAN_LOCK.id].state is State.FAIL
    table, left = said(snapshot)
    assert isinstance(table, Proposal) and table.change == PutFile(DENY_TABLE, EMPTY_TABLE)
    assert isinstance(left, Left) and left.control == table.control


def test_what_dovecot_says_itself_keeps_its_passwords_and_shows_our_table() -> None:
    head, ours = "# 2.3.19.1 (x)\n", f"passdb {{\n  args = {DENY_TABLE}\n  deny = yes\n  driver = passwd-file\n}}\n"
    other = "passdb {\n  args = host=db password=secret\n  driver = sql\n}\n"
    ours_first = without_passwords(head + ours + other)
    assert "secret" not in ours_first
    snapshot = machine(WITH_LIST, there=BOTH)
    for text, state in ((ours_first, State.PASS), (without_passwords(head + other + ours), State.WARN)):
        told = replace(snapshot, readings={**snapshot.readings, dovecot.EFFECTIVE: text})
        assert judged(told)[CAN_LOCK.id].state is state


@example("{\n  driver = pam\n}\n", "")
@settings(max_examples=40)
@given(st.text(alphabet="passdb {}=\n\t!include/*.deny", max_size=200), st.text(max_size=80))
def test_files_of_strangers_never_raise(conf: str, there: str) -> None:
    snapshot = machine(WITH_LIST, conf=conf, there=there)
    assert len(judged(snapshot)) == 2
    assert all(isinstance(one, Proposal | Left) for one in said(snapshot))
