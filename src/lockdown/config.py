"""Every setting: its type, default and reason. The only place where a default is written.

`docs/settings.md`, `lockdown config explain` and the checks of `lockdown.toml` are all derived from this file.
Nothing here reads a file: `read_settings` judges text that somebody else has read.

Fails as: `OperatorError` that names the file, the key, the near miss and what to type.
"""

from __future__ import annotations

import difflib
import ipaddress
import itertools
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec

from lockdown.model.alert_path import masked, quiet_hours, why_not_a_path, why_not_a_web_address
from lockdown.model.errors import OperatorError
from lockdown.model.units import ByteSize, Rate, parse_duration, show_duration
from lockdown.model.unknown import Unknown


def why(reason: str) -> msgspec.Meta:
    """The reason of a setting, carried on its field."""
    return msgspec.Meta(description=reason)


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of `lockdown.toml`."""


class Site(Section, frozen=True):
    """Who we are: whose mail is accepted here."""

    domains: Annotated[
        tuple[str, ...], why("Mail for these domains is accepted; for anything else it is refused. Lower case.")
    ] = ("example.org",)
    recipients: Annotated[
        str | tuple[str, ...],
        why(
            '"upstream": each recipient is asked live of the server behind; '
            'or a list of addresses; or "file:PATH", one a line.'
        ),
    ] = "upstream"
    admins: Annotated[tuple[str, ...], why("Who is told, and who may hold what users may not.")] = (
        "postmaster@example.org",
    )
    profile: Annotated[
        Literal["starter", "business", "strict"],
        why("How much is demanded: starter never breaks mail, strict is for regulated sites."),
    ] = "business"
    role: Annotated[
        Literal["gateway", "mx", "backend", "all-in-one"],
        why("What this machine is for; advice that would break the role is never given."),
    ] = "gateway"


class Gateway(Section, frozen=True):
    """The SMTP proxy in front of the mail server."""

    listen: Annotated[tuple[str, ...], why("host:port of each listener that strangers reach.")] = ("127.0.0.1:2525",)
    upstream: Annotated[
        str | tuple[str, ...],
        why(
            "The server behind: smtp://host:25, smtp+starttls://host:25 (TLS or nothing), lmtp://host:24, "
            "lmtp:/path/to/socket, maildir:FOLDER (below the state directory). Several are tried by preference. "
            "`?proxy=v2` sends the client's address in a PROXY header."
        ),
    ] = "maildir:mail"
    workers: Annotated[int, why("Worker processes; 0 is one per core."), msgspec.Meta(ge=0, le=256)] = 0
    hostname: Annotated[
        str, why("Name in the greeting, in Received and as authserv-id; empty is this host's own name.")
    ] = ""
    trusted_networks: Annotated[
        tuple[str, ...],
        why("May send outward through the gateway. Never loopback by itself: that is how proxies become open relays."),
    ] = ()
    outbound: Annotated[
        str, why("smtp://host:25 for mail of trusted networks to foreign domains; empty is no outward mail at all.")
    ] = ""
    tls_certificate: Annotated[
        str, why("PEM file with the chain; empty: a self-signed one is made in the state directory.")
    ] = ""
    tls_key: Annotated[str, why("PEM file with the key; empty: it is in the certificate's file.")] = ""
    max_message: Annotated[
        ByteSize,
        why("Large enough for real attachments (18 MB before base64); the bomb is the repetition, not the size."),
    ] = ByteSize.parse("25 MiB")
    memory_per_message: Annotated[
        ByteSize, why("What of a message is kept in memory; the rest spills to an unlinked file.")
    ] = ByteSize.parse("256 KiB")
    memory: Annotated[
        ByteSize, why("What all messages of one worker may hold in memory together; beyond it they spill at once.")
    ] = ByteSize.parse("64 MiB")
    upstream_connections: Annotated[
        int, why("Connections that one worker keeps to one upstream."), msgspec.Meta(ge=1, le=1000)
    ] = 50
    upstream_idle: Annotated[timedelta, why("An unused upstream connection is closed after this time.")] = timedelta(
        seconds=30
    )
    release_upload: Annotated[
        timedelta,
        why(
            "A client that uploads for longer gives its upstream connection back; "
            "the envelope is asked again at the end."
        ),
    ] = timedelta(seconds=10)
    connect_timeout: Annotated[
        timedelta, why("For a connection to the upstream (RFC 5321 4.5.3.2, Postfix's value).")
    ] = timedelta(seconds=30)
    command_timeout: Annotated[timedelta, why("For an upstream's answer to EHLO, MAIL, RCPT.")] = timedelta(seconds=300)
    data_timeout: Annotated[timedelta, why("For an upstream's answer to DATA.")] = timedelta(seconds=120)
    block_timeout: Annotated[timedelta, why("For an upstream to take the next piece of a message.")] = timedelta(
        seconds=180
    )
    final_timeout: Annotated[timedelta, why("For an upstream's answer to the final dot; shorter makes duplicates.")] = (
        timedelta(seconds=600)
    )
    scan_deadline: Annotated[
        timedelta, why("For all engines together, from the dot; then those that are silent are unavailable (rule R3).")
    ] = timedelta(seconds=45)
    outcome_memory: Annotated[
        timedelta, why("How long an unconfirmed outcome is remembered, so that a retry is not delivered twice.")
    ] = timedelta(days=5)
    drain: Annotated[timedelta, why("How long open transactions may take when the gateway stops or reloads.")] = (
        timedelta(minutes=10)
    )


class Console(Section, frozen=True):
    """The page for administrators."""

    listen: Annotated[str, why("host:port; loopback until accounts exist.")] = "127.0.0.1:8025"


class StateSection(Section, frozen=True):
    """Where Lockdown keeps what it must not forget."""

    directory: Annotated[str, why("Everything that Lockdown writes lies below it.")] = "var"
    database: Annotated[Literal["sqlite"], why("A file in the directory.")] = "sqlite"
    counters: Annotated[Literal["memory"], why("Shared by the workers of this machine.")] = "memory"


class Log(Section, frozen=True):
    """One JSON line for each transaction."""

    addresses: Annotated[
        Literal["full", "hashed"],
        why("hashed: sender and recipients are written as keyed digests; `lockdown trace ADDRESS` still finds them."),
    ] = "full"
    keep: Annotated[timedelta, why("Log files older than this are removed.")] = timedelta(days=30)


class Audit(Section, frozen=True):
    """What people answer for, each by name and until a day."""

    attested: Annotated[
        tuple[str, ...],
        why('What only a person can say: "CONTROL by NAME until YYYY-MM-DD: WHAT YOU SAW". Without it: unknown.'),
    ] = ()
    waivers: Annotated[
        tuple[str, ...],
        why('What is borne with: "CONTROL [@ TARGET] by NAME until YYYY-MM-DD: REASON". A few cannot be waived.'),
    ] = ()


class Quarantine(Section, frozen=True):
    """Messages held for a person; durable before their 250."""

    keep: Annotated[
        timedelta, why("A held message is removed after this time, told beforehand in `quarantine list`.")
    ] = timedelta(days=30)
    max_size: Annotated[
        ByteSize, why("When this much is held, further doubtful messages are deferred (451) and an alarm is raised.")
    ] = ByteSize.parse("5 GiB")


class Attachments(Section, frozen=True):
    """Item 4: the e-mail bomb."""

    max_header: Annotated[ByteSize, why("The header block of a message; parsers behind are quadratic in it.")] = (
        ByteSize.parse("256 KiB")
    )
    max_parts: Annotated[int, why("MIME parts; more is held for a person."), msgspec.Meta(ge=1)] = 1000
    max_nesting: Annotated[int, why("MIME parts within parts; deeper is held for a person."), msgspec.Meta(ge=1)] = 20
    max_line: Annotated[
        ByteSize, why("One line of a message; real mail has lines far over the 1,000 octets of RFC 5321.")
    ] = ByteSize.parse("1 MiB")
    max_hops: Annotated[
        int, why("Received fields; more is a loop (RFC 5321 6.3, Postfix's value)."), msgspec.Meta(ge=5)
    ] = 50
    window: Annotated[timedelta, why("The sliding time in which repetition is counted.")] = timedelta(minutes=10)
    network_bytes: Annotated[ByteSize, why("From one client network within the window.")] = ByteSize.parse("250 MiB")
    network_messages: Annotated[
        int,
        why("From one client network within the window; letters that their sender's domain vouches for do not count."),
        msgspec.Meta(ge=1),
    ] = 500
    recipient_bytes: Annotated[
        ByteSize, why("To one recipient within the window; then only small mail from quiet networks gets through.")
    ] = ByteSize.parse("250 MiB")
    recipient_messages: Annotated[
        int,
        why("To one recipient within the window; then only small mail from quiet networks gets through."),
        msgspec.Meta(ge=1),
    ] = 300


OnDoubt = Literal["defer", "quarantine", "accept-and-mark"]
"""What becomes of a message that could not be judged."""
OnFinding = Literal["reject", "quarantine", "accept-and-mark"]
"""What becomes of a message that was judged, and found wanting."""


class Antivirus(Section, frozen=True):
    """Item 1: what is in the message."""

    engines: Annotated[
        tuple[str, ...],
        why(
            '"builtin" (types, containers, macros, rules, digests), "clamd:///run/clamav/clamd.ctl", '
            '"clamd://host:3310". Each message is read by all of them.'
        ),
    ] = ("builtin",)
    unavailable: Annotated[
        OnDoubt, why("When an engine does not answer, breaks or is past the deadline. Never a silent pass.")
    ] = "defer"
    found: Annotated[
        Literal["reject", "quarantine"],
        why("A virus. Refusing tells the sending server; nobody is ever told in a message of its own."),
    ] = "reject"
    forbidden: Annotated[
        OnFinding, why("Programs, scripts, shortcuts, disk images, in whatever container and under whatever name.")
    ] = "reject"
    macros: Annotated[
        OnFinding,
        why("Office documents with macros; those that run by themselves and write or run are refused anyway."),
    ] = "quarantine"
    encrypted: Annotated[
        OnFinding, why("What needs a password cannot be read here: held, so that a person asks the sender.")
    ] = "quarantine"
    unread: Annotated[
        OnFinding, why("What no engine has read: over a limit, damaged, of a type that cannot be opened.")
    ] = "quarantine"
    ambiguous: Annotated[
        OnFinding, why("Messages that two mail programs would read differently: an old way to hide a file.")
    ] = "quarantine"
    allowed_types: Annotated[
        tuple[str, ...],
        why('Types that are let through all the same: "iso", "jar", "ps1" …; a refusal in the log names the word.'),
    ] = ()
    digests: Annotated[
        str, why("A file of SHA-256 digests to refuse, one a line, a name behind it; empty: none of your own.")
    ] = ""
    rules: Annotated[tuple[str, ...], why("YARA rule files of your own, in addition to the builtin ones.")] = ()
    max_depth: Annotated[int, why("Containers within containers; deeper is not read."), msgspec.Meta(ge=1, le=32)] = 8
    max_members: Annotated[int, why("Files unpacked of one message; more are not read."), msgspec.Meta(ge=1)] = 2000
    max_unpacked: Annotated[
        ByteSize, why("Octets unpacked of one message, and no more than 200 times its size; the rest is not read.")
    ] = ByteSize.parse("200 MiB")
    read_time: Annotated[
        timedelta, why("For the builtin engine to read one message in its process; then the process is ended.")
    ] = timedelta(seconds=20)
    read_memory: Annotated[ByteSize, why("For one process that reads messages.")] = ByteSize.parse("1 GiB")
    signature_age: Annotated[
        timedelta, why("An engine whose signatures are older than this is a failure; a third of it is a warning.")
    ] = timedelta(hours=72)


class Antispam(Section, frozen=True):
    """Item 2: who sends it, and what it wants."""

    engines: Annotated[
        tuple[str, ...],
        why('"builtin" (identity, look-alikes, a trained classifier), "rspamd://127.0.0.1:11333", "spamd://host:783".'),
    ] = ("builtin",)
    unavailable: Annotated[
        OnDoubt, why("When an engine does not answer: spam is a nuisance, a lost order is a loss.")
    ] = "accept-and-mark"
    tag: Annotated[float, why("Points from which a message is marked and delivered.")] = 5.0
    hold: Annotated[float, why("Points from which it is held for a person.")] = 8.0
    refuse: Annotated[float, why("Points from which it is refused.")] = 15.0
    resolvers: Annotated[
        str | tuple[str, ...],
        why(
            '"system": those of /etc/resolv.conf; or addresses ("127.0.0.1", "127.0.0.1:5353"); '
            "[]: DNS is not asked, and SPF, DKIM and DMARC are unknown. A resolver of your own is best: "
            "blocklists refuse the large public ones."
        ),
    ] = "system"
    dns_timeout: Annotated[timedelta, why("For all DNS answers of one message together.")] = timedelta(seconds=5)
    dmarc: Annotated[
        Literal["honour", "mark"],
        why("honour: what fails is held or refused as the owner of the domain asks; mark: it is only marked."),
    ] = "honour"
    forged: Annotated[
        OnFinding, why("Mail from outside that claims one of site.domains and that nothing vouches for.")
    ] = "quarantine"
    people: Annotated[
        tuple[str, ...],
        why('Whose names are worth forging: "Ann Director <ann@example.org>"; the name with another address is held.'),
    ] = ()
    partners: Annotated[
        tuple[str, ...], why("Domains that you deal with: look-alikes of them are seen as those of site.domains are.")
    ] = ()
    blocklists: Annotated[
        tuple[str, ...],
        why(
            'DNS blocklists with the answers that count: "zen.spamhaus.org=127.0.0.2-11 +6"; points are added to the '
            "score. A list that fails its own test (127.0.0.2 listed, 127.0.0.1 not) is left out until it passes."
        ),
    ] = ()
    allow: Annotated[
        tuple[str, ...],
        why(
            "Addresses whose mail is never spam where SPF, DKIM or DMARC vouches for it. Viruses are still looked for."
        ),
    ] = ()
    deny: Annotated[tuple[str, ...], why("Addresses and domains whose mail is refused.")] = ()


class Mailboxes(Section, frozen=True):
    """Item 5: the end of a mailbox."""

    limit: Annotated[
        ByteSize,
        why(
            "What is proposed for a mailbox that has no limit; 0: by site.profile (starter 10, business 5, strict 2 "
            "GiB). It becomes less where the disk would not hold it for every mailbox."
        ),
    ] = ByteSize(0)


class Relaying(Section, frozen=True):
    """Item 8."""

    srs: Annotated[
        bool, why("Accept SRS0=/SRS1= recipients: only where the server behind rewrites senders and checks the hash.")
    ] = False
    verp: Annotated[
        bool,
        why(
            "Accept recipients that carry a foreign address (list-bounces+user=their.domain): "
            "only where mailing lists live behind."
        ),
    ] = False


class Services(Section, frozen=True):
    """Item 6: what may listen to strangers."""

    declared: Annotated[
        tuple[str, ...],
        why('Ports that are wanted beside those of mail and ssh, each with its reason: "tcp/443 webmail".'),
    ] = ()


class Admins(Section, frozen=True):
    """Item 7: who administers, and what their passwords are held against."""

    keep: Annotated[
        tuple[str, ...], why("Accounts that are never proposed to be locked, used or not: the one for an emergency.")
    ] = ()
    breach_list: Annotated[
        str,
        why(
            'Passwords that others have lost, to hold new ones against: "file:PATH", lines "SHA1:COUNT" sorted by '
            "hash, as Have I Been Pwned ships them. Empty: none."
        ),
    ] = ""


class Monitoring(Section, frozen=True):
    """Item 9: who talks to us, and how much."""

    mode: Annotated[Literal["observe", "answer"], why("observe: say what would be done; answer: do it.")] = "answer"
    drift: Annotated[
        timedelta, why("How often the agent looks at the machine and tells what has changed; 0s: never.")
    ] = timedelta(hours=1)
    max_connections: Annotated[
        int, why("Open connections of a worker's share of the machine, all clients."), msgspec.Meta(ge=1)
    ] = 10_000
    client_connections: Annotated[
        int,
        why("Open at a time from one address. A mail server that has much for us opens 20 (Postfix's default)."),
        msgspec.Meta(ge=1),
    ] = 20
    prefix_connections: Annotated[int, why("Open at a time from one /24 or /64."), msgspec.Meta(ge=1)] = 50
    client_rate: Annotated[
        Rate, why("Connections opened from one address; one less for each letter that its sender's domain vouches for.")
    ] = Rate(30, timedelta(minutes=1))
    recipients_per_message: Annotated[int, why("RFC 5321 4.5.3.1.8 obliges us to take 100."), msgspec.Meta(ge=100)] = (
        100
    )
    recipient_rate: Annotated[
        Rate, why("Recipients asked for by one address, but of letters that their sender's domain vouches for.")
    ] = Rate(500, timedelta(hours=1))
    refused_rate: Annotated[Rate, why("Refused recipients of one address: a directory harvest.")] = Rate(
        50, timedelta(hours=1)
    )
    errors: Annotated[int, why("Protocol errors of one connection; then it is closed."), msgspec.Meta(ge=1)] = 10
    commands: Annotated[
        int, why("Commands of one connection that carry no message (NOOP, RSET, VRFY …)."), msgspec.Meta(ge=10)
    ] = 100
    idle_timeout: Annotated[timedelta, why("Between two commands (RFC 5321 4.5.3.2.7 asks for five minutes).")] = (
        timedelta(minutes=5)
    )
    request_deadline: Annotated[timedelta, why("For one command line, however slowly its octets drip.")] = timedelta(
        minutes=5
    )
    data_rate: Annotated[
        ByteSize,
        why("Least octets a second of a message, averaged; below it the connection is closed (Postfix's value)."),
    ] = ByteSize(500)
    never_limit: Annotated[
        tuple[str, ...], why("Networks whose rates and repetition are counted but never limited: your own relays.")
    ] = ()
    mail_logs: Annotated[
        tuple[str, ...],
        why(
            "Logs of the mail server behind, as far as they may be read: who sends, and how fast. Files, or journal "
            "(systemd's); auto is the file of syslog where one is written, else the journal."
        ),
    ] = ("auto",)
    shadow: Annotated[
        tuple[Literal["slow", "defer", "quarantine", "reject", "drop", "block", "hold", "grip"], ...],
        why("Kinds of automatic answers that are only told and counted, not given, while the others are."),
    ] = ()
    queue_term: Annotated[
        timedelta,
        why(
            "So long mail that an automatic answer holds in the queue waits for a person; then it is archived and "
            "deleted; 0s: it waits for ever."
        ),
    ] = timedelta(days=7)
    queue_retention: Annotated[
        timedelta, why("So long mail that was deleted from the queue can be put back from its archive.")
    ] = timedelta(days=30)
    never_block: Annotated[
        tuple[str, ...], why("Networks that no automatic answer may block: admins, upstream, monitoring.")
    ] = ()
    account_recipients_hour: Annotated[
        int,
        why("Recipients outside of one account; beyond, and twice its own most, its mail is held."),
        msgspec.Meta(ge=1),
    ] = 500
    account_recipients_day: Annotated[int, why("The same within a day."), msgspec.Meta(ge=1)] = 2000
    account_first_time_day: Annotated[
        int, why("Of these, such that it never wrote to before and never heard from."), msgspec.Meta(ge=1)
    ] = 200
    account_bounces_hour: Annotated[
        int, why("Recipients of one account that do not exist; beyond, its mail is held."), msgspec.Meta(ge=1)
    ] = 25
    hold_accounts: Annotated[
        bool,
        why(
            "This mail server is to be ready to hold one account: the audit asks for what that needs, and the plan "
            "proposes it. Where the agent starts by itself and may hold accounts, it is asked for without this."
        ),
    ] = False
    account_term: Annotated[
        timedelta, why("So long an account stays held by itself after it was last seen in foreign hands.")
    ] = timedelta(days=3)
    canary_every: Annotated[
        timedelta, why("How often a letter goes the whole way, to be seen arriving and removed again; 0s: never.")
    ] = timedelta(minutes=5)
    canary_to: Annotated[str, why("Who receives that letter; empty: postmaster of the first of site.domains.")] = ""
    canary_mailbox: Annotated[
        str,
        why(
            "Where it arrives: maildir:PATH or imaps://USER@HOST; empty: the embedded mailbox, and where mail goes on "
            "to another server no letter is sent. One that does not arrive twice is an incident."
        ),
    ] = ""
    canary_password: Annotated[str, why("A file with the password of an IMAP mailbox.")] = ""
    canary_servers: Annotated[
        tuple[str, ...],
        why(
            "host:port of further ways in that the letter goes beside gateway.listen: the mail server's own port 25; "
            "submission://USER@HOST:587 signs in with monitoring.canary_submission_password."
        ),
    ] = ()
    canary_submission_password: Annotated[str, why("A file with the password of the account that submits it.")] = ""
    canary_wait: Annotated[timedelta, why("So long it may take; then it is missed.")] = timedelta(seconds=60)


Told = Literal["critical", "high", "medium", "low"]
"""A severity, as settings name it."""


class Alerts(Section, frozen=True):
    """Who is told of incidents, over which paths, and when."""

    to: Annotated[
        tuple[str, ...],
        why(
            "Where incidents are told, each path on its own: mailto://[USER:PASSWORD@]RELAY[:PORT]?to=YOU@ELSEWHERE (a "
            "relay that is not this server), https://… (a webhook: JSON is posted), or any URL of Apprise, like "
            "ntfys://…, where the extra `notify` is installed. Secrets in them are never shown."
        ),
    ] = ()
    severity: Annotated[Told, why("What is less grave is never told; `lockdown incident list` has it.")] = "medium"
    at_once: Annotated[Told, why("From this severity on it is told at once; the rest waits for the digest.")] = "high"
    digest: Annotated[
        timedelta, why("The rest is told together, at most this often, and only when something changed.")
    ] = timedelta(minutes=15)
    quiet: Annotated[
        str,
        why('Local time at which nothing is told but the gravest, like "22:00-06:00"; the rest is told afterwards.'),
    ] = ""
    quiet_through: Annotated[Told, why("From this severity on it is told in quiet hours too.")] = "critical"
    per_hour: Annotated[
        int, why("Messages at once to one path within an hour; what is more waits for the digest."), msgspec.Meta(ge=1)
    ] = 10
    heartbeat: Annotated[
        str,
        why(
            "An https:// address that is asked for again and again while the watch looks and the canary arrives. "
            "A service elsewhere that misses it tells you that this machine, or its mail, is down: so silence is "
            "health."
        ),
    ] = ""
    heartbeat_every: Annotated[timedelta, why("How often.")] = timedelta(minutes=5)
    owners: Annotated[
        Literal["both", "elsewhere", "never"],
        why(
            "Where the owner of an account that is held by itself is told, once: in the mailbox, and at the address of "
            "alerts.owner_addresses; or only there, since a thief reads the mailbox too."
        ),
    ] = "both"
    owner_addresses: Annotated[
        str,
        why("A file with a line `USER ADDRESS` for each account: where its owner is reached when it is not safe."),
    ] = ""


class Apply(Section, frozen=True):
    """How changes to this machine are proved, and undone."""

    probation: Annotated[
        timedelta,
        why(
            "For what may shut the administrator out, and where nobody can tell whether mail flows: so long it waits "
            "for `lockdown confirm` over a new connection, then it is undone by itself."
        ),
    ] = timedelta(minutes=10)
    server: Annotated[
        str, why("host:port of this machine's mail server, for the letter before and after an apply.")
    ] = "127.0.0.1:25"
    canary: Annotated[
        str,
        why("Who receives that letter; empty: postmaster of the first of site.domains. It may stay in the mailbox."),
    ] = ""
    mailbox: Annotated[
        str,
        why(
            "Where it arrives, to be seen and removed: maildir:PATH, imaps://USER@HOST; empty: the server's own log "
            "tells that it was delivered."
        ),
    ] = ""
    mailbox_password: Annotated[str, why("A file with the password of an IMAP mailbox.")] = ""
    delivery: Annotated[timedelta, why("So long that letter may take; then nobody can tell whether mail flows.")] = (
        timedelta(seconds=30)
    )


class Settings(Section, frozen=True):
    """The whole of `lockdown.toml`."""

    site: Site = Site()
    gateway: Gateway = Gateway()
    console: Console = Console()
    state: StateSection = StateSection()
    log: Log = Log()
    audit: Audit = Audit()
    quarantine: Quarantine = Quarantine()
    antivirus: Antivirus = Antivirus()
    antispam: Antispam = Antispam()
    attachments: Attachments = Attachments()
    mailboxes: Mailboxes = Mailboxes()
    relaying: Relaying = Relaying()
    services: Services = Services()
    admins: Admins = Admins()
    monitoring: Monitoring = Monitoring()
    alerts: Alerts = Alerts()
    apply: Apply = Apply()


@dataclass(frozen=True, slots=True)
class SettingDoc:
    """One setting as documented: its key, its default as written in TOML, its type in words, its reason."""

    key: str
    default: str
    type: str
    why: str


def sections() -> dict[str, type[Section]]:
    """The tables of `lockdown.toml` by name."""
    return {name: hint for name, hint in get_type_hints(Settings).items() if name != "__struct_config__"}


def documented() -> Iterator[SettingDoc]:
    """Every setting, in the order of this file."""
    for section, cls in sections().items():
        hints = get_type_hints(cls, include_extras=True)
        for field in msgspec.structs.fields(cls):
            meta = next(extra for extra in get_args(hints[field.name])[1:] if extra.description)
            yield SettingDoc(
                f"{section}.{field.name}", show(field.default), _type_in_words(field.type), meta.description
            )


def _type_in_words(hint: Any) -> str:
    base = get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
    names = {
        ByteSize: "size",
        timedelta: "duration",
        Rate: "rate",
        int: "number",
        float: "number",
        bool: "true or false",
        str: "text",
    }
    if base in names:
        return names[base]
    if options := [str(option) for option in get_args(base) if isinstance(option, str)]:
        return " | ".join(options)
    return "text or list" if str in get_args(base) and ... not in get_args(base) else "list"


def show(value: Any) -> str:
    """A setting's value as it is written in TOML."""
    match value:
        case bool():
            return "true" if value else "false"
        case ByteSize():
            return f'"{value}"' if ByteSize.parse(str(value)) == value else str(int(value))
        case Rate():
            return f'"{value}"'
        case timedelta():
            return f'"{show_duration(value)}"'
        case int() | float():
            return str(value)
        case str():
            # A TOML text is a JSON text, but for DEL, which TOML wants escaped.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case tuple() | list():
            return "[" + ", ".join(show(entry) for entry in value) + "]"
        case _:
            raise TypeError(f"no setting has the type {type(value).__name__}")


