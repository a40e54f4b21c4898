"""The certificates that the servers of the machine show, as `openssl x509` tells them: end, names, size of key.

Fails as: Unknown, with the reason of the reading or what is not understood.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from lockdown.facts.dovecot import Dovecot
from lockdown.facts.postfix import Postfix
from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.unknown import Unknown

FOLDER = "certificates"
_KEPT = re.compile(
    r"notAfter=|subject=|\s+DNS:|\s+Public[ -]Key:|\s+\(?Public-Key|\s+Public Key Algorithm|\s+Signature Algorithm"
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is public of it; names in lower case."""

    path: str
    ends: datetime
    names: tuple[str, ...]
    algorithm: str
    bits: int

    def covers(self, name: str) -> bool:
        """RFC 9525 6.3: a name, or a star for the leftmost label alone."""
        return any(
            one == name.lower() or (one.startswith("*.") and name.lower().partition(".")[2] == one[2:])
            for one in self.names
        )


def reduced(text: str) -> str:
    """Of what openssl says, the lines that are judged."""
    return "".join(f"{line}\n" for line in text.splitlines() if _KEPT.match(line))


def of_postfix(server: Postfix) -> list[str]:
    """The files that Postfix shows to clients."""
    names = ("smtpd_tls_chain_files", "smtpd_tls_cert_file", "smtpd_tls_eccert_file")
    values = [server.value(name) for name in names]
    return [path for value in values for path in re.split(r"[\s,]+", value) if path and path != "none"]


def of_dovecot(server: Dovecot) -> list[str]:
    """The files that Dovecot shows to clients."""
    found = server.all("ssl_cert", "ssl_server_cert_file")
    return [one.value.lstrip("<").strip() for one in found]


def certificate(snapshot: Snapshot, path: str) -> Certificate | Unknown:
    """One of them."""
    reading = snapshot.reading(f"{FOLDER}{path}")
    if isinstance(reading, Unknown):
        # OpenSSL's words for a file that is missing or shut are long and say little.
        shut = "openssl could not read it" if "STORE routines" in reading.why else reading.why
        return Unknown(f"{path}: {shut}")
    if gone := absent(reading):
        return Unknown(gone)
    end = re.search(r"notAfter=(\w{3} +\d+ \d\d:\d\d:\d\d \d{4}) GMT", reading)
    bits = re.search(r"Public-Key: \((\d{1,6}) bit\)", reading)
    algorithm = re.search(r"Public Key Algorithm: (\S+)", reading)
    if not end or not bits or not algorithm:
        return Unknown(f"{path}: what openssl says of it is not understood")
    try:
        ends = datetime.strptime(end[1], "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    except ValueError:
        return Unknown(f"{path}: its end, {end[1]}, is no time")
    subject = re.findall(r"subject=.*?CN ?= ?([^,/\s]+)", reading)
    names = re.findall(r"DNS:([^,\s]+)", reading) or subject
    return Certificate(path, ends, tuple(name.lower() for name in names), algorithm[1], int(bits[1]))
