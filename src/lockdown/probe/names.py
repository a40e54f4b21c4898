"""Ask the DNS as a stranger does, through one given resolver, and prove every answer from a trust anchor (RFC 4035).

The resolver is only a carrier: signatures are checked here, delegation by delegation, denials too. What it invents for
names in a signed zone is therefore found out; what it invents elsewhere is tried with a name that nobody can have.
Fails as: Unknown("no answer in 3 s"), Unknown("SERVFAIL"), Unknown("bogus: …"), Unknown("a loop of CNAMEs …"). Never
raises for what an answer holds, and never asks the resolver of the system.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import dns.dnssec
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.DS
import dns.rrset

from lockdown.facts.probed_dns import MOST_VALUES, Answer, Exchange, Security, exchanges
from lockdown.model.unknown import Unknown
from lockdown.probe.denial import Denial, TooCostly

# The two keys that sign the root, as IANA publishes them (data.iana.org/root-anchors).
ROOT_ANCHORS = (
    "20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
    "38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
)
MOST_QUESTIONS = 600
_CHAIN, _TRIES, _OCTETS = 8, 2, 1232
_ALGORITHMS = frozenset({5, 7, 8, 10, 13, 14, 15, 16})
_DIGESTS = frozenset({1, 2, 4})
_CNAME, _DNAME, _DS = dns.rdatatype.CNAME, dns.rdatatype.DNAME, dns.rdatatype.DS
_IN = dns.rdataclass.IN
_RANK: tuple[Security, ...] = ("secure", "insecure", "unsure")


@dataclass(frozen=True, slots=True)
class Resolver:
    """Who is asked, and whose signature is believed: DS records of the zone `anchor`; none believes nobody's."""

    address: str
    port: int = 53
    anchor: str = "."
    anchors: tuple[str, ...] = ROOT_ANCHORS
    seconds: float = 3.0

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class MailHost:
    """A server that mail for a domain goes to."""

    name: str
    preference: int
    addresses: tuple[str, ...]
    unread: tuple[str, ...] = ()
    """What of its addresses could not be asked."""


class _Bogus(Exception):
    """An answer that is signed wrongly, or not at all where it must be."""


class _Silent(Exception):
    """No answer that can be used."""


@dataclass(frozen=True, slots=True)
class _Zone:
    name: dns.name.Name
    keys: dns.rrset.RRset


@dataclass(frozen=True, slots=True)
class _Unsigned:
    """Below this point nothing can be proven: it is unsigned (insecure), or could not be followed (unsure)."""

    security: Security
    why: str


_Place = _Zone | _Unsigned