def as_toml(settings: Settings) -> str:
    """All settings as a `lockdown.toml` that reads back as the same."""
    lines: list[str] = []
    for section, cls in sections().items():
        table = getattr(settings, section)
        lines += ["", f"[{section}]"]
        lines += [f"{field.name} = {show(getattr(table, field.name))}" for field in msgspec.structs.fields(cls)]
    return "\n".join(lines[1:]) + "\n"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was written: a file and its line."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings with the place that each non-default value comes from, and the files that were read for them."""

    settings: Settings
    origins: Mapping[str, Origin]
    files: tuple[str, ...] = ()


def read_settings(files: Sequence[tuple[str, str]]) -> Loaded:
    """Judge the texts of `lockdown.toml` and its overlays, `(name, text)`, later ones over earlier ones."""
    merged: dict[str, dict[str, Any]] = {}
    origins: dict[str, Origin] = {}
    for name, text in files:
        for section, table in _parse_toml(name, text).items():
            _check_keys(name, text, section, table)
            merged.setdefault(section, {}).update(table)
            origins.update({f"{section}.{key}": Origin(name, _line_of(text, section, key)) for key in table})
    settings = _convert(merged, origins)
    _check_meaning(settings, origins)
    return Loaded(settings, origins, tuple(name for name, _ in files))


