"""Audit of item 8, by literals: one line that differs from a careful server, and what a colleague would say of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockdown.checklist.relaying.audit import POSTFIX_CONTROLS, audit
from lockdown.checklist.relaying.audit_postfix import PER_SERVICE
from lockdown.checklist.relaying.controls import (
    BOUNCES_GET_IN,
    GATEWAY_DOMAINS,
    GATEWAY_NOT_TRUSTED,
    GATEWAY_OUTWARD,
    GATEWAY_TRUST,
    MYNETWORKS,
    NO_ANONYMOUS,
    NO_SMUGGLING,
    NO_VRFY,
    OPEN_TO_STRANGERS,
    PASSWORDS_NEED_TLS,
    QUIET_BANNER,
    RELAY_DOMAINS,
    SENDER_ROUTING,
    SENDERS_MATCH,
    TAKES_OWN_MAIL,
    UNKNOWN_RECIPIENT,
    XCLIENT,
)
from lockdown.config import Settings, read_settings
from lockdown.facts import postfix as facts
from lockdown.model.finding import Control, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown
from tests.recordings.literal import host

PASS, WARN, FAIL, UNKNOWN, N_A = State.PASS, State.WARN, State.FAIL, State.UNKNOWN, State.NOT_APPLICABLE


def policy(settings: str = "") -> Settings:
    return read_settings([("lockdown.toml", settings)]).settings


def findings(snapshot: Snapshot, control: Control, settings: str = "") -> list[Finding]:
    return [found for found in audit(snapshot, policy(settings)) if found.control == control.id]


def on_postfix(main: str, control: Control, **more: str) -> Finding:
    """What is said of Postfix itself, of its first service."""
    return next(found for found in findings(host(main, **more), control) if found.target.startswith("postfix"))  # type: ignore[arg-type]


def on_gateway(settings: str, control: Control, **more: str) -> Finding:
    snapshot = host(settings=settings, **more)  # type: ignore[arg-type]
    return next(found for found in findings(snapshot, control, settings) if found.target == "gateway")


@pytest.mark.parametrize(
    ("restrictions", "state"),
    [
        ("permit_mynetworks, reject_unauth_destination", PASS),
        ("permit_mynetworks, check_client_access static:OK, reject_unauth_destination", FAIL),
        ("permit_naked_ip_address, reject_unauth_destination", FAIL),
        ("warn_if_reject reject_unauth_destination, permit_naked_ip_address, reject", FAIL),
        ("permit_dnswl_client list.example, reject_unauth_destination", WARN),
        ("permit_tls_all_clientcerts, reject_unauth_destination", WARN),
        ("check_policy_service unix:private/policy, reject_unauth_destination", WARN),
        ("reject_unauth_destination, check_policy_service unix:private/policy", PASS),
        ("check_recipient_access inline:{partner.example=OK}, reject_unauth_destination", WARN),
        ("check_sender_access mysql:/etc/postfix/db.cf, reject_unauth_destination", UNKNOWN),
    ],
)
def test_a_relay_list_is_open_closed_or_in_doubt(restrictions: str, state: State) -> None:
    found = on_postfix(f"smtpd_relay_restrictions = {restrictions}\n", OPEN_TO_STRANGERS)
    assert found.state is state, found.says
    assert found.evidence[0].line == 1


def test_a_permission_in_the_recipient_list_opens_nothing_while_the_relay_list_is_closed() -> None:
    main = "smtpd_recipient_restrictions = check_sender_access static:OK\n"
    assert on_postfix(main, OPEN_TO_STRANGERS).state is PASS


def test_a_service_on_loopback_is_not_open_to_strangers() -> None:
    main = "inet_interfaces = loopback-only\nsmtpd_relay_restrictions = check_client_access static:OK, reject\n"
    assert on_postfix(main, OPEN_TO_STRANGERS).state is PASS


def test_an_open_relay_cannot_be_waived() -> None:
    assert not OPEN_TO_STRANGERS.waivable


@pytest.mark.parametrize(
    ("networks", "state"),
    [
        ("127.0.0.0/8 [::1]/128", PASS),
        ("192.168.1.0/24", PASS),
        ("172.17.0.0/16", WARN),
        ("10.0.0.0/8", FAIL),
        ("!10.0.0.0/8 127.0.0.0/8", PASS),
        ("198.51.0.0/17", FAIL),
        ("cidr:/etc/postfix/gone", UNKNOWN),
        ("cidr:/etc/postfix/gone 10.0.0.0/8", FAIL),
    ],
)
def test_mynetworks_are_as_wide_as_their_widest_entry(networks: str, state: State) -> None:
    found = on_postfix(f"mynetworks = {networks}\n", MYNETWORKS)
    assert found.state is state, found.says


def test_a_container_bridge_in_mynetworks_is_named() -> None:
    interfaces = "lo 127.0.0.1/8\nbr-1234 192.168.9.1/24\n"
    found = on_postfix("mynetworks = 192.168.9.0/24\n", MYNETWORKS, interfaces=interfaces)
    assert found.state is FAIL
    assert "br-1234" in found.says


def test_mynetworks_that_no_list_asks_trust_nobody() -> None:
    main = "mynetworks = 10.0.0.0/8\nsmtpd_relay_restrictions = reject_unauth_destination\n"
    assert on_postfix(main, MYNETWORKS).state is PASS


BEHIND = '[gateway]\nupstream = "smtp://{}"\n'


@pytest.mark.parametrize(
    ("upstream", "main", "state"),
    [
        ("127.0.0.1:25", "", FAIL),
        ("localhost", "", FAIL),
        ("192.0.2.7:25", "mynetworks = 127.0.0.0/8\n", PASS),
        ("192.0.2.7:25", "mynetworks = 192.0.2.0/24\n", FAIL),
        ("127.0.0.1:25", "smtpd_authorized_xclient_hosts = 127.0.0.1\n", WARN),
        ("127.0.0.1:25?proxy=v2", "smtpd_upstream_proxy_protocol = haproxy\n", PASS),
        ("127.0.0.1:25", "mynetworks = 192.0.2.7\n", PASS),
        ("127.0.0.1:25", "mynetworks = hash:/etc/postfix/gone\n", UNKNOWN),
        ("127.0.0.1:2600", "", UNKNOWN),
        ("198.51.100.1:25", "", UNKNOWN),
    ],
)
def test_the_server_behind_must_not_trust_the_address_that_the_gateway_comes_from(
    upstream: str, main: str, state: State
) -> None:
    settings = BEHIND.format(upstream)
    (found,) = findings(host(main, settings=settings), GATEWAY_NOT_TRUSTED, settings)
    assert found.state is state, found.says


def test_a_server_that_sees_the_gateway_for_every_client_is_told() -> None:
    settings = BEHIND.format("127.0.0.1:25")
    (found,) = findings(host("mynetworks = 192.0.2.7\n", settings=settings), GATEWAY_NOT_TRUSTED, settings)
    assert "smtpd_authorized_xclient_hosts" in found.says


def test_the_service_that_the_gateway_uses_is_judged_with_its_own_overrides() -> None:
    settings = BEHIND.format("127.0.0.1:10026")
    services = "smtp inet n - y - - smtpd\n127.0.0.1:10026 inet n - y - - smtpd\n"
    overrides = "127.0.0.1:10026/inet/mynetworks = \n"
    snapshot = host(services=services, overrides=overrides, settings=settings)
    (found,) = findings(snapshot, GATEWAY_NOT_TRUSTED, settings)
    assert found.state is PASS, found.says
    assert found.target == "postfix 127.0.0.1:10026/inet"


@pytest.mark.parametrize(
    ("main", "state"),
    [
        ("relay_domains = example.com, .example.net\n", PASS),
        ("relay_domains = com\n", FAIL),
        ("relay_domains = static:all\n", FAIL),
        ("virtual_mailbox_domains = static:all\n", FAIL),
        ("mydestination = pcre:/etc/postfix/gone\n", UNKNOWN),
        ("virtual_mailbox_domains = proxy:mysql:/etc/postfix/db.cf\n", UNKNOWN),
        ("virtual_alias_maps = hash:/etc/postfix/virtual\n", PASS),
        ("parent_domain_matches_subdomains =\nrelay_domains = com\n", PASS),
    ],
)
def test_domains_are_listed_by_name(main: str, state: State) -> None:
    found = on_postfix(main, RELAY_DOMAINS)
    assert found.state is state, found.says


def test_domains_that_match_everything_open_the_relay() -> None:
    assert on_postfix("relay_domains = static:all\n", OPEN_TO_STRANGERS).state is FAIL


@pytest.mark.parametrize(
    ("main", "profile", "state"),
    [
        ("", "business", PASS),
        ("", "strict", WARN),
        ("allow_percent_hack = no\nswap_bangpath = no\n", "strict", PASS),
        ("allow_untrusted_routing = yes\n", "starter", FAIL),
    ],
)
def test_routes_in_addresses(main: str, profile: str, state: State) -> None:
    settings = f'[site]\nprofile = "{profile}"\n'
    (found,) = findings(host(main, settings=settings), SENDER_ROUTING, settings)
    assert found.state is state


@pytest.mark.parametrize(
    ("main", "state"),
    [
        ("smtpd_sasl_auth_enable = no\n", PASS),
        ("smtpd_sasl_auth_enable = yes\n", FAIL),
        ("smtpd_sasl_auth_enable = yes\nsmtpd_tls_auth_only = yes\n", PASS),
        ("smtpd_sasl_auth_enable = yes\nsmtpd_tls_security_level = encrypt\n", PASS),
        ("smtpd_sasl_auth_enable = yes\nsmtpd_tls_security_level = may\n", FAIL),
        ("smtpd_sasl_auth_enable = yes\nsmtpd_tls_wrappermode = yes\n", PASS),
        ("smtpd_sasl_auth_enable = yes\ninet_interfaces = 127.0.0.1\n", PASS),
    ],
)
def test_passwords_need_tls(main: str, state: State) -> None:
    assert on_postfix(main, PASSWORDS_NEED_TLS).state is state


MAPS = "smtpd_sasl_auth_enable = yes\nsmtpd_sender_login_maps = hash:/etc/postfix/logins\n"


@pytest.mark.parametrize(
    ("main", "state"),
    [
        ("", N_A),
        ("smtpd_sasl_auth_enable = yes\n", WARN),
        (MAPS, WARN),
        (MAPS + "smtpd_sender_restrictions = reject_sender_login_mismatch\n", PASS),
        (MAPS + "smtpd_sender_restrictions = permit_sasl_authenticated, reject_sender_login_mismatch\n", WARN),
        (MAPS + "smtpd_sender_restrictions = warn_if_reject reject_sender_login_mismatch\n", WARN),
    ],
)
def test_users_send_as_themselves_only_where_a_rule_asks_before_it_permits(main: str, state: State) -> None:
    assert on_postfix(main, SENDERS_MATCH).state is state


@pytest.mark.parametrize(
    ("main", "state"), [("disable_vrfy_command = yes\n", PASS), ("disable_vrfy_command = no\n", WARN)]
)
def test_vrfy_tells_strangers_nothing(main: str, state: State) -> None:
    assert on_postfix(main, NO_VRFY).state is state


@pytest.mark.parametrize(
    ("main", "state"),
    [
        ("", PASS),
        ("smtpd_reject_unlisted_recipient = no\n", FAIL),
        ("smtpd_reject_unlisted_recipient = no\nsmtpd_recipient_restrictions = reject_unlisted_recipient\n", PASS),
        ("local_recipient_maps =\n", FAIL),
        ("local_recipient_maps =\nsmtpd_recipient_restrictions = reject_unverified_recipient\n", PASS),
        ("relay_domains = example.com\n", WARN),
        ("relay_domains = $mydestination\n", PASS),
        ("relay_domains = example.com\nrelay_recipient_maps = hash:/etc/postfix/relay_users\n", PASS),
        ("local_recipient_maps =\nsmtpd_client_restrictions = permit_sasl_authenticated, reject\n", PASS),
    ],
)
def test_unknown_recipients_are_refused_at_the_door(main: str, state: State) -> None:
    found = on_postfix(main, UNKNOWN_RECIPIENT)
    assert found.state is state, found.says


@pytest.mark.parametrize(
    ("role", "main", "state"),
    [
        ("mx", "", PASS),
        ("mx", "smtpd_client_restrictions = permit_mynetworks, reject\n", FAIL),
        ("mx", "smtpd_client_restrictions = permit_mynetworks, reject_rbl_client zen.example\n", PASS),
        ("all-in-one", "inet_interfaces = loopback-only\n", FAIL),
        ("backend", "smtpd_client_restrictions = permit_mynetworks, reject\n", N_A),
        ("gateway", "inet_interfaces = loopback-only\n", N_A),
        ("gateway", "smtpd_relay_restrictions =\nsmtpd_recipient_restrictions =\n", FAIL),
        ("mx", "smtpd_helo_restrictions = check_helo_access hash:/etc/postfix/gone, reject\n", UNKNOWN),
    ],
)
def test_hardening_that_refuses_all_mail_is_a_failure_where_mail_must_come_in(
    role: str, main: str, state: State
) -> None:
    settings = f'[site]\nrole = "{role}"\n'
    (found,) = findings(host(main, settings=settings), TAKES_OWN_MAIL, settings)
    assert found.state is state, found.says


def test_the_server_behind_the_gateway_must_let_strangers_in_on_its_port() -> None:
    settings = BEHIND.format("127.0.0.1:25")
    main = "inet_interfaces = loopback-only\nsmtpd_client_restrictions = permit_mynetworks, reject\n"
    (found,) = findings(host(main, settings=settings), TAKES_OWN_MAIL, settings)
    assert found.state is FAIL


@pytest.mark.parametrize(
    ("trusted", "state"),
    [
        ("", PASS),
        ('"192.0.2.0/24"', PASS),
        ('"127.0.0.1/32"', FAIL),
        ('"::1"', FAIL),
        ('"10.0.0.0/8"', FAIL),
        ('"0.0.0.0/0"', FAIL),
        ('"10.1.0.0/16"', WARN),
    ],
)
def test_the_gateway_trusts_few(trusted: str, state: State) -> None:
    settings = f'[gateway]\ntrusted_networks = [{trusted}]\noutbound = "smtp://mx.example.com:25"\n'
    assert on_gateway(settings, GATEWAY_TRUST).state is state


def test_the_gateway_must_not_trust_a_container_bridge() -> None:
    settings = '[gateway]\ntrusted_networks = ["192.168.9.0/24"]\noutbound = "smtp://mx.example.com:25"\n'
    assert on_gateway(settings, GATEWAY_TRUST, interfaces="docker0 192.168.9.1/24\n").state is WARN


@pytest.mark.parametrize(
    ("settings", "state"),
    [
        ("", PASS),
        ('[gateway]\noutbound = "smtp://mx.example.com:25"\n', WARN),
        ('[gateway]\ntrusted_networks = ["192.0.2.0/24"]\n', WARN),
        ('[gateway]\ntrusted_networks = ["192.0.2.0/24"]\noutbound = "smtp://mx.example.com:25"\n', PASS),
    ],
)
def test_the_way_outward_is_whole(settings: str, state: State) -> None:
    assert on_gateway(settings, GATEWAY_OUTWARD).state is state


@pytest.mark.parametrize(
    ("settings", "state"),
    [
        ('[site]\ndomains = ["example.com"]\n', PASS),
        ("", WARN),
        ('[gateway]\nlisten = ["0.0.0.0:25"]\n', FAIL),
        ('[gateway]\nlisten = ["127.0.0.1:25", "[::]:25"]\n', FAIL),
        ('[site]\ndomains = ["example.com"]\n[gateway]\nlisten = ["0.0.0.0:25"]\n', PASS),
    ],
)
def test_the_gateway_serves_your_domains(settings: str, state: State) -> None:
    assert on_gateway(settings, GATEWAY_DOMAINS).state is state


@pytest.mark.parametrize(
    ("settings", "state"),
    [
        ('[site]\nrecipients = ["a@example.com"]\n', PASS),
        ("", WARN),
        ('[gateway]\nupstream = "smtp://198.51.100.1:25"\n', UNKNOWN),
        ('[gateway]\nupstream = "smtp://127.0.0.1:25"\n', PASS),
    ],
)
def test_the_gateway_learns_who_is_known(settings: str, state: State) -> None:
    assert on_gateway(settings, UNKNOWN_RECIPIENT).state is state


def test_settings_that_cannot_be_read_are_unknown_and_postfix_is_judged_all_the_same() -> None:
    snapshot = host(settings="")
    broken = Snapshot(
        snapshot.host, snapshot.taken_at, "1", {**snapshot.readings, "gateway/settings.json": Unknown("x")}
    )
    states = {found.control: found.state for found in audit(broken, policy())}
    assert states[GATEWAY_TRUST.id] is UNKNOWN
    assert states[OPEN_TO_STRANGERS.id] is PASS


STRICT = '[site]\nprofile = "strict"\n'
BEHIND_25 = '[gateway]\nupstream = "smtp://127.0.0.1:25"\n'


@pytest.mark.parametrize(
    ("main", "settings", "state"),
    [
        ("smtpd_forbid_bare_newline = normalize\n", STRICT, PASS),
        ("smtpd_forbid_bare_newline = YES\n", "", PASS),
        ("smtpd_forbid_bare_newline = reject\n", "", PASS),
        ("smtpd_forbid_bare_newline = no\n", "", WARN),
        ("smtpd_forbid_bare_newline = note\n", "", WARN),
        ("smtpd_forbid_bare_newline = no\n", STRICT, FAIL),
        ("smtpd_forbid_unauth_pipelining = yes\n", "", PASS),
        ("smtpd_forbid_unauth_pipelining = yes\n", STRICT, WARN),
        ("smtpd_data_restrictions = permit_mynetworks, reject_unauth_pipelining\n", "", PASS),
        ("smtpd_data_restrictions = permit, reject_unauth_pipelining\n", "", WARN),
        ("smtpd_data_restrictions = warn_if_reject reject_unauth_pipelining\n", "", WARN),
        ("inet_interfaces = loopback-only\n", "", PASS),
        ("smtpd_client_restrictions = permit_mynetworks, reject\n", "", PASS),
        ("smtpd_forbid_bare_newline = no\n", BEHIND_25, WARN),  # strangers go past the gateway
        ("smtpd_forbid_bare_newline = no\ninet_interfaces = loopback-only\n", BEHIND_25, PASS),
    ],
)
def test_no_second_message_hides_in_a_first(main: str, settings: str, state: State) -> None:
    finding = next(
        found
        for found in findings(
            host("smtpd_forbid_bare_newline = no\n" + main, settings=settings), NO_SMUGGLING, settings
        )
    )
    assert finding.state is state, finding.says
    assert (finding.state in (WARN, FAIL)) <= ("normalize" in finding.next_command)


def test_a_postfix_older_than_the_guard_is_told_to_be_renewed() -> None:
    snapshot = host()
    lines = str(snapshot.reading(facts.EFFECTIVE)).splitlines(keepends=True)
    old = "".join(line for line in lines if not line.startswith("smtpd_forbid"))
    found = findings(replace(snapshot, readings={**snapshot.readings, facts.EFFECTIVE: old}), NO_SMUGGLING)[0]
    assert found.state is WARN and "older" in found.says and "apt-get" in found.next_command


@pytest.mark.parametrize(
    ("main", "state"),
    [
        ("", PASS),
        ("smtpd_authorized_xclient_hosts = 192.0.2.7\n", PASS),
        ("smtpd_authorized_xclient_hosts = 127.0.0.0/8\n", PASS),
        ("smtpd_authorized_xclient_hosts = proxy.example.org\n", PASS),
        ("smtpd_authorized_xclient_hosts = 10.0.0.0/24\n", WARN),
        ("smtpd_authorized_xclient_hosts = 0.0.0.0/0\n", FAIL),
        ("smtpd_authorized_xclient_hosts = hash:/etc/postfix/hosts\n", UNKNOWN),
        ("smtpd_upstream_proxy_protocol = haproxy\n", UNKNOWN),
        ("smtpd_upstream_proxy_protocol = haproxy\ninet_interfaces = loopback-only\n", PASS),
    ],
)
def test_few_may_say_that_they_are_somebody_else(main: str, state: State) -> None:
    assert on_postfix(main, XCLIENT).state is state


AUTH = "smtpd_sasl_auth_enable = yes\n"
IN_TLS = "smtpd_tls_auth_only = yes\n"


@pytest.mark.parametrize(
    ("main", "state"),
    [
        ("", N_A),
        (AUTH, PASS),
        (AUTH + "smtpd_sasl_security_options = noplaintext\n", WARN),
        (AUTH + "smtpd_tls_auth_only = yes\nsmtpd_sasl_security_options = noanonymous, noplaintext\n", PASS),
        (AUTH + "smtpd_tls_auth_only = yes\nsmtpd_sasl_tls_security_options =\n", WARN),
        (AUTH + IN_TLS + "smtpd_sasl_security_options =\nsmtpd_sasl_tls_security_options = noanonymous\n", PASS),
    ],
)
def test_nobody_logs_in_without_a_name(main: str, state: State) -> None:
    assert on_postfix(main, NO_ANONYMOUS).state is state


@pytest.mark.parametrize(
    ("banner", "settings", "state"),
    [
        ("$myhostname ESMTP $mail_name", "", PASS),
        ("$myhostname ESMTP $mail_name (Debian/GNU)", "", PASS),
        ("$myhostname ESMTP $mail_name (Debian/GNU)", STRICT, WARN),
        ("$myhostname ESMTP $mail_name ($mail_version)", "", WARN),
        ("$myhostname ESMTP Postfix 3.7", "", WARN),
        ("mx1.10.2.3.example.org ESMTP", "", PASS),
    ],
)
def test_the_greeting_names_no_version(banner: str, settings: str, state: State) -> None:
    snapshot = host(f"smtpd_banner = {banner}\n")
    assert findings(snapshot, QUIET_BANNER, settings)[0].state is state


@pytest.mark.parametrize(
    ("main", "state"),
    [
        ("", PASS),
        ("smtpd_sender_restrictions = check_sender_access inline:{{<> = REJECT}}\n", WARN),
        ("smtpd_sender_restrictions = warn_if_reject check_sender_access inline:{{<> = REJECT}}\n", PASS),
        ("smtpd_recipient_restrictions = check_sender_access inline:{{a@b = REJECT}}\n", PASS),
        ("smtpd_sender_restrictions = check_sender_access inline:{{<> = DUNNO}}\n", PASS),
        ("smtpd_sender_restrictions = check_sender_access mysql:/etc/postfix/x.cf\n", UNKNOWN),
        ("smtpd_client_restrictions = reject\n", N_A),
    ],
)
def test_the_empty_sender_is_let_in(main: str, state: State) -> None:
    assert on_postfix(main, BOUNCES_GET_IN).state is state


def files_alone(**given: str) -> Snapshot:
    not_told = {facts.WHERE: Unknown("files alone"), facts.EFFECTIVE: Unknown("files alone")}
    missing = {facts.MAIN_CF: Unknown("was not given"), facts.MASTER_CF: Unknown("was not given")}
    readings = {f"postfix/{name}.cf": text for name, text in given.items()}
    return replace(host(), readings={**host().readings, **not_told, **missing, **readings})


def test_main_cf_alone_is_judged_by_the_services_of_the_default_master_cf_and_says_so() -> None:
    snapshot = files_alone(main="compatibility_level = 3.6\nsmtpd_relay_restrictions = permit_mynetworks, reject\n")
    first, extra = findings(snapshot, OPEN_TO_STRANGERS)
    assert (first.state, first.target) == (PASS, "postfix smtp/inet")
    assert "was not given" in first.evidence[1].text
    assert (extra.state, extra.target) == (UNKNOWN, "postfix master.cf")
    assert all(len(findings(snapshot, control)) == 2 for control in PER_SERVICE if control is not UNKNOWN_RECIPIENT)


def test_master_cf_alone_is_judged_where_what_it_overrides_decides() -> None:
    master = "smtp inet n - n - - smtpd\nsubmission inet n - n - - smtpd -o smtpd_client_restrictions={}\n"
    snapshot = files_alone(master=master.format("permit_sasl_authenticated,reject"))
    states = {found.target: found.state for found in findings(snapshot, OPEN_TO_STRANGERS)}
    assert states == {"postfix smtp/inet": UNKNOWN, "postfix submission/inet": PASS}
    assert {found.state for found in findings(snapshot, MYNETWORKS)} == {UNKNOWN, PASS}


def test_no_default_passes_for_a_fact_when_main_cf_is_not_given() -> None:
    snapshot = files_alone(master="smtp inet n - n - - smtpd\n")
    for control in POSTFIX_CONTROLS:
        for found in findings(snapshot, control):
            assert found.state in (UNKNOWN, N_A) or found.target == "gateway", found
            assert found.next_command or found.state is N_A


@pytest.mark.parametrize(("level", "state"), [("3.6", UNKNOWN), ("3.9", PASS), ("3.11", PASS), ("2", UNKNOWN)])
def test_a_default_that_hangs_on_the_version_is_not_guessed(level: str, state: State) -> None:
    assert findings(files_alone(main=f"compatibility_level = {level}\n"), NO_SMUGGLING)[0].state is state


def test_a_relay_rule_that_hangs_on_the_version_is_not_guessed() -> None:
    mx = '[site]\nrole = "mx"\n'
    assert findings(files_alone(main="biff = no\n"), TAKES_OWN_MAIL, mx)[0].state is UNKNOWN
    assert findings(files_alone(main="compatibility_level = 3.6\n"), TAKES_OWN_MAIL, mx)[0].state is PASS
    assert findings(files_alone(main="smtpd_relay_restrictions =\n"), TAKES_OWN_MAIL, mx)[0].state is FAIL


@pytest.mark.parametrize(
    ("main", "state"),
    [
        ("relay_domains = com\n", FAIL),
        ("relay_domains = .com\n", FAIL),
        ("relay_domains = *\n", PASS),
        ("relay_domains = _OUR_DOMAIN_\n", PASS),
        ("mydestination = server, localhost\nrelay_domains = $mydestination\n", PASS),
    ],
)
def test_only_a_top_level_domain_covers_the_domains_of_others(main: str, state: State) -> None:
    assert on_postfix(main, RELAY_DOMAINS).state is state


@pytest.mark.parametrize(
    ("options", "state"),
    [
        ("-o smtpd_tls_wrappermode=yes", PASS),
        ("-o smtpd_tls_security_level=encrypt", PASS),
        ("-o smtpd_sasl_auth_enable=no", PASS),
        ("-o smtpd_sasl_auth_enable=yes -o smtpd_tls_auth_only=no", UNKNOWN),
    ],
)
def test_one_override_may_decide_that_passwords_need_tls(options: str, state: State) -> None:
    snapshot = files_alone(master=f"587 inet n - n - - smtpd {options}\n")
    assert findings(snapshot, PASSWORDS_NEED_TLS)[0].state is state
