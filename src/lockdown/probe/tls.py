"""See how a server secures a connection: by STARTTLS over SMTP, IMAP or POP3, or from the first octet on.

Each question is a connection of its own, closed after the first flight; one whole handshake fetches the certificates.
Told apart are "it has no TLS" (a reading) and "it could not be tried" (Unknown): a server that greylists, is busy or
silent has said nothing about its TLS. Every port is bounded in time, in octets and in connections.
Fails as: Unknown("it greets with 421 …"), Unknown("no answer in 5 s"), Unknown("connection refused"). Never raises.
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lockdown.facts.tls_seen import Certificate, TlsSeen, Told, described, source
from lockdown.model.snapshot import Reading
from lockdown.model.unknown import Unknown
from lockdown.probe import hello
from lockdown.probe.hello import Alert, Hello, Nonsense

STEP_SECONDS = 5.0
_MOST_LINE, _MOST_LINES, _MOST_CHAIN = 2048, 100, 10
_EVERYTHING = (*hello.FORWARD, *hello.STATIC, *(one for weak in hello.WEAK.values() for one in weak))
_GROUPS: Mapping[str, tuple[int, ...]] = {"forward secrecy": hello.FORWARD, "static RSA": hello.STATIC, **hello.WEAK}


@dataclass(frozen=True, slots=True)
class Way:
    """How one gets to TLS on a port."""

    protocol: Literal["smtp", "imap", "pop3"]
    implicit: bool


PORTS: Mapping[int, Way] = {
    25: Way("smtp", False),
    587: Way("smtp", False),
    465: Way("smtp", True),
    143: Way("imap", False),
    993: Way("imap", True),
    110: Way("pop3", False),
    995: Way("pop3", True),
}


@dataclass(frozen=True, slots=True)
class Place:
    """One port of one address; `through` is the port that is really connected to, `caller` our name in EHLO."""

    host: str
    address: str
    port: int
    through: int
    way: Way
    caller: str = "localhost"


class _CouldNot(Exception):
    """It could not be tried."""


class _NotOffered(Exception):
    """The server says that it has no TLS."""


class _Broken(Exception):
    """TLS is offered, and does not work."""


def tls_readings(
    host: str,
    address: str,
    ports: Sequence[int],
    seconds: float,
    *,
    through: Mapping[int, int] | None = None,
    ca_file: Path | None = None,
    caller: str = "localhost",
    pause: float = 0.0,
) -> dict[str, Reading]:
    """The readings of the ports of one address; `seconds` bounds each port, `pause` lies between its connections."""
    known = [port for port in dict.fromkeys(ports) if port in PORTS]
    places = [Place(host, address, port, (through or {}).get(port, port), PORTS[port], caller) for port in known]

    def read(place: Place) -> Reading:
        return _Look(place, time.monotonic() + seconds, seconds, ca_file, pause).reading()

    with ThreadPoolExecutor(max(1, min(4, len(places)))) as pool:
        readings = list(pool.map(read, places))
    return {source(host, address, place.port): reading for place, reading in zip(places, readings, strict=True)}


# ── a connection up to its first octet of TLS ──


class _Wire:
    """A socket with one deadline over all of it."""

    def __init__(self, place: Place, deadline: float) -> None:
        self._deadline = min(deadline, time.monotonic() + 2 * STEP_SECONDS)
        self._held = b""
        try:
            self.socket = socket.create_connection((place.address, place.through), self._left())
        except TimeoutError:
            raise _CouldNot("nobody answers there") from None
        except OSError as error:
            raise _CouldNot((error.strerror or type(error).__name__).lower()) from None

    def __enter__(self) -> _Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def _left(self) -> float:
        left = min(STEP_SECONDS, self._deadline - time.monotonic())
        if left <= 0:
            raise _CouldNot("it takes too long")
        return left

    def send(self, octets: bytes) -> None:
        try:
            self.socket.settimeout(self._left())
            self.socket.sendall(octets)
        except TimeoutError:
            raise _CouldNot("it takes nothing in") from None
        except OSError:
            raise _CouldNot("it closed the connection") from None

    def receive(self) -> bytes:
        """Some octets; b"" at the end."""
        if self._held:
            held, self._held = self._held, b""
            return held
        try:
            self.socket.settimeout(self._left())
            return self.socket.recv(16384)
        except TimeoutError:
            raise _CouldNot(f"no answer in {STEP_SECONDS:g} s") from None
        except OSError:
            return b""

    def line(self) -> str:
        held = b""
        while b"\n" not in held:
            octets = self.receive()
            if not octets:
                raise _CouldNot("it closed the connection")
            held += octets
            if len(held) > 4 * _MOST_LINE and b"\n" not in held:
                raise _CouldNot("its line does not end")
        line, _, self._held = held.partition(b"\n")
        return line[:_MOST_LINE].decode("latin-1").rstrip("\r")

    def start(self) -> None:
        """What was said before the handshake is no part of it."""
        self._held = b""


def _smtp(wire: _Wire, caller: str) -> None:
    greeting = _reply(wire)
    if not greeting.startswith("220"):
        raise _CouldNot(f"it greets with {_short(greeting)}")
    wire.send(f"EHLO {caller}\r\n".encode("ascii", "replace"))
    said = _reply(wire)
    if not said.startswith("250"):
        raise _CouldNot(f"it answers EHLO with {_short(said)}")
    if not any(re.match(r"250[- ]STARTTLS\b", line, re.IGNORECASE) for line in said.splitlines()):
        raise _NotOffered("it does not offer STARTTLS")
    wire.send(b"STARTTLS\r\n")
    said = _reply(wire)
    if said.startswith("421"):
        raise _CouldNot(f"it answers STARTTLS with {_short(said)}")
    if not said.startswith("220"):
        raise _Broken(f"it offers STARTTLS and answers it with {_short(said)}")


def _reply(wire: _Wire) -> str:
    lines = []
    for _ in range(_MOST_LINES):
        line = wire.line()
        if not re.match(r"[2-5][0-9]{2}(?:[ -]|$)", line):
            raise _CouldNot(f"it does not speak SMTP: {_short(line)}")
        lines.append(line)
        if line[3:4] != "-":
            return "\n".join(lines)
    raise _CouldNot("its reply does not end")


def _imap(wire: _Wire, caller: str) -> None:
    greeting = wire.line()
    if not greeting.upper().startswith("* OK"):
        raise _CouldNot(f"it greets with {_short(greeting)}")
    wire.send(b"a1 CAPABILITY\r\n")
    said = _tagged(wire, "a1")
    if not re.search(r"\bSTARTTLS\b", said, re.IGNORECASE):
        raise _NotOffered("it does not offer STARTTLS")
    wire.send(b"a2 STARTTLS\r\n")
    said = _tagged(wire, "a2").splitlines()[-1]
    if not said.upper().startswith("A2 OK"):
        raise _Broken(f"it offers STARTTLS and answers it with {_short(said)}")


def _tagged(wire: _Wire, tag: str) -> str:
    lines = []
    for _ in range(_MOST_LINES):
        lines.append(wire.line())
        if lines[-1].lower().startswith(f"{tag} "):
            return "\n".join(lines)
    raise _CouldNot("its reply does not end")


def _pop3(wire: _Wire, caller: str) -> None:
    greeting = wire.line()
    if not greeting.startswith("+OK"):
        raise _CouldNot(f"it greets with {_short(greeting)}")
    wire.send(b"CAPA\r\n")
    lines = [wire.line()]
    while lines[0].startswith("+OK") and lines[-1] != "." and len(lines) < _MOST_LINES:
        lines.append(wire.line())
    if "STLS" not in (line.upper().strip() for line in lines):
        raise _NotOffered("it does not offer STLS")
    wire.send(b"STLS\r\n")
    said = wire.line()
    if not said.startswith("+OK"):
        raise _Broken(f"it offers STLS and answers it with {_short(said)}")


_UPGRADES: Mapping[str, Callable[[_Wire, str], None]] = {"smtp": _smtp, "imap": _imap, "pop3": _pop3}


def _short(text: str) -> str:
    return re.sub(r"[^ -~]", "?", text.splitlines()[0] if text else "nothing")[:120]


# ── one port ──


class _Look:
    """All questions to one port."""

    def __init__(self, place: Place, deadline: float, seconds: float, ca_file: Path | None, pause: float) -> None:
        self._place, self._deadline, self._seconds = place, deadline, seconds
        self._ca_file, self._pause = ca_file, pause
        self._connected = False

    def reading(self) -> Reading:
        try:
            return described(self._seen())
        except _CouldNot as why:
            return Unknown(str(why))
        except _NotOffered as why:
            return described(self._without("not-offered", str(why)))
        except _Broken as why:
            return described(self._without("broken", str(why)))

    def _without(self, outcome: Literal["not-offered", "broken"], why: str) -> TlsSeen:
        place = self._place
        return TlsSeen(
            host=place.host,
            address=place.address,
            port=place.port,
            protocol=place.way.protocol,
            implicit=place.way.implicit,
            outcome=outcome,
            why=why,
        )

    def _wire(self) -> _Wire:
        if self._connected and self._pause:
            time.sleep(max(0.0, min(self._pause, self._deadline - time.monotonic())))
        self._connected = True
        wire = _Wire(self._place, self._deadline)
        try:
            if not self._place.way.implicit:
                _UPGRADES[self._place.way.protocol](wire, self._place.caller)
                wire.start()
        except BaseException:
            wire.socket.close()
            raise
        return wire

    def _seen(self) -> TlsSeen:
        answers = {version: self._asked(version) for version in (hello.TLS12, hello.TLS13)}
        for version in (hello.TLS11, hello.TLS10, hello.SSL3):
            answers[version] = self._try(version, _EVERYTHING)
        versions = {name: _told(answers[version], version) for version, name in hello.NAMES.items()}
        if "yes" not in versions.values():
            raise self._nothing_works(answers)
        best = self._best(answers)
        old = [version for version in answers if version != hello.TLS13 and _told(answers[version], version) == "yes"]
        chain, trusted, because = self._certificates()
        return TlsSeen(
            host=self._place.host,
            address=self._place.address,
            port=self._place.port,
            protocol=self._place.way.protocol,
            implicit=self._place.way.implicit,
            outcome="secured",
            versions=versions,
            suites=self._suites(max(old, default=0)),
            group=best.group,
            dh_bits=max((one.dh_bits for one in answers.values() if isinstance(one, Hello)), default=0),
            compression=_any(answers, lambda one: one.compression),
            renegotiation=_every(answers, lambda one: one.renegotiation),
            extended_secret=_every(answers, lambda one: one.extended_secret or one.version == hello.SSL3),
            chain=chain,
            trusted=trusted,
            untrusted_because=because,
        )

    def _asked(self, version: int) -> Hello | Alert | Nonsense | Unknown:
        """As `_try`; but what keeps us from TLS at all is raised."""
        suites = hello.MODERN if version == hello.TLS13 else _EVERYTHING
        if version != hello.TLS12:
            return self._try(version, suites)
        return self._flight(version, suites)

    def _try(self, version: int, suites: Sequence[int]) -> Hello | Alert | Nonsense | Unknown:
        try:
            return self._flight(version, suites)
        except _CouldNot as why:
            return Unknown(str(why))
        except (_NotOffered, _Broken) as why:
            return Unknown(f"this time {why}")

    def _flight(self, version: int, suites: Sequence[int]) -> Hello | Alert | Nonsense | Unknown:
        """One ClientHello and what comes back; a connection that just ends is an Alert without a code."""
        name = "" if re.fullmatch(r"[0-9.]+|.*:.*", self._place.host) else self._place.host
        with self._wire() as wire:
            held = b""
            try:
                wire.send(hello.client_hello(version, suites, name))
                while True:
                    octets = wire.receive()
                    held += octets
                    found = hello.read_flight(held)
                    if found is not None:
                        return found
                    if not octets:
                        return Alert(0)
            except _CouldNot as why:
                # Past the start of TLS: what is slow or breaks here is this version's, not the server's.
                return Alert(0) if "closed" in str(why) else Unknown(str(why))

    @staticmethod
    def _nothing_works(answers: Mapping[int, object]) -> Exception:
        for found in answers.values():
            if isinstance(found, Unknown):
                return _CouldNot(found.why)
        first = next(iter(answers.values()))
        if isinstance(first, Nonsense):
            return _Broken(first.why)
        return _Broken("it starts TLS, and ends every handshake")

    @staticmethod
    def _best(answers: Mapping[int, object]) -> Hello:
        found = [
            (version, one) for version, one in answers.items() if isinstance(one, Hello) and one.version == version
        ]
        return max(found, key=lambda pair: pair[0])[1]

    def _suites(self, version: int) -> dict[str, Told]:
        """Of the versions before 1.3, which has none that is weak."""
        if not version:
            return {name: "yes" if name == "forward secrecy" else "no" for name in _GROUPS}
        told: dict[str, Told] = {}
        for name, suites in _GROUPS.items():
            match self._try(version, suites):
                case Hello(suite=suite):
                    told[name] = "yes" if suite in suites else "no"
                case Alert():
                    told[name] = "no"
                case _:
                    told[name] = "unknown"
        return told

    # ── certificates ──

    def _certificates(self) -> tuple[tuple[Certificate, ...], Told, str]:
        chain, why = self._handshake(_trusting())
        if why:
            return (), "unknown", why
        try:
            strict = ssl.create_default_context(cafile=str(self._ca_file) if self._ca_file else None)
        except (OSError, ssl.SSLError) as error:
            return chain, "unknown", f"the certificates to trust cannot be read: {type(error).__name__}"
        # Names are judged apart: who issued it, and what it is issued for, are two questions.
        strict.check_hostname = False
        _, why = self._handshake(strict)
        if not why:
            return chain, "yes", ""
        return chain, "no" if why.startswith("certificate") else "unknown", why

    def _handshake(self, context: ssl.SSLContext) -> tuple[tuple[Certificate, ...], str]:
        host = self._place.host
        try:
            with self._wire() as wire:
                wire.socket.settimeout(max(0.1, min(STEP_SECONDS, self._deadline - time.monotonic())))
                with context.wrap_socket(wire.socket, server_hostname=host, suppress_ragged_eofs=True) as secured:
                    return _chain(secured), ""
        except ssl.SSLCertVerificationError as error:
            return (), f"certificate: {error.verify_message}"
        except (_CouldNot, _NotOffered, _Broken) as why:
            return (), str(why)
        except (OSError, ValueError) as error:
            return (), f"the handshake failed: {getattr(error, 'reason', None) or type(error).__name__}"


def _trusting() -> ssl.SSLContext:
    """Takes every version, key and certificate: it is there to look, and nothing is said over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:COMPLEMENTOFALL:!aNULL:!eNULL:@SECLEVEL=0")
    return context