def _parse_toml(name: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise OperatorError(
            "settings-syntax",
            what=f"{name} is not valid TOML",
            why=str(error),
            try_this="mend that line; text values need quotes",
        ) from None


def _check_keys(name: str, text: str, section: str, table: Any) -> None:
    known = sections()
    if section not in known:
        raise _unknown_key(name, _line_of(text, section, ""), section, list(known), list(known))
    if not isinstance(table, dict):
        raise OperatorError(
            "settings-shape",
            what=f"{name}: `{section}` must be a table",
            why=f"it is written as a value, not as [{section}]",
            try_this=f"write [{section}] on its own line and its settings below it",
        )
    fields = [f"{section}.{field.name}" for field in msgspec.structs.fields(known[section])]
    for key in table:
        if f"{section}.{key}" not in fields:
            everything = [*fields, *(doc.key for doc in documented())]
            raise _unknown_key(name, _line_of(text, section, key), f"{section}.{key}", fields, everything)


def _unknown_key(name: str, line: int, key: str, here: list[str], everything: list[str]) -> OperatorError:
    near = near_miss(key, everything)
    return OperatorError(
        "settings-unknown-key",
        what=f"{name}:{line}: unknown {'setting' if '.' in key else 'section'} `{key}`",
        why=f"did you mean `{near}`?" if near else f"known here: {', '.join(here)}",
        try_this="lockdown config show     (lists every setting)",
    )


def near_miss(key: str, known: list[str]) -> str:
    """The known name that was probably meant, or "" when none is near."""
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6) or _same_last_word(key, known)
    return near[0] if near else ""


