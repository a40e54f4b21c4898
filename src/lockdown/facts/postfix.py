"""Postfix as it is set up: effective settings with their overrides per service, and the line that each is written on.

`postfix(snapshot)` is `Postfix`, `Absent` (surely not installed) or `Unknown`; these three are different answers.
Where Postfix answers (`postconf`), its own words count. Where files alone were given, they are read as it would read
them, over its defaults; `not_given` then says which of the two files is missing.

Fails as: Unknown("main.cf: …"), Unknown("postconf ended with 1: …"). Never raises for a bad file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from lockdown.facts.networks import NetworkEntry, parse_networks
from lockdown.facts.postfix_defaults import CHANGED_SINCE, DEFAULTS
from lockdown.facts.postfix_defaults import SERVICES as DEFAULT_SERVICES
from lockdown.facts.postfix_files import (
    ServiceLines,
    Written,
    WrittenService,
    services_of,
    services_written,
    settings_of,
    settings_written,
)
from lockdown.facts.postfix_macros import Unexpandable, expand
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import ABSENT, Reading, Snapshot, absent
from lockdown.model.unknown import Unknown

WHERE, VERSION = "postfix/where", "postfix/version"
EFFECTIVE, EXPLICIT = "postfix/postconf", "postfix/postconf-n"
SERVICES, OVERRIDES = "postfix/postconf-M", "postfix/postconf-P"
MAIN_CF, MASTER_CF = "postfix/main.cf", "postfix/master.cf"
TABLES = "postfix/tables"
NOT_INSTALLED = ABSENT

TEXT_TABLES = ("hash", "btree", "lmdb", "dbm", "cdb", "sdbm", "texthash", "cidr", "regexp", "pcre")
"""Tables that lie in a file as text (or beside one). Databases and directories are never read: they need passwords."""

FILES_ALONE = "files alone"
"""How the reading of a command begins where no command can be run, but files may lie there."""
MOST_MACROS = 200_000
"""More look-ups of names than any set of settings that is no trap."""

MAIN, MASTER = "main.cf", "master.cf"

MOST_SERVICES = 100
LONGEST_LIST = 64 * 1024
"""Bounds of what is read from files alone, which anyone may hand in: more is no settings of a server."""

_PORTS = {"smtp": 25, "submission": 587, "smtps": 465, "submissions": 465, "urd": 465}
_LOOPBACK_NAMES = ("localhost", "loopback-only", "127.", "::1")


@dataclass(frozen=True, slots=True)
class Absent:
    """Postfix is not on the machine; `why` says where it was looked for."""

    why: str


class NotGiven(Exception):
    """main.cf was not given, and only it says what is asked; the message names the setting."""


@dataclass(frozen=True, slots=True)
class Service:
    """One line of master.cf, with the settings that it overrides."""

    name: str
    type: str
    command: str
    overrides: Mapping[str, str]

    @property
    def label(self) -> str:
        return f"{self.name}/{self.type}"

    @property
    def address(self) -> str:
        """The address in front of the port; empty where inet_interfaces decides."""
        return self.name.rpartition(":")[0].strip("[]") if self.type == "inet" else ""

    @property
    def port(self) -> int | None:
        port = self.name.rpartition(":")[2]
        return int(port) if port.isdigit() else _PORTS.get(port)


@dataclass(frozen=True, slots=True)
class Postfix:
    """Effective settings: `value` and its relatives take a service where its overrides shall count."""

    version: tuple[int, ...]
    parameters: Mapping[str, str]
    explicit: frozenset[str]
    services: tuple[Service, ...]
    config_directory: str
    main_lines: Mapping[str, Written]
    service_lines: Mapping[tuple[str, str], ServiceLines]
    tables: Mapping[str, Reading]
    from_files: bool = False
    """Read from files alone: the version is the least that they tell of, and defaults are those of `postfix_defaults`.
    """
    not_given: str = ""
    """`main.cf` or `master.cf`, where files alone were given and this one was not among them."""
    parsed: dict[str, tuple[NetworkEntry, ...]] = field(default_factory=dict, compare=False, repr=False)
    """Lists of networks that were read before: the same list is asked for by every service and control."""

    def raw(self, name: str, service: Service | None = None) -> str:
        """As written, macros and all; an undefined name is empty, as in Postfix. Raises NotGiven."""
        if service and name in service.overrides:
            return service.overrides[name]
        if self.not_given == MAIN:
            raise NotGiven(f"{MAIN} was not given, and it says what {name} is")
        return self.parameters.get(name, "")

    def expand(self, text: str, service: Service | None = None) -> str:
        """A text with its macros replaced; raises Unexpandable."""
        return expand(text, lambda name: self.raw(name, service)).strip()

    def value(self, name: str, service: Service | None = None) -> str:
        """What the setting comes to. `postfix` has tried every written one, so this fails as NotGiven alone."""
        return self.expand(self.raw(name, service), service)

    def is_written(self, name: str, service: Service | None = None) -> bool:
        """Whether somebody wrote it, or it is Postfix's default."""
        return name in self.explicit or bool(service and name in service.overrides)

    def depends_on_version(self, name: str) -> bool:
        """Whether the default that counts here became another one in a version that this may be."""
        later = CHANGED_SINCE.get(name)
        return self.from_files and name not in self.explicit and later is not None and self.version[:2] < later[0]

    def is_on(self, name: str, service: Service | None = None) -> bool:
        return self.value(name, service) == "yes"

    def number(self, name: str, service: Service | None = None) -> int | Unknown:
        """A number; Postfix does not start on anything else."""
        text = self.value(name, service)
        return int(text) if text.isascii() and text.isdigit() else Unknown(f"{name} = {text} is not a number")

    def networks(self, name: str, service: Service | None = None) -> tuple[NetworkEntry, ...]:
        """A list of networks, its files and tables replaced by what they hold."""
        text = self.value(name, service)
        if text not in self.parsed:
            self.parsed[text] = tuple(dict.fromkeys(parse_networks(text, self.table)))
        return self.parsed[text]

    def table(self, name: str) -> Reading:
        """The text of `type:/path` or `/path`, if it is a text and was read."""
        path = table_path(name)
        if path is None:
            return Unknown(f"{name} is no plain text file, so its entries are not read")
        return self.tables.get(path, Unknown(f"{path} was not read"))

    def evidence(self, name: str, service: Service | None = None) -> Evidence:
        """The line that the setting is written on; a default is named as one."""
        if service and name in service.overrides:
            lines = self.service_lines.get((service.name, service.type))
            place = lines.options.get(name) if lines else None
            text = f"{service.label}: -o {name}={service.overrides[name]}"
            return Evidence(f"{self.config_directory}/master.cf", text, place.line if place else None)
        if written := self.main_lines.get(name):
            return Evidence(f"{self.config_directory}/main.cf", written.text, written.line)
        if self.not_given == MAIN:
            return Evidence(f"{self.config_directory}/{MAIN}", f"{name}: the file was not given")
        if self.from_files:
            return Evidence(f"{self.config_directory}/{MAIN}", f"{name} is not written; Postfix's default counts")
        return Evidence("postconf", f"{name} = {self.raw(name)} (Postfix's default)")

    def service_evidence(self, service: Service) -> Evidence:
        """The line of master.cf that starts the service."""
        if self.not_given == MASTER:
            return Evidence(
                f"{self.config_directory}/{MASTER}", f"{MASTER} was not given: {service.label} is its default"
            )
        lines = self.service_lines.get((service.name, service.type))
        text = f"{service.name} {service.type} … {service.command}"
        return Evidence(f"{self.config_directory}/master.cf", text, lines.line if lines else None)

    def setting_command(self, name: str, value: str, service: Service | None = None) -> str:
        """What to type to set it, where it is set now: in master.cf if the service overrides it, else in main.cf."""
        place = "" if self.config_directory == "/etc/postfix" else f" -c {self.config_directory}"
        if service and name in service.overrides:
            return f"postconf{place} -P '{service.label}/{name}={value}' && postfix{place} reload"
        return f"postconf{place} -e '{name} = {value}' && postfix{place} reload"

    def default_command(self, name: str) -> str:
        """What to type to have Postfix's own default again."""
        place = "" if self.config_directory == "/etc/postfix" else f" -c {self.config_directory}"
        return f"postconf{place} -# {name} && postfix{place} reload"

    def smtp_services(self) -> tuple[Service, ...]:
        """The services that speak SMTP with clients; behind postscreen it is the `pass` service that judges."""
        screened = any(service.command == "postscreen" and service.type == "inet" for service in self.services)
        kinds = ("inet", "pass") if screened else ("inet",)
        return tuple(service for service in self.services if service.command == "smtpd" and service.type in kinds)

    def is_reachable(self, service: Service) -> bool:
        """Whether anyone beyond this machine can connect, by what Postfix is told to listen on."""
        if self.not_given == MAIN and not service.address:
            return True  # nothing says that it listens on this machine only
        if service.type == "pass":
            return any(
                self.is_reachable(screen)
                for screen in self.services
                if screen.command == "postscreen" and screen.type == "inet"
            )
        places = [service.address] if service.address else re.split(r"[\s,]+", self.value("inet_interfaces", service))
        return not all(place.strip("[]").startswith(_LOOPBACK_NAMES) for place in places if place)

    def service_on_port(self, port: int) -> Service | None:
        """The service that answers on a port; the `pass` service where postscreen stands in front."""
        for service in self.services:
            if service.type == "inet" and service.port == port:
                passed = [other for other in self.smtp_services() if other.type == "pass"]
                return passed[0] if service.command == "postscreen" and passed else service
        return None


