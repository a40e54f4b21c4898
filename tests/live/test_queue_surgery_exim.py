"""A flood in the queue of a real Exim: exactly it is frozen, thawed, deleted and brought back."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.test_hands_exim import _INSTALL
from tests.rig.machine import Machine, why_no_machine
from tests.rig.unpacked import NotFetched, Unpacked, why_unpacked_cannot_run

_WHY_NOT = why_no_machine() or why_unpacked_cannot_run()
pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(_WHY_NOT), reason=_WHY_NOT)]

FLOOD, WANTED = 12, 3
CONF = "/etc/exim4/exim4.conf"
EXIM = """\
primary_hostname = mail.example.org
domainlist local_domains = example.org
log_file_path = /var/log/exim4/%slog
spool_directory = /var/spool/exim4
split_spool_directory = {split}
acl_smtp_rcpt = accept
queue_only
trusted_users = root
never_users =
begin routers
all:
  driver = accept
  transport = file
begin transports
file:
  driver = appendfile
  file = /var/mail/all
  user = mail
  create_file = anywhere
"""
_DO = """\
import json, sys
from datetime import UTC, datetime
from pathlib import Path
from lockdown.engine.queue import QueueSurgery
from lockdown.host.exim_hands import EximQueue
from lockdown.model.traffic import Dimension
hands = EximQueue(Path("/var/spool/exim4"), "/usr/sbin/exim4")
surgery = QueueSurgery(Path("/var/lib/lockdown"), hands)
def files():
    spool = Path("/var/spool/exim4/input")
    return {str(it.relative_to(spool)): it.read_bytes().hex() for it in spool.rglob("*") if it.is_file()}
def queues():
    found = [it.message for it in hands.read()]
    return {name: sum(it.queue == name for it in found) for name in ("frozen", "deferred")}
"""


@pytest.fixture(scope="module")
def exim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    try:
        root: Path = Unpacked(tmp_path_factory.mktemp("exim")).root
    except NotFetched as reason:
        pytest.skip(str(reason))
    with Machine(tmp_path_factory.mktemp("queue"), [root]) as machine:
        machine.run("sh", "-c", _INSTALL.format(root=root))
        machine.run("mkdir", "-p", "/var/lib/lockdown")
        yield machine


@pytest.fixture(params=["true", "false"], ids=["split", "one-folder"])
def filled(exim: Machine, request: pytest.FixtureRequest) -> Machine:
    exim.write(CONF, EXIM.format(split=request.param))
    exim.run("sh", "-c", "rm -rf /var/spool/exim4/* /var/mail/all /var/lib/lockdown/queue")
    send(exim, "flood@example.net", FLOOD, "invoice")
    send(exim, "friend@example.com", WANTED, "lunch")
    return exim


def send(machine: Machine, sender: str, count: int, subject: str) -> None:
    for number in range(count):
        text = f"Subject: {subject} {number}\n\nbody {number}\n"
        machine.run("exim4", "-odq", "-f", sender, "bob@example.org", "carol@example.org", stdin=text)


def do(machine: Machine, code: str) -> Any:
    said = machine.run(sys.executable, "-c", f"{_DO}\n{code}\nprint(json.dumps(result))")
    return json.loads(said.stdout.splitlines()[-1])


HOLD = """
held = surgery.hold_matching(((Dimension.SENDER, "flood@example.net"),), "a flood", "tester", datetime.now(UTC))
"""


def delivered(machine: Machine) -> dict[str, int]:
    """How many of each have arrived at both of its recipients."""
    machine.run("exim4", "-q")
    text = machine.read("/var/mail/all") if machine.path("/var/mail/all").exists() else ""
    found = {word: text.count(f"Subject: {word}") for word in ("invoice", "lunch")}
    assert not any(count % 2 for count in found.values()), found
    return {word: count // 2 for word, count in found.items()}


def test_exactly_the_flood_is_frozen_and_wanted_mail_still_goes(filled: Machine) -> None:
    assert do(filled, HOLD + "result = [held.count, held.gone, queues()]") == [
        FLOOD, 0, {"frozen": FLOOD, "deferred": WANTED}
    ]  # fmt: skip
    assert delivered(filled) == {"invoice": 0, "lunch": WANTED}
    said = do(filled, 'result = [surgery.undo("last", "tester"), queues()]')
    assert said[1] == {"frozen": 0, "deferred": FLOOD}, said
    assert delivered(filled) == {"invoice": FLOOD, "lunch": WANTED}


def test_what_was_deleted_comes_back_octet_for_octet_and_can_be_delivered(filled: Machine) -> None:
    code = (
        HOLD
        + """
