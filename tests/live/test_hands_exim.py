"""Changes of an Exim are judged by Exim itself, in Debian's layout and in its own; and it reads them again."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rig.machine import Machine, why_no_machine
from tests.rig.network import eventually
from tests.rig.unpacked import NotFetched, Unpacked, why_unpacked_cannot_run

_WHY_NOT = why_no_machine() or why_unpacked_cannot_run()
pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(_WHY_NOT), reason=_WHY_NOT)]

SETTINGS = """\
dc_eximconfig_configtype='local'
dc_other_hostnames='mail.example.org'
dc_local_interfaces='127.0.0.1'
dc_readhost=''
dc_relay_domains=''
dc_minimaldns='false'
dc_relay_nets='0.0.0.0/0'
dc_smarthost=''
CFILEMODE='644'
dc_use_split_config='true'
dc_hide_mailname=''
dc_mailname_in_oh='true'
dc_localdelivery='mail_spool'
"""
_INSTALL = """\
cp -a {root}/usr/sbin/exim4 {root}/usr/sbin/update-exim4.conf {root}/usr/sbin/update-exim4.conf.template /usr/sbin/
cp -an {root}/usr/lib/. /usr/lib/; cp -a {root}/etc/exim4 /etc/; ldconfig
echo 'Debian-exim:x:9901:9901::/nonexistent:/usr/sbin/nologin' >> /etc/passwd
echo 'Debian-exim:x:9901:' >> /etc/group
mkdir -p /var/lib/exim4 /var/spool/exim4 /var/log/exim4 /run/exim4
chown -R Debian-exim: /var/spool/exim4 /var/log/exim4 /run/exim4
echo mail.example.org > /etc/mailname
"""
MACROS = "/etc/exim4/exim4.conf.localmacros"
SPLIT = "/etc/exim4/update-exim4.conf.conf"
OWN = "/etc/exim4/exim4.conf"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    try:
        root: Path = Unpacked(tmp_path_factory.mktemp("exim")).root
    except NotFetched as reason:
        pytest.skip(str(reason))
    with Machine(tmp_path_factory.mktemp("hands"), [root]) as machine:
        machine.run("sh", "-c", _INSTALL.format(root=root))
        machine.write(SPLIT, SETTINGS)
        machine.run("update-exim4.conf")
        yield machine


def _in(machine: Machine, code: str) -> Any:
    words = (
        "import json\nfrom lockdown.host.change import files, services, staging\nfrom lockdown.model.change import *"
    )
    said = machine.run(sys.executable, "-c", f"{words}\n{code}\nprint(json.dumps(result))")
    return json.loads(said.stdout.splitlines()[-1])


def _option(path: str, name: str, value: str, style: str) -> str:
    return f"SetOption({path!r}, {name!r}, {value!r}, OptionStyle.{style})"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (_option(SPLIT, "dc_relay_nets", "192.0.2.0/24", "EXIM_MACRO"), ""),
        (_option(MACROS, "MAIN_ACL_CHECK_RCPT", "acl_check_rcpt", "EXIM_MACRO"), ""),
        ("PutFile('/etc/exim4/conf.d/main/99_lockdown', 'smtp_banner = x\\n')", ""),
        ("PutFile('/etc/exim4/conf.d/main/99_lockdown', 'smtp_baner = x\\n')", "smtp_baner"),
    ],
)
def test_the_file_that_debian_would_make_is_what_exim_judges(machine: Machine, change: str, problem: str) -> None:
    result = _in(machine, f"one = staging.stage([{change}])\nresult = [one.problems, one.services, len(one.edits)]")
    assert result[1:] == [["exim"], 1]
    assert len(result[0]) == (1 if problem else 0), result
    assert not problem or problem in result[0][0]
    assert not machine.path("/etc/exim4/conf.d/main/99_lockdown").exists()


@pytest.mark.parametrize(("name", "problem"), [("helo_verify_hosts", ""), ("helo_verify_host", "helo_verify_host")])
def test_a_file_of_its_own_is_judged_as_it_would_be(machine: Machine, name: str, problem: str) -> None:
    machine.write(OWN, "primary_hostname = mail.example.org\n\nbegin acl\n\nbegin routers\n")
    result = _in(machine, f"result = staging.stage([{_option(OWN, name, '*', 'EXIM')}]).problems")
    machine.path(OWN).unlink()
    assert bool(result) == bool(problem), result
    assert problem in "".join(result)


def test_a_running_exim_reads_its_file_again(machine: Machine) -> None:
    machine.start("exim4", "-bd", "-oX", "25", "-oP", "/run/exim4/exim.pid")
    eventually(lambda: _in(machine, "result = services.is_running('exim')"), "Exim to run")
    code = """staged = staging.stage([PutFile('/etc/exim4/conf.d/main/99_lockdown', 'smtp_banner = told-again\\n')])
for edit in staged.edits:
    files.put(edit.after)
result = services.reload('exim')"""
    assert _in(machine, code) is None
    eventually(lambda: "told-again" in _greeting(machine), "the new greeting")


def _greeting(machine: Machine) -> str:
    code = "import socket; print(socket.create_connection(('127.0.0.1', 25), 5).recv(200))"
    return machine.run(sys.executable, "-c", code, check=False).stdout
