"""Whether the watch reads the log that Postfix writes, as the user that it runs as."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockdown.checklist.monitoring.audit_eyes import audit_eyes
from lockdown.checklist.monitoring.enforce import enforce
from lockdown.checklist.monitoring.server_controls import EYES
from lockdown.config import Settings, read_settings
from lockdown.facts import accounts, units, watchers
from lockdown.model.change import Left
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown
from tests.recordings.literal import HEALTHY, host
from tests.recordings.upkeep import listed

LOG = "/var/log/mail.log"
GROUP = "adm:x:4:syslog\nlockdown:x:990:\n"


def rights(mode: str = "640", owner: str = "syslog", group: str = "adm", path: str = LOG) -> str:
    return listed(path).replace("f\t644\troot\troot", f"f\t{mode}\t{owner}\t{group}")


def machine(log: Reading, main: str = "", group: str = GROUP, **readings: Reading) -> Snapshot:
    base = host(main)
    passwd = f"{HEALTHY.readings[accounts.PASSWD]}lockdown:x:990:990::/var/lib/lockdown:/usr/sbin/nologin\n"
    told: dict[str, Reading] = {
        units.ENABLED: "lockdown-gateway.service enabled enabled\n",
        watchers.LOGS: log,
        accounts.PASSWD: passwd,
        accounts.GROUP: f"{HEALTHY.readings[accounts.GROUP]}{group}",
    }
    return replace(base, readings={**base.readings, **told, **readings})


def judged(snapshot: Snapshot, settings: str = "") -> Finding:
    return audit_eyes(snapshot, read_settings([("lockdown.toml", settings)]).settings)


@pytest.mark.parametrize(
    ("log", "group", "state"),
    [
        (rights(), GROUP, State.WARN),
        (rights(), "adm:x:4:syslog,lockdown\n", State.PASS),
        (rights("600"), "adm:x:4:lockdown\n", State.WARN),
        (rights("644"), GROUP, State.PASS),
        (rights("600", owner="lockdown"), GROUP, State.PASS),
        (rights(group="lockdown"), GROUP, State.PASS),
        ("", GROUP, State.WARN),
        (Unknown("/var/log: Permission denied"), GROUP, State.UNKNOWN),
    ],
)
def test_the_log_must_be_there_and_the_gateways_user_must_be_able_to_read_it(
    log: Reading, group: str, state: State
) -> None:
    assert judged(machine(log, group=group)).state is state


def test_the_right_log_must_be_read() -> None:
    elsewhere = machine(rights("644"), "maillog_file = /var/log/postfix.log\n")
    assert judged(elsewhere).state is State.WARN
    assert "/var/log/postfix.log" in judged(elsewhere).next_command
    by_syslog = machine(rights("644", path="/var/log/maillog"))
    assert judged(by_syslog).state is State.PASS  # it is found
    assert judged(by_syslog, '[monitoring]\nmail_logs = ["/var/log/mail.log"]\n').state is State.WARN
    assert judged(by_syslog, '[monitoring]\nmail_logs = ["/var/log/maillog"]\n').state is State.PASS


JOURNAL = "/var/log/journal/0123456789abcdef/system.journal"
READS_FILE, READS_JOURNAL = (f'[monitoring]\nmail_logs = ["{log}"]\n' for log in (LOG, "journal"))


def journal(mode: str = "640", group: str = "systemd-journal") -> str:
    return rights(mode, "root", group, JOURNAL)


def of(group: str) -> str:
    return f"{group}:x:4:lockdown\n"


@pytest.mark.parametrize(
    ("log", "settings", "group", "state", "says"),
    [
        (journal(), "", of("systemd-journal"), State.PASS, ""),
        (journal(), READS_JOURNAL, of("systemd-journal"), State.PASS, ""),
        (journal(), "", of("adm"), State.PASS, ""),
        (journal(), "", of("mail"), State.WARN, "usermod -aG systemd-journal lockdown"),
        (journal("600"), "", of("systemd-journal"), State.WARN, "usermod"),
        (journal(), READS_FILE, of("systemd-journal"), State.WARN, 'mail_logs = ["journal"]'),
        (journal() + rights(), READS_JOURNAL, of("systemd-journal"), State.PASS, ""),
        (journal() + rights(), "", of("adm"), State.PASS, ""),
        (rights(), READS_JOURNAL, of("adm"), State.WARN, f'mail_logs = ["{LOG}"]'),
        # Nobody has written the file for days, and the journal is written: rsyslog has gone.
        (journal().replace("\t1768478400", "\t1769478400") + rights(), READS_FILE, of("adm"), State.WARN, "journal"),
        (journal().replace("\t1768478400", "\t1769478400") + rights(), "", of("systemd-journal"), State.PASS, ""),
    ],
)
def test_where_the_journal_alone_has_the_log_it_is_read_by_who_may(
    log: str, settings: str, group: str, state: State, says: str
) -> None:
    found = judged(machine(log, group=f"lockdown:x:990:\n{group}"), settings)
    assert found.state is state, found
    assert says in found.next_command


def test_a_group_that_the_unit_gives_is_one_of_the_gateways() -> None:
    group = "lockdown:x:990:\n"
    by_unit = {units.GATEWAY_GROUPS: "adm systemd-journal\n"}
    base = machine(journal(), group=group)
    assert judged(base).state is State.WARN
    assert judged(replace(base, readings={**base.readings, **by_unit})).state is State.PASS
    no_systemd = {units.GATEWAY_GROUPS: "not installed: systemd does not run here\n"}
    assert judged(replace(base, readings={**base.readings, **no_systemd})).state is State.WARN


def test_where_no_gateway_of_ours_starts_nobody_looks() -> None:
    assert judged(host()).state is State.NOT_APPLICABLE
    base = machine(rights())
    unread = replace(base, readings={**base.readings, units.ENABLED: Unknown("systemctl: Permission denied")})
    assert judged(unread).state is State.UNKNOWN


def test_that_a_user_reads_more_is_for_a_person_to_say() -> None:
    (left,) = [one for one in enforce(machine(rights()), Settings()) if one.control == EYES.id]
    assert isinstance(left, Left)
    assert left.try_this == "usermod -aG adm lockdown && systemctl restart lockdown-gateway"
