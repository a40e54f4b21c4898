"""What is proposed for mailboxes without an end, in the words of 2.3 and of 2.4, and where a person must choose."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.checklist.mailboxes import drop_ins
from lockdown.checklist.mailboxes.audit_sum import audit_sum, worst
from lockdown.checklist.mailboxes.enforce import enforce
from lockdown.checklist.mailboxes.room import Room, room
from lockdown.config import Mailboxes, Settings, Site
from lockdown.facts import disks, dovecot, quotas
from lockdown.facts.quotas import Mailbox, days_to_full, mailboxes
from lockdown.model.change import EditPostfixList, Left, Proposal, PutFile, SetPostfix
from lockdown.model.finding import State
from lockdown.model.snapshot import Snapshot
from lockdown.model.units import ByteSize
from lockdown.model.unknown import Unknown
from tests.recordings.literal import host

CARELESS = """\
protocols = imap lmtp
mail_location = maildir:~/Maildir
ssl = required
passdb {
  driver = pam
}
userdb {
  driver = passwd
}
!include conf.d/*.conf
"""
NEW = """\
dovecot_config_version = 2.4.1
mail_driver = maildir
mail_path = ~/Maildir
ssl = required
userdb passwd {
}
!include conf.d/*.conf
"""
POSTFIX = """\
mydestination = example.org, localhost
home_mailbox = Maildir/
message_size_limit = 26214400
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination, permit
"""
DISKS = "/ 100000000 60000000 1000 900 /\n/home 100000000 60000000 1000 900 /\n"
SIZES = "200000 20000 /home/anna/Maildir\n100 0 /home/bert/Maildir\n"


def machine(
    conf: str = CARELESS, main: str = POSTFIX, sizes: str = SIZES, of_disks: str = DISKS, more: str = ""
) -> Snapshot:
    base = host(main)
    files = {dovecot.MAIN: conf, "/etc/dovecot/conf.d/10-more.conf": more}
    told = {
        dovecot.FILES: "".join(f"{path}\n" for path in files),
        **{f"{dovecot.FILES}{path}": text for path, text in files.items()},
        disks.SOURCE: of_disks,
        quotas.SOURCE: sizes,
    }
    readings = {name: one for name, one in base.readings.items() if not name.startswith("dovecot/")}
    return replace(base, readings={**readings, **told})


def proposed(of: Snapshot, policy: Settings | None = None) -> list[Proposal]:
    return [one for one in enforce(of, policy or Settings()) if isinstance(one, Proposal)]


def left(of: Snapshot, policy: Settings | None = None) -> dict[str, Left]:
    return {one.control: one for one in enforce(of, policy or Settings()) if isinstance(one, Left)}


def text_of(found: list[Proposal], path: str) -> str:
    texts = [one.change.text for one in found if isinstance(one.change, PutFile) and one.change.path == path]
    assert len(texts) == 1 and texts[0]
    return texts[0]


def test_a_server_that_counts_nothing_gets_counting_limit_warnings_and_refusal() -> None:
    found = proposed(machine())
    assert "mail_plugins = $mail_plugins quota\n" in text_of(found, drop_ins.COUNT)
    assert "quota_rule = *:storage=5120M" in text_of(found, drop_ins.LIMIT)
    assert "quota_warning3 = storage=80%% lockdown-quota-warning 80 %u" in text_of(found, drop_ins.WARNINGS)
    assert 'quota_status_overquota = "552 5.2.2 Mailbox is full"' in text_of(found, drop_ins.STATUS)
    assert text_of(found, drop_ins.SCRIPT).startswith("#!/bin/sh\n# Lockdown: mailboxes.users-are-warned")
    assert {one.control for one in found} == {"mailboxes.quota-is-on", "mailboxes.quota-is-finite"}
    assert "mailboxes.full-is-refused-at-rcpt" in found[0].also
    assert all(one.why and one.side_effects and one.target == "dovecot" for one in found)


def test_the_words_of_2_4_are_others() -> None:
    found = proposed(machine(NEW))
    assert "mail_plugins {\n  quota = yes\n}" in text_of(found, drop_ins.COUNT)
    assert 'quota "User quota" {\n  storage_size = 5120M\n}' in text_of(found, drop_ins.LIMIT)
    assert "quota_storage_percentage = 95" in text_of(found, drop_ins.WARNINGS)
    assert "plugin {" not in "".join(one.change.text or "" for one in found if isinstance(one.change, PutFile))
    assert "auth_username_format = %{user | username | lower}" in text_of(found, drop_ins.STATUS)
    assert "quota_enforce=no" in text_of(found, drop_ins.SCRIPT)


def test_postfix_asks_behind_the_guard_against_relaying_and_before_the_last_word() -> None:
    (edit,) = (one.change for one in proposed(machine()) if isinstance(one.change, EditPostfixList))
    assert edit.add.startswith("check_policy_service { unix:private/") and "default_action=DUNNO" in edit.add
    assert edit.name == "smtpd_recipient_restrictions" and edit.before[0] == "permit" and not edit.first


def test_what_postfix_puts_into_the_same_mailboxes_is_given_to_dovecot() -> None:
    (change,) = (one.change for one in proposed(machine()) if isinstance(one.change, SetPostfix))
    assert change.name == "mailbox_command" and "dovecot-lda" in (change.value or "")
    handed_over = machine(main=POSTFIX + "mailbox_transport = lmtp:unix:private/dovecot-lmtp\n")
    assert not [one for one in proposed(handed_over) if isinstance(one.change, SetPostfix)]


def test_mailboxes_in_another_place_are_left_to_a_person() -> None:
    elsewhere = machine(main=POSTFIX.replace("home_mailbox = Maildir/", "home_mailbox = Mail/"))
    assert not [one for one in proposed(elsewhere) if isinstance(one.change, SetPostfix)]
    assert "lmtp" in left(elsewhere)["mailboxes.users-are-warned"].try_this
    assert not [one for one in proposed(elsewhere) if "mailboxes.users-are-warned" in one.also]


@pytest.mark.parametrize(
    ("conf", "words"),
    [
        (CARELESS, "auth_username_format = %Ln"),
        (CARELESS + "auth_username_format = %Ln\n", None),
        (CARELESS.replace("driver = passwd", "driver = sql"), None),
        (CARELESS + "userdb {\n  driver = passwd-file\n}\n", r"%{if;%Ld;~;^(example\.org\|localhost)$;%Ln;%Lu}"),
    ],
    ids=["users of the machine", "already without a domain", "users with a domain", "both"],
)
def test_who_is_asked_for_has_the_name_that_dovecot_knows(conf: str, words: str | None) -> None:
    text = text_of(proposed(machine(conf)), drop_ins.STATUS)
    assert (words in text) if words else ("auth_username_format" not in text)


def test_a_protocol_with_plugins_of_its_own_hears_of_quota_too() -> None:
    more = "protocol lmtp {\n  mail_plugins = $mail_plugins sieve\n}\n"
    assert "protocol lmtp {\n  mail_plugins = $mail_plugins quota\n}" in text_of(
        proposed(machine(more=more)), drop_ins.COUNT
    )


def test_the_limit_is_what_the_disk_holds_for_everyone() -> None:
    many = "".join(f"100 0 /home/user{number}/Maildir\n" for number in range(50))
    assert "storage=1000M" in text_of(proposed(machine(sizes=many)), drop_ins.LIMIT)
    wish = Settings(mailboxes=Mailboxes(limit=ByteSize.parse("3 GiB")))
    assert "storage=3072M" in text_of(proposed(machine(), wish), drop_ins.LIMIT)
    assert "storage=2048M" in text_of(proposed(machine(), Settings(site=Site(profile="strict"))), drop_ins.LIMIT)


def test_a_limit_that_somebody_wrote_down_counts_also_where_a_message_may_be_larger() -> None:
    wish = Settings(mailboxes=Mailboxes(limit=ByteSize.parse("10 MiB")))
    little = "900 0 /home/anna/Maildir\n"
    (limit,) = (one for one in proposed(machine(sizes=little), wish) if one.control == "mailboxes.quota-is-finite")
    assert limit.also == () and "storage=10M" in text_of([limit], drop_ins.LIMIT)
    small = CARELESS + "mail_plugins = quota\nplugin {\n  quota = count:User quota\n  quota_rule = *:storage=10M\n}\n"
    small = small.replace("!include conf.d/*.conf\n", "") + "!include conf.d/*.conf\n"
    assert "mailboxes.limit is 10 MiB" in left(machine(small, sizes=little), wish)["mailboxes.message-fits"].why
    (larger,) = (one for one in proposed(machine(small, sizes=little)) if one.control == "mailboxes.message-fits")
    assert "storage=5120M" in text_of([larger], drop_ins.LIMIT)


def test_no_limit_is_proposed_that_shuts_a_mailbox_at_once() -> None:
    held = left(machine(sizes="55000000 0 /home/anna/Maildir\n100 0 /home/bert/Maildir\n"))
    assert "/home/anna/Maildir already has" in held["mailboxes.quota-is-finite"].why
    larger = proposed(machine(sizes="8000000 0 /home/anna/Maildir\n100 0 /home/bert/Maildir\n"))
    assert "storage=10240M" in text_of(larger, drop_ins.LIMIT)


@pytest.mark.parametrize(
    "conf",
    [CARELESS.replace("!include conf.d/*.conf\n", ""), CARELESS + "mail_plugins = acl\n"],
    ids=["not read", "set again behind it"],
)
def test_where_a_drop_in_would_not_have_the_last_word_nothing_is_proposed(conf: str) -> None:
    assert not proposed(machine(conf))
    assert left(machine(conf))["mailboxes.quota-is-on"].try_this


def test_nothing_is_proposed_of_what_could_not_be_read() -> None:
    of = machine()
    blind = {name: Unknown("Permission denied") for name in of.readings if name.startswith(("dovecot/", "mailboxes/"))}
    unread = replace(of, readings={**of.readings, **blind})
    assert not [one for one in enforce(unread, Settings()) if one.control != "mailboxes.disk-has-room"]
    uncounted = replace(of, readings={**of.readings, quotas.SOURCE: Unknown("no answer in 20 s")})
    assert "no answer in 20 s" in left(uncounted)["mailboxes.quota-is-finite"].why


def test_what_is_done_is_not_proposed_again() -> None:
    of = machine()
    done = [one.change for one in proposed(of)]
    files = {one.path: one.text for one in done if isinstance(one, PutFile) and one.path.endswith(".conf")}
    names = [dovecot.MAIN, "/etc/dovecot/conf.d/10-more.conf", *files]
    after = machine(
        main=POSTFIX.replace(", permit", f", check_policy_service unix:private/{drop_ins.SOCKET}, permit")
        + "mailbox_command = /usr/lib/dovecot/dovecot-lda\n"
    )
    told = {f"{dovecot.FILES}{path}": text or "" for path, text in files.items()}
    readings = {**after.readings, **told, dovecot.FILES: "".join(f"{name}\n" for name in names)}
    assert list(enforce(replace(after, readings=readings), Settings())) == []


def test_postfix_alone_gets_an_end_of_its_mailbox_files() -> None:
    base = host("mailbox_size_limit = 0\nmessage_size_limit = 26214400\nmydestination = example.org\n")
    gone = {dovecot.EFFECTIVE: "not installed: no doveconf\n", dovecot.FILES: "not installed: no files\n"}
    readings = {name: one for name, one in base.readings.items() if not name.startswith("dovecot/")}
    of = replace(base, readings={**readings, **gone, disks.SOURCE: DISKS, quotas.SOURCE: "100 - /var/mail/anna\n"})
    (only,) = proposed(of)
    assert only.change == SetPostfix("mailbox_size_limit", str(5 << 30)) and "mailboxes.quota-is-finite" in only.also


def test_the_sum_says_who_has_most_and_when_the_disk_is_full() -> None:
    limited = CARELESS.replace("!include", "plugin {\n  quota_rule = *:storage=40G\n}\n!include")
    found = audit_sum(machine(limited))
    assert found.state is State.WARN and "2 mailboxes of 40 GiB may come to 80 GiB" in found.says
    assert "the disk is full in 21000 days" in found.says
    assert [one.source for one in found.evidence[2:]] == ["/home/anna/Maildir", "/home/bert/Maildir"]
    fitting = audit_sum(machine(limited.replace("40G", "20G")))
    assert fitting.state is State.PASS
    many = "".join(f"{number} 0 /home/user{number}/Maildir\n" for number in range(1, 30))
    assert len(worst(room_of(machine(limited, sizes=many)))) == 10


def room_of(of: Snapshot) -> Room:
    there = room(of, None)
    assert isinstance(there, Room)
    return there


def test_a_mailbox_that_may_not_be_looked_into_makes_the_sum_unknown() -> None:
    limited = CARELESS.replace("!include", "plugin {\n  quota_rule = *:storage=40G\n}\n!include")
    found = audit_sum(machine(limited, sizes="100 0 /home/anna/Maildir\ndenied /home/bert/Maildir\n"))
    assert found.state is State.UNKNOWN and "/home/bert/Maildir: Permission denied" in found.says and found.next_command


def test_days_to_full_are_those_of_the_mail_that_came() -> None:
    assert days_to_full([Mailbox("/a", 900, 70), Mailbox("/b", 900, 0)], 1000) == 100
    assert days_to_full([Mailbox("/a", 900, 0)], 1000) is None
    assert days_to_full([Mailbox("/a", 900, 70), Mailbox("/var/mail/b", 900, None)], 1000) is None


@given(st.text())
def test_garbage_for_sizes_never_raises(text: str) -> None:
    found = mailboxes(replace(machine(), readings={quotas.SOURCE: text}))
    assert isinstance(found, Unknown | tuple)


@given(st.text())
def test_garbage_for_dovecot_never_raises(text: str) -> None:
    list(enforce(machine(text), Settings()))