@dataclass(slots=True)
class Names:
    """Questions to one resolver within one bound of time; what was answered once is not asked again."""

    resolver: Resolver
    seconds: float = 20.0
    asked: int = 0
    _deadline: float = 0.0
    _messages: dict[tuple[dns.name.Name, dns.rdatatype.RdataType], dns.message.Message | str] = field(
        default_factory=dict
    )
    _places: dict[dns.name.Name, _Place | str] = field(default_factory=dict)
    _lies: str | None = None

    def __post_init__(self) -> None:
        self._deadline = time.monotonic() + self.seconds

    def look(self, name: str, kind: str) -> Answer | Unknown:
        """The proven answer to one question."""
        try:
            if lie := self._lie():
                return Unknown(lie)
            return self._look(dns.name.from_text(name), dns.rdatatype.from_text(kind))
        except _Bogus as bogus:
            return Unknown(f"bogus: {bogus}")
        except _Silent as silent:
            return Unknown(str(silent))
        except (dns.exception.DNSException, ValueError, UnicodeError) as error:
            return Unknown(f"no usable answer: {type(error).__name__}")

    # ── does the resolver lie? ──

    def _lie(self) -> str:
        """A resolver that has an address for what cannot exist has one for everything (RFC 6761 6.4)."""
        if self._lies is None:
            try:
                message = self._message(dns.name.from_text(f"{secrets.token_hex(8)}.invalid"), dns.rdatatype.A)
                self._lies = f"{self.resolver} answers for names that do not exist" if message.answer else ""
            except _Silent:
                self._lies = ""  # every other question will say so itself
        return self._lies

    # ── one question on the wire ──

    def _message(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> dns.message.Message:
        question = (name, kind)
        if question not in self._messages:
            try:
                self._messages[question] = self._exchanged(name, kind)
            except _Silent as silent:
                self._messages[question] = str(silent)
        known = self._messages[question]
        if isinstance(known, str):
            raise _Silent(known)
        return known

    def _exchanged(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> dns.message.Message:
        self.asked += 1
        if self.asked > MOST_QUESTIONS:
            raise _Silent(f"not asked: {MOST_QUESTIONS} questions are enough for one look")
        # CD: the carrier must hand over what it would not vouch for; whether it is true is decided here.
        query = dns.message.make_query(name, kind, want_dnssec=True, payload=_OCTETS)
        query.flags |= dns.flags.CD
        why = ""
        for _ in range(_TRIES):
            left = min(self.resolver.seconds, self._deadline - time.monotonic())
            if left <= 0:
                raise _Silent(why or f"no answer in {self.seconds:g} s for all questions together")
            try:
                message = self._sent(query, left)
            except dns.exception.Timeout:
                why = f"no answer in {self.resolver.seconds:g} s"
            except (OSError, EOFError) as error:
                why = f"the resolver is not there: {getattr(error, 'strerror', None) or type(error).__name__}"
            except dns.exception.DNSException as error:
                why = f"no usable answer: {type(error).__name__}"
            else:
                if message.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                    return message
                why = dns.rcode.to_text(message.rcode())
        raise _Silent(why)

    def _sent(self, query: dns.message.Message, left: float) -> dns.message.Message:
        where, port = self.resolver.address, self.resolver.port
        try:
            # Answers of another id or question are passed over: a forger must not be able to end the question either.
            return dns.query.udp(
                query, where, left, port, ignore_unexpected=True, ignore_errors=True, raise_on_truncation=True
            )
        except dns.message.Truncated:
            return dns.query.tcp(query, where, left, port)

    # ── one answer, proven ──

    def _look(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> Answer:
        security: Security = "secure"
        why, seen = "", {name}
        while True:
            message = self._message(name, kind)
            held = message.get_rrset(message.answer, name, _IN, kind)
            alias = None if held is not None else self._alias(message, name)
            if held is not None:
                place = self._proven(message, held)
            elif alias is not None:
                place = self._proven_alias(message, name, alias)
            else:
                place = self._denied(message, name, kind)
            if isinstance(place, _Unsigned) and _RANK.index(place.security) > _RANK.index(security):
                security, why = place.security, place.why
            if held is not None:
                values = tuple(sorted(_text(one) for one in held)[:MOST_VALUES])
                return Answer(status="records", security=security, values=values, why=why)
            if alias is None:
                absent = message.rcode() == dns.rcode.NXDOMAIN
                return Answer(status="no-name" if absent else "no-data", security=security, why=why)
            name = alias
            if name in seen or len(seen) > _CHAIN:
                raise _Silent(f"a loop of CNAMEs, or more than {_CHAIN} of them")
            seen.add(name)

    @staticmethod
    def _alias(message: dns.message.Message, name: dns.name.Name) -> dns.name.Name | None:
        found = message.get_rrset(message.answer, name, _IN, _CNAME)
        target: dns.name.Name | None = found[0].target if found else None
        return target

    def _proven_alias(self, message: dns.message.Message, name: dns.name.Name, target: dns.name.Name) -> _Place:
        held = message.get_rrset(message.answer, name, _IN, _CNAME)
        assert held is not None
        for rrset in message.answer:  # RFC 6672 5.3.1: a CNAME made from a DNAME has no signature of its own
            if rrset.rdtype == _DNAME and name.is_subdomain(rrset.name) and name != rrset.name:
                moved = name.relativize(rrset.name) + rrset[0].target
                if moved != target:
                    raise _Bogus(f"{name} is not what its DNAME says")
                return self._proven(message, rrset)
        return self._proven(message, held)

    def _proven(self, message: dns.message.Message, held: dns.rrset.RRset) -> _Place:
        """The zone that vouches for it."""
        place = self._place(held.name.parent() if held.rdtype == _DS and held.name != dns.name.root else held.name)
        if isinstance(place, _Zone):
            self._check(message, message.answer, held, place)
        return place

    @staticmethod
    def _signatures(section: Sequence[dns.rrset.RRset], held: dns.rrset.RRset) -> dns.rrset.RRset | None:
        return next(
            (
                one
                for one in section
                if one.name == held.name and one.rdtype == dns.rdatatype.RRSIG and one.covers == held.rdtype
            ),
            None,
        )

    def _check(
        self,
        message: dns.message.Message,
        section: Sequence[dns.rrset.RRset],
        held: dns.rrset.RRset,
        zone: _Zone,
    ) -> None:
        signed = self._signatures(section, held)
        what = f"{dns.rdatatype.to_text(held.rdtype)} of {_plain(held.name)}"
        if signed is None:
            raise _Bogus(f"{what} has no signature, though {_plain(zone.name)} is signed")
        _validate(held, signed, zone.keys, what)
        used = [one for one in signed if one.signer == zone.name]
        labels = min(one.labels for one in used) if used else 0
        if labels < len(held.name) - 1 and not held.name.is_wild():  # RFC 4035 5.3.4: made from a wildcard
            denial = self._denial(message, zone)
            nearer = held.name.split(labels + 2)[1]
            if not (denial.covers(held.name) or denial.covers(nearer)):
                raise _Bogus(f"{what} comes from a wildcard, and nothing proves that it may")

    def _denied(self, message: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> _Place:
        """The zone that vouches for there being nothing."""
        place = self._place(name.parent() if kind == _DS and name != dns.name.root else name)
        if isinstance(place, _Unsigned):
            return place
        denial = self._denial(message, place)
        proof = denial.no_name(name) if message.rcode() == dns.rcode.NXDOMAIN else denial.no_data(name, kind)
        if proof == "opt-out":
            return _Unsigned("insecure", f"{_plain(place.name)} leaves unsigned names out")
        if not proof:
            raise _Bogus(f"nothing proves that {_plain(name)} has no {dns.rdatatype.to_text(kind)}")
        return place

    def _denial(self, message: dns.message.Message, zone: _Zone) -> Denial:
        """The denials in an answer that the zone has signed itself."""
        kinds = (dns.rdatatype.NSEC, dns.rdatatype.NSEC3)
        held = [one for one in message.authority if one.rdtype in kinds and one.name.is_subdomain(zone.name)]
        proven = []
        for one in held[:16]:
            signed = self._signatures(message.authority, one)
            if signed is not None:
                _validate(one, signed, zone.keys, f"the denial at {_plain(one.name)}")
                proven.append(one)
        try:
            return Denial(zone.name, proven)
        except TooCostly as error:
            raise _Bogus(str(error)) from None

    # ── from the anchor down ──

    def _place(self, name: dns.name.Name) -> _Place:
        """The zone that a name lies in, with its proven keys."""
        if name not in self._places:
            try:
                self._places[name] = self._found_place(name)
            except _Bogus as bogus:
                self._places[name] = str(bogus)
        known = self._places[name]
        if isinstance(known, str):
            raise _Bogus(known)
        return known

    def _found_place(self, name: dns.name.Name) -> _Place:
        anchor = dns.name.from_text(self.resolver.anchor)
        if not self.resolver.anchors or not name.is_subdomain(anchor):
            return _Unsigned("unsure", "no trust anchor is known for it")
        if name == anchor:
            return self._anchored(anchor)
        above = self._place(name.parent())
        return above if isinstance(above, _Unsigned) else self._below(above, name)

    def _anchored(self, anchor: dns.name.Name) -> _Place:
        believed = [dns.rdata.from_text(_IN, _DS, text) for text in self.resolver.anchors]
        message = self._message(anchor, dns.rdatatype.DNSKEY)
        held = message.get_rrset(message.answer, anchor, _IN, dns.rdatatype.DNSKEY)
        if held is None or self._signatures(message.answer, held) is None:
            return _Unsigned("unsure", f"{self.resolver} passes no signatures on")
        return self._keyed(anchor, believed)

    def _below(self, above: _Zone, name: dns.name.Name) -> _Place:
        """One step down: is there a zone of its own at this name, and who are its keys?"""
        message = self._message(name, _DS)
        held = message.get_rrset(message.answer, name, _IN, _DS)
        if held is not None:
            self._check(message, message.answer, held, above)
            return self._keyed(name, list(held))
        if self._alias(message, name) is not None:
            alias = message.get_rrset(message.answer, name, _IN, _CNAME)
            dnamed = any(one.rdtype == _DNAME for one in message.answer)
            if alias is not None and not dnamed:
                self._check(message, message.answer, alias, above)
            return above  # no zone starts at a CNAME
        denial = self._denial(message, above)
        match denial.delegation(name):
            case "unsigned":
                return _Unsigned("insecure", f"{_plain(name)} is not signed: {_plain(above.name)} has no DS for it")
            case "none":
                return above
        raise _Bogus(f"nothing proves that {_plain(name)} has no DS")

    def _keyed(self, name: dns.name.Name, believed: Iterable[dns.rdata.Rdata]) -> _Place:
        known = [
            one
            for one in believed
            if isinstance(one, dns.rdtypes.ANY.DS.DS)
            and int(one.algorithm) in _ALGORITHMS
            and int(one.digest_type) in _DIGESTS
        ]
        if not known:  # RFC 4035 5.2: of an unknown algorithm a zone is as good as unsigned
            return _Unsigned("insecure", f"{_plain(name)} is signed with algorithms that nobody checks")
        message = self._message(name, dns.rdatatype.DNSKEY)
        held = message.get_rrset(message.answer, name, _IN, dns.rdatatype.DNSKEY)
        if held is None:
            raise _Bogus(f"{_plain(name)} has a DS above it and no keys")
        signed = self._signatures(message.answer, held)
        trusted = dns.rrset.from_rdata_list(name, 0, [key for key in held if _is_meant(name, key, known)] or [held[0]])
        if signed is None or not any(_is_meant(name, key, known) for key in held):
            raise _Bogus(f"no key of {_plain(name)} is the one that its DS names")
        _validate(held, signed, trusted, f"the keys of {_plain(name)}")
        return _Zone(name, held)


def _is_meant(name: dns.name.Name, key: dns.rdata.Rdata, believed: Iterable[dns.rdtypes.ANY.DS.DS]) -> bool:
    for one in believed:
        try:
            made = dns.dnssec.make_ds(name, key, int(one.digest_type), validating=True)  # type: ignore[arg-type]
        except (dns.exception.DNSException, ValueError):
            continue
        if (made.key_tag, made.algorithm, made.digest) == (one.key_tag, one.algorithm, one.digest):
            return True
    return False


def _validate(held: dns.rrset.RRset, signed: dns.rrset.RRset, keys: dns.rrset.RRset, what: str) -> None:
    try:
        dns.dnssec.validate(held, signed, {keys.name: keys})
    except (dns.exception.DNSException, ValueError) as error:
        raise _Bogus(f"{what}: {str(error) or type(error).__name__}"[:200]) from None


def _plain(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True)


def _text(value: dns.rdata.Rdata) -> str:
    """A value as `facts.probed_dns` has it."""
    match dns.rdatatype.to_text(value.rdtype):
        case "TXT":
            return b"".join(value.strings).decode("latin-1")  # type: ignore[attr-defined]
        case "MX":
            exchange = _plain(value.exchange).rstrip(".")  # type: ignore[attr-defined]
            return f"{value.preference} {exchange}".rstrip()  # type: ignore[attr-defined]
        case "PTR" | "NS":
            return _plain(value.target)  # type: ignore[attr-defined]
        case "DNSKEY":
            return f"{value.flags} {int(value.algorithm)}"  # type: ignore[attr-defined]
        case "TLSA":
            usage = f"{value.usage} {value.selector} {value.mtype}"  # type: ignore[attr-defined]
            return f"{usage} {value.cert.hex()}"  # type: ignore[attr-defined]
    return value.to_text()


# ── whose servers are they? ──


def mail_hosts(domain: str, resolver: Resolver, *, names: Names | None = None) -> tuple[MailHost, ...] | Unknown:
    """The servers of a domain, the first choice first; none where it takes no mail (RFC 5321 5.1, RFC 7505)."""
    names = names or Names(resolver)
    found = names.look(domain, "MX")
    if isinstance(found, Unknown):
        return Unknown(f"MX of {domain}: {found.why}")
    if found.status == "no-name":
        return Unknown(f"there is no domain {domain}")
    listed = exchanges(found) if found.is_there else (Exchange(0, domain.lower().rstrip(".")),)
    if isinstance(listed, Unknown):
        return listed
    hosts = (_mail_host(names, one) for one in listed if one.name)
    return tuple(host for host in hosts if found.is_there or host.addresses or host.unread)


def _mail_host(names: Names, one: Exchange) -> MailHost:
    addresses: list[str] = []
    unread: list[str] = []
    for kind in ("A", "AAAA"):
        match names.look(one.name, kind):
            case Unknown(why):
                unread.append(f"{kind} of {one.name}: {why}")
            case Answer(values=values):
                addresses += values
    return MailHost(one.name, one.preference, tuple(addresses), tuple(unread))