def _chain(secured: ssl.SSLSocket) -> tuple[Certificate, ...]:
    inner = getattr(secured, "_sslobj", None)  # public only from Python 3.13 on
    fetch = getattr(secured, "get_unverified_chain", None) or getattr(inner, "get_unverified_chain", None)
    held = [_der(one) for one in fetch() or ()] if fetch else []
    leaf = secured.getpeercert(binary_form=True)
    octets = held or ([leaf] if leaf else [])
    return tuple(found for one in octets[:_MOST_CHAIN] if (found := certificate(one)) is not None)


def _der(one: object) -> bytes:
    return one if isinstance(one, bytes) else one.public_bytes(2)  # type: ignore[attr-defined]


# the library's own refusals of a malformed certificate, none of which is a ValueError
_NOT_X509 = (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


def certificate(der: bytes) -> Certificate | None:
    """What must be known of one certificate; None for one that cannot be read."""
    try:
        held = x509.load_der_x509_certificate(der)
        key = held.public_key()
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        bits = key.key_size if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) else 256
        digest = held.signature_hash_algorithm
        return Certificate(
            names=_names(held),
            not_before=held.not_valid_before_utc,
            not_after=held.not_valid_after_utc,
            key=_kind(key, bits),
            bits=bits,
            signed_with=digest.name if digest else "",
            self_signed=held.issuer == held.subject,
            digests={
                "0 1": hashlib.sha256(der).hexdigest(),
                "0 2": hashlib.sha512(der).hexdigest(),
                "1 1": hashlib.sha256(spki).hexdigest(),
                "1 2": hashlib.sha512(spki).hexdigest(),
            },
        )
    except (ValueError, TypeError, OverflowError, UnsupportedAlgorithm, *_NOT_X509):
        return None


def _kind(key: object, bits: int) -> str:
    match key:
        case rsa.RSAPublicKey():
            return f"RSA {bits}"
        case ec.EllipticCurvePublicKey():
            return f"EC {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey").strip("_")


def _names(held: x509.Certificate) -> tuple[str, ...]:
    """RFC 9525 4.1: the subject's own name counts for nothing beside alternative names, and little without them."""
    try:
        alternative = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return tuple(alternative.get_values_for_type(x509.DNSName)[:100])
    except x509.ExtensionNotFound:
        found = held.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return tuple(str(one.value) for one in found[:1])


# ── telling ──


def _told(found: object, version: int) -> Told:
    match found:
        case Hello():
            return "yes" if found.version == version else "no"
        case Alert() | Nonsense():
            return "no"
    return "unknown"


def _hellos(answers: Mapping[int, object]) -> list[Hello]:
    return [one for one in answers.values() if isinstance(one, Hello)]


def _any(answers: Mapping[int, object], holds: Callable[[Hello], bool]) -> Told:
    return "yes" if any(map(holds, _hellos(answers))) else "no"


def _every(answers: Mapping[int, object], holds: Callable[[Hello], bool]) -> Told:
    return "yes" if all(map(holds, _hellos(answers))) else "no"
