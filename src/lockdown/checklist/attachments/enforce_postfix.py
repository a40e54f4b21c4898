"""The changes that item 4 makes to a Postfix: one table of controls, each with the settings that turn its finding.

A size that is raised takes along what must not be smaller: mailbox files, and the room that the queue keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from lockdown.checklist.attachments.audit_postfix import (
    MOST_ERRORS,
    RATES,
    STRUCTURE,
    is_bounded_time,
    mailbox_limits,
)
from lockdown.checklist.attachments.chain import chain_in_words, scanner
from lockdown.checklist.attachments.controls import (
    CLIENT_RATES,
    HEADER_LIMIT,
    LIMITS_AGREE,
    MAILBOX_HOLDS_MESSAGE,
    MESSAGE_LIMIT,
    QUEUE_ROOM,
    RATE_EXCEPTIONS,
    RATES_COUNTED,
    SLOW_CLIENTS,
    STRUCTURE_LIMITS,
)
from lockdown.checklist.attachments.sizes import DEMANDED, in_words, judged
from lockdown.config import Settings
from lockdown.facts.gateway import Gateway
from lockdown.facts.networks import LOOPBACK, NetworkEntry, is_listed
from lockdown.facts.postfix import Postfix, Service
from lockdown.facts.postfix_change import set_back, set_for_service, set_where_written
from lockdown.facts.upstream import Here
from lockdown.model.change import Change, Left, Proposal, Risk, SetPostfix, SetPostfixService
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.units import ByteSize

USUAL_SIZE = ByteSize.parse("25 MiB")
"""What most of the world takes; the gateway's default too."""
MAILBOX_FILE = ByteSize.parse("1 GiB")
"""A mailbox file that ends: without a limit, one mailbox fills the disk."""

THIS_MACHINE = ("127.0.0.0/8", "[::1]/128")
RATES_BY_PROFILE: Mapping[str, Mapping[str, int]] = {
    "starter": dict(zip((*RATES, "smtpd_client_new_tls_session_rate_limit", "smtpd_client_auth_rate_limit"),
                        (120, 200, 1000, 120, 60), strict=True)),
    "business": dict(zip((*RATES, "smtpd_client_new_tls_session_rate_limit", "smtpd_client_auth_rate_limit"),
                         (60, 100, 600, 60, 30), strict=True)),
    "strict": dict(zip((*RATES, "smtpd_client_new_tls_session_rate_limit", "smtpd_client_auth_rate_limit"),
                       (30, 60, 300, 30, 15), strict=True)),
}  # fmt: skip
"""What one client address may do in a minute (anvil_rate_time_unit); an office behind one address stays far below."""


@dataclass(frozen=True, slots=True)
class Mend:
    """A finding that does not hold, and what is known where it was made."""

    found: Finding
    snapshot: Snapshot
    server: Postfix
    own: Gateway | None
    behind: Here | None
    policy: Settings

    @property
    def service(self) -> Service | None:
        """The service of the finding; None where it is about Postfix as a whole."""
        return next((one for one in self.server.services if self.found.target == f"postfix {one.label}"), None)

    @property
    def at_the_gate(self) -> int:
        """The largest message that the gateway brings here; 0 where it brings none."""
        return int(self.own.settings.gateway.max_message) if self.own and self.behind else 0

    def propose(self, change: Change, risk: Risk, side_effects: str, more: str = "") -> Proposal:
        """One change, with what is so on this machine now."""
        said = f"{self.found.says} {more}".strip()
        return Proposal(self.found.control, change, said, risk, side_effects, self.found.target)

    def left(self, why: str, try_this: str = "") -> Left:
        return Left(self.found.control, why, try_this or self.found.next_command, self.found.target)


Answer = Iterator[Proposal | Left]


def enforce_postfix(mend: Mend) -> Answer:
    """What turns one finding."""
    return _MENDED[mend.found.control](mend)


# ── sizes ──


def _message_limit(mend: Mend) -> Answer:
    yield from _size(mend, mend.service)


def _limits_agree(mend: Mend) -> Answer:
    assert mend.behind is not None
    yield from _size(mend, mend.server.service_on_port(mend.behind.port))