def table_path(name: str) -> str | None:
    """The text file of a table; None for databases, and for anything that may hold passwords."""
    bare = name.removeprefix("proxy:").removeprefix("chroot:")
    kind, colon, path = bare.partition(":")
    if not colon and bare.startswith("/"):
        path = bare
    elif kind not in TEXT_TABLES:
        return None
    ok = path.startswith("/") and not re.search(
        r"passw|secret|sasl|shadow|private|\.key\b|/\.\.?/", path, re.IGNORECASE
    )
    return path if ok else None


NETWORK_LISTS = ("mynetworks", "smtpd_client_event_limit_exceptions", "smtpd_authorized_xclient_hosts")
DOMAIN_LISTS = ("mydestination", "relay_domains", "virtual_mailbox_domains", "virtual_alias_domains")
_RESTRICTIONS = re.compile(r"smtpd_(client|helo|sender|relay|recipient)_restrictions\Z")


def deciding_tables(found: Postfix) -> tuple[str, ...]:
    """The text files that decide who may relay. Tables of aliases are left out: they hold people's addresses."""
    classes = re.split(r"[\s,]+", found.value("smtpd_restriction_classes"))
    names = {*NETWORK_LISTS, *DOMAIN_LISTS, *classes, *filter(_RESTRICTIONS.match, found.parameters)}
    texts = [found.value(name) for name in sorted(names)]
    texts += [found.value(name, service) for service in found.services for name in service.overrides if name in names]
    words = {word for text in texts for word in re.findall(r"[^\s,{}]+", text)}
    aliases = set(re.findall(r"[^\s,]+", found.value("virtual_alias_maps")))
    return tuple(sorted({path for word in words - aliases if (path := table_path(word.lstrip("!")))}))


