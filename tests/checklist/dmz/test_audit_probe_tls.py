"""TLS as it was seen is judged by port and by profile: what strangers need, and what people who log in need."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.checklist.dmz.audit_probe_tls import PROBE_CONTROLS, audit_probe_tls
from lockdown.config import read_settings
from lockdown.facts.tls_seen import VERSIONS, Certificate, TlsSeen, Told, described, source
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LEAF = Certificate(
    names=("mx.example.org",),
    not_before=NOW - timedelta(days=10),
    not_after=NOW + timedelta(days=80),
    key="EC secp256r1",
    bits=256,
    signed_with="sha256",
    self_signed=False,
    digests={},
)
NO_WEAK: dict[str, Told] = {
    "forward secrecy": "yes", "static RSA": "no", "no encryption": "no", "export": "no", "DES": "no", "RC4": "no",
    "3DES": "no", "anonymous": "no",
}  # fmt: skip
MODERN: dict[str, Told] = dict(zip(VERSIONS, ("no", "no", "no", "yes", "yes"), strict=True))
P, W, F, U, N = State.PASS, State.WARN, State.FAIL, State.UNKNOWN, State.NOT_APPLICABLE


def seen(port: int = 25, **more: Any) -> TlsSeen:
    """A port that is well, but for what the test says."""
    well = TlsSeen(
        host="mx.example.org",
        address="192.0.2.25",
        port=port,
        protocol="smtp",
        implicit=port == 465,
        outcome="secured",
        versions=MODERN,
        suites=NO_WEAK,
        group="x25519",
        compression="no",
        renegotiation="yes",
        extended_secret="yes",
        chain=(LEAF,),
        trusted="yes",
    )
    return msgspec.structs.replace(well, **more)


def findings(*ports: TlsSeen | Unknown, profile: str = "business") -> list[Finding]:
    readings: dict[str, Reading] = {
        source("mx.example.org", "192.0.2.25", 1000 + number if isinstance(one, Unknown) else one.port): (
            one if isinstance(one, Unknown) else described(one)
        )
        for number, one in enumerate(ports)
    }
    policy = read_settings([("lockdown.toml", f'[site]\nprofile = "{profile}"\n')]).settings
    return list(audit_probe_tls(Snapshot("probe", NOW, "1", readings), policy))


def state(control: str, *ports: TlsSeen | Unknown, profile: str = "business") -> State:
    (found,) = {one.state for one in findings(*ports, profile=profile) if one.control == f"dmz.seen-{control}"}
    return found


def versions(**told: Told) -> dict[str, Told]:
    names = {"ssl3": "SSL 3.0", "v10": "TLS 1.0", "v11": "TLS 1.1", "v12": "TLS 1.2", "v13": "TLS 1.3"}
    return MODERN | {names[name]: answer for name, answer in told.items()}


@pytest.mark.parametrize("profile", ["starter", "business", "strict"])
@pytest.mark.parametrize("port", [25, 465])
def test_a_port_that_is_well_passes_everything(profile: str, port: int) -> None:
    found = findings(seen(port), profile=profile)
    assert {one.state for one in found} == {P}
    assert {one.control for one in found} == {one.id for one in PROBE_CONTROLS}


@pytest.mark.parametrize(
    ("control", "fault", "on_25", "on_465"),
    # starter, business, strict
    [
        ("tls-versions", {"versions": versions(v10="yes")}, (P, P, W), (W, W, F)),
        ("tls-versions", {"versions": versions(ssl3="yes")}, (F, F, F), (F, F, F)),
        ("tls-versions", {"versions": versions(v10="yes", v12="no", v13="no")}, (W, F, F), (W, F, F)),
        ("tls-versions", {"versions": versions(v13="no")}, (P, P, W), (P, P, W)),
        ("tls-versions", {"versions": versions(v10="unknown")}, (U, U, U), (U, U, U)),
        ("tls-versions", {"versions": {}}, (U, U, U), (U, U, U)),
        ("tls-suites", {"suites": NO_WEAK | {"RC4": "yes"}}, (W, W, F), (F, F, F)),
        ("tls-suites", {"suites": NO_WEAK | {"3DES": "yes"}}, (P, P, W), (W, W, F)),
        ("tls-suites", {"suites": NO_WEAK | {"anonymous": "yes"}}, (P, P, P), (F, F, F)),
        ("tls-suites", {"suites": NO_WEAK | {"export": "unknown"}}, (U, U, U), (U, U, U)),
        ("tls-suites", {"suites": {}}, (U, U, U), (U, U, U)),
        ("forward-secrecy", {"dh_bits": 1024}, (W, W, F), (W, W, F)),
        ("forward-secrecy", {"suites": NO_WEAK | {"static RSA": "yes"}}, (P, P, W), (P, P, W)),
        ("certificate-names", {"trusted": "no"}, (P, P, W), (W, F, F)),
        ("certificate-names", {"trusted": "unknown"}, (U, U, U), (U, U, U)),
        ("certificate-names", {"host": "other.example.org"}, (P, P, W), (W, F, F)),
        ("certificate-names", {"chain": ()}, (U, U, U), (U, U, U)),
        ("certificate-dates", {"chain": ()}, (U, U, U), (U, U, U)),
        ("certificate-key", {"chain": ()}, (U, U, U), (U, U, U)),
        ("certificate-key", {"chain": (msgspec.structs.replace(LEAF, signed_with="sha1"),)}, (F, F, F), (F, F, F)),
        ("tls-handshake", {"compression": "yes"}, (W, W, W), (W, W, W)),
        ("tls-handshake", {"renegotiation": "no"}, (W, W, W), (W, W, W)),
        ("tls-handshake", {"renegotiation": "unknown"}, (U, U, U), (U, U, U)),
        ("tls-handshake", {"extended_secret": "no"}, (P, P, W), (P, P, W)),
        ("starttls", {"outcome": "not-offered"}, (F, F, F), (F, F, F)),
        ("starttls", {"outcome": "broken"}, (F, F, F), (F, F, F)),
        ("tls-versions", {"outcome": "not-offered"}, (N, N, N), (N, N, N)),
    ],
)
def test_what_is_demanded_depends_on_the_port_and_the_profile(
    control: str, fault: dict[str, Any], on_25: tuple[State, ...], on_465: tuple[State, ...]
) -> None:
    for port, wanted in ((25, on_25), (465, on_465)):
        told = tuple(state(control, seen(port, **fault), profile=one) for one in ("starter", "business", "strict"))
        assert told == wanted, port


@pytest.mark.parametrize(
    ("lived", "left", "wanted"),
    [(10, 80, P), (76, 14, P), (77, 13, W), (88, 2, F), (91, -1, F), (4, 2.5, P), (5, 1.5, W)],
)
def test_a_certificate_is_renewed_in_time(lived: float, left: float, wanted: State) -> None:
    """A certificate of six days is renewed later than one of ninety, and is no fault for that."""
    leaf = msgspec.structs.replace(LEAF, not_before=NOW - timedelta(days=lived), not_after=NOW + timedelta(days=left))
    assert state("certificate-dates", seen(chain=(leaf,))) is wanted


def test_a_port_that_was_not_reloaded_is_found() -> None:
    older = msgspec.structs.replace(LEAF, not_after=NOW + timedelta(days=20))
    assert state("same-certificate", seen(25), seen(465, chain=(older,))) is W
    assert state("same-certificate", seen(25), seen(465)) is P
    other = msgspec.structs.replace(older, names=("imap.example.org",))
    assert state("same-certificate", seen(25), seen(465, chain=(other,))) is P


def test_a_port_that_could_not_be_tried_passes_nothing() -> None:
    found = findings(Unknown("it greets with 421 busy"))
    assert {one.state for one in found} == {U}
    assert all("421 busy" in one.says for one in found if one.control != "dmz.seen-same-certificate")
    assert all(one.next_command for one in found)
    assert {one.control for one in found} == {one.id for one in PROBE_CONTROLS}


def test_where_nothing_was_probed_nothing_is_said() -> None:
    policy = read_settings([("lockdown.toml", "")]).settings
    assert list(audit_probe_tls(Snapshot("here", NOW, "1", {}), policy)) == []
    other = Snapshot("here", NOW, "1", {"probe/domain/x.json": "{}"})
    assert {one.state for one in audit_probe_tls(other, policy)} == {N}


@given(st.text(max_size=300))
def test_garbage_passes_nothing(text: str) -> None:
    policy = read_settings([("lockdown.toml", "")]).settings
    held = Snapshot("here", NOW, "1", {source("a", "192.0.2.1", 25): text})
    assert {one.state for one in audit_probe_tls(held, policy)} == {U}
