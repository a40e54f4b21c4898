"""What item 7 proposes, on readings: each fault is turned, nobody who is needed is shut out, nothing comes twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lockdown.checklist.admins.audit import audit
from lockdown.checklist.admins.enforce import enforce
from lockdown.checklist.admins.enforce_passwords import DROP_IN
from lockdown.checklist.admins.enforce_ssh import PASSWORDS_FILE, ROOT_FILE
from lockdown.config import Settings, read_settings
from lockdown.facts import accounts, listeners, mailbox_passwords, packages, postfix, sshd, sudoers
from lockdown.host.accounts import keys_shown, schemes_counted, shadow_kinds
from lockdown.model.change import Left, OptionStyle, Proposal, PutFile, SetAccount, SetOption, SetPackage, SetPostfix
from lockdown.model.finding import State
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown
from tests.live.faults_accounts import (
    ED25519,
    FAULTS,
    GROUP,
    KEYS_FILE,
    LAST,
    PAM,
    PASSWD,
    SHADOW,
    SSHD,
    SUDOERS,
    WELL,
    YESCRYPT,
    Fault,
)
from tests.recordings.literal import host

IN_USE = "ada\n0\n106\n1000\n"
BOB = f"bob:{YESCRYPT}:19000:0:99999:7:::\n"
OLD_LAST = "bob              pts/1    192.0.2.8                                  Mon Jan 13 08:00:00 +0000 2025\n"
TWO_ADMINS = {
    accounts.PASSWD: PASSWD + "bob:x:1001:1001::/home/bob:/bin/bash\n",
    accounts.GROUP: GROUP.replace("sudo:x:27:ada", "sudo:x:27:ada,bob"),
    accounts.SHADOW: shadow_kinds(SHADOW + BOB),
    accounts.LAST: LAST + OLD_LAST,
}
"""Ada administers every day; Bob has not been seen for a year."""
WITHOUT_QUALITY = {
    accounts.COMMON_PASSWORD: "password required pam_unix.so\n",
    packages.STATUS: "postfix 3.7 amd64 postfix install ok installed\n",
}


def machine(readings: Mapping[str, Reading]) -> Snapshot:
    base = host("")
    return replace(base, readings={**base.readings, **WELL, accounts.IN_USE: IN_USE, **readings})


def policy(text: str = "") -> Settings:
    return read_settings([("lockdown.toml", text)]).settings


def told(readings: Mapping[str, Reading], text: str = "") -> list[Proposal | Left]:
    return list(enforce(machine(readings), policy(text)))


def changes(readings: Mapping[str, Reading], text: str = "") -> list[object]:
    return [one.change for one in told(readings, text) if isinstance(one, Proposal)]


def left(readings: Mapping[str, Reading], text: str = "") -> list[Left]:
    return [one for one in told(readings, text) if isinstance(one, Left)]


def done(readings: Mapping[str, Reading], proposals: list[Proposal | Left]) -> dict[str, Reading]:
    """The readings as they are once the hands have done it."""
    after = dict(readings)
    for one in proposals:
        if isinstance(one, Proposal):
            after |= _done(one, {**WELL, **after})
    return after


def _done(one: Proposal, now: Mapping[str, Reading]) -> dict[str, Reading]:
    match one.change:
        case PutFile(path, str() as text):
            source = sshd.PARTS if "sshd" in path else accounts.QUALITY
            return {source: f"{path}\n", f"{source}{path}": text}
        case SetOption(_, name, value, OptionStyle.LOGIN_DEFS):
            return {accounts.LOGIN_DEFS: f"{name} {value}\n"}
        case SetPostfix(name, str() as value):
            effective = now.get(postfix.EFFECTIVE, host("").readings[postfix.EFFECTIVE])
            return {postfix.EFFECTIVE: f"{effective}{name} = {value}\n"}
        case SetPackage():
            line = "libpam-pwquality 1 amd64 libpwquality install ok installed\n"
            return {
                packages.STATUS: line,
                accounts.COMMON_PASSWORD: "password requisite pam_pwquality.so retry=3\npassword pam_unix.so\n",
            }
        case SetAccount(user):
            shadow = now[accounts.SHADOW]
            assert isinstance(shadow, str)
            return {accounts.SHADOW: "".join(_account(line, user, one.change) for line in _lines(shadow, user))}
        case other:
            raise AssertionError(f"item 7 proposes no {other}")


def _lines(shadow: str, user: str) -> Iterator[str]:
    """usermod makes a line where there is none."""
    yield from shadow.splitlines()
    if not any(line.startswith(f"{user} ") for line in shadow.splitlines()):
        yield f"{user} none - - - - - -"


def _account(line: str, user: str, change: SetAccount) -> str:
    fields = line.split(" ")
    if fields[0] == user:
        if change.locked:
            fields[1] = "none" if fields[1] in ("empty", "none") else f"locked-{fields[1]}"
        if change.expired:
            fields[7] = "1"
        if change.no_forced_change:
            fields[4] = "-"
    return " ".join(fields) + "\n"


# ── each fault, and what turns it ──


def test_a_machine_that_is_well_is_left_alone() -> None:
    assert told({}) == []


@pytest.mark.parametrize(
    "fault", [one for one in FAULTS if one.control.startswith("admins.")], ids=lambda one: one.name
)
def test_a_fault_is_turned_or_left_with_what_to_type_and_the_second_plan_is_empty(fault: Fault) -> None:
    first = told(fault.readings)
    assert fault.control in {one.control for one in first}
    assert all(one.try_this and one.why for one in first if isinstance(one, Left))
    after = done(fault.readings, first)
    assert [one for one in told(after) if isinstance(one, Proposal)] == []
    turned = {one.control for one in first if isinstance(one, Proposal)} - {"admins.strong-hashes"}
    bad = {one.control for one in audit(machine(after), policy()) if one.state in (State.FAIL, State.WARN)}
    still = {one.control for one in first if isinstance(one, Left)}
    assert not (turned - still) & bad


@pytest.mark.parametrize("source", sorted(WELL))
def test_nothing_is_proposed_where_the_audit_could_not_tell(source: str) -> None:
    unread = {source: Unknown(f"{source}: Permission denied")}
    unknown = {one.control for one in audit(machine(unread), policy()) if one.state is State.UNKNOWN}
    assert not unknown & {one.control for one in told(unread)}


TOOR = {
    accounts.PASSWD: PASSWD + "toor:x:0:0::/root:/bin/sh\n",
    accounts.SHADOW: shadow_kinds(SHADOW + f"toor:{YESCRYPT}:19900:0:99999:7:::\n"),
}


def test_a_second_root_is_locked_and_expired_on_probation() -> None:
    found = told(TOOR)
    assert [(one.change, one.on_probation) for one in found if isinstance(one, Proposal)] == [
        (SetAccount("toor", locked=True, expired=True), True)
    ]


def test_a_second_root_that_somebody_is_signed_in_with_is_left() -> None:
    readings = {**TOOR, accounts.IN_USE: IN_USE + "toor\n"}
    assert changes(readings) == []
    assert "signed in as toor" in left(readings)[0].why


def test_a_second_root_that_has_no_line_to_be_locked_in_is_left() -> None:
    (found,) = left({accounts.PASSWD: TOOR[accounts.PASSWD]})
    assert "/etc/shadow has no line" in found.why


def test_a_second_root_is_left_where_nobody_else_would_get_in() -> None:
    readings = {
        **TOOR,
        accounts.PASSWD: "root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/root:/bin/sh\n",
        accounts.KEYS: "not installed: no key\n",
    }
    assert changes(readings) == []


# ── unused and surplus ──


def test_an_unused_administrator_is_locked_and_expired() -> None:
    assert changes(TWO_ADMINS) == [SetAccount("bob", locked=True, expired=True)]


def test_once_locked_and_expired_he_counts_as_administrator_no_more() -> None:
    after = done(TWO_ADMINS, told(TWO_ADMINS))
    found = {one.control: one for one in audit(machine(after), policy())}
    assert found["admins.none-unused"].state is State.PASS
    assert "bob" not in found["admins.few"].says


@pytest.mark.parametrize(
    ("readings", "text", "why"),
    [
        ({}, '[admins]\nkeep = ["bob"]', "admins.keep"),
        ({accounts.IN_USE: "0\n1001\n"}, "", "runs as bob"),
        ({accounts.IN_USE: "0\nbob\n"}, "", "signed in as bob"),
        ({accounts.IN_USE: Unknown("Permission denied")}, "", "Permission denied"),
        ({accounts.SHADOW: shadow_kinds(SHADOW.replace(YESCRYPT, "!") + BOB)}, "", "nobody else"),
    ],
)
def test_an_unused_administrator_stays_who(readings: dict[str, Reading], text: str, why: str) -> None:
    assert changes({**TWO_ADMINS, **readings}, text) == []
    assert [one.control for one in left({**TWO_ADMINS, **readings}, text) if why in one.why] == ["admins.none-unused"]


def test_a_key_that_sshd_does_not_take_is_nobodys_way_in() -> None:
    without_password = {accounts.SHADOW: shadow_kinds(SHADOW.replace(f"ada:{YESCRYPT}", "ada:!") + BOB)}
    free = {sudoers.MAIN: SUDOERS + "ada ALL=(ALL) NOPASSWD: ALL\n"}
    by_key = {**TWO_ADMINS, **without_password, **free}
    assert changes(by_key) == [SetAccount("bob", locked=True, expired=True)]
    assert changes({**by_key, sshd.MAIN: f"{SSHD}PubkeyAuthentication no\n"}) == []


def test_the_last_administrator_is_never_locked() -> None:
    alone = {accounts.LAST: LAST.replace("Jan 12 08:00:00 +0000 2026", "Jan 12 08:00:00 +0000 2025")}
    assert changes({**alone, accounts.IN_USE: "0\n"}) == []


def test_an_account_made_last_week_is_given_time() -> None:
    never = "bob                                                              **Never logged in**\n"
    new = {
        **TWO_ADMINS, accounts.LAST: LAST + never,
        accounts.SHADOW: shadow_kinds(SHADOW + BOB.replace("19000", "20460")),
    }  # fmt: skip
    assert changes(new) == []
    assert changes({**new, accounts.SHADOW: shadow_kinds(SHADOW + BOB)}) == [
        SetAccount("bob", locked=True, expired=True)
    ]


def test_who_is_one_too_many_is_named_by_last_use_and_chosen_by_a_person() -> None:
    fault = next(one for one in FAULTS if one.name == "five administrators")
    seen = "".join(f"p{n}  pts/0  192.0.2.9  Mon Jan 1{n} 08:00:00 +0000 2026\n" for n in range(5))
    found = left({**fault.readings, accounts.LAST: LAST + seen})
    surplus = next(one for one in found if one.control == "admins.few")
    assert surplus.why.index("p0 (") < surplus.why.index("p4 (")
    assert surplus.try_this.startswith("gpasswd -d p0 sudo")


# ── passwords ──


def test_an_empty_password_is_locked_but_an_administrators_is_his_to_set() -> None:
    of_all = shadow_kinds(SHADOW.replace(YESCRYPT, "") + "guest::19900:0:99999:7:::\n")
    found = {accounts.SHADOW: of_all, accounts.IN_USE: "0\n"}
    assert changes(found) == [SetAccount("guest", locked=True)]
    assert [one.try_this for one in left(found) if one.control == "admins.no-empty-password"] == ["passwd ada"]


def test_an_old_hash_leads_to_a_better_method_and_to_the_owner() -> None:
    weak = shadow_kinds(SHADOW + "old:$1$abc$0123456789abcdefghijkl:19900:0:99999:7:::\n")
    found = {accounts.SHADOW: weak, accounts.LOGIN_DEFS: "ENCRYPT_METHOD MD5\n"}
    assert changes(found) == [SetOption("/etc/login.defs", "ENCRYPT_METHOD", "YESCRYPT", OptionStyle.LOGIN_DEFS)]
    assert left({accounts.SHADOW: weak})[0].try_this == "passwd old"


def test_forced_ageing_ends_for_everyone_at_once() -> None:
    aged = shadow_kinds(SHADOW + f"bob:{YESCRYPT}:19900:0:60:7:::\neve:{YESCRYPT}:19900:0:30:7:::\n")
    assert changes({accounts.SHADOW: aged}) == [
        SetAccount("bob", no_forced_change=True), SetAccount("eve", no_forced_change=True),
    ]  # fmt: skip


@pytest.mark.parametrize(("profile", "least"), [("starter", 8), ("business", 10), ("strict", 12)])
def test_a_length_is_demanded_with_the_companys_words_forbidden(profile: str, least: int) -> None:
    site = f'[site]\nprofile = "{profile}"\ndomains = ["acme-widgets.co.uk"]\n'
    found = changes(WITHOUT_QUALITY, site)
    assert found[0] == SetPackage("libpam-pwquality", present=True)
    file = next(one for one in found if isinstance(one, PutFile) and one.path == DROP_IN)
    assert file.text and file.text.startswith("# Lockdown: admins.password-length:")
    assert f"minlen = {least}\n" in file.text
    assert "acme widgets" in file.text


@pytest.mark.parametrize(
    "readings",
    [
        {accounts.COMMON_PASSWORD: "password required pam_pwquality.so minlen=6\n"},
        {accounts.COMMON_PASSWORD: "password required pam_passwdqc.so min=1,1,1,1,1\n"},
        {
            accounts.COMMON_PASSWORD: PAM.replace(" minlen=12", ""),
            accounts.QUALITY: "/etc/security/pwquality.conf\n",
            f"{accounts.QUALITY}/etc/security/pwquality.conf": "minlen = 6\n",
        },
        {packages.STATUS: Unknown("Permission denied")},
    ],
)
def test_a_drop_in_that_would_count_for_nothing_is_not_proposed(readings: dict[str, Reading]) -> None:
    assert changes({**WITHOUT_QUALITY, **readings}) == []
    assert [one.control for one in left({**WITHOUT_QUALITY, **readings})] == ["admins.password-length"]


def test_the_main_file_of_pwquality_has_the_last_word() -> None:
    found = {
        accounts.COMMON_PASSWORD: PAM.replace(" minlen=12", ""),
        accounts.QUALITY: f"/etc/security/pwquality.conf\n{DROP_IN}\n",
        f"{accounts.QUALITY}/etc/security/pwquality.conf": "minlen = 6\n",
        f"{accounts.QUALITY}{DROP_IN}": "minlen = 14\n",
    }
    length = accounts.least_length(machine(found))
    assert not isinstance(length, Unknown) and length[0] == 6


def test_a_program_that_can_sign_in_loses_password_and_shell_but_a_key_keeps_its_shell() -> None:
    fault = next(one for one in FAULTS if one.name == "a program that can sign in")
    assert changes(fault.readings) == [SetAccount("vmail", locked=True, shell="/usr/sbin/nologin")]
    keys = "/home/vmail/.ssh/authorized_keys"
    keyed = {
        **fault.readings, accounts.KEYS: f"{KEYS_FILE}\n{keys}\n", f"{accounts.KEYS}{keys}": keys_shown(ED25519),
    }  # fmt: skip
    assert changes(keyed) == [SetAccount("vmail", locked=True)]


# ── ssh ──

NL = "\n"
NO_KEY_OF_ADA = {f"{accounts.KEYS}{KEYS_FILE}": ""}
OPEN = {sshd.MAIN: "Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin yes\nPasswordAuthentication yes\n"}


def ssh_files(readings: Mapping[str, Reading], text: str = "") -> dict[str, str]:
    found = told({**OPEN, **readings}, text)
    assert all(one.on_probation for one in found if isinstance(one, Proposal) and isinstance(one.change, PutFile))
    return {one.path: one.text or "" for one in changes({**OPEN, **readings}, text) if isinstance(one, PutFile)}


def test_root_and_passwords_are_shut_out_of_ssh_on_probation_when_an_administrator_has_a_key() -> None:
    files = ssh_files({})
    assert set(files) == {ROOT_FILE, PASSWORDS_FILE}
    assert "PermitRootLogin prohibit-password" in files[ROOT_FILE]
    assert "PasswordAuthentication no" in files[PASSWORDS_FILE]
    assert "PermitRootLogin no" in ssh_files({}, '[site]\nprofile = "strict"')[ROOT_FILE]


@pytest.mark.parametrize(
    "readings",
    [
        {accounts.KEYS: "not installed: no key\n"},
        {f"{accounts.KEYS}{KEYS_FILE}": keys_shown(f'from="192.0.2.1" {ED25519}')},
        # Root comes in with a password; Ada has a key, and no password that sudo would take.
        {accounts.SHADOW: shadow_kinds(SHADOW.replace(YESCRYPT, "!").replace("root:*", f"root:{YESCRYPT}"))},
        # Nobody comes in at all: then it is a person who knows how he administers.
        {accounts.SHADOW: shadow_kinds(SHADOW.replace(YESCRYPT, "!")), accounts.KEYS: "not installed: no key\n"},
        {accounts.SHADOW: Unknown("Permission denied")},
        {accounts.KEYS: Unknown("Permission denied")},
        *(
            {sshd.MAIN: f"{OPEN[sshd.MAIN]}{line}\n"}
            for line in (
                "PubkeyAuthentication no", "AuthorizedKeysFile /etc/ssh/keys/%u", "AllowUsers eve",
                "AllowUsers ada@192.0.2.1", "DenyUsers ada", "AllowGroups wheel", "DenyGroups sudo",
                "AuthenticationMethods publickey,password", "Match User ada\nAllowUsers eve",
            )
        ),
    ],
)  # fmt: skip
def test_nothing_is_shut_where_nobody_would_surely_get_in(readings: dict[str, Reading]) -> None:
    assert ssh_files(readings) == {}
    shut_out = {one.control for one in left({**OPEN, **readings})}
    assert {"admins.no-root-by-ssh", "admins.no-passwords-over-ssh"} <= shut_out


def test_where_nobody_administers_over_ssh_nothing_is_lost_as_long_as_a_key_lets_in() -> None:
    no_passwords = {accounts.SHADOW: shadow_kinds(SHADOW.replace(YESCRYPT, "!"))}
    assert set(ssh_files(no_passwords)) == {ROOT_FILE, PASSWORDS_FILE}


@pytest.mark.parametrize("line", ["AllowUsers eve ada", "AllowGroups sudo", "DenyUsers eve", "DenyGroups docker"])
def test_an_administrator_who_is_allowed_is_a_way_in(line: str) -> None:
    assert set(ssh_files({sshd.MAIN: f"{OPEN[sshd.MAIN]}{line}\n"})) == {ROOT_FILE, PASSWORDS_FILE}


def test_an_administrator_whom_the_same_plan_locks_is_no_way_in() -> None:
    bobs = "/home/bob/.ssh/authorized_keys"
    only_bob = {
        **TWO_ADMINS,
        **NO_KEY_OF_ADA,
        accounts.KEYS: f"{bobs}\n",
        f"{accounts.KEYS}{bobs}": keys_shown(ED25519),
    }
    assert ssh_files(only_bob) == {}


def test_a_key_of_root_alone_keeps_root_by_key() -> None:
    of_root = "/root/.ssh/authorized_keys"
    keys = {**NO_KEY_OF_ADA, accounts.KEYS: f"{of_root}\n", f"{accounts.KEYS}{of_root}": keys_shown(ED25519)}
    assert "prohibit-password" in ssh_files(keys)[ROOT_FILE]
    assert ssh_files(keys, '[site]\nprofile = "strict"') == {}


@pytest.mark.parametrize(
    "main",
    [
        "PermitRootLogin yes\nPasswordAuthentication yes\n",
        "PermitRootLogin yes\nPasswordAuthentication yes\nInclude /etc/ssh/sshd_config.d/*.conf\n",
        f"Include /etc/ssh/sshd_config.d/*.conf\n{SSHD}Match Address 192.0.2.0/24\n{OPEN[sshd.MAIN].partition(NL)[2]}",
    ],
)
def test_a_drop_in_that_sshd_would_not_follow_is_not_proposed(main: str) -> None:
    assert ssh_files({sshd.MAIN: main}) == {}
    assert all(one.try_this for one in left({sshd.MAIN: main}))


# ── the queue, and mailboxes ──

GUEST = {accounts.PASSWD: PASSWD + "guest:x:1007:1007::/home/guest:/bin/bash\nnagios:x:110:110::/:/usr/sbin/nologin\n"}


def test_only_administrators_and_watchers_look_into_the_queue() -> None:
    assert changes(GUEST) == [
        SetPostfix("authorized_mailq_users", "root, postfix, ada, nagios"),
        SetPostfix("authorized_flush_users", "root, postfix, ada, nagios"),
    ]


def test_a_machine_without_other_people_keeps_its_queue_as_it_is_unless_it_is_strict() -> None:
    assert changes({}) == []
    assert len(changes({}, '[site]\nprofile = "strict"')) == 2


def test_whether_a_web_page_may_send_is_for_a_person() -> None:
    web: dict[str, Reading] = {
        accounts.PASSWD: PASSWD + "www-data:x:33:33::/var/www:/usr/sbin/nologin\n",
        listeners.SOURCE: "tcp 0.0.0.0:25 1 master\ntcp 0.0.0.0:443 2 nginx\n",
    }
    found = [one for one in left(web) if one.control == "admins.local-submission-is-narrow"]
    assert "!www-data" in found[0].try_this
    without = {**web, postfix.EFFECTIVE: str(host("").readings[postfix.EFFECTIVE]) + "authorized_submit_users = root\n"}
    assert not [one for one in left(without) if one.control == "admins.local-submission-is-narrow"]


def test_passwords_of_mailboxes_are_told_by_scheme_alone() -> None:
    text = (
        "# a comment: of ours\nada:{PLAIN}geheim:1:1\neve:{ssha256.HEX}ab\nbob:$6$x$y:1:1\ncy:{CRYPT}$2y$05$z\n"
        "dan:0123456789abc\ngil:{my-secret}word\nfay::1:1\n\nnot a line\n"
    )
    shown = schemes_counted(text)
    assert shown == "BLF-CRYPT 1\nNONE 1\nPLAIN 1\nSHA512-CRYPT 1\nSSHA256 1\nUNSTATED 2\n"


@given(st.text())
def test_no_password_gets_into_the_reading_of_schemes(text: str) -> None:
    shown = schemes_counted(f"ada:{{PLAIN}}sesame-{text}\n{text}")
    assert "sesame" not in shown
    source = mailbox_passwords.SOURCE
    of = machine({source: "/etc/dovecot/users\n", f"{source}/etc/dovecot/users": shown})
    found = mailbox_passwords.mailbox_passwords(of)
    assert isinstance(found, tuple) and "PLAIN" in {one.scheme for one in found}


@given(st.text())
def test_a_damaged_reading_of_schemes_is_unknown_or_empty_of_sense_but_never_raises(text: str) -> None:
    source = mailbox_passwords.SOURCE
    of = machine({source: "/etc/dovecot/users\n", f"{source}/etc/dovecot/users": text})
    assert isinstance(mailbox_passwords.mailbox_passwords(of), tuple | Unknown)
    assert [one for one in audit(of, policy()) if one.control == "admins.mailbox-password-schemes"]


def test_what_makes_root_without_a_password_is_for_a_person() -> None:
    found = {sudoers.MAIN: SUDOERS + "ada ALL=(ALL) NOPASSWD: ALL\n"}
    assert changes(found) == []
    assert "visudo" in left(found)[0].try_this


@given(st.text(), st.text())
@hypothesis_settings(max_examples=60, deadline=None)
def test_garbage_never_raises_and_locks_nobody_who_is_known(text: str, other: str) -> None:
    found = changes(
        {
            **TWO_ADMINS, accounts.IN_USE: other, accounts.KEYS: text, f"{accounts.KEYS}{KEYS_FILE}": text,
            sshd.MAIN: other, accounts.LOGIN_DEFS: text, packages.STATUS: other, accounts.COMMON_PASSWORD: text,
        }
    )  # fmt: skip
    assert not any(isinstance(one, SetAccount) and one.user == "ada" for one in found)
