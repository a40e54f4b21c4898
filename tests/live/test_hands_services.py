"""The services beside the mail servers are told too, and who cannot be asked is never taken for content."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.rig.machine import Machine, why_no_machine
from tests.rig.network import eventually

pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(why_no_machine()), reason=why_no_machine())]

_WORDS = """
import json, os
from pathlib import Path
from lockdown.host.change import accounts, deeds, files, hollow, services, staging
from lockdown.host.journal import Journal
from lockdown.model.change import *
from lockdown.model.errors import OperatorError
def tried(deed, *arguments):
    try:
        return deed(*arguments) or ""
    except OperatorError as error:
        return f"refused: {error.why}"
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("services")) as machine:
        machine.run(
            "sh", "-c", "cp /bin/bash /usr/sbin/php-fpm8.2; cp /bin/sleep /usr/sbin/nginx; cp /bin/sleep /tmp/sshd"
        )
        yield machine


def _in(machine: Machine, code: str) -> Any:
    said = machine.run(sys.executable, "-c", f"{_WORDS}\n{code}\nprint(json.dumps(result))")
    return json.loads(said.stdout.splitlines()[-1])


def test_a_file_of_php_or_nginx_concerns_its_service_where_that_is_installed(machine: Machine) -> None:
    code = """def concerned(path): return staging.stage([PutFile(path, '; x\\n')]).services
result = [concerned(f'/etc/php/{one}/conf.d/x.ini') for one in ('8.2/fpm', '7.4/fpm')]"""
    assert _in(machine, code) == [["php8.2-fpm"], []]


def test_php_is_told_by_its_signal_after_its_own_check(machine: Machine) -> None:
    told = "trap 'echo told > /run/told' USR2; mkdir -p /run/php; echo $$ > /run/php/php8.2-fpm.pid; touch /run/up"
    machine.start("php-fpm8.2", "-c", f"{told}; while :; do sleep 0.1; done")
    eventually(lambda: machine.path("/run/up").exists(), "it to run")
    assert _in(machine, "result = tried(services.reload, 'php8.2-fpm')") == ""
    eventually(lambda: machine.path("/run/told").exists(), "it to be told")


def test_what_nginx_says_against_its_files_keeps_it_from_being_told(machine: Machine) -> None:
    machine.start("sh", "-c", "echo $$ > /run/nginx.pid; exec /usr/sbin/nginx 100")
    eventually(lambda: _in(machine, "result = services.is_running('nginx')"), "it to run")
    assert _in(machine, "result = tried(services.reload, 'nginx')").startswith("refused: ")


def test_a_program_of_a_user_that_calls_itself_sshd_is_not_told_in_its_place(machine: Machine) -> None:
    machine.start(
        "setpriv", "--reuid", "65534", "bash", "-c", "exec -a 'sshd: /usr/sbin/sshd [listener]' /tmp/sshd 100"
    )
    eventually(lambda: "[listener]" in machine.run("ps", "-eo", "args").stdout, "it to run")
    assert _in(machine, "result = services.is_running('ssh')") is False


def test_an_exim_without_a_daemon_gets_its_file_made_anew(machine: Machine) -> None:
    code = "services.EXIM_GENERATOR = {!r}; result = services.takes_a_reload('exim')"
    assert _in(machine, code.format("true")) is True
    assert _in(machine, code.format("no-such-program")) is False


def test_the_last_drop_in_that_dovecot_needs_stays_without_a_setting(machine: Machine) -> None:
    path = "/etc/dovecot/conf.d/98-lockdown-x.conf"
    machine.run("sh", "-c", "mkdir /etc/dovecot/aside; mv /etc/dovecot/conf.d/* /etc/dovecot/aside/")
    machine.run("cp", "/etc/dovecot/dovecot.conf", "/etc/dovecot/aside/dovecot.conf.first")
    machine.write("/etc/dovecot/dovecot.conf", "!include conf.d/*.conf\n")
    machine.write(path, "auth_verbose = yes\n")
    code = f"result = hollow.put_back(files.absent({path!r}), files.image_of({path!r}))"
    said = _in(machine, code)
    refused = _in(machine, "result = services.check('dovecot')")
    machine.write("/etc/dovecot/conf.d/other.conf", "# other\n")
    also = _in(machine, code)
    gone = not machine.path(path).exists()
    machine.run("sh", "-c", "mv /etc/dovecot/aside/*.conf /etc/dovecot/aside/*.ext /etc/dovecot/conf.d/; true")
    assert "Dovecot would not start" in said
    assert refused == ""
    assert (also, gone) == ("", True), "where others are left it goes"


def test_a_package_that_is_not_to_be_had_is_known_before_anything_is_done(machine: Machine) -> None:
    said = _in(machine, "result = tried(deeds.fetch, SetPackage('no-such-package', True))")
    assert "cannot be fetched" in said


def test_on_a_full_disk_there_is_room_to_write_down_an_undo(machine: Machine) -> None:
    code = """os.mkdir('/mnt/full'); os.system('mount -t tmpfs -o size=512k tmpfs /mnt/full')
journal = Journal.begin(Path('/mnt/full/applies/20261124-120000'))
journal.append('intended')
try:
    with open('/mnt/full/rest', 'wb', buffering=0) as rest:
        while rest.write(b'x' * 4096): pass
except OSError: pass
for _ in range(2): journal.append('undoing', why='x' * 8000)
result = [entry.event for entry in journal.read().entries]"""
    assert _in(machine, code) == ["intended", "undoing", "undoing"]


def test_where_the_accounts_cannot_be_read_nobody_is_shut_out(machine: Machine) -> None:
    machine.run("useradd", "-m", "-s", "/bin/bash", "-p", "$y$j9T$x", "surplus")
    code = "accounts.{} = Path('/etc'); result = tried(accounts.refuse, SetAccount('surplus', expired=True))"
    for name in ("PASSWD", "SHADOW", "GROUP", "SUDOERS"):
        assert "cannot be read" in _in(machine, code.format(name)), name


def test_a_group_that_a_rule_of_sudo_names_is_a_way_to_root(machine: Machine) -> None:
    machine.run("sh", "-c", "groupadd keepers; useradd -m -G keepers -s /bin/bash -p '$y$j9T$x' keeper")
    machine.write("/etc/sudoers.d/keepers", "%keepers ALL=(ALL:ALL) ALL\n", 0o440)
    assert "keeper" in _in(machine, "result = list(accounts.who_can_become_root())")
