"""What is proposed for TLS: only with a certificate, only where Dovecot would hear of it, and nothing of firewalls."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.checklist.dmz.enforce import enforce
from lockdown.checklist.dmz.enforce_dovecot import LEAST, TLS
from lockdown.config import Settings, Site
from lockdown.facts import certificates, dovecot, key_pairs
from lockdown.facts.key_pairs import pairs
from lockdown.model.change import Left, Proposal, PutFile, Risk, SetPostfix
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown
from tests.live.faults_dovecot import CERT, GOOD_CERT
from tests.recordings.literal import host

PLAIN = "smtpd_tls_security_level =\nsmtpd_tls_cert_file =\nsmtpd_tls_chain_files =\nsmtp_tls_security_level =\n"
DOVECOT = f"ssl = yes\nssl_cert = <{CERT}\ndisable_plaintext_auth = no\n!include conf.d/*.conf\n"
MORE = "/etc/dovecot/conf.d/10-more.conf"
SNAKEOIL = "".join(f"f\t644\troot\troot\t1000\t1700000000.0\t{path}\t\n" for path in key_pairs.MADE_HERE)


def machine(main: str = PLAIN, conf: str = DOVECOT, here: str = SNAKEOIL, certificate: str = GOOD_CERT) -> Snapshot:
    base = host(main)
    readings = {name: one for name, one in base.readings.items() if not name.startswith("dovecot/")}
    told = {
        dovecot.FILES: f"{dovecot.MAIN}\n{MORE}\n",
        f"{dovecot.FILES}{dovecot.MAIN}": conf,
        f"{dovecot.FILES}{MORE}": "",
        f"{certificates.FOLDER}{CERT}": certificate,
        key_pairs.SOURCE: here,
    }
    return replace(base, readings={**readings, **told})


def proposed(of: Snapshot, policy: Settings | None = None) -> list[Proposal]:
    return [one for one in enforce(of, policy or Settings()) if isinstance(one, Proposal)]


def left(of: Snapshot) -> dict[str, Left]:
    return {one.control: one for one in enforce(of, Settings()) if isinstance(one, Left)}


def settings(found: list[Proposal]) -> dict[str, str | None]:
    return {one.change.name: one.change.value for one in found if isinstance(one.change, SetPostfix)}


def files(found: list[Proposal]) -> dict[str, str]:
    return {one.change.path: one.change.text or "" for one in found if isinstance(one.change, PutFile)}


def test_tls_is_offered_with_the_certificate_that_was_made_here_and_that_is_said() -> None:
    found = proposed(machine())
    assert settings(found) == {
        "smtpd_tls_security_level": "may",
        "smtpd_tls_cert_file": key_pairs.MADE_HERE[0],
        "smtpd_tls_key_file": key_pairs.MADE_HERE[1],
        "smtp_tls_security_level": "may",
    }
    assert "no other authority has signed" in found[0].why


def test_a_certificate_that_was_signed_for_the_server_is_taken_first() -> None:
    name = "mail.example.org"
    signed = SNAKEOIL + "".join(
        f"l\t777\troot\troot\t1\t1.0\t/etc/letsencrypt/live/{name}/{part}.pem\tx\n" for part in ("fullchain", "privkey")
    )
    assert pairs(machine(here=signed), name) == key_pairs.Pair(
        f"/etc/letsencrypt/live/{name}/fullchain.pem", f"/etc/letsencrypt/live/{name}/privkey.pem"
    )
    assert pairs(machine(here=signed), "other.example.org") == key_pairs.Pair(*key_pairs.MADE_HERE)


def test_without_a_certificate_and_its_key_tls_is_left() -> None:
    of = machine(here=SNAKEOIL.splitlines(keepends=True)[0])
    assert settings(proposed(of)) == {"smtp_tls_security_level": "may"}
    assert "ssl-cert" in left(of)["dmz.starttls-is-offered"].why


def test_a_certificate_that_is_named_and_cannot_be_read_is_left() -> None:
    of = machine(main=PLAIN + "smtpd_tls_cert_file = /etc/ssl/certs/other.pem\n")
    assert "other.pem" in left(of)["dmz.starttls-is-offered"].why
    assert "smtpd_tls_security_level" not in settings(proposed(of))


def test_strangers_without_tls_may_deliver_again_and_old_versions_go_with_it() -> None:
    main = (
        f"smtpd_tls_security_level = encrypt\nsmtpd_tls_cert_file = {CERT}\nsmtp_tls_security_level = may\n"
        "smtpd_tls_mandatory_protocols = >=TLSv1.2\nsmtpd_tls_protocols = !SSLv2\n"
    )
    found = settings(proposed(machine(main=main), Settings(site=Site(role="mx"))))
    # Only once TLS is no longer forced does the other list of versions count.
    assert found == {"smtpd_tls_security_level": "may", "smtpd_tls_protocols": ">=TLSv1.2"}


def test_passwords_come_over_tls_only_by_a_drop_in() -> None:
    (only,) = (one for one in proposed(machine()) if isinstance(one.change, PutFile))
    assert files([only]) == {TLS: only.change.text}  # type: ignore[union-attr]
    assert (only.change.text or "").endswith("ssl = required\ndisable_plaintext_auth = yes\n")  # type: ignore[union-attr]
    assert (only.risk, only.target, only.why) == (Risk.LOW, "dovecot", "Passwords are taken in the open.")


def test_the_words_of_2_4_are_others_and_where_tls_was_off_the_risk_is_high() -> None:
    conf = f"dovecot_config_version = 2.4.1\nssl = no\nssl_server_cert_file = {CERT}\n!include conf.d/*.conf\n"
    (only,) = (one for one in proposed(machine(conf=conf)) if isinstance(one.change, PutFile))
    assert "auth_allow_cleartext = no\n" in files([only])[TLS] and only.risk is Risk.HIGH


def test_old_versions_that_come_back_with_tls_are_turned_off_with_it() -> None:
    conf = DOVECOT.replace("ssl = yes", "ssl = no\nssl_min_protocol = TLSv1")
    assert files(proposed(machine(conf=conf)))[LEAST].endswith("ssl_min_protocol = TLSv1.2\n")


@pytest.mark.parametrize(
    ("conf", "words"),
    [
        (DOVECOT.replace(f"ssl_cert = <{CERT}\n", ""), "names no certificate"),
        (DOVECOT.replace("!include conf.d/*.conf\n", ""), "does not include"),
        (DOVECOT + "ssl = yes\n", "sets ssl after it"),
        (DOVECOT + "remote 192.0.2.0/24 {\n  ssl = no\n}\n", "remote 192.0.2.0/24"),
    ],
    ids=["no certificate", "no drop-ins", "set again behind it", "an exception"],
)
def test_where_users_would_have_no_way_in_or_a_person_has_spoken_it_is_left(conf: str, words: str) -> None:
    of = machine(conf=conf)
    assert not files(proposed(of))
    assert words in left(of)["dmz.mailbox-passwords-need-tls"].why


def test_a_server_that_is_well_gets_nothing() -> None:
    main = f"smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {CERT}\nsmtp_tls_security_level = may\n"
    assert proposed(machine(main=main, conf=DOVECOT.replace("ssl = yes", "ssl = required"))) == []


def test_a_firewall_is_left_with_what_to_type() -> None:
    of = machine()
    open_wide = replace(of, readings={**of.readings, "host/nft": "table inet filter {\n}\n"})
    found = {control: one for control, one in left(open_wide).items() if "firewall" in one.why}
    assert found and all(one.try_this for one in found.values())


def test_nothing_is_proposed_of_what_could_not_be_read() -> None:
    of = machine()
    blind = {name: Unknown("Permission denied") for name in of.readings if name.startswith(("dovecot/", "postfix/"))}
    assert proposed(replace(of, readings={**of.readings, **blind})) == []


@given(st.text())
def test_garbage_for_what_lies_here_never_raises(text: str) -> None:
    assert isinstance(pairs(machine(here=text), "mail.example.org"), Unknown | key_pairs.Pair)