before = files()
surgery.delete(held.id, "tester")
gone = queues()
surgery.undo(held.id, "tester")
after = files()
surgery.undo(held.id, "tester")
result = [gone, before == after, len(before), queues()]
"""
    )
    gone, is_same, count, queues = do(filled, code)
    assert gone == {"frozen": 0, "deferred": WANTED}
    assert is_same and count == 2 * (FLOOD + WANTED)
    assert queues == {"frozen": 0, "deferred": FLOOD + WANTED}
    assert delivered(filled) == {"invoice": FLOOD, "lunch": WANTED}


def test_what_is_read_is_what_exim_lists(filled: Machine) -> None:
    code = """
found = list(hands.read(with_subject=True))
result = sorted([it.message.id, it.message.sender, it.message.subject, list(it.message.recipients)] for it in found)
"""
    read = do(filled, code)
    listed = filled.run("exim4", "-bp").stdout
    assert len(read) == FLOOD + WANTED
    for id, sender, subject, recipients in read:
        assert f"{id} <{sender}>" in listed and subject.split()[0] in ("invoice", "lunch")
        assert recipients == ["bob@example.org", "carol@example.org"]


def test_a_message_under_the_same_id_that_is_another_is_left(filled: Machine) -> None:
    code = """
named = [it.message.fingerprint for it in hands.read() if it.message.sender == "flood@example.net"]
wrong = [named[0]._replace(arrived=1), named[1]._replace(sender="0" * 16)]
held = surgery.hold_named([*wrong, *named[2:]], "", "tester", datetime.now(UTC))
result = [held.count, held.gone]
"""
    assert do(filled, code) == [FLOOD - 2, 2]


def test_a_hostile_sender_is_held_alone_and_his_name_is_no_option_of_anything(filled: Machine) -> None:
    hostile = '"-Mrm all; $(reboot) \\" \'x"@example.net'
    send(filled, hostile, 2, "hostile")
    code = f"""
held = surgery.hold_matching(((Dimension.SENDER, {hostile!r}),), "", "tester", datetime.now(UTC))
frozen = [it.message.sender for it in hands.read() if it.message.queue == "frozen"]
surgery.delete(held.id, "tester")
result = [held.count, frozen, queues(), surgery.undo(held.id, "tester"), queues()]
"""
    count, frozen, gone, _, back = do(filled, code)
    assert count == 2 and set(frozen) == {hostile}
    assert gone == {"frozen": 0, "deferred": FLOOD + WANTED} and back == {"frozen": 2, "deferred": FLOOD + WANTED}


def test_what_changes_between_finding_holding_and_deleting_is_left_and_comes_back_once(filled: Machine) -> None:
    """One is delivered before it is held; one is let go by somebody else after it was archived."""
    code = """
import subprocess
from lockdown.engine.queue import previewed
from lockdown.engine.queue_record import record
preview = previewed(hands, (("sender", "flood@example.net"),), datetime.now(UTC))
subprocess.run(["exim4", "-Mrm", preview.found[0].message.id], check=True)
held = surgery.hold(preview, "", "tester", datetime.now(UTC))
class Thawing(EximQueue):
    def remove(self, messages, tell):
        subprocess.run(["exim4", "-Mt", messages[0].id], check=True)
        return super().remove(messages, tell)
other = QueueSurgery(Path("/var/lib/lockdown"), Thawing(Path("/var/spool/exim4"), "/usr/sbin/exim4"))
said = other.delete(held.id, "tester")
between = queues()
surgery.undo(held.id, "tester")
result = [held.count, held.gone, said, between, queues(), len(files())]
"""
    count, gone, said, between, back, files = do(filled, code)
    assert (count, gone) == (FLOOD - 1, 1)
    assert said.startswith(f"{FLOOD - 2} messages are archived and deleted; 1 were not held")
    assert between == {"frozen": 0, "deferred": WANTED + 1}
    assert back == {"frozen": FLOOD - 2, "deferred": WANTED + 1}
    assert files == 2 * (FLOOD - 1 + WANTED)  # no body without a header


def test_killed_while_it_is_put_back_the_rest_comes_at_the_next_try(filled: Machine) -> None:
    code = """
import os, signal
class Killed(EximQueue):
    left = 9
    def _put(self, *about):
        put = super()._put(*about)
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)
        return put
"""
    do(filled, HOLD + 'result = surgery.delete(held.id, "tester")')
    killed = """
hands = Killed(Path("/var/spool/exim4"), "/usr/sbin/exim4")
QueueSurgery(Path("/var/lib/lockdown"), hands).undo("last", "tester")
"""
    assert filled.run(sys.executable, "-c", _DO + code + killed, check=False).returncode != 0
    half, _, whole = do(filled, 'result = [queues(), surgery.undo("last", "tester"), queues()]')
    assert half == {"frozen": 4, "deferred": WANTED} and whole == {"frozen": FLOOD, "deferred": WANTED}
    do(filled, 'result = surgery.undo("last", "tester")')
    assert delivered(filled) == {"invoice": FLOOD, "lunch": WANTED}
