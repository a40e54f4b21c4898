"""Changes are staged, done and taken back on a whole machine with its real Postfix, Dovecot, sshd and accounts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rig.machine import Machine, why_no_machine
from tests.rig.network import eventually

pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(why_no_machine()), reason=why_no_machine())]

_BEFORE = """
import json, sys
from lockdown.host.change import deeds, files, services, staging, undoing
from lockdown.model.change import *
from lockdown.model.errors import OperatorError
result = None
def tried(deed, *arguments):
    try:
        return deed(*arguments) or ""
    except OperatorError as error:
        return f"refused: {error.why}"
def applied(*changes):
    staged = staging.stage(changes)
    for edit in staged.edits:
        files.put(edit.after)
    for deed in staged.deeds:
        deeds.do(deed.change, deed.before)
    return staged
def taken_back(staged, *changes):
    left = [deeds.undo(deed.change, deed.before) for deed in reversed(staged.deeds)]
    for edit in staged.edits:
        image = undoing.undone(edit, changes, files.image_of(edit.after.path))
        if isinstance(image, str):
            left.append(image)
        else:
            files.put(image)
    files.remove_empty(staged.folders)
    return [why for why in left if why]
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("hands")) as machine:
        machine.run(
            "sh",
            "-c",
            "cp /etc/shadow /etc/shadow.first; echo 'maillog_file = /var/log/mail.log' >> /etc/postfix/main.cf",
        )
        yield machine


def _in(machine: Machine, code: str) -> Any:
    """What `result` is after this code has run in the machine."""
    said = machine.run(sys.executable, "-c", f"{_BEFORE}\n{code}\nprint(json.dumps(result))")
    return json.loads(said.stdout.splitlines()[-1])


def _octets(machine: Machine, *paths: str) -> list[bytes]:
    return [machine.path(path).read_bytes() for path in paths]


# ── files, judged by the services ──

POSTFIX = """
changes = [
    SetPostfix("smtpd_helo_required", "yes"),
    EditPostfixList("smtpd_relay_restrictions", add="reject_unknown_recipient_domain",
                    before=("defer_unauth_destination",)),
    EditPostfixList("smtpd_recipient_restrictions", add="reject_unauth_destination", first=True),
    SetPostfix("smtpd_tls_security_level", "may", "smtp/inet"),
    SetPostfixService("zzz", "unix", "zzz unix - - y - 1 anvil"),
]
"""


def test_postfix_takes_what_was_staged_and_the_files_come_back_to_the_octet(machine: Machine) -> None:
    files = ("/etc/postfix/main.cf", "/etc/postfix/master.cf")
    before = _octets(machine, *files)
    code = f"""{POSTFIX}
staged = applied(*changes)
result = [staged.problems, staged.services, [one.changes for one in staged.edits]]
result.append(staging.stage(changes).nothing_to_do)"""
    assert _in(machine, code) == [[], ["postfix"], [[0, 1, 2], [3, 4]], [0, 1, 2, 3, 4]]
    names = ("smtpd_helo_required", "smtpd_relay_restrictions", "smtpd_recipient_restrictions")
    assert machine.run("postconf", "-h", *names).stdout.splitlines() == [
        "yes",
        "permit_mynetworks permit_sasl_authenticated reject_unknown_recipient_domain defer_unauth_destination",
        "reject_unauth_destination",
    ]
    assert machine.run("postconf", "-P", "smtp/inet/smtpd_tls_security_level").stdout.endswith("= may\n")
    for path, octets in zip(files, before, strict=True):
        machine.path(f"{path}.first").write_bytes(octets)
    left = _in(machine, f"""{POSTFIX}
edits = []
for path in {files!r}:
    now, then = files.image_of(path), files.image_of(path + ".first")
    was = files.FileImage(path, then.octets, now.mode, now.uid, now.gid)
    edits.append(staging.FileEdit(was, now, (0, 1, 2) if "main" in path else (3, 4)))
result = taken_back(staging.Staged(tuple(edits), ()), *changes)""")  # fmt: skip
    assert left == []
    assert _octets(machine, *files) == before


