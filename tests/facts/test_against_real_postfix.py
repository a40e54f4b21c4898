"""The walk through restriction lists says what a real Postfix answers: same configuration, same client, same recipient.

One private Postfix with a service for each line of the table; each is asked as a stranger and as a neighbour, whom it
believes in by XCLIENT, for a foreign recipient and for one of its own.
"""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockdown.config import Loaded, Settings
from lockdown.facts.postfix import Postfix, postfix
from lockdown.facts.postfix_restrictions import Client, Outcome, Recipient, answer, starts
from lockdown.host.read import take_snapshot
from tests.rig.network import LOOPBACK, free_port, wait_until_accepting
from tests.rig.postfix import RealPostfix, why_postfix_cannot_run
from tests.rig.sandbox import sandbox

pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(why_postfix_cannot_run()), reason=why_postfix_cannot_run())]

RELAY, RECIPIENT = "smtpd_relay_restrictions", "smtpd_recipient_restrictions"
CLASSES = "smtpd_restriction_classes"
CLIENT, SENDER, HELO = "smtpd_client_restrictions", "smtpd_sender_restrictions", "smtpd_helo_restrictions"

SERVICES: dict[str, dict[str, str]] = {
    "plain": {},
    "permit-then-closed-by-recipient-list": {RELAY: "permit", RECIPIENT: "reject_unauth_destination"},
    "closed-by-relay-list-alone": {RELAY: "reject_unauth_destination", RECIPIENT: "permit"},
    "old-style": {RELAY: "", RECIPIENT: "permit_mynetworks,reject_unauth_destination"},
    "submission": {CLIENT: "permit_sasl_authenticated,reject"},
    "workstation-hardening": {CLIENT: "permit_mynetworks,reject"},
    "deferred": {RELAY: "permit_mynetworks,defer_unauth_destination"},
    "own-destinations-only": {RELAY: "permit_auth_destination,reject"},
    "forged-sender": {RELAY: "check_sender_access,texthash:{etc}/senders,reject_unauth_destination"},
    "forged-helo": {RELAY: "check_helo_access,static:OK,reject_unauth_destination"},
    "sender-list-cannot-open": {SENDER: "check_sender_access,texthash:{etc}/senders"},
    "sender-list-can-close": {SENDER: "reject"},
    "helo-list-can-close": {HELO: "check_helo_access,static:REJECT"},
    "client-table": {RELAY: "check_client_access,cidr:{etc}/everyone,reject_unauth_destination"},
    "pattern-domains": {"relay_domains": "regexp:{etc}/any"},
    "class": {CLASSES: "mine", "mine": "permit_mynetworks,reject_unauth_destination", RELAY: "mine"},
    "class-that-permits": {CLASSES: "mine", "mine": "permit", RELAY: "mine,reject_unauth_destination"},
    "a-warning-refuses-nobody": {
        CLASSES: "mine", "mine": "permit", RELAY: "warn_if_reject,reject_unauth_destination,mine,reject",
    },
    "everyone-trusted": {"mynetworks": "0.0.0.0/0", RELAY: "permit_mynetworks,reject_unauth_destination"},
    "all-but-strangers": {"mynetworks": "!203.0.113.0/24,192.0.2.0/24", RELAY: "permit_mynetworks,reject"},
}  # fmt: skip
DO_NOT_START = {
    "permit-first": {RELAY: "permit,reject_unauth_destination"},
    "warn-only": {RELAY: "warn_if_reject,reject_unauth_destination,permit,reject"},
    "nothing-refuses": {RELAY: "", RECIPIENT: "permit_mynetworks"},
}
ADDRESSES = {Client.STRANGER: "203.0.113.9", Client.NEIGHBOUR: "192.0.2.1"}
RECIPIENTS = {Recipient.FOREIGN: "somebody@example.net", Recipient.OWN: "bob@example.org"}


class ManyServices(RealPostfix):
    """The rig's Postfix, with one more SMTP service for each line of the table."""

    def __init__(self, folder: Path) -> None:
        # Nothing leaves this machine, and the transport has no say in the answer to RCPT, as `error:` would have.
        settings = {"default_transport": "discard:", "relay_transport": "discard:", "in_flow_delay": "0"}
        super().__init__(folder, settings=settings)
        self.etc = folder / "etc"
        self.ports = {name: free_port() for name in (*SERVICES, *DO_NOT_START)}

    def _services(self) -> str:
        lines = [super()._services()]
        for name, options in (SERVICES | DO_NOT_START).items():
            lines.append(f"{LOOPBACK}:{self.ports[name]} inet n - n - - smtpd\n")
            lines += [f"  -o {key}={value.format(etc=self.etc)}\n" for key, value in options.items()]
        self.etc.joinpath("senders").write_text("director@example.org OK\n")
        self.etc.joinpath("everyone").write_text("0.0.0.0/0 OK\n")
        self.etc.joinpath("any").write_text("/./ OK\n")
        return "".join(lines)


@pytest.fixture(scope="module")
def server() -> Iterator[ManyServices]:
    with sandbox("walk") as folder, ManyServices(folder) as running:
        for name, port in running.ports.items():
            wait_until_accepting(port, name)
        yield running


@pytest.fixture(scope="module")
def facts(server: ManyServices) -> Postfix:
    found = postfix(take_snapshot(Loaded(Settings(), {}), datetime.now(UTC), postfix_config=server.etc))
    assert isinstance(found, Postfix), found
    return found


def postfix_accepts(server: ManyServices, name: str, client: Client, recipient: Recipient) -> bool:
    with smtplib.SMTP(LOOPBACK, server.ports[name], timeout=20) as session:
        session.ehlo("client.example")
        assert session.docmd("XCLIENT", f"ADDR={ADDRESSES[client]} NAME=[UNAVAILABLE]")[0] == 220
        session.ehlo("client.example")
        session.mail("director@example.org")
        return session.rcpt(RECIPIENTS[recipient])[0] == 250


@pytest.mark.parametrize("name", SERVICES)
def test_the_walk_ends_as_real_postfix_answers(server: ManyServices, facts: Postfix, name: str) -> None:
    service = facts.service_on_port(server.ports[name])
    assert service is not None
    assert starts(facts, service)
    for client in Client:
        for recipient in Recipient:
            told = answer(facts, service, client, recipient)
            if name == "pattern-domains" and recipient is Recipient.FOREIGN:
                continue  # that a foreign domain counts as ours is for the lists of domains to say, not for the walk
            accepts = postfix_accepts(server, name, client, recipient)
            assert (told.outcome is not Outcome.REJECTS) == accepts, (client, recipient, told)


@pytest.mark.parametrize("name", DO_NOT_START)
def test_a_service_that_real_postfix_does_not_start_is_told(server: ManyServices, facts: Postfix, name: str) -> None:
    service = facts.service_on_port(server.ports[name])
    assert service is not None
    assert not starts(facts, service)


def test_real_postfix_gives_up_where_nothing_refuses(server: ManyServices) -> None:
    with socket.create_connection((LOOPBACK, server.ports["nothing-refuses"])):
        server.wait_for_log("fatal: in parameter smtpd_relay_restrictions or smtpd_recipient_restrictions")
