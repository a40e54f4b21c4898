"""Audit of item 8 on Exim and OpenSMTPD, by literals: relaying, trust, passwords, and what cannot be told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.checklist.relaying.audit import audit
from lockdown.checklist.relaying.controls import (
    MYNETWORKS,
    NO_ANONYMOUS,
    NO_VRFY,
    OPEN_TO_STRANGERS,
    PASSWORDS_NEED_TLS,
    RELAY_DOMAINS,
)
from lockdown.config import Settings
from lockdown.facts import exim, opensmtpd, postfix
from lockdown.host.exim import reduced as exim_reduced
from lockdown.model.finding import Control, Finding, State
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown
from tests.recordings.literal import HEALTHY

PASS, WARN, FAIL, UNKNOWN = State.PASS, State.WARN, State.FAIL, State.UNKNOWN

EXIM = """\
domainlist local_domains = @ : localhost : example.org
domainlist relay_to_domains =
hostlist relay_from_hosts = 127.0.0.1 : ::::1
acl_smtp_rcpt = acl_check_rcpt
begin acl
acl_check_rcpt:
  accept hosts = :
  deny domains = +local_domains
       local_parts = ^[.] : ^.*[@%!/|]
  deny condition = ${if and {{>{$rcpt_count}{10}}{<{$recipients_count}{${eval:$rcpt_count/2}}}}}
  accept hosts = +relay_from_hosts
  accept authenticated = *
  require message = relay not permitted
          domains = +local_domains : +relay_to_domains
  require verify = recipient
  deny hosts = ${if exists{/etc/exim4/local_host_blacklist}{/etc/exim4/local_host_blacklist}{}}
  accept
begin authenticators
plain:
  driver = plaintext
  server_condition = ${if crypteq{$auth3}{$auth2}}
  server_advertise_condition = ${if eq{$tls_in_cipher}{}{}{*}}