def test_a_list_that_is_not_written_is_edited_from_what_counts_without_it(machine: Machine) -> None:
    machine.run("sh", "-c", "mkdir -p /etc/bare; cp /etc/postfix/ma*.cf /etc/bare;"
                " postconf -c /etc/bare -X smtpd_relay_restrictions")  # fmt: skip
    result = _in(machine, """
changes = [
    EditPostfixList("smtpd_relay_restrictions", remove=("permit_sasl_authenticated",), config_directory="/etc/bare"),
    SetPostfix("smtpd_helo_restrictions", "permit_mynetworks", config_directory="/etc/bare"),
    EditPostfixList("smtpd_helo_restrictions", add="reject_invalid_helo_hostname", service="smtp/inet",
                    config_directory="/etc/bare"),
]
staged = applied(*changes)
result = staged.problems""")  # fmt: skip
    assert result == []
    relay = machine.run("postconf", "-c", "/etc/bare", "-h", "smtpd_relay_restrictions").stdout.replace(",", "")
    assert relay.split() == ["permit_mynetworks", "defer_unauth_destination"]
    helo = machine.run("postconf", "-c", "/etc/bare", "-P", "smtp/inet/smtpd_helo_restrictions").stdout
    assert helo.partition("= ")[2].split() == ["permit_mynetworks", "reject_invalid_helo_hostname"]


def test_a_word_that_postfix_does_not_know_is_a_problem_in_its_own_words(machine: Machine) -> None:
    result = _in(machine, "result = staging.stage([SetPostfix('smtpd_helo_requierd', 'yes')]).problems")
    assert "unused parameter: smtpd_helo_requierd" in result[0]
    assert "/etc/postfix/main.cf" in result[0]


def test_an_old_complaint_of_postfix_is_no_problem_of_the_change(machine: Machine) -> None:
    machine.run("sh", "-c", "cp -a /etc/postfix /etc/postfix-odd; echo 'of_old = 1' >> /etc/postfix-odd/main.cf")
    result = _in(
        machine, "result = staging.stage([SetPostfix('biff', 'yes', config_directory='/etc/postfix-odd')]).problems"
    )
    assert result == []


def test_staging_leaves_nothing_behind(machine: Machine) -> None:
    def seen() -> str:
        return machine.run("sh", "-c", "ls -laR --time-style=full-iso /etc/postfix /etc/ssh; ls -A /tmp /run").stdout

    before = seen()
    _in(machine, f"{POSTFIX}\nstaging.stage([*changes, PutFile('/etc/ssh/sshd_config.d/1.conf', 'UseDNS no\\n'),"
        " PutFile('/etc/dovecot/conf.d/98-x.conf', 'mail_debug = yes\\n')])")  # fmt: skip
    assert seen() == before


@pytest.mark.parametrize(
    ("path", "text", "problem"),
    [
        ("/etc/dovecot/conf.d/99-lockdown-x.conf", "disable_plaintext_auth = yes\n", ""),
        ("/etc/dovecot/conf.d/99-lockdown-x.conf", "disable_plaintext_auht = yes\n", "Unknown setting"),
        ("/etc/dovecot/elsewhere/99-lockdown-x.conf", "disable_plaintext_auth = yes\n", "does not include"),
        ("/etc/ssh/sshd_config.d/00-lockdown-x.conf", "PermitRootLogin no\n", ""),
        ("/etc/ssh/sshd_config.d/00-lockdown-x.conf", "PermitRootLogin perhaps\n", "unsupported option"),
        ("/etc/ssh/elsewhere/00-lockdown-x.conf", "PermitRootLogin no\n", "does not include"),
        ("/etc/security/pwquality.conf.d/lockdown.conf", "minlen = 12\n", ""),
    ],
)
def test_a_file_of_ours_is_judged_by_its_service_where_it_would_lie(
    machine: Machine, path: str, text: str, problem: str
) -> None:
    problems = _in(machine, f"result = staging.stage([PutFile({path!r}, {text!r})]).problems")
    assert len(problems) == (1 if problem else 0), problems
    if problem:
        assert problem.lower() in problems[0].lower()
        assert "lockdown-stage" not in problems[0]
    assert not machine.path(path).exists()


def test_a_folder_that_came_with_a_file_goes_with_it(machine: Machine) -> None:
    result = _in(machine, """
change = PutFile('/etc/security/new.d/a/lockdown.conf', 'x = 1\\n', 0o640, 'root', 'mail')
staged = applied(change)
there = files.image_of(change.path)
result = [staged.folders, there.mode, taken_back(staged, change)]""")  # fmt: skip
    assert result == [["/etc/security/new.d", "/etc/security/new.d/a"], 0o640, []]
    assert not machine.path("/etc/security/new.d").exists()