def _same_last_word(key: str, known: list[str]) -> list[str]:
    """`gateway.max_size` has a near relative in another section when the last word agrees."""
    last = key.rpartition(".")[2]
    return [entry for entry in known if entry.rpartition(".")[2] == last][:1]


def _line_of(text: str, section: str, key: str) -> int:
    inside = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
            inside = header[1]
            if inside == section and not key:
                return number
        elif (re.match(rf"\s*{re.escape(key or section)}\s*[.=]", line) and (inside == section or not key)) or (
            not inside and re.match(rf"\s*{re.escape(section)}\.{re.escape(key)}\s*=", line)
        ):
            return number
    return 1


def _decode_special(kind: type, value: Any) -> Any:
    if kind is ByteSize:
        return _octets(value) if isinstance(value, int) else ByteSize.parse(_text(value, "25 MiB"))
    if kind is Rate:
        return Rate.parse(_text(value, "500/h"))
    raise NotImplementedError(f"no setting is read as {kind.__name__}")


def _octets(value: int) -> ByteSize:
    if isinstance(value, bool) or value < 0:
        raise ValueError(f'{show(value)} is not a size; write it like "25 MiB"')
    return ByteSize(value)


def _text(value: Any, example: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f'{value!r} is not a text with its unit; write it like "{example}"')
    return value