"""


def machine(readings: dict[str, Reading]) -> Snapshot:
    kept = {name: text for name, text in HEALTHY.readings.items() if not name.startswith("postfix/")}
    gone: dict[str, Reading] = {postfix.WHERE: "not installed: no postconf\n"}
    for source in (exim.WHERE, opensmtpd.WHERE):
        gone[source] = "not installed: not here\n"
    return replace(HEALTHY, readings={**kept, **gone, **readings})


def with_exim(text: Reading) -> Snapshot:
    return machine({exim.WHERE: "/usr/sbin/exim4\n", "exim/exim4.conf": text})


def with_smtpd(text: Reading) -> Snapshot:
    return machine({opensmtpd.WHERE: "/usr/sbin/smtpctl\n", "opensmtpd/smtpd.conf": text})


def found(control: Control, snapshot: Snapshot) -> Finding:
    return next(one for one in audit(snapshot, Settings()) if one.control == control.id and one.target != "gateway")


def test_a_healthy_exim_raises_nothing() -> None:
    bad = [one for one in audit(with_exim(EXIM), Settings()) if one.state in (WARN, FAIL) and one.target == "exim"]
    assert bad == []
    assert found(OPEN_TO_STRANGERS, with_exim(EXIM)).state is PASS


EXIM_FAULTS: dict[str, tuple[str, str, Control, State]] = {
    "relay rule gone": ("domains = +local_domains : +relay_to_domains", "", OPEN_TO_STRANGERS, FAIL),
    "all domains": ("relay_to_domains =", "relay_to_domains = *", OPEN_TO_STRANGERS, FAIL),
    "all domains are yours": ("relay_to_domains =", "relay_to_domains = *", RELAY_DOMAINS, FAIL),
    "last domain is negated": ("relay_to_domains =", "relay_to_domains = !bad.example", OPEN_TO_STRANGERS, FAIL),
    "mx of anybody": ("relay_to_domains =", "relay_to_domains = @mx_any", RELAY_DOMAINS, WARN),
    "everyone is trusted": ("127.0.0.1 : ::::1", "0.0.0.0/0", OPEN_TO_STRANGERS, FAIL),
    "a star is trusted": ("127.0.0.1 : ::::1", "*", OPEN_TO_STRANGERS, FAIL),
    "everyone but one": ("127.0.0.1 : ::::1", "!192.0.2.1", OPEN_TO_STRANGERS, FAIL),
    "everyone in mynetworks": ("127.0.0.1 : ::::1", "0.0.0.0/0", MYNETWORKS, FAIL),
    "a private range": ("127.0.0.1 : ::::1", "10.0.0.0/8", MYNETWORKS, WARN),
    "a forged sender": ("accept authenticated = *", "accept senders = *@example.org", OPEN_TO_STRANGERS, FAIL),
    "a forged HELO": ("accept authenticated = *", "accept verify = helo", OPEN_TO_STRANGERS, FAIL),
    "TLS is enough": ("accept authenticated = *", "accept encrypted = *", OPEN_TO_STRANGERS, FAIL),
    "not logged in": ("accept authenticated = *", "accept !authenticated = *", OPEN_TO_STRANGERS, FAIL),
    "accept by name": ("acl_smtp_rcpt = acl_check_rcpt", "acl_smtp_rcpt = accept", OPEN_TO_STRANGERS, FAIL),
    "nested": ("accept authenticated = *", "accept acl = x\n  deny\nx:\n  accept\n", OPEN_TO_STRANGERS, FAIL),
    "AUTH in clear": ("  server_advertise_condition", "  #", PASSWORDS_NEED_TLS, FAIL),
    "AUTH in clear by a word": ("${if eq{$tls_in_cipher}{}{}{*}}", "yes", PASSWORDS_NEED_TLS, FAIL),
    "any password": ("${if crypteq{$auth3}{$auth2}}", "1", NO_ANONYMOUS, FAIL),
    "VRFY": ("begin acl", "acl_smtp_vrfy = accept\nbegin acl", NO_VRFY, FAIL),
    "EXPN": ("begin acl", "acl_smtp_expn = e\nbegin acl\ne:\n  accept", NO_VRFY, FAIL),
    "a list in a file": ("127.0.0.1 : ::::1", "/etc/exim4/relays", OPEN_TO_STRANGERS, UNKNOWN),
    "a condition": ("accept authenticated = *", "accept condition = ${lookup mysql{x}}", OPEN_TO_STRANGERS, UNKNOWN),
    "an include": ("accept authenticated = *", ".include /etc/exim4/more", OPEN_TO_STRANGERS, UNKNOWN),
}


@pytest.mark.parametrize("name", EXIM_FAULTS)
def test_a_fault_in_exim_is_found(name: str) -> None:
    old, new, control, state = EXIM_FAULTS[name]
    assert old in EXIM
    finding = found(control, with_exim(EXIM.replace(old, new)))
    assert finding.state is state
    assert finding.next_command


def test_an_authenticator_that_sends_no_password_needs_no_tls() -> None:
    text = EXIM.replace("  server_advertise_condition", "  #").replace("driver = plaintext", "driver = cram_md5")
    assert found(PASSWORDS_NEED_TLS, with_exim(text)).state is PASS


def test_an_exim_that_may_not_be_read_is_unknown() -> None:
    snapshot = with_exim(Unknown("/etc/exim4/exim4.conf: permission denied"))
    assert found(OPEN_TO_STRANGERS, snapshot).state is UNKNOWN


def test_an_exim_that_only_this_machine_reaches_is_open_to_nobody() -> None:
    text = "local_interfaces = <; 127.0.0.1 ; ::1\n" + EXIM.replace("require message", "accept message")
    assert found(OPEN_TO_STRANGERS, with_exim(text)).state is PASS


def test_a_macro_may_be_defined_between_access_lists() -> None:
    text = EXIM.replace("acl_check_rcpt:", "DOTS = ^[.]\nacl_check_rcpt:").replace("0.1 : ::::1", "0.1 : 0.0.0.0/0")
    assert found(OPEN_TO_STRANGERS, with_exim(text)).state is FAIL


def test_hosts_that_an_asked_list_names_are_not_trusted() -> None:
    text = EXIM.replace("deny condition", "deny !acl = x\n       condition").replace(
        "begin authenticators", "x:\n  accept hosts = ${if exists{/a}{/a}{}}\nbegin authenticators"
    )
    assert found(MYNETWORKS, with_exim(text)).state is PASS


def test_evidence_is_the_line_that_accepts() -> None:
    finding = found(OPEN_TO_STRANGERS, with_exim(EXIM.replace("127.0.0.1 : ::::1", "*")))
    assert (finding.evidence[0].source, finding.evidence[0].line) == ("/etc/exim4/exim4.conf", 11)


SMTPD = """\
table aliases file:/etc/aliases
listen on all tls pki mx
listen on all port 587 tls-require pki mx auth
action "local" maildir alias <aliases>
action "relay" relay
match for local action "local"
match from any for domain "example.org" action "local"
match from local for any action "relay"
match auth from any for any action "relay"
"""

SMTPD_CASES: dict[str, tuple[str, Control, State]] = {
    "healthy": (SMTPD, OPEN_TO_STRANGERS, PASS),
    "healthy log-ins": (SMTPD, PASSWORDS_NEED_TLS, PASS),
    "from any for any": (SMTPD + 'match from any for any action "relay"\n', OPEN_TO_STRANGERS, FAIL),
    "from src everyone": (SMTPD + 'match from src 0.0.0.0/0 for any action "relay"\n', OPEN_TO_STRANGERS, FAIL),
    "for domain star": (SMTPD + 'match from any for domain "*" action "relay"\n', OPEN_TO_STRANGERS, FAIL),
    "not one domain": (SMTPD + 'match from any for ! domain "x.example" action "relay"\n', OPEN_TO_STRANGERS, FAIL),
    "not local": (SMTPD + 'match from ! local for any action "relay"\n', OPEN_TO_STRANGERS, FAIL),
    "not auth": (SMTPD + 'match ! auth from any for any action "relay"\n', OPEN_TO_STRANGERS, FAIL),
    "helo is forged": (SMTPD + 'match from any helo "x" for any action "relay"\n', OPEN_TO_STRANGERS, FAIL),
    "tag": (SMTPD + 'match tag "X" from any for any action "relay"\n', OPEN_TO_STRANGERS, FAIL),
    "rejected before": (SMTPD + 'match from any for any reject\nmatch from any for any action "relay"\n',
                        OPEN_TO_STRANGERS, PASS),
    "kept here": (SMTPD + 'match from any for any action "local"\n', OPEN_TO_STRANGERS, PASS),
    "kept here, old syntax": ("listen on all\naccept from any for any deliver to mbox\n", OPEN_TO_STRANGERS, PASS),
    "some are kept": (SMTPD + 'match from any for domain "*.com" action local\nmatch from any for any action "relay"\n',
                      OPEN_TO_STRANGERS, FAIL),
    "some are rejected": (SMTPD + 'match from any for domain "*.com" reject\nmatch from any for any action "relay"\n',
                          OPEN_TO_STRANGERS, FAIL),
    "an action unread": (SMTPD + 'match from any for any action "more"\n', OPEN_TO_STRANGERS, UNKNOWN),
    "old syntax": ("listen on all\naccept from any for any relay\n", OPEN_TO_STRANGERS, FAIL),
    "old syntax, healthy": ("listen on all\naccept from local for any relay\n", OPEN_TO_STRANGERS, PASS),
    "macro": ('who = "any"\nlisten on all\naccept from $who for any relay\n', OPEN_TO_STRANGERS, FAIL),
    "continued": ("listen on all\naccept from any \\\n for any relay\n", OPEN_TO_STRANGERS, FAIL),
    "inline table": (SMTPD + 'table n { 0.0.0.0/0 }\nmatch from src <n> for any action "relay"\n',
                     OPEN_TO_STRANGERS, FAIL),
    "a table unread": (SMTPD + 'table n file:/x\nmatch from src <n> for any action "relay"\n',
                       OPEN_TO_STRANGERS, UNKNOWN),
    "an include unread": (SMTPD + 'include "/etc/more.conf"\n', OPEN_TO_STRANGERS, UNKNOWN),
    "loopback only": ("listen on localhost\naccept from any for any relay\n", OPEN_TO_STRANGERS, PASS),
    "AUTH in clear": ("listen on all auth\n", PASSWORDS_NEED_TLS, FAIL),
}  # fmt: skip


@pytest.mark.parametrize("name", SMTPD_CASES)
def test_opensmtpd_is_judged_by_its_rules(name: str) -> None:
    text, control, state = SMTPD_CASES[name]
    assert found(control, with_smtpd(text)).state is state


@given(st.text(max_size=300), st.sampled_from(("", EXIM, SMTPD)))
def test_garbage_never_raises(text: str, before: str) -> None:
    for snapshot in (with_exim(before + text), with_exim(text + before), with_smtpd(before + text)):
        assert list(audit(snapshot, Settings()))


def test_no_password_of_exim_gets_into_a_snapshot_and_each_line_keeps_its_number() -> None:
    text = (
        "hide mysql_servers = localhost/db/user/hunter2\n"
        "plain:\n  server_condition = ${if and{{eq{$auth2}{bob}} \\\n    {eq{$auth3}{hunter2}}}}\n"
        "  client_send = ^bob^hunter2\nopen:\n  server_condition = yes\n"
    )
    kept = exim_reduced(text)
    assert "hunter2" not in kept
    assert len(kept.splitlines()) == len(text.splitlines())
    assert "server_condition = yes" in kept
