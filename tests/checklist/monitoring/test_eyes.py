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
    assert judged(by_syslog).state is State.WARN
    assert judged(by_syslog, '[monitoring]\nmail_logs = ["/var/log/maillog"]\n').state is State.PASS


def test_where_no_gateway_of_ours_starts_nobody_looks() -> None:
    assert judged(host()).state is State.NOT_APPLICABLE
    base = machine(rights())
    unread = replace(base, readings={**base.readings, units.ENABLED: Unknown("systemctl: Permission denied")})
    assert judged(unread).state is State.UNKNOWN


def test_that_a_user_reads_more_is_for_a_person_to_say() -> None:
    (left,) = [one for one in enforce(machine(rights()), Settings()) if one.control == EYES.id]
    assert isinstance(left, Left)
    assert left.try_this == "usermod -aG adm lockdown && systemctl restart lockdown-gateway"