def _wanted(mend: Mend, service: Service | None) -> int:
    """The nearest size that the profile allows; where too little is taken, what is usual, or what the gateway takes."""
    limit = mend.server.number("message_size_limit", service)
    profile = mend.policy.site.profile
    least, most = DEMANDED[profile]
    if isinstance(limit, int) and 0 < limit < least:
        return max(int(USUAL_SIZE), min(mend.at_the_gate, int(most)))
    if isinstance(limit, int) and judged(limit, profile)[0] is State.PASS:
        return min(max(limit, mend.at_the_gate), int(most))
    # Nothing large got through unread so far: a scanner that reads less than the profile allows keeps its say.
    read = [link.size for link in scanner(mend.snapshot) if link.size >= max(least, mend.at_the_gate)]
    return min((int(most), *read))


def _size(mend: Mend, service: Service | None) -> Answer:
    """A limit as the profile asks for, and as large as the gateway's; with it what must not be smaller."""
    size, limit = _wanted(mend, service), mend.server.number("message_size_limit", service)
    if mend.at_the_gate > size:
        yield mend.left(
            f"The gateway in front takes {in_words(mend.at_the_gate)}, more than the profile "
            f"{mend.policy.site.profile} allows; with Postfix limited, it would take mail that is refused behind it.",
            f"write gateway.max_message = {size} in lockdown.toml first",
        )
        return
    change = set_where_written(mend.server, "message_size_limit", str(size), service)
    raised = isinstance(limit, int) and 0 < limit < size
    effects = f"mail up to {in_words(size)} gets in" if raised else f"mail above {in_words(size)} is refused with 552"
    yield mend.propose(change, Risk.LOW, effects, chain_in_words(mend.snapshot, mend.server, mend.own))
    for along in [] if change.service else _along(mend.server, size):
        yield mend.propose(along, Risk.NONE, "none known", f"It goes with message_size_limit = {size}.")


def _along(server: Postfix, size: int) -> Iterator[SetPostfix]:
    """What must not be smaller than the largest message, where it would be."""
    for name in mailbox_limits(server):
        limit = server.number(name)
        if isinstance(limit, int) and 0 < limit < size:
            yield set_where_written(server, name, str(int(MAILBOX_FILE)))
    free = server.number("queue_minfree")
    if isinstance(free, int) and 0 < free < 1.5 * size:
        yield set_back(server, "queue_minfree")


def _mailbox(mend: Mend) -> Answer:
    message = mend.server.number("message_size_limit")
    if message == 0:
        yield from _size(mend, None)
        return
    chain = chain_in_words(mend.snapshot, mend.server, mend.own)
    for name in mailbox_limits(mend.server):
        limit = mend.server.number(name)
        if isinstance(limit, int) and isinstance(message, int) and 0 < limit < message:
            change = set_where_written(mend.server, name, str(max(int(MAILBOX_FILE), message)))
            yield mend.propose(change, Risk.NONE, "mail that waited for its mailbox is delivered", chain)


def _queue(mend: Mend) -> Answer:
    if mend.server.number("message_size_limit") == 0:
        yield from _size(mend, None)
        return
    effects = "when the disk is nearly full, mail is put off earlier than now, and comes again"
    yield mend.propose(set_back(mend.server, "queue_minfree"), Risk.NONE, effects)


# ── shape ──


def _header(mend: Mend) -> Answer:
    yield mend.propose(set_back(mend.server, "header_size_limit"), Risk.NONE, "what is longer is cut, as by default")


def _structure(mend: Mend) -> Answer:
    for name, most in STRUCTURE.items():
        limit = mend.server.number(name)
        if isinstance(limit, int) and not 0 < limit <= most:
            why = f"{name} = {limit}; Postfix's default bounds it."
            yield mend.propose(set_back(mend.server, name), Risk.LOW, "mail beyond Postfix's default is refused", why)


# ── clients ──