def test_a_main_file_that_is_a_link_stays_one(machine: Machine) -> None:
    machine.run("sh", "-c", "mkdir -p /etc/linked /srv/conf; cp /etc/postfix/ma*.cf /srv/conf/;"
                " ln -sf /srv/conf/main.cf /srv/conf/master.cf /etc/linked/")  # fmt: skip
    _in(machine, "applied(SetPostfix('biff', 'yes', config_directory='/etc/linked'))")
    assert machine.path("/etc/linked/main.cf").is_symlink()
    assert machine.run("postconf", "-c", "/etc/linked", "-h", "biff").stdout == "yes\n"


def test_without_a_postfix_no_setting_of_it_can_be_staged(machine: Machine) -> None:
    said = _in(machine, "result = tried(staging.stage, [SetPostfix('biff', 'no', config_directory='/etc/nowhere')])")
    assert "there is no Postfix" in said
    said = _in(machine, "result = tried(staging.stage, [SetPostfix('biff', 'no', 'nobody/inet')])")
    assert "no entry nobody/inet" in said


@pytest.mark.parametrize(
    ("mount", "why"),
    [("mount -t tmpfs -o size=64k tmpfs /mnt", "the disk is full"),
     ("mount -t tmpfs tmpfs /mnt; echo old > /mnt/a.conf; mount -o remount,ro /mnt", "read-only")],
)  # fmt: skip
def test_a_disk_that_takes_no_file_is_said_in_words_and_the_old_file_stays(
    machine: Machine, mount: str, why: str
) -> None:
    machine.run("sh", "-c", f"{mount}; test -e /mnt/a.conf || echo old > /mnt/a.conf")
    said = _in(machine, "result = tried(files.put, files.FileImage('/mnt/a.conf', b'x' * 200_000))")
    seen = machine.run("sh", "-c", "cat /mnt/a.conf; ls -A /mnt; umount /mnt").stdout
    assert why in said
    assert seen == "old\na.conf\n"


# ── services ──


def test_a_service_that_does_not_run_is_not_started_by_a_reload(machine: Machine) -> None:
    result = _in(machine, "[services.reload(one) for one in services.SERVICES]\n"
                 "result = [services.is_running(one) for one in services.SERVICES]")  # fmt: skip
    assert not any(result)


def test_a_running_service_reads_its_files_again_and_goes_on(machine: Machine) -> None:
    machine.run("sh", "-c", "rm -f /etc/dovecot/conf.d/10-ssl.conf; echo 'ssl = no' > /etc/dovecot/conf.d/10-ssl.conf;"
                " dovecot; /etc/init.d/ssh start; postfix start")  # fmt: skip
    running = "result = [services.is_running(one) for one in ('postfix', 'dovecot', 'ssh')]"
    eventually(lambda: _in(machine, running) == [True] * 3, "all three to run")
    machine.write("/etc/ssh/sshd_config.d/00-banner.conf", "VersionAddendum told-again\n")
    machine.write("/etc/dovecot/conf.d/99-greeting.conf", "login_greeting = told-again\n")
    machine.run("postconf", "-e", "smtpd_banner = told-again")
    assert _in(machine, "result = [services.reload(one) for one in ('postfix', 'dovecot', 'ssh')]") == [None] * 3
    for port in (22, 143, 25):
        eventually(lambda port=port: "told-again" in _greeting(machine, port), f"the new greeting of port {port}")
    assert _in(machine, running) == [True] * 3


def _greeting(machine: Machine, port: int) -> str:
    code = f"import socket; print(socket.create_connection(('127.0.0.1', {port}), 5).recv(200))"
    return machine.run(sys.executable, "-c", code, check=False).stdout


def test_sshd_is_not_told_to_read_a_file_that_would_end_it(machine: Machine) -> None:
    machine.write("/etc/ssh/sshd_config.d/00-broken.conf", "Nonsense yes\n")
    said = _in(machine, "result = [tried(services.reload, 'ssh'), services.check('ssh'), services.is_running('ssh')]")
    machine.path("/etc/ssh/sshd_config.d/00-broken.conf").unlink()
    assert "Nonsense" in said[0] and "Nonsense" in said[1]
    assert said[2] is True