def _convert(merged: dict[str, dict[str, Any]], origins: Mapping[str, Origin]) -> Settings:
    """Durations are turned by hand first: msgspec knows timedelta only in ISO form."""
    prepared: dict[str, dict[str, Any]] = {}
    for section, table in merged.items():
        hints = get_type_hints(sections()[section])
        prepared[section] = {
            key: _prepare(f"{section}.{key}", value, hints[key], origins) for key, value in table.items()
        }
    try:
        return msgspec.convert(prepared, Settings, dec_hook=_decode_special)
    except msgspec.ValidationError as error:
        key = _key_of(str(error))
        raise _wrong_value(key, _in_our_words(key, str(error).partition(" - at")[0]), origins) from None


def _in_our_words(key: str, complaint: str) -> str:
    """msgspec speaks of arrays and ints; a range it says well enough."""
    if "=" in complaint:
        return complaint.replace("`", "").replace("Expected int", "it must be")
    expected = next((doc for doc in documented() if doc.key == key), None)
    return f"expected: {expected.type}, like {expected.default}" if expected else complaint


def _prepare(key: str, value: Any, hint: Any, origins: Mapping[str, Origin]) -> Any:
    try:
        if hint is timedelta:
            return parse_duration(_text(value, "5m"))
        if hint in (ByteSize, Rate):
            return _decode_special(hint, value)
    except (ValueError, TypeError) as error:
        raise _wrong_value(key, str(error), origins) from None
    # A single text where a list is meant is what people write: listen = "0.0.0.0:25".
    return [value] if isinstance(value, str) and hint == tuple[str, ...] else value


