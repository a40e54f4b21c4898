"""What scans mail on a recorded machine, and what engines and DNS said there: readings that a case writes itself.

The files in `packaged/` are those of the Debian 12 packages, as they lie there after their installation.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lockdown.facts import blocklists
from lockdown.facts.dns_records import described, source, text_line
from lockdown.facts.engines import Engine
from lockdown.facts.engines import described as engine_reading
from lockdown.facts.scanner_files import AMAVIS, FRESHCLAM_LOG, NOT_THERE, PLACES, RESOLVERS, SPAM_RULES
from lockdown.model.snapshot import Reading

_PACKAGED = Path(__file__).parent / "packaged"
OF_SCANNERS = ("clamav/", "rspamd/", "spamassassin/", "amavis/", "opendkim/", "engines/", "dns/", "blocklists/")
"""Readings that never come from the machine that records."""

CLAMD_PACKAGED = (_PACKAGED / "clamd.conf").read_text()
FRESHCLAM_PACKAGED = (_PACKAGED / "freshclam.conf").read_text()
RSPAMD_PACKAGED = (_PACKAGED / "rspamd-options.inc").read_text()
SOCKET = "clamd:///run/clamav/clamd.ctl"

KEY_2048 = (
    "v=DKIM1; k=rsa; p="
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAmzuI7ZOhIHNRawltiHtFKLGmGg+RE4GdmMKqlwc9VXFES/yQAcvkeGbz"
    "iARQpt4Fxn5lp1YImxjohBOf1txEKcDibmZRlJLM3uiwNVMnQq0UCVJ4gAn+9SCbXIHNJWU3gsZwSQQ5lQ4Os7Yg+7X9m3koPeG/"
    "P+9lNzJqJgXIDTSaNUHtRfGfURGEV+ikh33P7ce31A0LRHCLKDz2JBRZtJt2PmpA8HW5okOZzqfuvXSV5eOa+MEnRbtUUXo8EAPx"
    "A3ZbQnzQRhIyF9SIrazfhp8d7e9Q6P/BvZ9BUefjlFci3l06oT1x5boNj4gr58GBsl67Myv2KX+udcHGAI9+BQIDAQAB"
)
KEY_512 = (
    "v=DKIM1; k=rsa; p="
    "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAMDkCAwEAAQ=="
)
KEY_1024 = (
    "v=DKIM1; k=rsa; p="
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkJa/A90YjIAwnRWtX41Bh2+GweKWRwO4jvAhIQVIiQ2Vud7LnTApRqkBq4ji8"
    "oO7rN4xFz2WoL3laaln/V75wxTCTmMID3XTDyxmhBVWtX25aMU3fBuFkN8NkMCdyoJSCT2vhxJZ7UtUOvE1gHIeZ1uTLa6oOkoSy"
    "XKCkCSmawQIDAQAB"
)


def absent() -> dict[str, Reading]:
    """Nothing that scans is installed."""
    files = {name: f"{NOT_THERE}: no {path}\n" for name, path in PLACES.items()}
    others = {
        FRESHCLAM_LOG: "/var/log/clamav/freshclam.log",
        SPAM_RULES: "/var/lib/spamassassin",
        AMAVIS: "/etc/amavis/conf.d and no /etc/amavisd",
    }
    return {**files, **{name: f"{NOT_THERE}: no {path}\n" for name, path in others.items()}}


def engine(number: int, url: str, item: str, **said: object) -> dict[str, Reading]:
    """What one engine said."""
    fields = {"version": "0.1.0", "proven": True, **said}
    return {f"engines/{number}.json": engine_reading(Engine(url, item, **fields))}  # type: ignore[arg-type]


def clamd(number: int = 3, **said: object) -> dict[str, Reading]:
    """clamd, fresh and well unless something else is said."""
    well = {"version": "1.4.6", "signatures": 27880, "built": "2026-01-14T22:10:00+00:00", "reaches": True}
    return engine(number, SOCKET, "antivirus", **{**well, **said})


def txt(name: str, *records: str) -> dict[str, Reading]:
    """The TXT records of a name."""
    return {source(name, "TXT"): described([text_line(text) for text in records])}


def records(name: str, kind: str, *values: str) -> dict[str, Reading]:
    """Other records of a name."""
    return {source(name, kind): described(values)}


def nothing(name: str, kind: str, says: str = "NXDOMAIN") -> dict[str, Reading]:
    """A name that does not exist."""
    return {source(name, kind): f"{says}\n"}


def blocklist(zone: str, *, passes: bool = True, told: bool = True, why: str = "") -> dict[str, Reading]:
    """How a blocklist passed its test."""
    return {"blocklists/1.json": blocklists.described(zone, passes=passes, told=told, why=why)}


RSPAMD: Mapping[str, Reading] = {
    "rspamd/options.inc": RSPAMD_PACKAGED,
    "rspamd/local.d/options.inc": "soft_reject_on_timeout = true;\n",
    "rspamd/local.d/antivirus.conf": 'clamav { type = "clamav"; servers = "/run/clamav/clamd.ctl"; }\n',
    "rspamd/local.d/dkim_signing.conf": 'selector = "mail2026";\n',
}
NAMES: Mapping[str, Reading] = {
    **txt("example.com", "v=spf1 mx include:_spf.example.net -all", "another=record"),
    **records("example.com", "MX", "10 mail.example.org"),
    **txt("_spf.example.net", "v=spf1 ip4:198.51.100.0/24 ~all"),
    **txt("mail2026._domainkey.example.com", KEY_2048),
    **txt("_dmarc.example.com", "v=DMARC1; p=reject; rua=mailto:dmarc@example.com"),
    **txt("_mta-sts.example.com", "v=STSv1; id=20260101"),
    **txt("_smtp._tls.example.com", "v=TLSRPTv1; rua=mailto:tls@example.com"),
    **records("7.2.0.192.in-addr.arpa", "PTR", "mail.example.org"),
    **records("mail.example.org", "A", "192.0.2.7"),
}
CAREFUL: Mapping[str, Reading] = {
    **absent(),
    **RSPAMD,
    **NAMES,
    RESOLVERS: "nameserver 127.0.0.1\n",
    **engine(1, "builtin", "antivirus"),
    **engine(2, "builtin", "antispam"),
}
"""A machine on which all of it holds."""
