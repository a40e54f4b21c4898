"""What item 4 demands of a Postfix: a size for each SMTP service, limits that agree along the way, counted clients."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

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
from lockdown.checklist.attachments.sizes import in_words, judged
from lockdown.config import Settings
from lockdown.facts.gateway import Gateway
from lockdown.facts.networks import Width, width
from lockdown.facts.postfix import MAIN, MASTER, NotGiven, Postfix, Service
from lockdown.facts.upstream import Here, upstreams_of
from lockdown.model.finding import Control, Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.units import ByteSize
from lockdown.model.unknown import Unknown

MOST_HEADER = ByteSize.parse("1 MiB")
RATES = (
    "smtpd_client_connection_rate_limit",
    "smtpd_client_message_rate_limit",
    "smtpd_client_recipient_rate_limit",
)


PER_SERVICE = (MESSAGE_LIMIT, CLIENT_RATES, SLOW_CLIENTS)
Judge = Callable[[], Finding]


def audit_postfix(snapshot: Snapshot, server: Postfix, own: Gateway | Unknown, policy: Settings) -> Iterator[Finding]:
    """The findings on Postfix."""
    behind = None if isinstance(own, Unknown) else _behind(snapshot, own)
    services = server.smtp_services()
    if not services:
        evidence = Evidence(f"{server.config_directory}/master.cf", "no service runs smtpd")
        for control in PER_SERVICE:
            yield control.finding(State.NOT_APPLICABLE, "Postfix takes no mail over SMTP.", evidence, target="postfix")
    for service in services:
        for control, judge in _of_service(server, service, behind, policy).items():
            yield _or_not_given(control, f"postfix {service.label}", judge)
    if server.not_given == MASTER:
        yield from (_overrides_unread(control) for control in (*PER_SERVICE, RATES_COUNTED))
    for control, judge in _of_all(server, own, behind).items():
        yield _or_not_given(control, "postfix", judge)


def _of_service(server: Postfix, service: Service, behind: Here | None, policy: Settings) -> dict[Control, Judge]:
    """What is asked of each service that takes mail."""
    return {
        MESSAGE_LIMIT: lambda: _message_limit(server, service, policy),
        CLIENT_RATES: lambda: _client_rates(server, service, behind),
        SLOW_CLIENTS: lambda: _slow_clients(server, service),
    }


def _of_all(server: Postfix, own: Gateway | Unknown, behind: Here | None) -> dict[Control, Judge]:
    """What is asked of Postfix as a whole; which services there are, only master.cf says."""
    whole: dict[Control, Judge] = {
        LIMITS_AGREE: lambda: _limits_agree(server, own, behind),
        MAILBOX_HOLDS_MESSAGE: lambda: _mailbox(server),
        HEADER_LIMIT: lambda: _header(server),
        STRUCTURE_LIMITS: lambda: _structure(server),
        QUEUE_ROOM: lambda: _queue(server),
        RATE_EXCEPTIONS: lambda: _exceptions(server),
    }
    return whole if server.not_given == MASTER else whole | {RATES_COUNTED: lambda: _counted(server)}


def _or_not_given(control: Control, where: str, judge: Judge) -> Finding:
    """A judgement, or that the file it needs was not given: Postfix's defaults are then no answer."""
    try:
        return judge()
    except NotGiven as why:
        ask = f"lockdown audit FOLDER     (with {MAIN} beside {MASTER})"
        return control.finding(State.UNKNOWN, f"{why}.", target=where, next_command=ask)


def _overrides_unread(control: Control) -> Finding:
    says = f"{MASTER} was not given: what its services override could not be read."
    ask = f"lockdown audit FOLDER     (with {MASTER} beside {MAIN})"
    return control.finding(State.UNKNOWN, says, target=f"postfix {MASTER}", next_command=ask)


def _behind(snapshot: Snapshot, own: Gateway) -> Here | None:
    """The gateway's upstream, when it is on this machine."""
    return next((found for found in upstreams_of(snapshot, own.settings) if isinstance(found, Here)), None)


def _unreadable(control: Control, unknown: Unknown, evidence: Evidence, target: str = "postfix") -> Finding:
    return control.finding(State.UNKNOWN, f"{unknown.why}: Postfix does not start on it.", evidence, target=target)


def _message_limit(server: Postfix, service: Service, policy: Settings) -> Finding:
    name, target = "message_size_limit", f"postfix {service.label}"
    limit, evidence = server.number(name, service), server.evidence(name, service)
    if isinstance(limit, Unknown):
        return _unreadable(MESSAGE_LIMIT, limit, evidence, target)
    state, what = judged(limit, policy.site.profile)
    fix = server.setting_command(name, "26214400", service) if state is not State.PASS else ""
    return MESSAGE_LIMIT.finding(state, f"Postfix takes messages {what}.", evidence, target=target, next_command=fix)


