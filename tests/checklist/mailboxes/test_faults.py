"""Item 5 and TLS of item 3 on files: what is well raises nothing, each planted fault is named, unread is unknown."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.checklist.dmz.audit_tls import audit_tls, old_versions
from lockdown.checklist.dmz.server_tls_controls import SERVER_TLS_CONTROLS
from lockdown.checklist.mailboxes.audit import audit
from lockdown.checklist.mailboxes.controls import CONTROLS
from lockdown.checklist.mailboxes.quota import quota
from lockdown.config import Settings
from lockdown.facts import certificates, disks, dovecot
from lockdown.facts.dovecot import Dovecot
from lockdown.host.dovecot import sources, without_passwords
from lockdown.host.tree import tree
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown
from tests.live.faults_dovecot import CERT, DOVECOT, FAULTS, MAIN, NEW, Fault, readings
from tests.recordings.literal import host

BAD = (State.FAIL, State.WARN)
NOW = datetime(2026, 1, 15, tzinfo=UTC)
UNSET = "smtpd_tls_security_level =\nsmtpd_tls_cert_file =\nsmtp_tls_security_level =\nsmtpd_recipient_restrictions =\n"
"""The recorded machine is well in these already: a fault that is a missing line would be mended by it."""


def snapshot(main: str, told: dict[str, Reading]) -> Snapshot:
    base = host(UNSET + main)
    return replace(base, taken_at=NOW, readings={**base.readings, **told})


def findings(of: Snapshot) -> list[Finding]:
    return [*audit(of, Settings()), *audit_tls(of, Settings())]


@pytest.mark.parametrize("conf", [DOVECOT, NEW], ids=["2.3", "2.4"])
def test_a_server_that_is_well_raises_nothing(conf: str) -> None:
    of = snapshot(MAIN, dict(readings(Fault("", "", State.PASS, conf))))
    assert [one for one in findings(of) if one.state in (*BAD, State.UNKNOWN)] == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_named_and_nothing_else(fault: Fault) -> None:
    bad = [one for one in findings(snapshot(fault.main, dict(readings(fault)))) if one.state in BAD]
    assert (fault.control, fault.state) in {(one.control, one.state) for one in bad}
    # A limit without end, and a disk without room, are also limits that the disk does not hold.
    assert {one.control for one in bad} - {fault.control} <= {
        "mailboxes.quota-is-finite",
        "mailboxes.sum-fits-the-disk",
    }


def test_unread_is_unknown_with_what_to_type() -> None:
    told = {name: Unknown(f"{name}: Permission denied") for name in readings()}
    told[dovecot.EFFECTIVE] = Unknown("doveconf -n ended with 89: Permission denied")
    found = findings(snapshot(MAIN, dict(told)))
    assert {one.control for one in found} == {one.id for one in (*CONTROLS, *SERVER_TLS_CONTROLS)}
    unknown = {one.control for one in found if one.state is State.UNKNOWN}
    assert {"mailboxes.quota-is-on", "mailboxes.disk-has-room", "dmz.mailbox-passwords-need-tls"} <= unknown
    assert all(one.next_command for one in found if one.state is State.UNKNOWN)
    assert not any(one.target in ("dovecot", "disks") and one.state is State.PASS for one in found)


def test_limits_of_a_database_are_unknown_not_absent() -> None:
    conf = DOVECOT.replace("  quota_rule = *:storage=5G\n", "").replace(
        "driver = static", "driver = sql\n  args = /etc/dovecot/sql.conf"
    )
    found = findings(snapshot(MAIN, dict(readings(Fault("", "", State.PASS, conf)))))
    assert next(one for one in found if one.control == "mailboxes.quota-is-finite").state is State.UNKNOWN


def test_a_file_that_is_included_and_was_not_given_leaves_nothing_good() -> None:
    conf = "!include conf.d/*.conf\nssl = no\n"
    found = findings(snapshot(MAIN, dict(readings(Fault("", "", State.PASS, conf)))))
    states = {(one.control, one.target): one.state for one in found}
    assert states["dmz.mailbox-passwords-need-tls", "dovecot"] in (State.FAIL, State.UNKNOWN)
    assert states["mailboxes.quota-is-on", "dovecot"] is State.UNKNOWN
    assert not any(one.target == "dovecot" and one.state is State.PASS for one in found)


@pytest.mark.parametrize(
    ("value", "old"),
    [
        (">=TLSv1.2", []),
        (">=TLSv1", ["TLSv1", "TLSv1.1"]),
        ("!SSLv2, !SSLv3", ["TLSv1", "TLSv1.1"]),
        ("!SSLv2,!SSLv3,!TLSv1,!TLSv1.1", []),
        ("TLSv1.2 TLSv1.3", []),
        ("", ["SSLv2", "SSLv3", "TLSv1", "TLSv1.1"]),
    ],
)
def test_which_old_versions_a_list_lets_in(value: str, old: list[str]) -> None:
    assert old_versions(value) == old


def test_a_file_among_others_that_may_not_be_read_leaves_nothing_good() -> None:
    told: dict[str, Reading] = dict(readings(Fault("", "", State.PASS, DOVECOT + "!include_try conf.d/*.conf\n")))
    told[f"{dovecot.FILES}/etc/dovecot/conf.d/99.conf"] = Unknown("99.conf: Permission denied")
    found = findings(snapshot(MAIN, told))
    assert not any(one.target == "dovecot" and one.state is State.PASS for one in found)


SECRETS = """\
doveadm_password = hunter2
auth_policy_server_api_header = Authorization: Basic hunter2
passdb_default_fields = password=hunter2
# dnpass = hunter2
passdb {
  driver = static
  args = nopassword=y password=hunter2 \\
    more=hunter2
}
userdb { args = uid=5 password=hunter2 }
{{ hunter2 }}
ssl_min_protocol = TLSv1.2 # hunter2
ssl = required
"""


def test_a_password_in_a_setting_does_not_get_into_a_snapshot() -> None:
    kept = without_passwords(SECRETS)
    assert "hunter2" not in kept
    assert len(kept.splitlines()) == len(SECRETS.splitlines()), "each line keeps its number"
    assert "ssl_min_protocol = TLSv1.2" in kept
    assert kept.endswith("ssl = required\n")


@pytest.mark.skipif(not Path("/etc/dovecot/conf.d/10-auth.conf").exists(), reason="Dovecot is not installed")
def test_the_folder_that_debian_ships_is_understood() -> None:
    taken = tree(Path("/etc/dovecot").parent).ask(sources())
    alone = {**taken, dovecot.EFFECTIVE: Unknown("files alone were given")}
    found = dovecot.dovecot(Snapshot("h", NOW, "1", alone))
    assert isinstance(found, Dovecot), found
    assert found.unread == ()
    assert found.value("ssl", "") == "yes"


def test_a_policy_service_that_is_another_one_refuses_no_full_mailbox() -> None:
    other = MAIN.replace("12340", "10023")
    found = findings(snapshot(other, dict(readings())))
    assert next(one for one in found if one.control == "mailboxes.full-is-refused-at-rcpt").state is State.UNKNOWN


def test_a_limit_in_octets_is_a_limit() -> None:
    conf = DOVECOT.replace("*:storage=5G", "*:bytes=5G")
    found = findings(snapshot(MAIN, dict(readings(Fault("", "", State.PASS, conf)))))
    assert next(one for one in found if one.control == "mailboxes.quota-is-finite").state is State.PASS


@given(st.text(), st.text())
def test_garbage_never_raises(text: str, other: str) -> None:
    told: dict[str, Reading] = {
        dovecot.FILES: text, f"{dovecot.FILES}{dovecot.MAIN}": text, dovecot.EFFECTIVE: other, dovecot.VERSION: other,
        disks.SOURCE: text, f"{certificates.FOLDER}{CERT}": other,
    }  # fmt: skip
    assert findings(snapshot(MAIN, told))


@pytest.mark.skipif(shutil.which("doveconf", path="/usr/bin:/usr/sbin") is None, reason="Dovecot is not installed")
def test_files_alone_say_what_dovecot_itself_says(tmp_path: Path) -> None:
    conf = DOVECOT.replace(f"ssl_cert = <{CERT}\n", "")
    (tmp_path / "dovecot.conf").write_text(conf + "!include_try conf.d/*.conf\n")
    answer = subprocess.run(
        ["doveconf", "-n", "-c", tmp_path / "dovecot.conf"], capture_output=True, text=True, check=True
    )
    asked = dovecot.dovecot(Snapshot("h", NOW, "1", {dovecot.EFFECTIVE: answer.stdout}))
    alone = dovecot.dovecot(Snapshot("h", NOW, "1", {dovecot.FILES: "x", f"{dovecot.FILES}{dovecot.MAIN}": conf}))
    assert isinstance(asked, Dovecot), asked
    assert isinstance(alone, Dovecot), alone
    assert quota(asked).storage == quota(alone).storage == 5 << 30
    assert asked.value("ssl", "") == alone.value("ssl", "") == "required"
    assert asked.has_section("service quota-status")