def test_postfix_is_started_anew_for_an_address_that_a_reload_does_not_take_in(machine: Machine) -> None:
    result = _in(machine, """
change = SetPostfix("inet_interfaces", "127.0.0.1")
staged = applied(change)
services.reload("postfix", "postfix" in staged.restarts)
result = [staged.restarts, services.is_running("postfix"), taken_back(staged, change)]
services.reload("postfix", True)""")  # fmt: skip
    assert result == [["postfix"], True, []]


def test_a_masked_service_is_stopped_and_comes_back_as_it_was(machine: Machine) -> None:
    links = "find /etc/rc?.d /etc/systemd/system -type l -printf '%p %l\\n' | sort"
    before = machine.run("sh", "-c", links).stdout
    result = _in(machine, """
change = SetUnit("dovecot.service", Unit.MASKED)
staged = applied(change)
result = [services.is_running("dovecot"), deeds.holds(change), staging.stage([change]).nothing_to_do]
result += [files.image_of("/etc/systemd/system/dovecot.service").link, taken_back(staged, change)]
result += [services.is_running("dovecot"), deeds.holds(change), taken_back(staged, change)]""")  # fmt: skip
    assert result == [False, True, [0], "/dev/null", [], True, False, []]
    assert machine.run("sh", "-c", links).stdout == before


def test_a_service_is_started_and_stopped_again_by_its_undo(machine: Machine) -> None:
    machine.run("/etc/init.d/ssh", "stop")
    machine.run("sh", "-c", "rm /etc/rc?.d/S??ssh /etc/systemd/system/*.wants/ssh.service")
    links = "find /etc/rc?.d /etc/systemd/system -type l -printf '%p %l\\n' | sort"
    before = machine.run("sh", "-c", links).stdout
    result = _in(machine, """
change = SetUnit("ssh.service", Unit.RUNNING)
staged = applied(change)
result = [deeds.holds(change), taken_back(staged, change), deeds.holds(change)]
result.append(services.is_running("ssh"))""")  # fmt: skip
    assert result == [True, [], False, False]
    assert machine.run("sh", "-c", links).stdout == before


_SYSTEMCTL = """#!/bin/sh
# What systemd would say of units that are files below /run/units; what it is asked is written down.
echo "$*" >> /run/asked
shift_to() { while [ "$1" != -- ]; do shift; done; echo "$2"; }
unit=$(shift_to "$@" -- none)
case $1 in
    is-active) [ -e "/run/units/$unit" ] && echo active || { echo inactive; exit 3; } ;;
    stop) rm -f "/run/units/$unit" ;;
    start) touch "/run/units/$unit" ;;
esac
"""


def test_with_systemd_the_socket_of_a_service_is_masked_with_it_and_comes_back_with_it(machine: Machine) -> None:
    machine.run("sh", "-c", "mkdir -p /run/units /run/systemd/system; cp -p /usr/bin/systemctl /root/systemctl;"
                " touch /run/units/ssh.socket /run/units/ssh.service")  # fmt: skip
    machine.write("/usr/bin/systemctl", _SYSTEMCTL, 0o755)
    result = _in(machine, """
change = SetUnit("ssh.service", Unit.MASKED)
staged = applied(change)
links = [files.image_of(f"/etc/systemd/system/ssh.{kind}").link for kind in ("service", "socket")]
running = json.loads(staged.deeds[0].before)["running"]
result = [running, links, deeds.holds(change), taken_back(staged, change)]""")  # fmt: skip
    running = machine.run("ls", "/run/units").stdout.split()
    asked = machine.read("/run/asked")
    machine.run("sh", "-c", "rm -r /run/systemd/system /run/units; cp -p /root/systemctl /usr/bin/systemctl")
    assert result == [["ssh.service", "ssh.socket"], ["/dev/null", "/dev/null"], True, []]
    assert running == ["ssh.service", "ssh.socket"]
    assert asked.index("stop -- ssh.socket") < asked.index("stop -- ssh.service"), "the socket would start it again"
    assert asked.count("daemon-reload") == 2


def test_a_service_that_nobody_knows_is_refused(machine: Machine) -> None:
    said = _in(machine, "result = tried(staging.stage, [SetUnit('nobody.service', Unit.MASKED)])")
    assert "neither a unit nor an init script" in said