def postfix(snapshot: Snapshot) -> Postfix | Absent | Unknown:
    """The facts, or why there are none. master.cf alone is not enough: see `services_alone`."""
    if gone := absent(snapshot.reading(WHERE)):
        return Absent(gone)
    if (files := _files_alone(snapshot)) is not None:
        if MAIN_CF in files:
            return _of_files(files, snapshot)
        reading = snapshot.reading(MAIN_CF)
        why = reading.why if isinstance(reading, Unknown) else f"{MAIN} was not given"
        return Unknown(f"{why}; without it nothing says how Postfix is set up")
    texts: dict[str, str] = {}
    for source in (EFFECTIVE, EXPLICIT, SERVICES, OVERRIDES, VERSION):
        match snapshot.reading(source):
            case Unknown() as unknown:
                return unknown
            case str() as text:
                texts[source] = text
    found = _build(texts, snapshot)
    return found if isinstance(found, Unknown) else _tried(found)


def services_alone(snapshot: Snapshot) -> Postfix | None:
    """Of a master.cf that came without its main.cf: its services. What they do not override raises NotGiven."""
    files = _files_alone(snapshot)
    if not files or MAIN_CF in files or absent(snapshot.reading(WHERE)):
        return None
    found = _of_files(files, snapshot)
    return None if isinstance(found, Unknown) else found


def _files_alone(snapshot: Snapshot) -> dict[str, str] | None:
    """main.cf and master.cf, those that are there, where no Postfix can be asked; None where one can, or neither is."""
    asked = snapshot.reading(EFFECTIVE)
    if isinstance(asked, str):
        return None
    if not (isinstance(snapshot.reading(WHERE), Unknown) or asked.why.startswith(FILES_ALONE)):
        return None
    readings = {source: snapshot.reading(source) for source in (MAIN_CF, MASTER_CF)}
    given = {name: text for name, text in readings.items() if isinstance(text, str) and not absent(text)}
    return given if given or isinstance(readings[MAIN_CF], Unknown) else None


def _of_files(files: Mapping[str, str], snapshot: Snapshot) -> Postfix | Unknown:
    written = settings_of(files.get(MAIN_CF, ""))
    services = services_of(files.get(MASTER_CF, DEFAULT_SERVICES))
    if isinstance(written, Unknown):
        return written
    if isinstance(services, Unknown):
        return services
    if len(services) > MOST_SERVICES:
        return Unknown(f"{MASTER}: {len(services)} services are more than are looked at ({MOST_SERVICES})")
    if long := next((name for name, value in _lists(written, services) if len(value) > LONGEST_LIST), ""):
        return Unknown(f"{long} is longer than is looked at ({LONGEST_LIST // 1024} KiB)")
    missing = {MAIN_CF: MAIN, MASTER_CF: MASTER}
    found = Postfix(
        version=_least_version(written),
        parameters=MappingProxyType(_over_defaults(written)),
        explicit=frozenset(written),
        services=tuple(Service(one.name, one.type, one.command, one.overrides) for one in services),
        config_directory="/etc/postfix",
        main_lines=settings_written(files.get(MAIN_CF, "")),
        service_lines=services_written(files.get(MASTER_CF, "")),
        tables=_tables(snapshot),
        from_files=True,
        not_given=next((name for source, name in missing.items() if source not in files), ""),
    )
    return found if found.not_given == MAIN else _tried(found)


