"""What item 8 demands of an Exim: its access lists are walked for a stranger, its lists of hosts and domains read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lockdown.checklist.relaying.controls import (
    GATEWAY_NOT_TRUSTED,
    MYNETWORKS,
    NO_ANONYMOUS,
    NO_VRFY,
    OPEN_TO_STRANGERS,
    PASSWORDS_NEED_TLS,
    RELAY_DOMAINS,
    SENDER_ROUTING,
)
from lockdown.config import Settings
from lockdown.facts.exim import Exim
from lockdown.facts.exim_acl import Outcome, Statement, Stranger, all_statements
from lockdown.facts.exim_lists import Truth, networks_in, on_list
from lockdown.facts.networks import Width, width
from lockdown.facts.upstream import Here, Upstream
from lockdown.model.finding import Control, Evidence, Finding, State

TARGET = "exim"
_AGAIN = "update-exim4.conf && systemctl reload exim4"
_TRY = "exim4 -bh 203.0.113.9     (then HELO, MAIL and RCPT as a stranger would say them)"
_NEVER = ("0", "no", "false")
"""Where nothing is to be worked out, any other word lets an authenticator be offered."""
_SENDS_NO_PASSWORD = ("cram_md5", "external", "tls")
_TLS = ("tls_cipher", "tls_in_cipher", "def:tls")


def audit_exim(
    server: Exim, behind: Sequence[Upstream], policy: Settings, rest: Sequence[Control]
) -> Iterator[Finding]:
    """The findings on Exim; `rest` are the controls that the room has for a mail server."""
    judged = {
        OPEN_TO_STRANGERS: _open(server),
        MYNETWORKS: _networks(server),
        RELAY_DOMAINS: _domains(server),
        PASSWORDS_NEED_TLS: _passwords(server),
        NO_ANONYMOUS: _anonymous(server),
        NO_VRFY: _vrfy(server),
        SENDER_ROUTING: _routing(server),
        GATEWAY_NOT_TRUSTED: _gateway(server, behind),
    }
    yield from judged.values()
    for control in rest:
        if control not in judged:
            says = "This is not judged for Exim in this version."
            yield control.finding(State.UNKNOWN, says, target=TARGET, next_command="exim4 -bP")


def _found(control: Control, state: State, says: str, *evidence: Evidence, fix: str = "") -> Finding:
    return control.finding(state, says, *evidence, target=TARGET, next_command=fix)


def _open(server: Exim) -> Finding:
    if server.is_reachable() is False:
        says = "Strangers do not reach Exim: it listens on this machine only."
        return _found(OPEN_TO_STRANGERS, State.PASS, says, server.evidence("local_interfaces"))
    found = server.answer(Stranger())
    evidence = found.line.evidence if found.line else server.evidence("acl_smtp_rcpt")
    match found.outcome:
        case Outcome.PERMITS:
            because = f": {found.why}" if found.why else ""
            says = f"Anyone may relay: this statement accepts foreign recipients from strangers{because}."
            fix = f"put `require domains = +local_domains : +relay_to_domains` before that statement, then {_AGAIN}"
            return _found(OPEN_TO_STRANGERS, State.FAIL, says, evidence, fix=fix)
        case Outcome.DOUBTFUL:
            says = f"Whether strangers may relay cannot be told: {found.why or 'a condition'} may let them."
            return _found(OPEN_TO_STRANGERS, State.UNKNOWN, says, evidence, fix=_TRY)
        case Outcome.REFUSES if server.text.unread:
            says = f"Strangers are refused by what was read, yet a part was not: {server.text.unread[0]}."
            return _found(OPEN_TO_STRANGERS, State.UNKNOWN, says, evidence, fix=_TRY)
        case _:
            return _found(OPEN_TO_STRANGERS, State.PASS, "Strangers cannot relay: Exim refuses them.", evidence)


def _trusting(server: Exim, name: str) -> Iterator[Statement]:
    # Lists that this one asks (`acl =`) only answer a question; they let nobody in.
    for statement in server.acls.get(server.value("acl_smtp_rcpt"), ()):
        if statement.verb == "accept" and statement.values(name):
            yield statement


def _networks(server: Exim) -> Finding:
    """Hosts that an `accept` without a list of domains lets in are those that may relay."""
    doubt: tuple[str, Evidence] | None = None
    for statement in _trusting(server, "hosts"):
        if statement.values("domains") or statement.values("authenticated"):
            continue
        for condition in statement.values("hosts"):
            if condition.negated:
                continue
            for item, network in networks_in(server.lists, condition.value, condition.line):
                evidence = (item.line or condition.line).evidence
                if network is not None and width(network) >= Width.WHOLE_PRIVATE_RANGE:
                    wide = width(network)
                    says = f"Whoever has an address in {item.text} sends without a password."
                    state = State.FAIL if wide >= Width.PUBLIC else State.WARN
                    fix = f"list single hosts instead (Debian: dc_relay_nets in update-exim4.conf.conf), then {_AGAIN}"
                    return _found(MYNETWORKS, state, says, evidence, fix=fix)
                if network is None and ("$" in item.text or ";" in item.text or item.text.startswith(("/", "+", "^"))):
                    doubt = doubt or (item.text, evidence)
    if doubt:
        says = f"Who is trusted cannot be told: `{doubt[0][:80]}` was not read."
        return _found(MYNETWORKS, State.UNKNOWN, says, doubt[1], fix=_TRY)
    return _found(MYNETWORKS, State.PASS, "Only a few hosts may relay without a password.", server.evidence("hosts"))


def _domains(server: Exim) -> Finding:
    doubt: tuple[str, Evidence] | None = None
    for statement in all_statements(server.acls, server.value("acl_smtp_rcpt")):
        for condition in statement.values("domains"):
            if statement.verb not in ("accept", "require") or condition.negated:
                continue
            answer, evidence = on_list(server.lists, "domain", condition.value), condition.line.evidence
            if any(one.text in ("@mx_any", "@mx_secondary") for one in server.lists.items("domain", condition.value)):
                says = "Whoever names this machine in his MX record has his mail relayed here."
                return _found(RELAY_DOMAINS, State.WARN, says, evidence)
            limited = any(statement.values(name) for name in ("hosts", "authenticated"))
            if answer.truth is Truth.YES and not limited:
                says = f"Foreign recipients count as yours: {answer.because}."
                return _found(RELAY_DOMAINS, State.FAIL, says, evidence)
            if answer.truth is Truth.DOUBT:
                doubt = doubt or (answer.because, evidence)
    if doubt:
        says = f"Which domains count as yours cannot be told: {doubt[0]}."
        return _found(RELAY_DOMAINS, State.UNKNOWN, says, doubt[1], fix="exim4 -bP domainlist")
    return _found(RELAY_DOMAINS, State.PASS, "Domains to relay for are listed by name.", server.evidence("domainlist"))


def _servers(server: Exim) -> Iterator[tuple[str, Evidence, str, str]]:
    """Each authenticator that takes log-ins: its name, line, when it is offered, and what it asks."""
    for name, lines in server.authenticators.items():
        offers = any(option.startswith("server_") for option in lines)
        if offers and "driver" in lines:
            when, asks = lines.get("server_advertise_condition"), lines.get("server_condition")
            offered, asked = (line.text.partition("=")[2].strip() if line else "" for line in (when, asks))
            yield name, lines["driver"].evidence, offered, asked


def _passwords(server: Exim) -> Finding:
    found = list(_servers(server))
    if not found:
        says = "Users do not log in here: no authenticator is set up."
        return _found(PASSWORDS_NEED_TLS, State.NOT_APPLICABLE, says, server.evidence("auth_advertise_hosts"))
    hosts = server.value("auth_advertise_hosts")
    if any(word in hosts for word in _TLS) or not hosts:
        says = "Exim offers AUTH only where TLS is there."
        return _found(PASSWORDS_NEED_TLS, State.PASS, says, server.evidence("auth_advertise_hosts"))
    for name, evidence, when, _ in found:
        if evidence.text.partition("=")[2].strip() in _SENDS_NO_PASSWORD:
            continue
        if "$" in when and not any(word in when for word in _TLS):
            says = f"Whether {name} is offered without TLS depends on what Exim finds when it runs."
            return _found(PASSWORDS_NEED_TLS, State.UNKNOWN, says, evidence, fix=_TRY)
        if not when or ("$" not in when and when.strip('"').lower() not in _NEVER):
            says = f"The authenticator {name} is offered without TLS: passwords cross the network in clear."
            rule = "server_advertise_condition = ${if eq{$tls_in_cipher}{}{}{*}}"
            fix = f"write `{rule}` into it, then {_AGAIN}"
            return _found(PASSWORDS_NEED_TLS, State.FAIL, says, evidence, fix=fix)
    return _found(PASSWORDS_NEED_TLS, State.PASS, "No password is asked for without TLS.", found[0][1])


def _anonymous(server: Exim) -> Finding:
    for name, evidence, _, asks in _servers(server):
        if asks.strip('"').lower() in ("1", "true", "yes"):
            says = f"The authenticator {name} takes any name and any password."
            return _found(NO_ANONYMOUS, State.FAIL, says, evidence, fix="let server_condition compare the password")
    return _found(
        NO_ANONYMOUS, State.PASS, "No authenticator takes everybody.", server.evidence("auth_advertise_hosts")
    )


def _vrfy(server: Exim) -> Finding:
    for name in ("acl_smtp_vrfy", "acl_smtp_expn"):
        value = server.value(name)
        statements = server.acls.get(value, ())
        if value == "accept" or any(one.verb == "accept" and not one.conditions for one in statements[:1]):
            says = f"{name} lets anyone ask who has a mailbox."
            return _found(NO_VRFY, State.FAIL, says, server.evidence(name), fix=f"take {name} out, then {_AGAIN}")
        if value and value != "deny":
            says = f"Whom {name} answers cannot be told."
            return _found(NO_VRFY, State.UNKNOWN, says, server.evidence(name), fix=_TRY)
    return _found(NO_VRFY, State.PASS, "Exim answers neither VRFY nor EXPN.", server.evidence("acl_smtp_vrfy"))


def _routing(server: Exim) -> Finding:
    evidence = server.evidence("percent_hack_domains")
    if server.value("percent_hack_domains"):
        says = "user%elsewhere is taken for a route in these domains."
        return _found(SENDER_ROUTING, State.FAIL, says, evidence, fix=f"take percent_hack_domains out, then {_AGAIN}")
    return _found(SENDER_ROUTING, State.PASS, "Exim takes no route out of an address.", evidence)


def _gateway(server: Exim, behind: Sequence[Upstream]) -> Finding:
    here = next((one for one in behind if isinstance(one, Here)), None)
    if here is None:
        says = "The gateway does not lead to the Exim of this machine."
        return _found(GATEWAY_NOT_TRUSTED, State.NOT_APPLICABLE, says)
    found = server.answer(Stranger(address=here.address))
    evidence = found.line.evidence if found.line else server.evidence("acl_smtp_rcpt")
    if found.outcome is Outcome.PERMITS:
        says = f"Exim lets {here.address} relay, and to Exim every stranger comes from there."
        fix = f"take {here.address} out of that list, then {_AGAIN}"
        return _found(GATEWAY_NOT_TRUSTED, State.FAIL, says, evidence, fix=fix)
    if found.outcome is Outcome.DOUBTFUL:
        says = f"Whether Exim lets the gateway relay cannot be told: {found.why}."
        return _found(GATEWAY_NOT_TRUSTED, State.UNKNOWN, says, evidence, fix=_TRY)
    return _found(GATEWAY_NOT_TRUSTED, State.PASS, "Exim lets the gateway relay nothing.", evidence)
