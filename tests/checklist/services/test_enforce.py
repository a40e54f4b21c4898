"""What item 6 proposes, on readings: what is not wanted is stopped, and nothing that the role needs ever is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lockdown.checklist.services.audit import OLD, audit
from lockdown.checklist.services.audit_probe import SEEN_NAMES_KEPT
from lockdown.checklist.services.controls import CLEAR_MAILBOXES, COMES_BACK, DECLARED, NOTHING_OLD
from lockdown.checklist.services.enforce import NEEDED, enforce
from lockdown.checklist.services.enforce_mailboxes import DROP_IN
from lockdown.config import read_settings
from lockdown.facts import dovecot, listeners, owners, packages, units
from lockdown.facts.probed import Said
from lockdown.model.change import Left, Proposal, PutFile, Risk, SetPackage, SetPostfix, SetUnit, Unit
from lockdown.model.finding import State
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown
from tests.checklist.seen import seen
from tests.live.faults_host import LISTENING, WELL
from tests.recordings.literal import HEALTHY

SITE = 'role = "all-in-one"'
TELNET = {
    listeners.SOURCE: LISTENING + "tcp 0.0.0.0:23 7 inetd\n",
    owners.SOURCE: "tcp 0.0.0.0:23 /usr/sbin/inetd openbsd-inetd.service openbsd-inetd openbsd-inetd\n",
}


def machine(readings: Mapping[str, Reading]) -> Snapshot:
    return Snapshot("m", datetime(2026, 1, 13, tzinfo=UTC), "1", {**WELL, **readings})


def told(readings: Mapping[str, Reading], site: str = SITE, more: str = "") -> list[Proposal | Left]:
    policy = read_settings([("lockdown.toml", f"[site]\n{site}\n{more}")]).settings
    return list(enforce(machine(readings), policy))


def changes(readings: Mapping[str, Reading], site: str = SITE, more: str = "") -> list[object]:
    return [one.change for one in told(readings, site, more) if isinstance(one, Proposal)]


def test_a_machine_that_is_well_is_left_alone() -> None:
    assert told({}) == []


@pytest.mark.parametrize("profile", ["starter", "business", "strict"])
def test_a_service_of_another_time_is_masked_and_told_once(profile: str) -> None:
    (found,) = told(TELNET, f'{SITE}\nprofile = "{profile}"')
    assert isinstance(found, Proposal)
    assert found.change == SetUnit("openbsd-inetd.service", Unit.MASKED)
    assert (found.control, found.target, found.risk) == (NOTHING_OLD.id, "telnet", Risk.LOW)
    assert DECLARED.id in found.also
    assert "tcp/23" in found.why


def test_once_it_listens_no_more_nothing_is_proposed() -> None:
    assert told({**TELNET, listeners.SOURCE: LISTENING}) == []


def test_a_machine_without_systemd_has_its_init_script_masked() -> None:
    line = "tcp 0.0.0.0:23 /usr/sbin/inetd - openbsd-inetd openbsd-inetd\n"
    assert changes({**TELNET, owners.SOURCE: line}) == [SetUnit("openbsd-inetd.service", Unit.MASKED)]


def test_a_socket_that_systemd_holds_open_is_masked_but_not_that_of_ssh() -> None:
    line = "tcp [::]:23 /usr/lib/systemd/systemd telnet.socket systemd -\n"
    assert changes({**TELNET, owners.SOURCE: line}) == [SetUnit("telnet.socket", Unit.MASKED)]
    for kept in (line.replace("telnet.socket", "ssh.socket"), line.replace("telnet.socket", "-")):
        assert changes({**TELNET, owners.SOURCE: kept}) == []


def test_a_server_of_several_ports_is_stopped_once() -> None:
    both = {
        listeners.SOURCE: LISTENING + "tcp 0.0.0.0:23 7 inetd\ntcp 0.0.0.0:79 7 inetd\ntcp 0.0.0.0:79 7 inetd\n",
        owners.SOURCE: TELNET[owners.SOURCE] + TELNET[owners.SOURCE].replace(":23", ":79"),
    }
    assert changes(both) == [SetUnit("openbsd-inetd.service", Unit.MASKED)]


def test_what_nothing_starts_is_taken_out_where_its_package_is_of_another_time() -> None:
    known = {packages.STATUS: "telnetd 0.17 amd64 netkit-telnet install ok installed\n"}
    line = "tcp 0.0.0.0:23 /usr/sbin/in.telnetd - telnetd -\n"
    assert changes({**TELNET, **known, owners.SOURCE: line}) == [SetPackage("telnetd", present=False)]
    unknown = told({**TELNET, owners.SOURCE: line})
    assert [type(one) for one in unknown] == [Left]


def test_what_nobody_has_declared_is_masked_on_probation_for_it_may_be_the_way_in() -> None:
    strange = {
        listeners.SOURCE: LISTENING + "tcp 0.0.0.0:9100 7 exporter\n",
        owners.SOURCE: "tcp *:9100 /usr/bin/exporter exporter.service exporter -\n",
    }
    (found,) = told(strange)
    assert isinstance(found, Proposal)
    assert (found.change, found.risk, found.on_probation) == (
        SetUnit("exporter.service", Unit.MASKED), Risk.HIGH, True,
    )  # fmt: skip
    assert (found.control, found.target) == (DECLARED.id, "tcp/9100")
    assert told(strange, more='[services]\ndeclared = ["tcp/9100 metrics"]') == []


@pytest.mark.parametrize("reading", ["", "tcp 0.0.0.0:23 - - - -\n", Unknown("Permission denied"), "what is this\n"])
def test_what_has_no_known_owner_is_left_with_what_to_type(reading: Reading) -> None:
    (found,) = told({**TELNET, owners.SOURCE: reading})
    assert isinstance(found, Left)
    assert "sport = :23" in found.try_this


@pytest.mark.parametrize("name", sorted(NEEDED))
@pytest.mark.parametrize("port", [23, 9999])
def test_nothing_that_is_needed_is_ever_stopped(name: str, port: int) -> None:
    package = name.lower().replace("_", "-") if name.lower() in NEEDED else "x"
    for line in (
        f"/usr/sbin/{name} x.service x x",
        f"/x {name}.service x -",
        f"/x {name}@1.service - x",
        f"/x x.service {package} {name}",
    ):
        readings = {
            listeners.SOURCE: LISTENING + f"tcp 0.0.0.0:{port} 7 x\n", owners.SOURCE: f"tcp 0.0.0.0:{port} {line}\n",
        }  # fmt: skip
        (found,) = told(readings)
        assert isinstance(found, Left) and "not stopped" in found.why


def test_a_port_shared_with_what_is_needed_stays_whole() -> None:
    shared = TELNET[owners.SOURCE] + "tcp [::]:23 /usr/sbin/sshd ssh.service openssh-server ssh\n"
    assert changes({**TELNET, owners.SOURCE: shared}) == []


def test_what_the_settings_want_is_left_even_where_it_is_of_another_time() -> None:
    (found,) = told(TELNET, more='[services]\ndeclared = ["tcp/23 an old machine"]')
    assert isinstance(found, Left)
    assert "services.declared" in found.try_this


def test_nothing_is_proposed_where_the_audit_could_not_tell() -> None:
    assert told({**TELNET, listeners.SOURCE: Unknown("Permission denied")}) == []


def test_what_comes_back_by_itself_is_masked_but_not_what_is_wanted() -> None:
    enabled = {
        units.ENABLED: "ssh.service enabled enabled\ncups.socket enabled enabled\nrpcbind.socket enabled enabled\n"
    }
    assert changes(enabled) == [SetUnit("cups.socket", Unit.MASKED), SetUnit("rpcbind.socket", Unit.MASKED)]
    wanted = told(enabled, more='[services]\ndeclared = ["tcp/111 nfs"]')
    assert [type(one) for one in wanted] == [Proposal, Left]
    assert {one.control for one in wanted} == {COMES_BACK.id}


def test_without_systemd_the_init_script_is_masked() -> None:
    line = "l\t777\troot\troot\t1\t1.0\t/etc/rc2.d/S01rpcbind\t../init.d/rpcbind\n"
    gone: dict[str, Reading] = {units.ENABLED: "not installed: systemd does not run here\n", units.SCRIPTS: line}
    assert changes(gone) == [SetUnit("rpcbind.service", Unit.MASKED)]


# ── 110 and 143 ──

MAIN = "!include conf.d/*.conf\n"
EFFECTIVE = "# 2.3.19.1 (9b53102964): /etc/dovecot/dovecot.conf\nprotocols = imap\nssl = required\nssl_cert = </x.pem\n"
CLEAR = {
    listeners.SOURCE: LISTENING.replace(":993 3 dovecot", ":993 3 dovecot\ntcp 0.0.0.0:143 3 dovecot"),
    dovecot.EFFECTIVE: EFFECTIVE,
    dovecot.FILES: "/etc/dovecot/dovecot.conf\n",
    f"{dovecot.FILES}{dovecot.MAIN}": MAIN,
}


def test_143_is_shut_by_a_drop_in_where_993_is_open() -> None:
    (found,) = told(CLEAR)
    assert isinstance(found, Proposal) and isinstance(found.change, PutFile) and found.change.text
    assert (found.control, found.change.path) == (CLEAR_MAILBOXES.id, DROP_IN)
    assert found.change.text.startswith(f"# Lockdown: {CLEAR_MAILBOXES.id}:")
    assert "service imap-login {\n  inet_listener imap {\n    port = 0\n" in found.change.text
    assert "pop3" not in found.change.text


@pytest.mark.parametrize(
    ("version", "line"),
    [(EFFECTIVE, "address = 127.0.0.1"), (f"dovecot_config_version = 2.4.1\n{EFFECTIVE}", "listen = 127.0.0.1")],
)
def test_a_web_server_keeps_143_for_the_machine_itself(version: str, line: str) -> None:
    web = {**CLEAR, dovecot.EFFECTIVE: version, listeners.SOURCE: CLEAR[listeners.SOURCE] + "tcp 0.0.0.0:443 9 nginx\n"}
    (found,) = told(web)
    assert isinstance(found, Proposal) and isinstance(found.change, PutFile) and found.change.text
    assert line in found.change.text and "port = 0" not in found.change.text


@pytest.mark.parametrize(
    ("readings", "why"),
    [
        ({dovecot.EFFECTIVE: EFFECTIVE.replace("required", "no")}, "no TLS"),
        ({dovecot.EFFECTIVE: EFFECTIVE.replace("ssl_cert = </x.pem\n", "")}, "no TLS"),
        ({listeners.SOURCE: LISTENING.replace(":993", ":143")}, "nothing listens on the port of imaps"),
        ({listeners.SOURCE: CLEAR[listeners.SOURCE] + "tcp 0.0.0.0:110 3 dovecot\n"}, "the port of pop3s"),
        ({listeners.SOURCE: CLEAR[listeners.SOURCE].replace(":143 3 dovecot", ":143 3 imapd")}, "imapd listens"),
        ({f"{dovecot.FILES}{dovecot.MAIN}": "protocols = imap\n"}, "does not include"),
        (
            {dovecot.EFFECTIVE: Unknown("Permission denied"), dovecot.FILES: Unknown("denied")},
            "no Dovecot that is read",
        ),
    ],
)
def test_a_door_is_not_shut_that_would_leave_users_without_any(readings: dict[str, Reading], why: str) -> None:
    if dovecot.FILES in readings:
        readings = {**readings, f"{dovecot.FILES}{dovecot.MAIN}": Unknown("denied")}
    (found,) = told({**CLEAR, **readings})
    assert isinstance(found, Left)
    assert why in found.why


# ── what a stranger was told ──


def test_vrfy_that_tells_is_switched_off_in_the_postfix_here() -> None:
    tells = seen(vrfy=Said(550, "5.1.1 no such user"))
    policy = read_settings([("lockdown.toml", "")]).settings
    main = {
        **tells.readings,
        "postfix/postconf": str(HEALTHY.readings["postfix/postconf"]) + "disable_vrfy_command = no\n",
    }
    is_on = Snapshot("m", tells.taken_at, "1", main)
    found = [one for one in enforce(is_on, policy) if one.control == SEEN_NAMES_KEPT.id]
    assert [one.change for one in found if isinstance(one, Proposal)] == [SetPostfix("disable_vrfy_command", "yes")]
    is_off = [one for one in enforce(tells, policy) if one.control == SEEN_NAMES_KEPT.id]
    assert [type(one) for one in is_off] == [Left]


# ── strangers' bytes ──


@given(st.text(), st.text())
@hypothesis_settings(deadline=None)
def test_garbage_never_raises_and_proposes_nothing_for_an_owner_it_does_not_know(text: str, other: str) -> None:
    assert not any(isinstance(one, SetUnit) for one in changes({**TELNET, owners.SOURCE: text, packages.STATUS: other}))
    told({**CLEAR, dovecot.EFFECTIVE: text, f"{dovecot.FILES}{dovecot.MAIN}": other, units.ENABLED: text})


@given(st.sampled_from(sorted(OLD)), st.text(alphabet="ab/.- \n0:@", max_size=60))
def test_a_line_of_an_owner_is_understood_whole_or_not_at_all(place: tuple[str, int], rest: str) -> None:
    found = owners.owners(machine({owners.SOURCE: f"{place[0]} 0.0.0.0:{place[1]} {rest}"}))
    assert isinstance(found, Unknown) or all(one.program is not None for those in found.values() for one in those)


def test_the_audit_says_nothing_bad_once_all_is_done() -> None:
    after = machine({**TELNET, listeners.SOURCE: LISTENING})
    policy = read_settings([("lockdown.toml", f"[site]\n{SITE}")]).settings
    assert not [one for one in audit(after, policy) if one.state in (State.FAIL, State.WARN)]