def _lists(written: Mapping[str, str], services: Sequence[WrittenService]) -> Iterator[tuple[str, str]]:
    """Every value that a room may walk word by word."""
    yield from written.items()
    yield from (setting for service in services for setting in service.overrides.items())


def _least_version(written: Mapping[str, str]) -> tuple[int, ...]:
    """A compatibility level is never above the version that it was written for (COMPATIBILITY_README)."""
    level = tuple(int(part) for part in re.findall(r"\d{1,4}", written.get("compatibility_level", ""))[:2])
    return level if level >= (3,) and len(level) > 1 else ()


def _over_defaults(written: Mapping[str, str]) -> dict[str, str]:
    """What is written, over what Postfix has without it; the names of the machine follow from one another."""
    defaults = settings_of(DEFAULTS)
    assert isinstance(defaults, dict)
    least = _least_version(written)
    newer = {name: value for name, (version, value) in CHANGED_SINCE.items() if least >= version}
    host = written.get("myhostname", "")
    if "." in host and "$" not in host:
        newer["mydomain"] = host.partition(".")[2]
    return {**defaults, **newer, **written}


def _tables(snapshot: Snapshot) -> dict[str, Reading]:
    return {
        name.removeprefix(TABLES): reading for name, reading in snapshot.readings.items() if name.startswith(TABLES)
    }


def _build(texts: Mapping[str, str], snapshot: Snapshot) -> Postfix | Unknown:
    parameters = _settings(texts[EFFECTIVE])
    if "mynetworks" not in parameters or "smtpd_recipient_restrictions" not in parameters:
        return Unknown(f"{EFFECTIVE} is not the answer of Postfix's postconf, or was cut short")
    version = tuple(int(part) for part in re.findall(r"\d+", _settings(texts[VERSION]).get("mail_version", ""))[:3])
    if not version:
        return Unknown(f"{VERSION} names no version of Postfix")
    return Postfix(
        version=version,
        parameters=MappingProxyType(parameters),
        explicit=frozenset(_settings(texts[EXPLICIT])),
        services=_services(texts[SERVICES], texts[OVERRIDES]),
        config_directory=parameters.get("config_directory", "/etc/postfix"),
        main_lines=settings_written(_text(snapshot, MAIN_CF)),
        service_lines=services_written(_text(snapshot, MASTER_CF)),
        tables=_tables(snapshot),
    )


def _text(snapshot: Snapshot, source: str) -> str:
    """Only line numbers come from these files, so one that could not be read costs no judgement."""
    reading = snapshot.reading(source)
    return reading if isinstance(reading, str) else ""


def _settings(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _services(listing: str, overrides: str) -> tuple[Service, ...]:
    """`postconf -M` gives one service a line; `postconf -P` one override a line, `name/type/setting = value`."""
    changed: dict[str, dict[str, str]] = {}
    for path, value in _settings(overrides).items():
        label, _, name = path.rpartition("/")
        changed.setdefault(label, {})[name] = value
    rows = [line.split() for line in listing.splitlines() if line.strip() and not line[0].isspace()]
    return tuple(
        Service(row[0], row[1], row[7], changed.get(f"{row[0]}/{row[1]}", {})) for row in rows if len(row) >= 8
    )


def _tried(found: Postfix) -> Postfix | Unknown:
    """Expand all once, so that no room meets a setting that refers to itself; Postfix would not start on it."""
    tries = [(name, None) for name in found.parameters]
    tries += [(name, service) for service in found.services for name in service.overrides]  # type: ignore[misc]
    looked_up = 0
    for name, service in tries:
        try:
            looked_up += expansion_cost(found, name, service)
        except Unexpandable as error:
            return Unknown(f"{found.evidence(name, service).text[:200]}: {error}")
        if looked_up > MOST_MACROS:
            return Unknown(f"{MAIN}: its settings refer to one another more than {MOST_MACROS} times")
    return found


def expansion_cost(found: Postfix, name: str, service: Service | None) -> int:
    """How many names had to be looked up for one setting; raises Unexpandable where there is no end of it."""
    looked_up = 0

    def lookup(other: str) -> str:
        nonlocal looked_up
        looked_up += 1
        if looked_up > MOST_MACROS // 10:
            raise Unexpandable("macros refer to one another without end")
        return found.raw(other, service)

    expand(found.raw(name, service), lookup)
    return looked_up