def _key_of(message: str) -> str:
    found = re.search(r"at `\$\.([\w.]+)", message)
    return found[1] if found else ""


def _wrong_value(key: str, reason: str, origins: Mapping[str, Origin]) -> OperatorError:
    place = origins.get(key)
    at = f"{place.file}:{place.line}: " if place else ""
    return OperatorError(
        "settings-wrong-value",
        what=f"{at}`{key}` has a value that cannot be used",
        why=reason,
        try_this=f"lockdown config explain {key}",
    )


_LISTEN = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[\w.*-]+):\d{1,5}\Z")
_UPSTREAM = re.compile(
    r"(?:smtp|smtp\+starttls|lmtp)://(?:\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::\d{1,5})?(?:\?[\w=&.-]*)?\Z|lmtp:/[^?]+\Z|maildir:.+\Z"
)
_UPSTREAM_PORT = re.compile(r"://[^?]*:(\d+)(?:\?|\Z)")
_DOMAIN = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z"
)


def upstreams(gateway: Gateway) -> tuple[str, ...]:
    """The upstream URLs in order of preference."""
    return (gateway.upstream,) if isinstance(gateway.upstream, str) else gateway.upstream


def _check_meaning(settings: Settings, origins: Mapping[str, Origin]) -> None:
    """What a type cannot say: each value is what the gateway will be able to use."""
    checks = (
        _listeners(settings),
        _routes(settings.gateway),
        _domains(settings),
        _networks(settings),
        _scans(settings),
        _alerts(settings.alerts),
        _canary(settings.monitoring),
    )
    for key, problem in itertools.chain.from_iterable(checks):
        raise _wrong_value(key, problem, origins)


