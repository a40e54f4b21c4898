"""A firm in a world of our own, looked at from outside: well, nothing is amiss; with one fault, that one is seen."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lockdown.checklist.antispam.audit_names import PROBE_CONTROLS as NAMES
from lockdown.checklist.antispam.audit_names import audit_names
from lockdown.checklist.dmz.audit_probe_tls import PROBE_CONTROLS as TLS
from lockdown.checklist.dmz.audit_probe_tls import audit_probe_tls
from lockdown.config import read_settings
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.probe.policy import domain_readings
from lockdown.probe.tls import certificate, tls_readings
from tests.live.faults_world import FAULTS, Fault, Scene
from tests.rig.secured import Authority, Front, PolicyServer, TlsServer
from tests.rig.world import World


def _readings(scene: Scene, folder: Path) -> dict[str, Reading]:
    """What is read of the scene from outside."""
    authority = Authority(folder)
    pem = authority.issue(*scene.names, **scene.certificate)
    if (records := scene.tlsa(_digest(pem))) and "mx" in scene.firm:
        scene.firm["_25._tcp.mx"] = records
    with ExitStack() as stack:
        policy_pem = authority.issue(*scene.policy_names)
        policy = stack.enter_context(PolicyServer(policy_pem, scene.policy, head=scene.policy_head))
        server = stack.enter_context(TlsServer(pem, *scene.tls))
        front = stack.enter_context(Front(scene.front, server.port))
        world = stack.enter_context(World(scene.zones, **scene.world))
        readings = domain_readings(
            "firm.example", world.resolver(seconds=4.0), authority.file, 30, selectors=("s1",), https_port=policy.port
        )
        through = {scene.port: front.port if scene.port == 25 else server.port}
        return readings | tls_readings(
            "mx.firm.example", "127.0.0.1", [scene.port], 15, through=through, ca_file=authority.file
        )


def _digest(pem: Path) -> str:
    held = x509.load_pem_x509_certificate(pem.read_bytes().partition(b"-----END PRIVATE KEY-----\n")[2])
    return hashlib.sha256(held.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _findings(scene: Scene, folder: Path, profile: str = "business") -> list[Finding]:
    snapshot = Snapshot("probe", datetime.now(UTC), "1", _readings(scene, folder))
    policy = read_settings([("lockdown.toml", f'[site]\nprofile = "{profile}"\n{scene.settings}')]).settings
    return [*audit_names(snapshot, policy), *audit_probe_tls(snapshot, policy)]


@pytest.mark.parametrize("profile", ["starter", "business", "strict"])
@pytest.mark.parametrize("hashed", [(), (".", "example.", "firm.example.")], ids=["NSEC", "NSEC3"])
@pytest.mark.parametrize("port", [25, 465])
def test_a_firm_that_is_well_has_nothing_amiss(
    tmp_path: Path, profile: str, hashed: tuple[str, ...], port: int
) -> None:
    scene = Scene(world={"hashed": hashed}, port=port)
    if port != 25:
        scene.tlsa = lambda digest: []
    found = _findings(scene, tmp_path, profile)
    expected = {"antispam.seen-dane"} if port != 25 and profile == "strict" else set()
    amiss = [one for one in found if one.state not in (State.PASS, State.NOT_APPLICABLE)]
    assert {one.control for one in amiss} == expected, amiss
    assert {one.control for one in found} == {one.id for one in (*NAMES, *TLS)}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_one_fault_is_seen(tmp_path: Path, fault: Fault) -> None:
    scene = Scene()
    fault.change(scene)
    found = _findings(scene, tmp_path)
    states = {one.state for one in found if one.control == fault.control}
    told = [(one.control, one.state, one.says) for one in found]
    assert fault.state in states, told
    # A fault may be seen by several; it may not be hidden by the one that it is about.
    assert fault.state is not State.FAIL or State.UNKNOWN not in states, told
    assert {one.control for one in found} == {one.id for one in (*NAMES, *TLS)}


def test_a_certificate_that_is_none_is_not_read() -> None:
    assert certificate(b"") is None
    assert certificate(b"0\x82\x01") is None