def _client_rates(mend: Mend) -> Answer:
    server, service, profile = mend.server, mend.service, mend.policy.site.profile
    assert service is not None
    if server.number("smtpd_client_connection_count_limit", service) == 0:
        change = set_back(server, "smtpd_client_connection_count_limit", service)
        yield mend.propose(change, Risk.LOW, "a client with more than 50 connections at once is put off")
    if any(server.number(name, service) != 0 for name in RATES):
        return
    if free := _without_the_gateway(mend, service):
        yield mend.propose(free, Risk.NONE, "none known", "The gateway in front brings the mail of everybody.")
    effects = (
        "a relay of yours that sends more is put off (450) and comes again: "
        "list its address in smtpd_client_event_limit_exceptions"
    )
    for name, rate in RATES_BY_PROFILE[profile].items():
        if server.number(name, service) == 0:
            why = f"{name} is 0, without end; the profile {profile} lets one address do {rate} in a minute."
            yield mend.propose(_rate(mend, service, name, rate), Risk.LOW, effects, why)


def _without_the_gateway(mend: Mend, service: Service) -> SetPostfix | None:
    """The gateway's one address is everybody's: it is never counted as one client. None where it is not counted now."""
    behind, name = mend.behind, "smtpd_client_event_limit_exceptions"
    leads_to = mend.server.service_on_port(behind.port) if behind else None
    if behind is None or leads_to != service or is_listed(behind.address, mend.server.networks(name, service)) is True:
        return None
    free = " ".join(dict.fromkeys((*THIS_MACHINE, str(behind.address))))
    return set_for_service(mend.server, name, free, service)


def _rate(mend: Mend, service: Service, name: str, rate: int) -> SetPostfix:
    """In main.cf, but where the gateway brings all mail from its one address to another service: not for that one."""
    if mend.behind:
        return set_for_service(mend.server, name, str(rate), service)
    return set_where_written(mend.server, name, str(rate), service)


def _exceptions(mend: Mend) -> Answer:
    name = "smtpd_client_event_limit_exceptions"
    entries = mend.server.networks(name)
    if unread := next((entry for entry in entries if entry.network is None), None):
        yield mend.left(f"{unread.text} is excepted too, and could not be read: who must stay excepted is not known.")
        return
    in_front = [str(mend.behind.address)] if mend.behind and not mend.behind.address.is_loopback else []
    kept = " ".join((*THIS_MACHINE, *_single_hosts(entries), *in_front))
    effects = "machines inside are counted like strangers; one that sends newsletters must be listed by its own address"
    yield mend.propose(set_where_written(mend.server, name, kept), Risk.LOW, effects)


def _single_hosts(entries: tuple[NetworkEntry, ...]) -> Iterator[str]:
    """Hosts that are listed one by one were meant."""
    for entry in entries:
        network = entry.network
        if network and not entry.excluded and network.num_addresses == 1 and not _is_loopback(entry):
            host = network.network_address
            yield f"[{host}]/128" if host.version == 6 else f"{host}/32"


def _is_loopback(entry: NetworkEntry) -> bool:
    return any(entry.network == one or (entry.network and entry.network.network_address in one) for one in LOOPBACK)


def _counted(mend: Mend) -> Answer:
    change = SetPostfixService("anvil", "unix", "anvil unix - - y - 1 anvil", mend.server.config_directory)
    yield mend.propose(change, Risk.NONE, "client limits that are written begin to work")


def _slow_clients(mend: Mend) -> Answer:
    server, service = mend.server, mend.service
    if not is_bounded_time(server.value("smtpd_timeout", service)):
        change = set_back(server, "smtpd_timeout", service)
        yield mend.propose(change, Risk.NONE, "who says nothing for five minutes is hung up on, as by default")
    errors = server.number("smtpd_hard_error_limit", service)
    if isinstance(errors, int) and errors > MOST_ERRORS:
        change = set_back(server, "smtpd_hard_error_limit", service)
        yield mend.propose(change, Risk.NONE, "a client is hung up on after 20 errors, as by default")


_MENDED: Mapping[str, Callable[[Mend], Answer]] = {
    control.id: mended
    for control, mended in (
        (MESSAGE_LIMIT, _message_limit),
        (LIMITS_AGREE, _limits_agree),
        (MAILBOX_HOLDS_MESSAGE, _mailbox),
        (QUEUE_ROOM, _queue),
        (HEADER_LIMIT, _header),
        (STRUCTURE_LIMITS, _structure),
        (CLIENT_RATES, _client_rates),
        (RATE_EXCEPTIONS, _exceptions),
        (RATES_COUNTED, _counted),
        (SLOW_CLIENTS, _slow_clients),
    )
}