Problems = Iterator[tuple[str, str]]
"""Settings that cannot be used: `(key, why)`."""


def _listeners(settings: Settings) -> Problems:
    listeners = [("gateway.listen", listen) for listen in settings.gateway.listen]
    others = [("console.listen", settings.console.listen), ("apply.server", settings.apply.server)]
    for key, listen in [*listeners, *others]:
        if not _LISTEN.match(listen) or int(listen.rpartition(":")[2]) > 65535:
            yield key, f'{listen!r} is not host:port, like "127.0.0.1:2525"'
    if not listeners:
        yield "gateway.listen", "there is no listener at all, so no message could ever arrive"


def _routes(gateway: Gateway) -> Problems:
    for url in upstreams(gateway):
        if not _is_upstream(url):
            likely = '"smtp://10.0.0.5:25", "lmtp://127.0.0.1:24" or "maildir:mail"'
            yield "gateway.upstream", f"{url!r} is not an upstream, like {likely}"
    if not upstreams(gateway):
        yield "gateway.upstream", "there is no upstream at all, so no message could ever be accepted"
    if gateway.outbound and not (gateway.outbound.startswith("smtp") and _is_upstream(gateway.outbound)):
        yield "gateway.outbound", f"{gateway.outbound!r} is not smtp://host:port"
    if gateway.tls_key and not gateway.tls_certificate:
        yield "gateway.tls_key", "it is a key without a certificate: gateway.tls_certificate is empty"


