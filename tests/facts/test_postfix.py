"""Postfix from its readings: overrides, line numbers, who can reach a service, and what is damaged."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.facts import postfix as facts
from lockdown.facts.postfix import Absent, Postfix, deciding_tables, postfix, table_path
from lockdown.facts.postfix_files import services_written, settings_written
from lockdown.facts.postfix_restrictions import Client, Outcome, Recipient, answer, elements
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown
from tests.recordings.literal import HEALTHY, host

MAIN_CF = """\
# a comment
name = first
other = a,
# a comment in the middle
    b
name = second
  , and more
"""
MASTER_CF = """\
smtp inet n - y - - smtpd
#  -o commented=out
submission inet n - y - - smtpd -o one=1
  -o two=2
  -o { three = 3 and more }
broken line
"""


def read(snapshot: Snapshot) -> Postfix:
    found = postfix(snapshot)
    assert isinstance(found, Postfix), found
    return found


def test_the_last_line_of_a_setting_counts_and_continuations_belong_to_it() -> None:
    written = settings_written(MAIN_CF)
    assert (written["name"].line, written["name"].text) == (6, "name = second , and more")
    assert (written["other"].line, written["other"].text) == (3, "other = a, b")


def test_each_option_of_a_service_has_its_own_line() -> None:
    submission = services_written(MASTER_CF)["submission", "inet"]
    assert submission.line == 3
    assert {name: option.line for name, option in submission.options.items()} == {"one": 3, "two": 4, "three": 5}
    assert set(services_written(MASTER_CF)) == {("smtp", "inet"), ("submission", "inet")}


def test_a_service_sees_its_override_and_the_macros_in_it() -> None:
    found = read(host("mine = permit_mynetworks, reject\n", overrides="smtp/inet/smtpd_relay_restrictions = $mine\n"))
    service = found.services[0]
    assert found.value("smtpd_relay_restrictions", service) == "permit_mynetworks, reject"
    assert found.value("smtpd_relay_restrictions") != found.value("smtpd_relay_restrictions", service)


def test_what_to_type_changes_the_place_where_the_value_is_written() -> None:
    found = read(host(overrides="smtp/inet/mynetworks = 10.0.0.0/8\n"))
    service = found.services[0]
    assert found.setting_command("mynetworks", "x", service).startswith("postconf -P 'smtp/inet/mynetworks=x'")
    assert found.setting_command("relay_domains", "x", service).startswith("postconf -e 'relay_domains = x'")
    elsewhere = replace(found, config_directory="/opt/mail")
    assert elsewhere.setting_command("relay_domains", "x").startswith("postconf -c /opt/mail -e ")


def test_a_default_is_named_as_one_and_a_written_line_with_its_number() -> None:
    found = read(host("relay_domains = example.com\n"))
    assert found.evidence("relay_domains").line == 1
    assert "Postfix's default" in found.evidence("header_size_limit").text


@pytest.mark.parametrize(
    ("services", "interfaces", "reachable"),
    [
        ("smtp inet n - y - - smtpd", "all", True),
        ("smtp inet n - y - - smtpd", "loopback-only", False),
        ("smtp inet n - y - - smtpd", "127.0.0.1, [::1]", False),
        ("smtp inet n - y - - smtpd", "$myhostname, localhost", True),
        ("127.0.0.1:10025 inet n - y - - smtpd", "all", False),
        ("[::1]:10025 inet n - y - - smtpd", "all", False),
        ("192.0.2.7:smtp inet n - y - - smtpd", "loopback-only", True),
        ("smtp inet n - y - 1 postscreen\nsmtpd pass - - y - - smtpd", "all", True),
        ("smtp inet n - y - 1 postscreen\nsmtpd pass - - y - - smtpd", "loopback-only", False),
    ],
)
def test_who_can_reach_a_service_is_read_from_its_name_or_from_inet_interfaces(
    services: str, interfaces: str, reachable: bool
) -> None:
    found = read(host(f"inet_interfaces = {interfaces}\n", services=services + "\n"))
    assert [found.is_reachable(service) for service in found.smtp_services()] == [reachable]


def test_behind_postscreen_it_is_the_pass_service_that_answers() -> None:
    found = read(host(services="smtp inet n - y - 1 postscreen\nsmtpd pass - - y - - smtpd\n"))
    service = found.service_on_port(25)
    assert service is not None
    assert service.label == "smtpd/pass"


def test_a_pass_service_without_postscreen_is_reached_by_nobody() -> None:
    found = read(host(services="smtp inet n - y - - smtpd\nsmtpd pass - - y - - smtpd\n"))
    assert [service.label for service in found.smtp_services()] == ["smtp/inet"]


def test_tables_that_decide_are_named_and_those_with_passwords_or_people_are_not() -> None:
    found = read(
        host(
            "mynetworks = 127.0.0.0/8, /etc/postfix/nets, cidr:/etc/postfix/more\n"
            "virtual_alias_maps = hash:/etc/postfix/people\n"
            "smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd\n"
            "relay_domains = mysql:/etc/postfix/db.cf, hash:/etc/postfix/relay\n"
            "smtpd_restriction_classes = mine\n"
            "mine = check_client_access hash:/etc/postfix/mine\n"
            "smtpd_sender_restrictions = check_sender_access inline:{ {a = b} },"
            " check_sender_access ldap:/etc/ldap.cf\n"
        )
    )
    assert deciding_tables(found) == tuple(f"/etc/postfix/{name}" for name in sorted(["nets", "more", "relay", "mine"]))


NEVER_READ = (
    "hash:/etc/postfix/sasl_passwd", "texthash:/etc/shadow", "hash:relative", "ldap:/a", "hash:/a/../etc/x",
    "unix:passwd.byname",
)  # fmt: skip


@pytest.mark.parametrize("name", NEVER_READ)
def test_some_tables_are_never_read(name: str) -> None:
    assert table_path(name) is None


def test_not_installed_is_another_answer_than_not_readable() -> None:
    assert isinstance(postfix(host(where="not installed: no postconf in /usr/sbin\n")), Absent)
    lost = replace(HEALTHY, readings={**HEALTHY.readings, facts.EFFECTIVE: Unknown("denied")})
    assert postfix(lost) == Unknown("denied")
    nothing = replace(HEALTHY, readings={})
    assert isinstance(postfix(nothing), Unknown)


def test_a_reading_that_was_cut_short_is_unknown() -> None:
    whole = HEALTHY.readings[facts.EFFECTIVE]
    assert isinstance(whole, str)
    cut = replace(HEALTHY, readings={**HEALTHY.readings, facts.EFFECTIVE: whole[:1000]})
    assert isinstance(postfix(cut), Unknown)


def test_a_setting_that_refers_to_itself_is_unknown_and_no_endless_loop() -> None:
    found = postfix(host("relay_domains = $relay_domains example.com\n"))
    assert isinstance(found, Unknown)
    assert "refers to itself" in found.why


def test_a_number_that_is_none_is_unknown() -> None:
    found = read(host("message_size_limit = 25M\n"))
    assert found.number("message_size_limit") == Unknown("message_size_limit = 25M is not a number")


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="abc=$?:{}()-/ \t\n#,!", max_size=80), st.text(alphabet="abc=$?:{}()/ \n", max_size=40))
def test_no_file_however_damaged_raises(main: str, overrides: str) -> None:
    assert isinstance(postfix(host(main, overrides=overrides)), (Postfix, Unknown))
    services_written(main)


def test_arguments_stay_with_their_restriction() -> None:
    found = elements(
        "warn_if_reject reject_rbl_client zen.example, check_policy_service { inet:127.0.0.1:1, timeout=1s }, reject"
    )
    assert [(element.name, element.argument, element.warns_only) for element in found] == [
        ("reject_rbl_client", "zen.example", True),
        ("check_policy_service", "inet:127.0.0.1:1, timeout=1s", False),
        ("reject", "", False),
    ]


def test_a_table_written_in_line_is_read_like_any_other() -> None:
    main = (
        "smtpd_relay_restrictions = check_sender_access inline:{ {boss@example.org = OK} }, reject_unauth_destination\n"
    )
    found = read(host(main))
    walked = answer(found, found.services[0], Client.STRANGER, Recipient.FOREIGN)
    assert walked.outcome is Outcome.PERMITS
    assert "boss@example.org" in walked.why


def test_a_class_that_names_itself_ends() -> None:
    main = "smtpd_restriction_classes = mine\nmine = mine, reject\nsmtpd_relay_restrictions = mine\n"
    found = read(host(main))
    assert answer(found, found.services[0], Client.STRANGER, Recipient.FOREIGN).outcome is Outcome.REJECTS