def _limits_agree(server: Postfix, own: Gateway | Unknown, behind: Here | None) -> Finding:
    if isinstance(own, Unknown):
        says = f"The gateway's settings could not be read: {own.why}."
        return LIMITS_AGREE.finding(State.UNKNOWN, says, target="gateway")
    if behind is None:
        says = "The gateway does not lead to the Postfix of this machine."
        return LIMITS_AGREE.finding(State.NOT_APPLICABLE, says, own.evidence("gateway.upstream"), target="gateway")
    service = server.service_on_port(behind.port)
    limit = server.number("message_size_limit", service)
    evidence = (own.evidence("gateway.max_message"), server.evidence("message_size_limit", service))
    if isinstance(limit, Unknown):
        return _unreadable(LIMITS_AGREE, limit, evidence[1])
    at_the_gate = own.settings.gateway.max_message
    if limit and at_the_gate > limit:
        says = f"The gateway takes {in_words(at_the_gate)}, Postfix behind it refuses above {in_words(limit)}."
        fix = f'write gateway.max_message = "{ByteSize(limit)}" in lockdown.toml'
        if ByteSize.parse(str(ByteSize(limit))) != limit:
            fix = f"write gateway.max_message = {limit} in lockdown.toml"
        return LIMITS_AGREE.finding(State.FAIL, says, *evidence, target="gateway", next_command=fix)
    says = f"What the gateway takes, {in_words(at_the_gate)}, Postfix behind it takes too."
    return LIMITS_AGREE.finding(State.PASS, says, *evidence, target="gateway")


def _mailbox(server: Postfix) -> Finding:
    message = server.number("message_size_limit")
    for name in mailbox_limits(server):
        limit, evidence = server.number(name), server.evidence(name)
        if isinstance(limit, Unknown) or isinstance(message, Unknown):
            broken = limit if isinstance(limit, Unknown) else message
            assert isinstance(broken, Unknown)
            return _unreadable(MAILBOX_HOLDS_MESSAGE, broken, evidence)
        if limit and (limit < message or message == 0):
            says = f"{name} is {ByteSize(limit)}, below the largest message: Postfix's local delivery stops."
            fix = server.setting_command(name, "0")
            return MAILBOX_HOLDS_MESSAGE.finding(State.FAIL, says, evidence, target="postfix", next_command=fix)
    says = "A mailbox file can hold the largest message."
    return MAILBOX_HOLDS_MESSAGE.finding(State.PASS, says, server.evidence("mailbox_size_limit"), target="postfix")


def mailbox_limits(server: Postfix) -> Iterator[str]:
    """The limits of those of Postfix's own delivery agents that have mailboxes to fill; each stops at its own."""
    if server.value("mydestination") and server.value("local_transport").startswith("local"):
        yield "mailbox_size_limit"
    if server.value("virtual_mailbox_maps") and server.value("virtual_transport").startswith("virtual"):
        yield "virtual_mailbox_limit"


def _header(server: Postfix) -> Finding:
    limit, evidence = server.number("header_size_limit"), server.evidence("header_size_limit")
    if isinstance(limit, Unknown):
        return _unreadable(HEADER_LIMIT, limit, evidence)
    if not 0 < limit <= MOST_HEADER:
        says = f"One header field may have {ByteSize(limit) if limit else 'any'} size."
        fix = server.setting_command("header_size_limit", "102400")
        return HEADER_LIMIT.finding(State.WARN, says, evidence, target="postfix", next_command=fix)
    return HEADER_LIMIT.finding(
        State.PASS, f"One header field has at most {ByteSize(limit)}.", evidence, target="postfix"
    )


def _queue(server: Postfix) -> Finding:
    free, message = server.number("queue_minfree"), server.number("message_size_limit")
    evidence = (server.evidence("queue_minfree"), server.evidence("message_size_limit"))
    if isinstance(free, Unknown) or isinstance(message, Unknown):
        broken = free if isinstance(free, Unknown) else message
        assert isinstance(broken, Unknown)
        return _unreadable(QUEUE_ROOM, broken, evidence[0])
    if message == 0:
        says = "Messages have no limit of size, so no free space is enough."
        return QUEUE_ROOM.finding(State.FAIL, says, *evidence, target="postfix")
    # postconf(5), queue_minfree: 0 is Postfix's own rule, 1.5 times the message limit; another value must not be less.
    if 0 < free < 1.5 * message:
        says = f"Mail is taken until only {ByteSize(free)} are free: less than 1.5 messages of the largest size."
        return QUEUE_ROOM.finding(State.WARN, says, *evidence, target="postfix")
    kept = ByteSize(max(free, int(1.5 * message)))
    return QUEUE_ROOM.finding(
        State.PASS, f"Postfix takes no mail when less than {kept} are free.", *evidence, target="postfix"
    )


def _client_rates(server: Postfix, service: Service, behind: Here | None) -> Finding:
    def says(state: State, text: str, *names: str) -> Finding:
        evidence = (server.evidence(name, service) for name in names)
        fix = server.setting_command(RATES[1], "100", service) if state is State.WARN else ""
        return CLIENT_RATES.finding(state, text, *evidence, target=f"postfix {service.label}", next_command=fix)

    if not server.is_reachable(service):
        if behind and server.service_on_port(behind.port) == service:
            return says(State.NOT_APPLICABLE, "The gateway stands in front, and counts the clients.", *RATES)
        return says(State.PASS, "Strangers do not reach this service.", "inet_interfaces")
    if server.number("smtpd_client_connection_count_limit", service) == 0:
        return says(State.WARN, "One client may open connections without end.", "smtpd_client_connection_count_limit")
    if any(server.number(name, service) != 0 for name in RATES):
        return says(State.PASS, "One client's connections and messages are limited in rate.", *RATES)
    return says(State.WARN, "One client may send message after message, without end.", *RATES)


