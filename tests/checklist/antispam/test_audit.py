"""Audit of item 2, by literals: one setting, one answer of an engine or of the DNS, one line of Postfix."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockdown.checklist.antispam.audit import POSTFIX_CONTROLS, audit
from lockdown.checklist.antispam.audit_controls import (
    ALLOW_NARROW,
    AUDITED,
    BLOCKLISTS_WORK,
    ENGINES_ANSWER,
    FAILS_AS_STATED,
    FILTER_IN_EVERY_PATH,
    GATEWAY_WEIGHS,
    IDENTITY,
    NO_BACKSCATTER,
    OWN_DKIM,
    OWN_DMARC,
    OWN_MTA_STS,
    OWN_RESOLVER,
    OWN_SPF,
    OWN_TLS_REPORTS,
    REVERSE_NAMES,
    RULES_FRESH,
)
from lockdown.config import read_settings
from lockdown.model.finding import Control, Finding, State
from lockdown.model.snapshot import Reading
from lockdown.model.unknown import Unknown
from tests.recordings import scanners
from tests.recordings.literal import host
from tests.recordings.scanners import nothing, records, txt

PASS, WARN, FAIL, UNKNOWN, N_A = State.PASS, State.WARN, State.FAIL, State.UNKNOWN, State.NOT_APPLICABLE
DENIED = Unknown("/etc/x: Permission denied")
SILENT = Unknown("DNS: no answer in 2 s")
OURS = '[site]\ndomains = ["example.com"]\n'
RSPAMD = '[antispam]\nengines = ["builtin", "rspamd://127.0.0.1:11333"]\n'


def one(
    control: Control,
    target: str = "gateway",
    *,
    main: str = "",
    settings: str = OURS,
    readings: dict[str, Reading] | None = None,
    **more: str,
) -> Finding:
    snapshot = host(main, settings=settings, **more)  # type: ignore[arg-type]
    snapshot = replace(snapshot, readings={**snapshot.readings, **scanners.CAREFUL, **(readings or {})})
    policy = read_settings([("lockdown.toml", settings)]).settings
    found = [each for each in audit(snapshot, policy) if each.control == control.id]
    return next(each for each in found if each.target.startswith(target))


# ── the gateway's own settings ──


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("", PASS),
        ("engines = []", FAIL),
        ('engines = ["rspamd://127.0.0.1:11333"]', WARN),
        ('forged = "accept-and-mark"', WARN),
        ('dmarc = "mark"', WARN),
        ("hold = 40.0\nrefuse = 90.0", WARN),
        ('forged = "reject"', PASS),
    ],
)
def test_the_gateway_weighs_and_acts(words: str, state: State) -> None:
    assert one(GATEWAY_WEIGHS, settings=f"[antispam]\n{words}\n").state is state


@pytest.mark.parametrize(
    ("allow", "state"),
    [
        ("[]", PASS),
        ('["ann@partner.example"]', PASS),
        ('["ann@gmail.com"]', PASS),
        ('["partner.example"]', WARN),
        ('["@partner.example"]', WARN),
        ('["*@gmail.com"]', FAIL),
        ('["Gmail.com"]', FAIL),
        ('["com"]', FAIL),
    ],
)
def test_an_allow_list_names_single_senders(allow: str, state: State) -> None:
    assert one(ALLOW_NARROW, settings=f"[antispam]\nallow = {allow}\n").state is state


LISTED = '[antispam]\nblocklists = ["zen.example=127.0.0.2-11 +6"]\n'


@pytest.mark.parametrize(
    ("tried", "state"),
    [
        (scanners.blocklist("zen.example"), PASS),
        (scanners.blocklist("zen.example", passes=False, why="it refuses to answer us"), FAIL),
        (scanners.blocklist("zen.example", passes=False, told=False, why="SERVFAIL"), UNKNOWN),
        (scanners.blocklist("another.example"), UNKNOWN),
        ({"blocklists/1.json": "[]"}, UNKNOWN),
        ({"blocklists/1.json": DENIED}, UNKNOWN),
        ({}, UNKNOWN),
    ],
)
def test_a_blocklist_is_believed_as_long_as_it_passes_its_test(tried: dict[str, Reading], state: State) -> None:
    assert one(BLOCKLISTS_WORK, "list zen.example", settings=LISTED, readings=tried).state is state


def test_without_a_blocklist_there_is_nothing_to_test() -> None:
    assert one(BLOCKLISTS_WORK).state is N_A


@pytest.mark.parametrize(
    ("resolvers", "system", "lists", "state"),
    [
        ('["127.0.0.1"]', "", "[]", PASS),
        ('["192.0.2.53:5353", "[2001:db8::53]:53"]', "", "[]", PASS),
        ('["8.8.8.8"]', "", "[]", WARN),
        ('["8.8.8.8:53"]', "", '["zen.example"]', FAIL),
        ('["[2606:4700:4700::1111]:53"]', "", "[]", WARN),
        ("[]", "", "[]", WARN),
        ('"system"', "nameserver 192.0.2.53\n", "[]", PASS),
        ('"system"', "# nameserver 192.0.2.53\nnameserver 1.1.1.1\n", "[]", WARN),
        ('"system"', "nameserver 127.0.0.53\noptions edns0\n", "[]", UNKNOWN),
        ('"system"', "search example.com\n", "[]", UNKNOWN),
        ('"system"', DENIED, "[]", UNKNOWN),
    ],
)
def test_dns_is_asked_through_a_resolver_of_ones_own(resolvers: str, system: Reading, lists: str, state: State) -> None:
    settings = f"[antispam]\nresolvers = {resolvers}\nblocklists = {lists}\n"
    assert one(OWN_RESOLVER, settings=settings, readings={"host/resolvers": system}).state is state


def test_settings_that_cannot_be_read_leave_every_control_unknown() -> None:
    for control in AUDITED:
        assert one(control, readings={"gateway/settings.json": DENIED}).state is UNKNOWN, control.id


# ── the engines ──


@pytest.mark.parametrize(
    ("said", "state"),
    [({}, PASS), ({"proven": False}, FAIL), ({"error": "rspamd: connection refused"}, FAIL), (None, UNKNOWN)],
)
def test_an_engine_that_does_not_answer_is_a_failure(said: dict[str, object] | None, state: State) -> None:
    url = "rspamd://127.0.0.1:11333"
    readings = scanners.engine(3, url, "antispam", **said) if said is not None else {}
    assert one(ENGINES_ANSWER, f"engine {url}", settings=RSPAMD, readings=readings).state is state


def test_the_antivirus_builtin_does_not_answer_for_the_antispam_one() -> None:
    assert one(ENGINES_ANSWER, "engine builtin", readings={"engines/2.json": DENIED}).state is UNKNOWN


OFF, ON = "soft_reject_on_timeout = false;\n", "soft_reject_on_timeout = true;\n"


@pytest.mark.parametrize(
    ("packaged", "local", "override", "state"),
    [
        (OFF, ON, "", PASS),
        (OFF, "", "", WARN),
        (ON, "", OFF, WARN),
        ("", "", "", WARN),
        (OFF, DENIED, "", UNKNOWN),
        ("not installed: no rspamd\n", "not installed: no rspamd\n", "not installed: no rspamd\n", UNKNOWN),
    ],
)
def test_mail_that_rspamd_judges_too_late_does_not_pass(
    packaged: Reading, local: Reading, override: Reading, state: State
) -> None:
    readings = {
        "rspamd/options.inc": packaged,
        "rspamd/local.d/options.inc": local,
        "rspamd/override.d/options.inc": override,
    }
    assert one(FAILS_AS_STATED, "engine rspamd:", settings=RSPAMD, readings=readings).state is state


@pytest.mark.parametrize(
    ("rules", "state"),
    [
        ("2026-01-14T04:00:00+00:00 /a.cf\n2024-01-14T04:00:00+00:00 /b.cf\n", PASS),
        ("2025-12-20T04:00:00+00:00 /a.cf\n", WARN),
        ("2025-10-20T04:00:00+00:00 /a.cf\n", FAIL),
        ("not installed: no rules of sa-update in /var/lib/spamassassin\n", WARN),
        ("yesterday /a.cf\n", UNKNOWN),
        (DENIED, UNKNOWN),
    ],
)
def test_rules_of_spamassassin_grow_old(rules: Reading, state: State) -> None:
    settings = '[antispam]\nengines = ["builtin", "spamd://127.0.0.1:783"]\n'
    assert one(RULES_FRESH, "", settings=settings, readings={"spamassassin/rules": rules}).state is state


# ── Postfix ──


@pytest.mark.parametrize(
    ("main", "state"),
    [
        ("", PASS),
        ("smtpd_milters =\n", FAIL),
        ("smtpd_milters = unix:/clamav/clamav-milter.ctl\n", FAIL),
        ("smtpd_milters = unix:/spamass/spamass.sock\n", PASS),
        ("smtpd_milters = inet:127.0.0.1:9999\n", UNKNOWN),
        ("smtpd_milters =\nsmtpd_proxy_filter = [127.0.0.1]:2525\n", PASS),
        ("smtpd_milters =\ninet_interfaces = loopback-only\n", PASS),
    ],
)
def test_a_service_that_strangers_reach_has_a_spam_filter(main: str, state: State) -> None:
    assert one(FILTER_IN_EVERY_PATH, "postfix smtp/", main=main).state is state


@pytest.mark.parametrize(
    ("rule", "table", "state"),
    [
        ("check_sender_access texthash:/senders", "ann@partner.example OK\n", PASS),
        ("check_sender_access texthash:/senders", "partner.example OK\n", WARN),
        ("check_sender_access texthash:/senders", "partner.example REJECT\n", PASS),
        ("check_client_access cidr:/clients", "192.0.2.50 OK\n", PASS),
        ("check_client_access texthash:/clients", "192.0.2 OK\n", PASS),
        ("check_client_access texthash:/clients", ".example OK\n", WARN),
        ("check_sender_access pcre:/senders", "/@partner\\.example$/ OK\n", WARN),
        ("check_sender_access texthash:/gone", "", UNKNOWN),
    ],
)
def test_postfix_lets_no_whole_domain_past_its_checks(rule: str, table: str, state: State) -> None:
    main = f"smtpd_recipient_restrictions = {rule}, reject_unauth_destination\n"
    name = rule.rpartition("/")[2]
    tables = {} if name == "gone" else {name: table}
    assert one(ALLOW_NARROW, "postfix smtp/", main=main, **tables).state is state


AFTER = "smtpd_milters =\ncontent_filter = smtp-amavis:[127.0.0.1]:10024\n"


@pytest.mark.parametrize(
    ("main", "amavis", "state"),
    [
        ("", "", PASS),
        (AFTER, "$final_spam_destiny = D_DISCARD;\n", PASS),
        (AFTER, "$final_spam_destiny = D_BOUNCE;\n", FAIL),
        (AFTER, DENIED, UNKNOWN),
        ("content_filter = scan:[127.0.0.1]:10099\n", "", UNKNOWN),
        ("content_filter = gate:[127.0.0.1]:2525\n", "", PASS),
    ],
)
def test_spam_is_not_answered_with_a_bounce(main: str, amavis: Reading, state: State) -> None:
    assert one(NO_BACKSCATTER, "postfix", main=main, readings={"amavis/settings": amavis}).state is state


# ── your own name ──


def test_the_domains_of_the_example_are_nobodys() -> None:
    for control in IDENTITY:
        assert one(control, settings="").state is UNKNOWN, control.id


def test_a_domain_that_was_not_asked_for_is_unknown() -> None:
    for control in (OWN_SPF, OWN_DKIM, OWN_DMARC, OWN_MTA_STS, OWN_TLS_REPORTS):
        found = one(control, "domain other.example", settings='[site]\ndomains = ["other.example"]\n')
        assert found.state is UNKNOWN, control.id


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (txt("example.com", "v=spf1 ip4:192.0.2.7 -all"), PASS),
        (txt("example.com", "v=spf1 ip4:192.0.2.7 ~all", "v=spf10 +all"), PASS),
        (txt("example.com", "V=SPF1 redirect=_spf.example.net"), PASS),
        (txt("example.com", "v=spf1 mx include:_spf.example.net"), WARN),
        (txt("example.com", "v=spf1 mx ?all"), WARN),
        (txt("example.com", "v=spf1 ptr -all"), WARN),
        (txt("example.com", "v=spf1 +all"), FAIL),
        (txt("example.com", "v=spf1 mx all"), FAIL),
        (txt("example.com", "v=spf1 ip4:0.0.0.0/0 -all"), FAIL),
        (txt("example.com", "v=spf1 -all", "v=spf1 mx -all"), FAIL),
        (txt("example.com", "v=spf1 ipv4:192.0.2.7 -all"), FAIL),
        (txt("example.com", "v=spf1 include:gone.example -all") | nothing("gone.example", "TXT"), FAIL),
        (txt("example.com", "v=spf1 " + "exists:%{i}.x.example " * 11 + "-all"), FAIL),
        (txt("example.com", "v=spf1 " + "exists:%{i}.x.example " * 10 + "-all"), PASS),
        (txt("example.com", "another=record"), FAIL),
        (nothing("example.com", "TXT", "NODATA"), FAIL),
        (nothing("example.com", "TXT"), FAIL),
        ({"dns/example.com/TXT": SILENT}, UNKNOWN),
        ({"dns/example.com/TXT": "NOERROR\n"}, UNKNOWN),
        (txt("example.com", "v=spf1 include:unasked.example -all"), UNKNOWN),
        (txt("example.com", "v=spf1 include:unasked.example +all"), FAIL),
    ],
)
def test_spf_is_one_record_that_can_be_walked_and_ends(answer: dict[str, Reading], state: State) -> None:
    found = one(OWN_SPF, "domain example.com", readings=answer)
    assert found.state is state, found.says


KEY = "mail2026._domainkey.example.com"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (txt(KEY, scanners.KEY_2048), PASS),
        (txt(KEY, scanners.KEY_1024), WARN),
        (txt(KEY, scanners.KEY_512), FAIL),
        (txt(KEY, scanners.KEY_2048.replace("k=rsa", "k=rsa; t=s:y")), WARN),
        (txt(KEY, "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="), PASS),
        (txt(KEY, "v=DKIM1; p="), FAIL),
        (txt(KEY, "v=DKIM1; p=!!!"), FAIL),
        (txt(KEY, "hello"), FAIL),
        (nothing(KEY, "TXT"), FAIL),
        ({f"dns/{KEY}/TXT": SILENT}, UNKNOWN),
    ],
)
def test_the_key_that_signs_is_published_and_strong(answer: dict[str, Reading], state: State) -> None:
    assert one(OWN_DKIM, "domain example.com", readings=answer).state is state


def test_without_a_known_selector_nothing_is_said_of_keys() -> None:
    assert one(OWN_DKIM, "domain", readings={"rspamd/local.d/dkim_signing.conf": ""}).state is UNKNOWN
    from_opendkim: dict[str, Reading] = {
        "rspamd/local.d/dkim_signing.conf": "",
        "opendkim/opendkim.conf": "Selector mail2026\n",
    }
    assert one(OWN_DKIM, "domain", readings=from_opendkim).state is PASS


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (txt("_dmarc.example.com", "v=DMARC1; p=reject; rua=mailto:a@example.com"), PASS),
        (txt("_dmarc.example.com", "v=DMARC1;p=quarantine;rua=mailto:a@example.com"), PASS),
        (txt("_dmarc.example.com", "v=DMARC1; p=reject"), WARN),
        (txt("_dmarc.example.com", "v=DMARC1; p=none; rua=mailto:a@example.com"), WARN),
        (txt("_dmarc.example.com", "v=DMARC1; p=reject; t=y; rua=mailto:a@example.com"), WARN),
        (txt("_dmarc.example.com", "v=DMARC1; p=reject; pct=10; rua=mailto:a@example.com"), WARN),
        (txt("_dmarc.example.com", "v=DMARC1; p=reject", "v=DMARC1; p=none"), FAIL),
        (txt("_dmarc.example.com", "something else"), FAIL),
        (nothing("_dmarc.example.com", "TXT"), FAIL),
        ({"dns/_dmarc.example.com/TXT": SILENT}, UNKNOWN),
    ],
)
def test_dmarc_asks_that_forgeries_be_refused(answer: dict[str, Reading], state: State) -> None:
    assert one(OWN_DMARC, "domain example.com", readings=answer).state is state


def test_a_domain_below_has_the_policy_of_the_one_above() -> None:
    settings = '[site]\ndomains = ["mail.example.com"]\n'
    above = nothing("_dmarc.mail.example.com", "TXT")
    strict = above | txt("_dmarc.example.com", "v=DMARC1; p=reject; rua=mailto:a@example.com")
    assert one(OWN_DMARC, "domain", settings=settings, readings=strict).state is PASS
    loose = above | txt("_dmarc.example.com", "v=DMARC1; p=reject; sp=none; rua=mailto:a@example.com")
    assert one(OWN_DMARC, "domain", settings=settings, readings=loose).state is WARN


@pytest.mark.parametrize(
    ("control", "name", "good", "bad"),
    [
        (OWN_MTA_STS, "_mta-sts.example.com", "v=STSv1; id=2026;", "v=STSv1;"),
        (OWN_TLS_REPORTS, "_smtp._tls.example.com", "v=TLSRPTv1; rua=mailto:a@example.com", "v=TLSRPTv1"),
    ],
)
def test_records_on_tls_are_whole_or_not_there(control: Control, name: str, good: str, bad: str) -> None:
    def state(answer: dict[str, Reading]) -> State:
        return one(control, "domain example.com", readings=answer).state

    assert state(txt(name, good)) is PASS
    assert state(txt(name, bad)) is FAIL
    assert state(txt(name, good, good)) is FAIL
    assert state(nothing(name, "TXT")) is WARN
    assert state({f"dns/{name}/TXT": SILENT}) is UNKNOWN


PTR = "7.2.0.192.in-addr.arpa"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (records(PTR, "PTR", "mail.example.org"), PASS),
        (records(PTR, "PTR", "other.example", "mail.example.org") | records("other.example", "A", "192.0.2.9"), PASS),
        (records(PTR, "PTR", "other.example") | records("other.example", "A", "192.0.2.9"), FAIL),
        (records(PTR, "PTR", "192-0-2-7.dsl.example") | records("192-0-2-7.dsl.example", "A", "192.0.2.7"), WARN),
        (records(PTR, "PTR", "unasked.example"), UNKNOWN),
        (nothing(PTR, "PTR"), FAIL),
        ({f"dns/{PTR}/PTR": SILENT}, UNKNOWN),
    ],
)
def test_an_address_has_a_name_that_leads_back(answer: dict[str, Reading], state: State) -> None:
    assert one(REVERSE_NAMES, "address 192.0.2.7", readings=answer).state is state


def test_behind_address_translation_the_outer_address_is_unknown() -> None:
    assert one(REVERSE_NAMES, "", interfaces="lo 127.0.0.1/8\neth0 10.1.2.3/24\n").state is UNKNOWN
    backend = OURS + 'role = "backend"\n'
    assert one(REVERSE_NAMES, "", settings=backend).state is N_A


def test_a_machine_without_a_mail_server_has_no_way_past_the_gateway() -> None:
    nowhere = {"where": "not installed: no postconf\n", "listeners": "tcp 0.0.0.0:22 1 sshd\n"}
    exim = {**nowhere, "listeners": "tcp 0.0.0.0:25 1 exim4\n"}
    for control in POSTFIX_CONTROLS:
        assert one(control, "postfix", **nowhere).state is N_A
        assert one(control, "postfix", **exim).state is UNKNOWN


def test_behind_the_gateway_the_firewall_has_a_say() -> None:
    settings = '[site]\nrole = "backend"\n'
    found = one(FILTER_IN_EVERY_PATH, "postfix smtp/", main="smtpd_milters =\n", settings=settings)
    assert found.state is WARN
    assert "check_client_access" in found.next_command


def test_the_way_through_the_gateway_is_weighed_when_an_engine_is_set() -> None:
    assert one(FILTER_IN_EVERY_PATH).state is PASS
    none = "[antispam]\nengines = []\n"
    assert one(FILTER_IN_EVERY_PATH, settings=none).state is FAIL
    assert one(ENGINES_ANSWER, settings=none).state is FAIL


def test_the_gateway_itself_bounces_nothing_and_never_passes_silence_for_weighed() -> None:
    assert one(NO_BACKSCATTER).state is PASS
    assert one(FAILS_AS_STATED).state is PASS


@pytest.mark.parametrize(
    ("main", "state"),
    [
        ("", PASS),
        ("milter_default_action = accept\n", WARN),
        ("smtpd_milters = { inet:127.0.0.1:11332, default_action=accept }\n", WARN),
        ("smtpd_milters =\n", N_A),
        ("smtpd_milters = unix:/clamav/clamav-milter.ctl\nmilter_default_action = accept\n", N_A),
    ],
)
def test_a_filter_of_postfix_that_is_down_is_not_silence(main: str, state: State) -> None:
    assert one(FAILS_AS_STATED, "postfix smtp/", main=main).state is state


def test_users_who_send_past_the_filter_are_a_warning() -> None:
    found = one(
        FILTER_IN_EVERY_PATH,
        "postfix submission/",
        services="smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n",
        overrides="submission/inet/smtpd_milters = \nsubmission/inet/smtpd_sasl_auth_enable = yes\n"
        "submission/inet/smtpd_client_restrictions = permit_sasl_authenticated, reject\n",
    )
    assert found.state is WARN


@pytest.mark.parametrize(
    ("amavis", "state"),
    [
        ("@bypass_spam_checks_maps = (\n\\%bypass_spam_checks, \\@bypass_spam_checks_acl);\n", PASS),
        ("@bypass_spam_checks_maps = (1);\n", FAIL),
        (DENIED, UNKNOWN),
    ],
)
def test_amavis_is_a_filter_where_it_checks_for_spam(amavis: Reading, state: State) -> None:
    assert one(FILTER_IN_EVERY_PATH, "postfix smtp/", main=AFTER, readings={"amavis/settings": amavis}).state is state


def test_a_spamassassin_milter_needs_fresh_rules_too() -> None:
    old: dict[str, Reading] = {"spamassassin/rules": "2025-06-01T04:00:00+00:00 /a.cf\n"}
    main = "smtpd_milters = unix:/spamass/spamass.sock\n"
    assert one(RULES_FRESH, "SpamAssassin", main=main, readings=old).state is FAIL


def test_the_builtin_engine_answers_and_brings_its_own_rules() -> None:
    assert one(ENGINES_ANSWER, "engine builtin").state is PASS
    assert one(RULES_FRESH).state is N_A
