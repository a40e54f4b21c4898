"""What a machine looks like to somebody who sets up Lockdown on it, and the `lockdown.toml` to start from.

Pure: from a snapshot to values to text. Fails as: a `Seen` that says what could not be told; the text then keeps the
defaults for it.
"""

from __future__ import annotations

import re
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

import tomlkit

from lockdown.config import documented
from lockdown.facts import postfix as postfix_facts
from lockdown.facts.listeners import Listener, listeners
from lockdown.facts.listings import entries
from lockdown.facts.mail_log.place import AUTO, JOURNAL, auto, listed
from lockdown.facts.postfix import Absent, Postfix
from lockdown.facts.watchers import LOGS
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

_DOMAIN_LISTS = ("mydestination", "virtual_mailbox_domains", "virtual_alias_domains", "relay_domains")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]\Z")
_NOT_A_MAIL_DOMAIN = re.compile(r"(?:^|\.)(?:localhost|localdomain|local|internal)(?:\.|\Z)|^localhost")
_FIRST_INNER_PORT = 10025
_IMAP_PORTS = (143, 993)
_SHOWN = (
    "site.domains",
    "site.admins",
    "site.role",
    "gateway.listen",
    "gateway.upstream",
    "gateway.hostname",
    "gateway.trusted_networks",
    "gateway.outbound",
    "gateway.tls_certificate",
    "gateway.max_message",
    "console.listen",
    "state.directory",
    "monitoring.mode",
    "monitoring.mail_logs",
    "monitoring.never_block",
    "monitoring.canary_mailbox",
    "alerts.to",
    "alerts.heartbeat",
)
"""What a newcomer may want to change on the first day; all the others are in `lockdown config show`."""


_EXAMPLES = {
    "monitoring.canary_mailbox": '"imaps://canary@mail.example.org"',
    "alerts.to": '["mailto://smtp.elsewhere.example?to=you@elsewhere.example", "https://hooks.example.net/TOKEN"]',
}
"""What nobody but the administrator can know, as he would write it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A machine, as far as setting up the gateway is concerned. `notes` are sentences for the screen."""

    hostname: str
    postfix: bool
    dovecot: bool
    domains: tuple[str, ...]
    inner_port: int
    """A free port on loopback, where Postfix can take mail from the gateway."""
    mail_log: str
    """The file that Postfix itself writes; "" where it logs to syslog, and to the journal with that."""
    notes: tuple[str, ...]


def look(snapshot: Snapshot) -> Seen:
    """What is here?"""
    postfix, listening = postfix_facts.postfix(snapshot), listeners(snapshot)
    domains = tuple(_domains(postfix)) if isinstance(postfix, Postfix) else ()
    return Seen(
        hostname=postfix.value("myhostname") if isinstance(postfix, Postfix) else snapshot.host,
        postfix=isinstance(postfix, Postfix),
        dovecot=any(listener.port in _IMAP_PORTS for listener in _known(listening)),
        domains=domains,
        inner_port=_free_port(listening),
        mail_log=_own_log(postfix),
        notes=(
            _about_postfix(postfix),
            *_about_tables(postfix),
            *_about_log(postfix, snapshot),
            *_about_ports(listening),
            _about_domains(domains),
        ),
    )


def _known(listening: tuple[Listener, ...] | Unknown) -> tuple[Listener, ...]:
    return () if isinstance(listening, Unknown) else listening


def _domains(postfix: Postfix) -> Iterator[str]:
    """Plain names only; what a table holds is told in a note."""
    seen: set[str] = set()
    for name in _words(postfix):
        if _DOMAIN.match(name) and not _NOT_A_MAIL_DOMAIN.search(name) and name not in seen:
            seen.add(name)
            yield name


def _words(postfix: Postfix) -> Iterator[str]:
    for setting in _DOMAIN_LISTS:
        yield from (word.lower() for word in re.split(r"[,\s]+", postfix.value(setting)) if word)


def _free_port(listening: tuple[Listener, ...] | Unknown) -> int:
    taken = {listener.port for listener in _known(listening)}
    return next(port for port in range(_FIRST_INNER_PORT, 65536) if port not in taken)


def _about_postfix(postfix: Postfix | Absent | Unknown) -> str:
    match postfix:
        case Postfix(version=version):
            return f"Postfix {'.'.join(map(str, version))} is here; the gateway goes in front of it"
        case Absent():
            return "no Postfix is here; mail goes into an embedded Maildir until you name your mail server"
        case Unknown(why):
            return f"Postfix could not be read: {why}"


def _about_tables(postfix: Postfix | Absent | Unknown) -> Iterator[str]:
    if isinstance(postfix, Postfix):
        tables = [word for word in _words(postfix) if ":" in word or word.startswith("/")]
        if tables:
            yield f"more domains lie in {', '.join(tables)}: add them to site.domains"