def _is_upstream(url: str) -> bool:
    port = _UPSTREAM_PORT.search(url)
    return bool(_UPSTREAM.match(url)) and (port is None or 0 < int(port[1]) <= 65535)


def _domains(settings: Settings) -> Problems:
    for domain in settings.site.domains:
        if not _DOMAIN.match(domain):
            yield "site.domains", f"{domain!r} is not a domain in lower case (IDN: its xn-- form)"


def _networks(settings: Settings) -> Problems:
    lists = {
        "gateway.trusted_networks": settings.gateway.trusted_networks,
        "monitoring.never_limit": settings.monitoring.never_limit,
        "monitoring.never_block": settings.monitoring.never_block,
    }
    for key, network in ((key, network) for key, networks in lists.items() for network in networks):
        if why_not := _not_a_network(network):
            yield key, f"{why_not}; write it like 192.0.2.0/24"


_ENGINES = {
    "antivirus.engines": re.compile(r"builtin\Z|clamd://(?:/[^?\s]+|(?:\[[0-9a-fA-F:.]+\]|[\w.-]+):\d{1,5})\Z"),
    "antispam.engines": re.compile(r"builtin\Z|(?:rspamd|spamd)://(?:\[[0-9a-fA-F:.]+\]|[\w.-]+):\d{1,5}\Z"),
}
_ENGINE_EXAMPLES = {
    "antivirus.engines": '"builtin", "clamd:///run/clamav/clamd.ctl" or "clamd://127.0.0.1:3310"',
    "antispam.engines": '"builtin", "rspamd://127.0.0.1:11333" or "spamd://127.0.0.1:783"',
}


def _scans(settings: Settings) -> Problems:
    antispam = settings.antispam
    for key, engines in (("antivirus.engines", settings.antivirus.engines), ("antispam.engines", antispam.engines)):
        for engine in engines:
            if not _ENGINES[key].match(engine):
                yield key, f"{engine!r} is not an engine, like {_ENGINE_EXAMPLES[key]}"
    if not 0 < antispam.tag <= antispam.hold <= antispam.refuse:
        yield (
            "antispam.hold",
            f"the order is 0 < tag ({antispam.tag}) <= hold ({antispam.hold}) <= refuse ({antispam.refuse})",
        )
    if isinstance(antispam.resolvers, str) and antispam.resolvers != "system":
        yield "antispam.resolvers", f'{antispam.resolvers!r} is neither "system" nor a list like ["127.0.0.1"]'


def _alerts(alerts: Alerts) -> Problems:
    for number, url in enumerate(alerts.to, start=1):
        if problem := why_not_a_path(url):
            yield "alerts.to", f"path {number} cannot be used: {problem}"
    if alerts.heartbeat and (problem := why_not_a_web_address(alerts.heartbeat)):
        yield "alerts.heartbeat", problem
    if alerts.quiet and isinstance(hours := quiet_hours(alerts.quiet), Unknown):
        yield "alerts.quiet", hours.why


_MAILBOX = re.compile(r"maildir:.+\Z|imaps?://[^@/\s]+@[^/\s]+(?:/.*)?\Z")
_SUBMISSION = re.compile(r"submission://[^@/\s]+@(?:\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::\d{1,5})?\Z")


def _canary(monitoring: Monitoring) -> Problems:
    if monitoring.canary_mailbox and not _MAILBOX.match(monitoring.canary_mailbox):
        yield "monitoring.canary_mailbox", "it is neither maildir:PATH nor imaps://USER@HOST"
    for server in monitoring.canary_servers:
        if not _LISTEN.match(server) and not _SUBMISSION.match(server):
            yield "monitoring.canary_servers", f"{server!r} is neither host:port nor submission://USER@HOST:587"


SECRETS = frozenset({"alerts.to", "alerts.heartbeat"})
"""Settings that hold secrets; they are shown masked."""


def show_masked(key: str, value: Any) -> str:
    """A setting's value as people may see it."""
    if key not in SECRETS or not value:
        return show(value)
    return show(masked(value) if isinstance(value, str) else tuple(masked(url) for url in value))


def _not_a_network(network: str) -> str:
    try:
        ipaddress.ip_network(network)
    except ValueError as error:
        return str(error)
    return ""
