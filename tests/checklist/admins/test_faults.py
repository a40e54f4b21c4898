"""Items 7 and 12 on readings: what is well raises nothing, each planted fault is named, and unread is never a pass."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.checklist import admins, fightback
from lockdown.checklist.admins.audit import audit as audit_admins
from lockdown.checklist.fightback.audit import audit as audit_fightback
from lockdown.config import Settings
from lockdown.facts import accounts, aliases, sshd, sudoers
from lockdown.host.accounts import keys_shown, password_kind, second_field_shown, shadow_kinds
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown
from tests.live.faults_accounts import ED25519, FAULTS, KEYS_FILE, SUDOERS, WELL, YESCRYPT, Fault
from tests.recordings.literal import host

BAD = (State.FAIL, State.WARN)
SHUT = "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"


def snapshot(**changed: Reading) -> Snapshot:
    base = host("")
    return replace(base, readings={**base.readings, **WELL, **changed})


def findings(of: Snapshot) -> list[Finding]:
    return [*audit_admins(of, Settings()), *audit_fightback(of, Settings())]


def test_a_machine_that_is_well_raises_nothing() -> None:
    assert [found for found in findings(snapshot()) if found.state in (*BAD, State.UNKNOWN)] == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_named_and_nothing_else(fault: Fault) -> None:
    bad = [found for found in findings(snapshot(**fault.readings)) if found.state in BAD]
    assert (fault.control, fault.state) in {(found.control, found.state) for found in bad}
    assert {found.control for found in bad} <= {fault.control, "admins.no-passwords-over-ssh", "admins.none-unused"}


def test_every_control_gives_a_finding_and_unread_is_unknown_with_what_to_type() -> None:
    shut = {name: Unknown(f"{name}: Permission denied") for name in WELL}
    found = findings(snapshot(**shut))
    demanded = {c.id for room in (admins, fightback) for c in room.CARD.controls if not c.by_word and not c.by_drill}
    assert {one.control for one in found} == demanded
    for one in found:
        if not one.target.startswith("gateway"):
            assert one.state is State.UNKNOWN, one
            assert one.next_command


# ── what a snapshot may hold ──


def test_no_hash_and_no_key_gets_into_a_reading() -> None:
    assert shadow_kinds(f"ada:{YESCRYPT}:19900:0:99999:7:::\n") == "ada yescrypt 19900 0 99999 7 - -\n"
    shown = keys_shown(f'from="192.0.2.1" {ED25519}\n# a comment\n')
    assert shown.startswith("ssh-ed25519 0 SHA256:")
    assert " tied ada@laptop" in shown
    assert "AAAAC3" not in shown


@pytest.mark.parametrize(
    ("secret", "kind"),
    [
        ("", "empty"), ("*", "none"), ("!", "none"), ("!!", "none"), ("x", "none"), (YESCRYPT, "yescrypt"),
        (f"!{YESCRYPT}", "locked-yescrypt"), ("$6$a$b", "sha512"), ("$5$a$b", "sha256"), ("$2b$12$x", "bcrypt"),
        ("$1$a$b", "md5"), ("ab0123456789.", "des"), ("hello", "unknown"),
    ],
)  # fmt: skip
def test_the_kind_of_a_password(secret: str, kind: str) -> None:
    assert password_kind(secret) == kind


@given(st.text(), st.text())
def test_garbage_never_raises_and_a_hash_never_comes_through(text: str, other: str) -> None:
    for kinds in (shadow_kinds(text), keys_shown(text)):
        assert isinstance(kinds, str)
    of = snapshot(
        **{
            accounts.PASSWD: text, accounts.GROUP: other, accounts.SHADOW: text, accounts.LAST: text,
            sudoers.MAIN: text, sshd.MAIN: text, aliases.ALIASES: text, accounts.COMMON_PASSWORD: text,
            f"{accounts.KEYS}{KEYS_FILE}": text, accounts.JOURNAL_KEPT: text, accounts.PANELS: text,
        }
    )  # fmt: skip
    assert findings(of)


# ── sudoers and sshd ──


@pytest.mark.parametrize(
    ("line", "who"),
    [
        ("bob ALL=(ALL) ALL", ["bob"]),
        ("bob, eve ALL = ALL", ["bob", "eve"]),
        ("%ops ALL=(root) NOPASSWD:ALL", ["%ops"]),
        ("User_Alias OPS = bob, eve\nOPS ALL=(ALL) ALL", ["bob", "eve"]),
        ("bob ALL=(www-data) ALL", []),
        ("bob ALL=(root) /usr/bin/systemctl reload postfix", []),
        ("bob ALL=(ALL) \\\n  ALL", ["bob"]),
        ("# bob ALL=(ALL) ALL", []),
        ("#1001 ALL=(ALL) ALL", ["#1001"]),
        ("bob ALL=(root) /bin/sh", ["bob"]),
        ("Defaults:bob !authenticate", []),
        ("Cmnd_Alias SHELLS = /bin/bash, /bin/sh\nbob ALL=(root) NOPASSWD: SHELLS", ["bob"]),
        ("Runas_Alias DB = postgres\nbob ALL=(DB) ALL", []),
        ("User_Alias A = bob\nUser_Alias B = A, eve\nB ALL=(ALL) ALL", ["bob", "eve"]),
    ],
)
def test_who_may_become_root(line: str, who: list[str]) -> None:
    assert [rule.who for rule in sudoers.parse_sudoers([("/etc/sudoers", line)]).rules] == who


@pytest.mark.parametrize(
    ("line", "free"),
    [
        ("bob ALL=(ALL) NOPASSWD: /usr/bin/apt, PASSWD: ALL", False),
        ("bob ALL=(ALL) NOPASSWD: /usr/bin/apt, ALL", True),
        ("Defaults !authenticate\nbob ALL=(ALL) ALL", True),
        ("Cmnd_Alias SHELLS = /bin/bash\nbob ALL=(root) NOPASSWD: SHELLS", True),
    ],
)
def test_who_becomes_root_without_a_password(line: str, free: bool) -> None:
    assert [rule.no_password for rule in sudoers.parse_sudoers([("/etc/sudoers", line)]).rules] == [free]


def test_rules_by_number_and_in_other_folders_are_seen_or_said_to_be_unread() -> None:
    by_number = snapshot(**{sudoers.MAIN: "#1000 ALL=(ALL) ALL\n"})
    assert any("ada" in one.says for one in findings(by_number) if one.control == "admins.few")
    elsewhere = snapshot(**{sudoers.MAIN: SUDOERS + "@includedir /opt/sudoers\n"})
    assert {one.state for one in findings(elsewhere) if one.control == "admins.sudo-asks"} == {State.UNKNOWN}


@pytest.mark.parametrize(
    ("text", "control", "state"),
    [
        ("PermitRootLogin yes\nPasswordAuthentication no\n", "admins.no-root-by-ssh", State.FAIL),
        (SHUT + "Match User a\nPasswordAuthentication yes\n", "admins.no-passwords-over-ssh", State.WARN),
        ("Include /opt/ssh/*\n" + SHUT, "admins.no-passwords-over-ssh", State.UNKNOWN),
    ],
)  # fmt: skip
def test_sshd_is_never_called_shut_for_what_was_passed_over(text: str, control: str, state: State) -> None:
    assert [one.state for one in findings(snapshot(**{sshd.MAIN: text})) if one.control == control] == [state]


def test_a_hash_in_passwd_itself_is_named_and_never_kept() -> None:
    reduced = second_field_shown(
        "root:x:0:0::/root:/bin/sh\nold:$1$ab$0123456789abcdefghijkl:1:1::/:/bin/sh\nopen::2:2::/:/bin/sh\n"
    )
    assert "$1$" not in reduced
    found = {one.control: one.state for one in findings(snapshot(**{accounts.PASSWD: reduced}))}
    assert found["admins.no-empty-password"] is State.FAIL
    assert found["admins.strong-hashes"] is State.FAIL


def test_a_part_of_sudoers_that_was_not_read_is_never_few_enough() -> None:
    part = {sudoers.PARTS: "/etc/sudoers.d/ops\n", f"{sudoers.PARTS}/etc/sudoers.d/ops": Unknown("Permission denied")}
    states = {found.control: found.state for found in findings(snapshot(**part))}
    assert states["admins.few"] is State.UNKNOWN
    assert states["admins.sudo-asks"] is State.UNKNOWN


def test_the_first_word_of_sshd_counts_and_a_drop_in_stands_where_it_is_included() -> None:
    found = sshd.parse_sshd(
        "Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin no\n",
        [("/etc/ssh/sshd_config.d/50.conf", "permitrootlogin yes\n")],
    )
    assert found.value("permitrootlogin") == "yes"
    assert found.evidence("permitrootlogin").source == "/etc/ssh/sshd_config.d/50.conf"
    late = sshd.parse_sshd("PermitRootLogin=no\nPermitRootLogin yes\nMatch User git\nPasswordAuthentication yes\n", [])
    assert late.value("permitrootlogin") == "no"
    assert (late.value("passwordauthentication"), len(late.in_match("passwordauthentication"))) == ("yes", 1)


def test_aliases_are_followed_to_their_end_even_in_a_circle() -> None:
    found = aliases.parse_aliases("a: b\nb: a, c@example.org\nc: |/bin/x\nd:\n  e,\n  f\n")
    assert found.ends("a") == {"c@example.org"}
    assert found.ends("d") == {"e", "f"}
    assert SUDOERS
