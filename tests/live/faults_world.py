"""Faults in a world of our own, each planted alone in one that is well: what is changed, and what must be said of it.

A change gets the `Scene` before anything is started, and alters its zones, its certificates or its servers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import dns.message
import dns.name
import dns.rcode
import dns.rrset

from lockdown.model.finding import State
from tests.rig.secured import SMTP
from tests.rig.world import healthy

FIRM = "firm.example."
POLICY = "version: STSv1\nmode: enforce\nmx: mx.firm.example\nmax_age: 604800\n"


@dataclass
class Scene:
    """A firm that is well, before it is started."""

    zones: dict[str, dict[str, list[str]]] = field(default_factory=healthy)
    world: dict[str, Any] = field(default_factory=dict)
    """More arguments of `World`."""
    policy: str = POLICY
    policy_head: str = "200 OK"
    policy_names: tuple[str, ...] = ("mta-sts.firm.example",)
    names: tuple[str, ...] = ("mx.firm.example",)
    certificate: dict[str, Any] = field(default_factory=dict)
    tls: tuple[str, ...] = ()
    """Arguments of OpenSSL."""
    front: Sequence[str] = SMTP
    tlsa: Callable[[str], list[str]] = lambda digest: [f"TLSA 3 1 1 {digest}", f"TLSA 3 1 1 {'ab' * 32}"]
    """The records, from the digest of the key in use."""
    settings: str = ""
    port: int = 25

    @property
    def firm(self) -> dict[str, list[str]]:
        return self.zones[FIRM]


@dataclass(frozen=True)
class Fault:
    """One change, and the state that a control must have then."""

    name: str
    change: Callable[[Scene], None]
    control: str
    state: State


def _set(name: str, *values: str) -> Callable[[Scene], None]:
    """The records of a name are these; none: there is no such name."""

    def change(scene: Scene) -> None:
        scene.firm.pop(name, None)
        if values:
            scene.firm[name] = list(values)

    return change


def _at_top(old: str, *new: str) -> Callable[[Scene], None]:
    """Records of the domain itself that start like this are these."""

    def change(scene: Scene) -> None:
        scene.firm["@"] = [one for one in scene.firm["@"] if not one.startswith(old)] + list(new)

    return change


def _with(**values: Any) -> Callable[[Scene], None]:
    def change(scene: Scene) -> None:
        for name, value in values.items():
            setattr(scene, name, value)

    return change


def _world(**more: Any) -> Callable[[Scene], None]:
    return lambda scene: scene.world.update(more)


def _lying(name: dns.name.Name, kind: str, reply: dns.message.Message) -> dns.message.Message:
    if kind == "TLSA" and reply.answer:
        rrset = reply.answer[0]
        reply.answer[0] = dns.rrset.from_text(rrset.name, rrset.ttl, "IN", "TLSA", f"3 1 1 {'cd' * 32}")
    return reply


def _failing(kind_that_fails: str) -> Callable[[dns.name.Name, str, dns.message.Message], dns.message.Message]:
    def bend(name: dns.name.Name, kind: str, reply: dns.message.Message) -> dns.message.Message:
        if kind == kind_that_fails:
            reply.set_rcode(dns.rcode.SERVFAIL)
            reply.answer, reply.authority = [], []
        return reply

    return bend


def _no_reverse(scene: Scene) -> None:
    scene.zones["."].pop("25.2.0.192.in-addr.arpa")


def _reverse_elsewhere(scene: Scene) -> None:
    scene.zones["."]["25.2.0.192.in-addr.arpa"] = ["PTR ns1.firm.example."]


def _alias(scene: Scene) -> None:
    scene.firm["real"] = scene.firm.pop("mx")
    scene.firm["mx"] = ["CNAME real"]


def _parked(scene: Scene) -> None:
    scene.firm.clear()
    scene.firm["@"] = ["NS ns.elsewhere.example.", "NS ns2.elsewhere.example."]


_OLD = ("-tls1", "-cipher", "ALL:@SECLEVEL=0")
_NULL = ("-tls1_2", "-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0")
_TEST_KEY = 'TXT "v=DKIM1; k=ed25519; t=y; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="'
_DAY = timedelta(days=1)
W, F, U = State.WARN, State.FAIL, State.UNKNOWN
IDENT, TLS = "antispam.seen-", "dmz.seen-"
_LOGIN = {"port": 465}

FAULTS: tuple[Fault, ...] = (
    # ── names ──
    Fault("the MX names nothing", _at_top("MX", "MX 10 gone"), f"{IDENT}mail-servers", F),
    Fault("the MX names an inner address", _set("mx", "A 10.0.0.25"), f"{IDENT}mail-servers", F),
    Fault("the MX names an alias", _alias, f"{IDENT}mail-servers", W),
    Fault("a null MX beside another", _at_top("MX", "MX 0 .", "MX 10 mx"), f"{IDENT}mail-servers", F),
    Fault("the MX is bogus", _world(expired=(FIRM,)), f"{IDENT}mail-servers", U),
    Fault("no SPF", _at_top("TXT"), f"{IDENT}spf", F),
    Fault("SPF allows everybody", _at_top("TXT", 'TXT "v=spf1 +all"'), f"{IDENT}spf", F),
    Fault("two SPF records", _at_top("MX ", "MX 10 mx", 'TXT "v=spf1 -all"'), f"{IDENT}spf", F),
    Fault("a DKIM key that is a test", _set("s1._domainkey", _TEST_KEY), f"{IDENT}dkim", W),
    Fault("no DKIM key anywhere", _set("s1._domainkey"), f"{IDENT}dkim", U),
    Fault("no DMARC", _set("_dmarc"), f"{IDENT}dmarc", F),
    Fault(
        "DMARC asks for nothing",
        _set("_dmarc", 'TXT "v=DMARC1; p=none; rua=mailto:d@firm.example"'),
        f"{IDENT}dmarc",
        W,
    ),
    Fault("no reverse name", _no_reverse, f"{IDENT}reverse-names", W),
    Fault("a reverse name that leads elsewhere", _reverse_elsewhere, f"{IDENT}reverse-names", W),
    Fault("reverse names cannot be asked", _world(bend=_failing("PTR")), f"{IDENT}reverse-names", U),
    Fault("no TLS-RPT", _set("_smtp._tls"), f"{IDENT}tls-reports", W),
    Fault("TLS-RPT without an address", _set("_smtp._tls", 'TXT "v=TLSRPTv1"'), f"{IDENT}tls-reports", F),
    Fault("an invented name takes mail", _set("*", "MX 10 mx"), f"{IDENT}wildcard", W),
    Fault("one name server", _at_top("NS", "NS ns1"), f"{IDENT}name-servers", W),
    Fault("name servers that are one", _at_top("NS", "NS ns1", "NS ns1b.firm.example."), f"{IDENT}name-servers", W),
    Fault("not signed", _world(unsigned=(FIRM,)), f"{IDENT}dnssec", W),
    Fault("signatures that ran out", _world(expired=(FIRM,)), f"{IDENT}dnssec", F),
    Fault("a DS of another key", _world(foreign=(FIRM,)), f"{IDENT}dnssec", F),
    Fault("parked, and silent about it", _parked, f"{IDENT}parked", W),
    # ── MTA-STS ──
    Fault(
        "the policy leaves the server out", _with(policy=POLICY.replace("mx.firm", "old.firm")), f"{IDENT}mta-sts", F
    ),
    Fault("the policy is a test", _with(policy=POLICY.replace("enforce", "testing")), f"{IDENT}mta-sts", W),
    Fault("the policy is damaged", _with(policy="version: STSv1\nmode: yes\n"), f"{IDENT}mta-sts", F),
    Fault("the policy is not there", _with(policy_head="404 Not Found"), f"{IDENT}mta-sts", F),
    Fault("the policy moved", _with(policy_head="301 Moved\r\nLocation: https://x.example/"), f"{IDENT}mta-sts", F),
    Fault("the policy's server is another", _with(policy_names=("www.firm.example",)), f"{IDENT}mta-sts", F),
    Fault("the policy's server is not there", _set("mta-sts"), f"{IDENT}mta-sts", U),
    Fault("a record without id", _set("_mta-sts", 'TXT "v=STSv1;"'), f"{IDENT}mta-sts", F),
    # ── DANE ──
    Fault("TLSA of another key", _with(tlsa=lambda digest: [f"TLSA 3 1 1 {'ab' * 32}"]), f"{IDENT}dane", F),
    Fault("TLSA of a usage for the web", _with(tlsa=lambda digest: [f"TLSA 1 1 1 {digest}"]), f"{IDENT}dane", F),
    Fault("TLSA that nobody signed", _world(unsigned=(FIRM,)), f"{IDENT}dane", W),
    Fault("TLSA forged on the way", _world(bend=_lying), f"{IDENT}dane", F),
    Fault("TLSA cannot be asked", _world(bend=_failing("TLSA")), f"{IDENT}dane", U),
    Fault("TLSA, and no STARTTLS", _with(front=("S: 220 mx", "C", "S: 250 mx")), f"{IDENT}dane", F),
    # ── TLS ──
    Fault("no STARTTLS", _with(front=("S: 220 mx", "C", "S: 250 mx")), f"{TLS}starttls", F),
    Fault("STARTTLS that is refused", _with(front=(*SMTP[:5], "S: 454 not now")), f"{TLS}starttls", F),
    Fault("greylisted", _with(front=("S: 450 later",)), f"{TLS}starttls", U),
    Fault("too busy", _with(front=("S: 421 busy",)), f"{TLS}starttls", U),
    Fault("a greeting that never comes", _with(front=("WAIT",)), f"{TLS}starttls", U),
    Fault("TLS 1.0 alone", _with(tls=_OLD), f"{TLS}tls-versions", F),
    Fault("a cipher without encryption", _with(tls=_NULL), f"{TLS}tls-suites", W),
    Fault("a cipher without encryption, for people", _with(tls=_NULL, **_LOGIN), f"{TLS}tls-suites", F),
    Fault(
        "a certificate that ran out",
        _with(certificate={"begins": -90 * _DAY, "ends": -_DAY}),
        f"{TLS}certificate-dates",
        F,
    ),
    Fault(
        "a certificate that soon runs out",
        _with(certificate={"begins": -80 * _DAY, "ends": 9 * _DAY}),
        f"{TLS}certificate-dates",
        W,
    ),
    Fault("a certificate of tomorrow", _with(certificate={"begins": _DAY}), f"{TLS}certificate-dates", F),
    Fault(
        "a weak key",
        _with(certificate={"rsa_bits": 1024}, tls=("-cipher", "DEFAULT:@SECLEVEL=0")),
        f"{TLS}certificate-key",
        F,
    ),
    Fault("a certificate for another name", _with(names=("other.example",), **_LOGIN), f"{TLS}certificate-names", F),
    Fault(
        "no forward secrecy",
        _with(certificate={"rsa_bits": 2048}, tls=("-tls1_2", "-cipher", "AES128-SHA256:AES256-SHA256")),
        f"{TLS}forward-secrecy",
        W,
    ),
)