def _own_log(postfix: Postfix | Absent | Unknown) -> str:
    written = postfix.value("maillog_file") if isinstance(postfix, Postfix) else ""
    return written if written.startswith("/") and not written.startswith("/dev/") else ""


def _about_log(postfix: Postfix | Absent | Unknown, snapshot: Snapshot) -> Iterator[str]:
    if isinstance(postfix, Postfix):
        found = entries(snapshot, LOGS)
        log = _own_log(postfix) or ("" if isinstance(found, Unknown) else auto(listed(found)))
        if log:
            yield f"it logs to {'the journal of systemd' if log == JOURNAL else log}, which the watch reads"


def _about_ports(listening: tuple[Listener, ...] | Unknown) -> Iterator[str]:
    match listening:
        case Unknown(why):
            yield f"what listens here could not be read: {why}"
        case found:
            for listener in found:
                if listener.protocol == "tcp" and listener.port in (25, 465, 587, *_IMAP_PORTS):
                    owner = listener.process or "a process of another user"
                    yield f"port {listener.port} on {listener.address}: {owner}"


def _about_domains(domains: tuple[str, ...]) -> str:
    return f"domains: {', '.join(domains)}" if domains else "no mail domain was found: set site.domains yourself"


def propose(seen: Seen) -> str:
    """The text of a `lockdown.toml` for this machine, each setting with its reason."""
    document = tomlkit.document()
    document.add(
        tomlkit.comment("Settings of Lockdown. `lockdown config show` lists all, `lockdown config explain KEY`")
    )
    document.add(tomlkit.comment("says what one means, `lockdown config check` says whether this file is right."))
    document.add(tomlkit.nl())
    values = _proposed(seen)
    for section in dict.fromkeys(key.partition(".")[0] for key in _SHOWN):
        document.add(section, _table(section, values))
    return tomlkit.dumps(document)


def _proposed(seen: Seen) -> dict[str, object]:
    proposed: dict[str, object] = {}
    if seen.domains:
        proposed["site.domains"] = list(seen.domains)
        shortest = min(seen.domains, key=lambda domain: domain.count("."))
        proposed["site.admins"] = [f"postmaster@{shortest}"]
    if seen.postfix:
        proposed["gateway.upstream"] = f"smtp://127.0.0.1:{seen.inner_port}"
        proposed["gateway.hostname"] = seen.hostname
        proposed["site.role"] = "all-in-one" if seen.dovecot else "mx"
    if seen.mail_log:
        # Dovecot writes where syslog does, all the same.
        proposed["monitoring.mail_logs"] = [seen.mail_log, *([AUTO] if seen.dovecot else [])]
    return proposed


def _table(section: str, proposed: dict[str, object]) -> tomlkit.items.Table:
    table = tomlkit.table()
    for doc in documented():
        if doc.key in _SHOWN and doc.key.partition(".")[0] == section:
            for line in textwrap.wrap(doc.why, 100):
                table.add(tomlkit.comment(line))
            name = doc.key.partition(".")[2]
            if example := _EXAMPLES.get(doc.key):
                table.add(tomlkit.comment(f"{name} = {example}"))
            table.add(name, proposed.get(doc.key, tomllib.loads(f"x = {doc.default}")["x"]))
            table.add(tomlkit.nl())
    return table


def next_steps(seen: Seen, file: str) -> list[str]:
    """What to do after the file is written, in order, as one types it."""
    steps = [f"look through {file}, then: lockdown config check {file}"]
    if seen.postfix:
        steps += [_inner_service(seen.inner_port), "postfix check && postfix reload"]
    steps.append(
        f"lockdown up --config {file}     then: lockdown send --config {file}     lockdown doctor --config {file}"
    )
    steps.append(
        f"say who is told when something is wrong: alerts.to in {file}, over a relay that is not this server or a "
        f"webhook;\nthen: lockdown alert test --config {file}"
    )
    if seen.postfix:
        steps.append(_take_over())
    return steps


def _inner_service(port: int) -> str:
    """The gateway's own door into Postfix. It must not be trusted there, or strangers could relay through both."""
    return (
        "give Postfix a door for the gateway; add to master.cf (the gateway says there who the client really is,\n"
        "by XCLIENT, and must not be in mynetworks, else it makes an open relay of both):\n"
        f"    127.0.0.1:{port} inet n - y - - smtpd\n"
        "      -o smtpd_authorized_xclient_hosts=127.0.0.1\n"
        "      -o mynetworks=192.0.2.1/32"
    )


def _take_over() -> str:
    return (
        'when it works, let the gateway take port 25: in master.cf put a # before the line "smtp inet … smtpd",\n'
        'set gateway.listen = ["0.0.0.0:25"], then: postfix reload, and start lockdown again'
    )