def _exceptions(server: Postfix) -> Finding:
    name = "smtpd_client_event_limit_exceptions"
    evidence = (server.evidence(name), server.evidence("mynetworks"))
    entries = server.networks(name)
    unread = next((entry for entry in entries if entry.network is None and entry.unknown), None)
    wide = [
        entry for entry in entries if entry.network and not entry.excluded and width(entry.network) > Width.LOOPBACK
    ]
    if any(entry.network and entry.network.num_addresses > 1 for entry in wide):
        names = ", ".join(entry.text for entry in wide[:3])
        says = f"Everyone in {names} is free of client limits: one infected computer there sends without end."
        fix = server.setting_command(name, "127.0.0.0/8 [::1]/128")
        return RATE_EXCEPTIONS.finding(State.WARN, says, *evidence, target="postfix", next_command=fix)
    if unread:
        says = f"A part of {name} could not be read: {unread.unknown}."
        return RATE_EXCEPTIONS.finding(State.UNKNOWN, says, *evidence, target="postfix")
    return RATE_EXCEPTIONS.finding(
        State.PASS, "Only single hosts are free of client limits.", *evidence, target="postfix"
    )


def _counted(server: Postfix) -> Finding:
    source = f"{server.config_directory}/master.cf"
    for service in server.services:
        if service.command == "anvil":
            evidence = server.service_evidence(service)
            return RATES_COUNTED.finding(State.PASS, "The anvil service counts clients.", evidence, target="postfix")
    says = "Postfix has no anvil service: none of its client limits works."
    return RATES_COUNTED.finding(State.FAIL, says, Evidence(source, "no line runs anvil"), target="postfix")


STRUCTURE = {
    "hopcount_limit": 200,
    "mime_nesting_limit": 1000,
    "line_length_limit": 65536,
    "header_address_token_limit": 102400,
    "smtpd_recipient_limit": 5000,
}
"""What a message may be made of, and above which number that is no bound any more; Postfix's defaults lie far below."""


def _structure(server: Postfix) -> Finding:
    evidence = [server.evidence(name) for name in STRUCTURE]
    for (name, most), line in zip(STRUCTURE.items(), evidence, strict=True):
        limit = server.number(name)
        if isinstance(limit, Unknown):
            return _unreadable(STRUCTURE_LIMITS, limit, line)
        if not 0 < limit <= most:
            says = f"{name} = {limit} bounds nothing{_LOOPS if name == 'hopcount_limit' else ''}."
            fix = server.default_command(name)
            return STRUCTURE_LIMITS.finding(State.WARN, says, line, target="postfix", next_command=fix)
    says = "Lines, recipients, nesting and hops are bounded."
    return STRUCTURE_LIMITS.finding(State.PASS, says, *evidence, target="postfix")


_LOOPS = ": mail that goes round in a circle grows with each round"
MOST_SECONDS = 1800
MOST_ERRORS = 200
_TIME = re.compile(r"(\d{1,9})([smhdw]?)\Z")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def is_bounded_time(text: str) -> bool:
    """Whether silence ends a connection before it is a weapon."""
    time = _TIME.match(text)
    return time is not None and 0 < int(time[1]) * _SECONDS[time[2]] <= MOST_SECONDS


def _slow_clients(server: Postfix, service: Service) -> Finding:
    names = ("smtpd_timeout", "smtpd_hard_error_limit")
    where, evidence = f"postfix {service.label}", [server.evidence(name, service) for name in names]
    if not server.is_reachable(service):
        return SLOW_CLIENTS.finding(State.PASS, "Strangers do not reach this service.", *evidence, target=where)
    time, errors = _TIME.match(server.value(names[0], service)), server.number(names[1], service)
    if not time:
        broken = Unknown(f"{names[0]} = {server.value(names[0], service)} is not a time")
        return _unreadable(SLOW_CLIENTS, broken, evidence[0], where)
    if isinstance(errors, Unknown):
        return _unreadable(SLOW_CLIENTS, errors, evidence[1], where)
    if not is_bounded_time(time[0]):
        says = f"A client that says nothing keeps its connection for {time[0]}: a few hundred of them block the server."
        fix = server.default_command(names[0])
        return SLOW_CLIENTS.finding(State.WARN, says, evidence[0], target=where, next_command=fix)
    if errors > MOST_ERRORS:
        says = f"A client may make {errors} errors before Postfix hangs up: names can be guessed without end."
        fix = server.default_command(names[1])
        return SLOW_CLIENTS.finding(State.WARN, says, evidence[1], target=where, next_command=fix)
    says = f"Silence ends a connection after {time[0]}, as do {errors} errors."
    return SLOW_CLIENTS.finding(State.PASS, says, *evidence, target=where)
