"""What `lockdown init` makes of recorded machines."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from lockdown.config import Settings, read_settings
from lockdown.engine.first_settings import Seen, look, next_steps, propose
from lockdown.engine.snapshots import snapshot_from_folder
from lockdown.facts.watchers import LOGS

HOSTS = Path(__file__).parents[1] / "recordings" / "hosts"
ALL = sorted(folder.name for folder in HOSTS.iterdir() if folder.is_dir())


def _seen(host: str) -> Seen:
    return look(snapshot_from_folder(HOSTS / host))


def _settings(host: str) -> Settings:
    return read_settings([("proposed.toml", propose(_seen(host)))]).settings


@pytest.mark.parametrize("host", ALL)
def test_whatever_the_machine_the_proposal_is_right_and_never_faces_strangers_at_once(host: str) -> None:
    settings = _settings(host)
    assert settings.gateway.listen == ("127.0.0.1:2525",)
    assert settings.gateway.trusted_networks == ()
    assert settings.gateway.outbound == ""


def test_in_front_of_postfix_its_domains_are_taken_over_and_it_gets_a_door_of_its_own() -> None:
    settings = _settings("healthy")
    assert settings.site.domains == ("mail.example.org", "example.org")
    assert settings.site.admins == ("postmaster@example.org",)
    assert settings.gateway.upstream == "smtp://127.0.0.1:10025"
    steps = "\n".join(next_steps(_seen("healthy"), "lockdown.toml"))
    assert "smtpd_authorized_xclient_hosts=127.0.0.1" in steps
    assert "mynetworks=192.0.2.1/32" in steps
    assert "127.0.0.1:10025 inet n - y - - smtpd" in steps


def test_without_a_mail_server_mail_goes_into_the_embedded_maildir() -> None:
    assert _settings("no-postfix").gateway.upstream == "maildir:mail"
    assert not any("master.cf" in step for step in next_steps(_seen("no-postfix"), "lockdown.toml"))


def test_domains_that_lie_in_a_table_are_told_and_not_guessed() -> None:
    assert any("mysql:/etc/postfix/relay.cf" in note for note in _seen("tables-missing").notes)


@pytest.mark.parametrize("host", ["denied", "broken-syntax"])
def test_what_could_not_be_read_is_told_with_its_reason(host: str) -> None:
    seen = _seen(host)
    assert not seen.postfix
    assert any(note.startswith("Postfix could not be read: ") for note in seen.notes)


@pytest.mark.parametrize("host", ["healthy", "no-postfix"])
def test_who_is_told_of_incidents_is_asked_for_and_an_example_says_how(host: str) -> None:
    assert any("alerts.to" in step and "lockdown alert test" in step for step in next_steps(_seen(host), "x.toml"))
    (example,) = [line for line in propose(_seen(host)).splitlines() if line.startswith("# to = ")]
    filled = propose(_seen(host)).replace("\nto = []", f"\n{example.removeprefix('# ')}")
    assert len(read_settings([("x.toml", filled)]).settings.alerts.to) == 2


def test_every_setting_in_the_file_has_its_reason_above_it() -> None:
    lines = propose(_seen("healthy")).splitlines()
    for before, line in itertools.pairwise(lines):
        if " = " in line and not line.startswith("#"):
            assert before.startswith("#"), line


def test_the_log_that_the_watch_reads_is_proposed_and_told() -> None:
    base = snapshot_from_folder(HOSTS / "healthy")
    in_journal = "f\t640\troot\tsystemd-journal\t100\t1768478400.0\t/var/log/journal/0123/system.journal\t\n"
    silent = replace(base, readings={**base.readings, LOGS: in_journal})
    assert any("the journal of systemd" in note for note in look(silent).notes)
    assert 'mail_logs = ["auto"]' in propose(look(silent))
    own = replace(look(silent), mail_log="/var/log/postfix.log", dovecot=True)
    assert 'mail_logs = ["/var/log/postfix.log", "auto"]' in propose(own)