# ── accounts ──

FILES = ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow")


@pytest.fixture
def people(machine: Machine) -> Iterator[Machine]:
    machine.run("sh", "-c", """for one in passwd shadow group gshadow; do cp -p /etc/$one /root/$one; done
for one in anna bert cleo dora; do useradd -m -s /bin/bash $one; done; passwd -d dora
echo 'anna:one-two-3' | chpasswd; echo 'bert:one-two-3' | chpasswd; chage -d 2020-01-01 -M 90 dora
for one in anna bert cleo; do usermod -aG sudo,users $one; done""")  # fmt: skip
    yield machine
    machine.run(
        "sh", "-c", "for one in passwd shadow group gshadow; do cp -p /root/$one /etc/$one; done; rm -r /home/*"
    )


@pytest.mark.parametrize(
    "change",
    [
        "SetAccount('anna', locked=True)",
        "SetAccount('bert', locked=True, expired=True, shell='/usr/sbin/nologin', leaves=('users', 'sudo'))",
        "SetAccount('dora', locked=True)",
        "SetAccount('dora', no_forced_change=True)",
        "SetAccount('cleo', expired=True, leaves=('sudo',))",
        "SetAccount('games', locked=True, expired=True)",
    ],
)
def test_an_account_is_shut_and_every_octet_of_its_files_comes_back(people: Machine, change: str) -> None:
    before = _octets(people, *FILES)
    result = _in(
        people, f"change = {change}\nstaged = applied(change)\nresult = [deeds.holds(change), staged.deeds[0].before]"
    )
    assert result[0] is True
    assert "$y$" not in result[1]
    assert _octets(people, *FILES) != before
    again = (
        f"change, before = {change}, {result[1]!r}\nresult = [deeds.undo(change, before), deeds.undo(change, before)]"
    )
    assert _in(people, again) == ["", ""]
    assert _octets(people, *FILES) == before


def test_what_others_changed_of_an_account_since_stays(people: Machine) -> None:
    result = _in(people, """
import subprocess
change = SetAccount("bert", expired=True, shell="/usr/sbin/nologin", leaves=("sudo",))
staged = applied(change)
for line in ("usermod -s /bin/sh bert", "usermod -e 2030-01-01 bert", "gpasswd -d cleo sudo"):
    subprocess.run(line.split(), check=True, stdout=subprocess.DEVNULL)
result = taken_back(staged, change)""")  # fmt: skip
    assert "expires has been changed since" in result[0] and "shell of bert has been changed since" in result[0]
    assert "bert:x:" in people.read("/etc/passwd") and ":/bin/sh" in people.read("/etc/passwd")
    assert "sudo:x:27:anna,bert\n" in people.read("/etc/group")


def test_root_and_the_last_way_to_root_are_never_shut(people: Machine) -> None:
    said = _in(people, "result = tried(staging.stage, [SetAccount('root', locked=True)])")
    assert "root is never shut out" in said
    people.run("sh", "-c", "passwd -l root; rm -rf /root/.ssh; usermod -e 1 bert; usermod -s /usr/sbin/nologin bert")
    said = _in(people, "result = [tried(staging.stage, [SetAccount('anna', **how)]) for how in"
               " ({'locked': True}, {'expired': True}, {'leaves': ('sudo',)}, {'shell': '/bin/false'})]")  # fmt: skip
    assert all("the last account" in one for one in said), said
    said = _in(people, "result = tried(deeds.do, SetAccount('anna', locked=True), '{}')")
    assert "the last account" in said
    people.write("/home/anna/.ssh/authorized_keys", "ssh-ed25519 AAAA\n")
    assert _in(people, "result = len(staging.stage([SetAccount('anna', locked=True)]).deeds)") == 1


def test_an_account_that_is_not_there_is_refused(machine: Machine) -> None:
    assert "no such account" in _in(machine, "result = tried(staging.stage, [SetAccount('nobody-such', locked=True)])")


# ── packages and programs ──


def test_a_package_that_others_need_is_not_removed(machine: Machine) -> None:
    said = _in(machine, "result = tried(staging.stage, [SetPackage('dovecot-core', present=False)])")
    assert "dovecot-imapd" in said and "would be removed with it" in said


