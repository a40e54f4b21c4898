"""A whole machine under a flood: answered by itself, others unharmed, lifted by a person; and its real packet filter.

Strangers' addresses are routed to the machine itself, so that each of them can be somebody's.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rig.machine import Machine, why_no_machine
from tests.rig.network import eventually

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(bool(why_no_machine()), reason=why_no_machine() or "a machine can be made"),
]

STATE = "/var/lib/lockdown"
SETTINGS = f"""
[site]
domains = ["example.org"]
recipients = ["anna@example.org", "bert@example.org"]
[state]
directory = "{STATE}"
[gateway]
listen = ["0.0.0.0:2525", "[::]:2525"]
workers = 1
[antivirus]
engines = []
[antispam]
engines = []
resolvers = []
[attachments]
network_messages = 1000000
network_bytes = "1 TiB"
recipient_messages = 1000000
recipient_bytes = "1 TiB"
[monitoring]
drift = "0s"
canary_every = "0s"
mail_logs = []
client_rate = "100000/m"
recipient_rate = "100000/h"
"""
# One message for each line "SOURCE SENDER RECIPIENT"; the last code of each dialogue is told.
_SEND = """
import json, smtplib, sys
codes = []
for line in sys.stdin:
    source, sender, recipient = line.split()
    try:
        with smtplib.SMTP("::1" if ":" in source else "127.0.0.1", 2525, timeout=8, source_address=(source, 0)) as smtp:
            smtp.sendmail(sender, [recipient], "Subject: hello\\r\\n\\r\\nA letter.\\r\\n")
        codes.append(250)
    except smtplib.SMTPRecipientsRefused as refused:
        codes.append(next(iter(refused.recipients.values()))[0])
    except smtplib.SMTPResponseException as refused:
        codes.append(refused.smtp_code)
    except OSError:
        codes.append(0)
print(json.dumps(codes))
"""
_DROP = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from lockdown.model.restraint import Restraint
from lockdown.model.traffic import Dimension, Rung
from lockdown.state.store import open_store
state, address = sys.argv[1:]
now = datetime.now(UTC)
wanted = Restraint(((Dimension.CLIENT, address),), Rung.DROP, now, now + timedelta(hours=1), "lockdown", "a flood")
store = open_store(Path(state))
print(store.restrain(wanted).result().id)
store.close()
"""
BAD = "203.0.113.66"
GOOD = "198.51.100.7"


class House:
    """The machine, its settings and its processes."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        machine.write("/etc/lockdown/lockdown.toml", SETTINGS)
        for network in ("203.0.113.0/24", "198.51.100.0/24"):
            machine.run("ip", "route", "add", "local", network, "dev", "lo")
        machine.run("ip", "-6", "route", "add", "local", "2001:db8::/32", "dev", "lo")
        self.machine.path("/etc/lockdown").chmod(0o755)

    def start(self, command: str) -> subprocess.Popen[bytes]:
        return self.machine.start(sys.executable, "-m", "lockdown", command, "--config", "/etc/lockdown/lockdown.toml")

    def send(self, source: str, sender: str, recipient: str = "anna@example.org", times: int = 1) -> list[int]:
        """The codes with which so many messages ended."""
        said = self.machine.run(sys.executable, "-c", _SEND, stdin=f"{source} {sender} {recipient}\n" * times)
        codes: list[int] = json.loads(said.stdout)
        return codes

    def told(self, *words: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.machine.lockdown(*words, "--json").stdout)
        return found

    def shut(self) -> str:
        """Our table in the kernel."""
        return self.machine.run("nft", "list", "table", "inet", "lockdown", check=False).stdout

    def drop(self, address: str) -> str:
        """As an automatic answer does; the id of the restraint."""
        return self.machine.run(sys.executable, "-c", _DROP, STATE, address).stdout.strip()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with Machine(tmp_path) as machine:
        yield House(machine)


def test_a_flood_of_one_source_is_put_off_by_itself_and_nobody_else_s_mail_is(house: House) -> None:
    house.start("gateway")
    eventually(lambda: house.send(GOOD, "good@sender.example") == [250], "the gateway serves", 60.0)

    codes: list[int] = []
    eventually(lambda: codes.extend(house.send(BAD, "x@spam.example", times=20)) or codes[-1] != 250, "an answer", 60.0)

    assert house.send(GOOD, "good@sender.example") == [250]
    (one,) = house.told("block", "list")["restraints"]
    assert one["match"] in ([["client", BAD]], [["network", "203.0.113.0/24"]])
    incidents = house.told("incident", "list")["incidents"]
    said = [answer["says"] for incident in incidents for answer in incident["answers"]]
    assert any(words.startswith(f"{one['id']}: ") for words in said)

    assert house.machine.lockdown("block", "remove", one["id"]).returncode == 0
    eventually(lambda: house.send(BAD, "x@spam.example") == [250], "a person has lifted it")
    print(f"{codes.count(250)} messages of the flood were delivered before the first answer")


def test_the_agent_shuts_out_by_the_kernel_what_runs_in_the_store_and_puts_it_back_after_a_restart(
    house: House,
) -> None:
    house.start("gateway")
    eventually(lambda: house.send(BAD, "x@spam.example") == [250], "the gateway serves", 60.0)
    agent = house.start("agent")
    dropped = house.drop(BAD)
    eventually(lambda: BAD in house.shut(), "the agent has told the kernel", 30.0)
    assert house.send(BAD, "x@spam.example") == [0], "not even a greeting"
    assert house.send("203.0.113.67", "y@sender.example") == [250], "its neighbour is served"

    agent.kill()
    agent.wait(10)
    house.machine.run("nft", "flush", "ruleset")  # as a restart of the machine does
    again = house.start("agent")
    eventually(lambda: BAD in house.shut(), "it is put back", 30.0)

    assert house.machine.lockdown("block", "remove", dropped).returncode == 0
    eventually(lambda: BAD not in house.shut(), "the kernel has let it go", 30.0)
    eventually(lambda: house.send(BAD, "x@spam.example") == [250], "and so has the gateway")
    again.kill()
    again.wait(10)
