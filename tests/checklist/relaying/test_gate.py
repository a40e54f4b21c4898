"""The relay matrix against the gate, and the rules that it leaves to settings."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from lockdown.checklist.relaying.gate import Route, recipient, route, sender
from lockdown.config import Gateway, Relaying, Settings, Site
from lockdown.model.mail import Announced, Asked, Client, Repetition
from lockdown.model.verdict import ACCEPT, Kind
from lockdown.smtp.address import Address, AddressError, parse_path

NAMES = {"C": "canary", "X": "outside.example", "H": "example.org", "I": "192.0.2.25", "S": "mx.example.org"}
SITE = Site(domains=("example.org", "xn--bcher-kva.example", "kiosk.example"))
CLOSED = Settings(site=SITE)
OUTBOUND = Settings(site=SITE, gateway=Gateway(outbound="smtp://smarthost.example:25"))


class Row(NamedTuple):
    """A line of the matrix: its id, the path as the client sends it, and the words that follow it."""

    id: str
    path: bytes
    expected: tuple[str, ...]


def rows(section: str) -> list[Row]:
    text = (Path(__file__).parent / "matrix.txt").read_text(encoding="utf-8")
    body = text.split(f"[{section}]\n")[1].split("\n[")[0]
    return [read_row(line) for line in body.splitlines() if line and not line.startswith("#")]


def read_row(line: str) -> Row:
    name, path, *expected = re.split(r" {2,}", line)
    named = re.sub(r"\b[CXHIS]\b", lambda letter: NAMES[letter[0]], path)
    unescaped = re.sub(r"\\(.)", lambda sign: {"0": "\0", "r": "\r"}.get(sign[1], sign[1]), named)
    return Row(name, unescaped.encode(), tuple(expected))


def shown(row: Row) -> str:
    return f"{row.id} {row.path.decode(errors='replace')!a}"


def parsed(path: bytes, *, null_allowed: bool = False) -> Address | None:
    found = parse_path(path, allow_utf8=True, null_allowed=null_allowed)
    return None if isinstance(found, AddressError) else found[0]


def client(*, trusted: bool = False) -> Client:
    return Client("192.0.2.80", "192.0.2.0/24", trusted, 1, 1, 1, None)


def asked(sent_by: Address, sent_to: Address, *, trusted: bool = False) -> Asked:
    return Asked(client(trusted=trusted), sent_by, sent_to, 0, 1, 0)


def address(path: str) -> Address:
    found = parsed(path.encode(), null_allowed=True)
    assert found is not None, f"{path} is no address"
    return found


def mail_from(path: str, *, trusted: bool = False) -> Announced:
    return Announced(client(trusted=trusted), address(path), None, Repetition(0, 0))


STRANGER = address("<t@outside.example>")
USER = address("<user@example.org>")


def senders_for(row: Row) -> list[Address]:
    """Every sender of the matrix that can be parsed; F08 is the recipient itself."""
    paths = [row.path if sent_by.path == b"=recipient" else sent_by.path for sent_by in rows("senders")]
    return [found for path in paths if (found := parsed(path, null_allowed=True)) is not None]


@pytest.mark.parametrize("row", rows("refused"), ids=shown)
def test_every_form_of_the_matrix_is_refused_to_strangers_whatever_the_sender(row: Row) -> None:
    sent_to, (how, _) = parsed(row.path), row.expected
    assert (sent_to is None) == (how == "syntax"), f"refused by {how}, but parsed as {sent_to}"
    if sent_to is not None:
        senders = senders_for(row)
        assert len(senders) >= 15
        for sent_by in senders:
            verdict = recipient(asked(sent_by, sent_to), OUTBOUND)
            assert (verdict.kind, verdict.code, verdict.detail) == (Kind.REJECT, 550, "7.1"), sent_by.raw
            assert verdict.control == "relaying.open-to-strangers"


@pytest.mark.parametrize("row", rows("refused"), ids=shown)
def test_a_trusted_client_sends_plain_mail_outward_and_only_where_outbound_is_set(row: Row) -> None:
    sent_to, (_, with_outbound) = parsed(row.path), row.expected
    if sent_to is None:
        assert with_outbound == "refused"
        return
    assert recipient(asked(USER, sent_to, trusted=True), CLOSED).kind is Kind.REJECT
    assert route(sent_to, client(trusted=True), CLOSED) is Route.NONE
    outward = recipient(asked(USER, sent_to, trusted=True), OUTBOUND).kind is Kind.ACCEPT
    assert outward == (with_outbound == "outward")
    assert (route(sent_to, client(trusted=True), OUTBOUND) is Route.OUTWARD) == outward


@pytest.mark.parametrize("row", rows("accepted"), ids=shown)
def test_mail_for_our_own_mailboxes_gets_in_from_everybody(row: Row) -> None:
    sent_to = parsed(row.path)
    assert sent_to is not None
    for sent_by in senders_for(row):
        assert recipient(asked(sent_by, sent_to), CLOSED) is ACCEPT
    assert route(sent_to, client(), CLOSED) is Route.INWARD
    assert route(sent_to, client(trusted=True), OUTBOUND) is Route.INWARD


@pytest.mark.parametrize("row", [row for row in rows("senders") if row.expected != ("-",)], ids=shown)
def test_senders_of_the_matrix_are_judged_by_their_shape_alone(row: Row) -> None:
    sent_by = parsed(row.path, null_allowed=True)
    assert sent_by is not None
    verdict = sender(Announced(client(), sent_by, None, Repetition(0, 0)), CLOSED)
    assert verdict.kind is (Kind.ACCEPT if row.expected == ("pass",) else Kind.REJECT)


def test_the_matrix_holds_every_form() -> None:
    forms = {row.id for section in ("senders", "refused") for row in rows(section)}
    # R23 is a matter of two recipients in one transaction, and has a test of its own.
    assert {*(f"F{n:02}" for n in range(1, 14)), *(f"R{n:02}" for n in range(1, 27) if n != 23)} <= forms


def test_a_good_recipient_does_not_open_the_way_for_a_foreign_one_in_the_same_transaction() -> None:
    # R23
    good = recipient(asked(STRANGER, USER), CLOSED)
    foreign = Asked(client(), STRANGER, address("<canary@outside.example>"), accepted_recipients=1, recipients_lately=2,
                    refused_lately=0)  # fmt: skip
    assert good is ACCEPT
    assert recipient(foreign, CLOSED).kind is Kind.REJECT


def test_a_foreign_and_an_own_recipient_of_a_trusted_client_go_different_ways() -> None:
    assert route(USER, client(trusted=True), OUTBOUND) is Route.INWARD
    assert route(address("<a@outside.example>"), client(trusted=True), OUTBOUND) is Route.OUTWARD
    assert route(address("<a@outside.example>"), client(), OUTBOUND) is Route.NONE


def test_srs_addresses_get_in_only_where_the_setting_says_who_checks_them() -> None:
    srs = address("<SRS0=hash=tt=outside.example=canary@example.org>")
    assert recipient(asked(STRANGER, srs), CLOSED).kind is Kind.REJECT
    assert recipient(asked(STRANGER, srs), Settings(site=SITE, relaying=Relaying(srs=True))) is ACCEPT


def test_the_srs_setting_opens_no_other_form() -> None:
    policy = Settings(site=SITE, relaying=Relaying(srs=True))
    for path in ("<SRS0=hash=tt=outside.example=c%x@example.org>", "<known+c=outside.example@example.org>"):
        assert recipient(asked(STRANGER, address(path)), policy).kind is Kind.REJECT


def test_addresses_that_carry_a_foreign_one_get_in_only_where_lists_live_behind() -> None:
    verp = address("<list-bounces+canary=outside.example@example.org>")
    assert recipient(asked(STRANGER, verp), CLOSED).kind is Kind.REJECT
    assert recipient(asked(STRANGER, verp), Settings(site=SITE, relaying=Relaying(verp=True))) is ACCEPT


def test_the_verp_setting_opens_no_other_form() -> None:
    policy = Settings(site=SITE, relaying=Relaying(verp=True))
    for path in ("<c%outside.example@example.org>", "<SRS0=h=t=outside.example=c@example.org>"):
        assert recipient(asked(STRANGER, address(path)), policy).kind is Kind.REJECT


LISTED = Settings(site=Site(domains=("example.org",), recipients=("User@Example.org", "sales@example.org")))


@pytest.mark.parametrize("path", ["<user@example.org>", "<USER+tag@example.org>", "<Sales@EXAMPLE.org>"])
def test_listed_recipients_get_in_whatever_their_case_and_tag(path: str) -> None:
    assert recipient(asked(STRANGER, address(path)), LISTED) is ACCEPT


def test_a_recipient_that_is_not_listed_is_unknown() -> None:
    verdict = recipient(asked(STRANGER, address("<nobody@example.org>")), LISTED)
    assert (verdict.kind, verdict.code, verdict.detail) == (Kind.REJECT, 550, "1.1")
    assert verdict.control == "relaying.unknown-recipient"


def test_recipients_of_a_file_are_judged_like_a_list() -> None:
    policy, known = Settings(site=Site(recipients="file:recipients.txt")), frozenset({"user@example.org"})
    assert recipient(asked(STRANGER, USER), policy, known) is ACCEPT
    assert recipient(asked(STRANGER, address("<nobody@example.org>")), policy, known).detail == "1.1"


def test_an_empty_list_knows_nobody_but_the_postmaster() -> None:
    policy = Settings(site=Site(recipients=()))
    assert recipient(asked(STRANGER, USER), policy).detail == "1.1"
    for path in ("<postmaster>", "<Postmaster@example.org>"):
        assert recipient(asked(STRANGER, address(path)), policy) is ACCEPT


def test_no_list_is_asked_about_foreign_recipients_of_trusted_clients() -> None:
    policy = Settings(site=LISTED.site, gateway=OUTBOUND.gateway)
    assert recipient(asked(USER, address("<a@outside.example>"), trusted=True), policy) is ACCEPT


def test_a_device_of_ours_may_send_without_a_domain() -> None:
    assert sender(mail_from("<root>", trusted=True), CLOSED) is ACCEPT


@pytest.mark.parametrize("trusted", [True, False])
def test_a_return_path_with_a_route_is_refused_to_everybody(trusted: bool) -> None:
    verdict = sender(mail_from("<@a.example:t@outside.example>", trusted=trusted), CLOSED)
    assert (verdict.kind, verdict.code, verdict.detail) == (Kind.REJECT, 553, "1.7")


def test_what_the_peer_hears_tells_nothing_of_us_and_what_we_log_tells_all() -> None:
    verdict = recipient(asked(STRANGER, address("<canary%outside.example@example.org>")), CLOSED)
    assert verdict.tells == "Relaying denied"
    assert verdict.says == "192.0.2.80 asked for <canary%outside.example@example.org>: a percent route"


def test_a_refused_trusted_client_is_told_apart_in_the_log() -> None:
    verdict = recipient(asked(USER, address("<a@outside.example>"), trusted=True), CLOSED)
    assert verdict.says.endswith("outside.example is not one of our domains, and gateway.outbound is not set")


def test_a_new_policy_is_in_force_at_its_first_use() -> None:
    elsewhere = Settings(site=Site(domains=("example.net",)))
    assert recipient(asked(STRANGER, USER), CLOSED) is ACCEPT
    assert recipient(asked(STRANGER, USER), elsewhere).kind is Kind.REJECT
    assert recipient(asked(STRANGER, USER), CLOSED) is ACCEPT


def test_an_srs_address_is_on_no_list_and_is_left_to_the_server_that_made_it() -> None:
    policy = Settings(site=LISTED.site, relaying=Relaying(srs=True))
    srs = address("<SRS0=hash=tt=outside.example=canary@example.org>")
    assert recipient(asked(STRANGER, srs), policy) is ACCEPT