def test_a_package_that_is_as_it_should_be_needs_nothing(machine: Machine) -> None:
    changes = "[SetPackage('dovecot-core', present=True), SetPackage('no-such-thing', present=False)]"
    assert _in(machine, f"result = staging.stage({changes}).nothing_to_do") == [0, 1]


_REPOSITORY = """
set -e; mkdir -p /srv/apt/one/DEBIAN /srv/apt/one/etc
printf 'Package: lockdown-try\\nVersion: 1.2\\nArchitecture: all\\nMaintainer: a <a@example.org>\\n' > /srv/apt/control
cp /srv/apt/control /srv/apt/one/DEBIAN/control
printf 'Description: none\\n' >> /srv/apt/one/DEBIAN/control
echo 'a = 1' > /srv/apt/one/etc/lockdown-try.conf; echo /etc/lockdown-try.conf > /srv/apt/one/DEBIAN/conffiles
dpkg-deb -b /srv/apt/one /srv/apt/one.deb > /dev/null
{ cat /srv/apt/control; echo "Filename: ./one.deb"; stat -c 'Size: %s' /srv/apt/one.deb
  echo "SHA256: $(sha256sum /srv/apt/one.deb | cut -d' ' -f1)"; echo 'Description: none'; } > /srv/apt/Packages
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d; echo 'deb [trusted=yes] file:/srv/apt ./' > /etc/apt/sources.list
{ echo; sed 's/-try/-rival/' /srv/apt/control; echo 'Conflicts: dovecot-imapd'; echo 'Description: none'
  sed -n '/^Filename/,/^SHA256/p' /srv/apt/Packages; } >> /srv/apt/Packages
apt-get -q -o APT::Sandbox::User=root update
"""


@pytest.fixture(scope="module")
def repository(machine: Machine) -> Machine:
    """The machine, which can get two packages of ours and no others."""
    machine.run("sh", "-c", _REPOSITORY)
    return machine


def test_a_package_that_drives_others_out_or_is_not_to_be_had_is_not_planned(repository: Machine) -> None:
    code = "result = [tried(staging.stage, [SetPackage(f'lockdown-{name}', True)]) for name in ('rival', 'none')]"
    said = _in(repository, code)
    assert "dovecot-imapd would be removed with it" in said[0]
    assert "Unable to locate package lockdown-none" in said[1]


def test_a_package_comes_and_goes_and_its_settings_stay(repository: Machine) -> None:
    result = _in(repository, """
there, gone = SetPackage("lockdown-try", True), SetPackage("lockdown-try", False)
staged = applied(there)
result = [deeds.holds(there), taken_back(staged, there), deeds.holds(gone)]
applied(there)
packages = deeds.packages
packages.must("apt-mark", "auto", "lockdown-try")
staged = applied(gone)
result += [deeds.holds(gone), files.image_of("/etc/lockdown-try.conf").octets == b"a = 1\\n"]
result += [taken_back(staged, gone), deeds.holds(there), packages.state("lockdown-try")]""")  # fmt: skip
    state = {"status": "installed", "version": "1.2", "automatic": True}
    assert result == [True, [], True, True, True, [], True, state]


def test_a_version_that_is_not_to_be_had_any_more_is_said(machine: Machine) -> None:
    said = _in(machine, """
held = {"status": "installed", "version": "0.1-gone", "automatic": False}
result = deeds.undo(SetPackage("lockdown-none", False), json.dumps(held))""")  # fmt: skip
    assert "lockdown-none 0.1-gone could not be installed again" in said


def test_a_program_is_run_and_its_inverse_undoes_it(machine: Machine) -> None:
    result = _in(machine, """
change = Run(("touch", "/root/flag"), ("rm", "/root/flag"))
staged = applied(change)
there = files.image_of("/root/flag").octets
result = [there == b"", taken_back(staged, change), files.image_of("/root/flag").octets]
result += [tried(deeds.do, Run(("false",), ()), "{}")]""")  # fmt: skip
    assert result[:3] == [True, [], None]
    assert "ended with 1" in result[3]


def test_the_hands_leave_no_trace_of_themselves(machine: Machine) -> None:
    found = machine.run("sh", "-c", "find /etc /tmp -name '.lockdown-*' -o -name 'lockdown-stage-*'").stdout
    assert found == "", Path(found)
