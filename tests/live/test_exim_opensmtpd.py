"""Exim and OpenSMTPD as they are: what the audit says of a configuration, and what the real server does with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lockdown.checklist.attachments.audit import audit as audit_attachments
from lockdown.checklist.relaying.audit import audit as audit_relaying
from lockdown.config import Settings
from lockdown.facts import exim, opensmtpd, postfix
from lockdown.host.exim import reduced
from lockdown.host.secrets import without_secrets
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Reading, Snapshot
from tests.live import faults_exim as of_exim
from tests.live import faults_opensmtpd as of_opensmtpd
from tests.recordings.literal import HEALTHY
from tests.rig.certificate import make_certificate
from tests.rig.sandbox import sandbox
from tests.rig.unpacked import NotFetched, Unpacked, talk, why_unpacked_cannot_run

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(bool(why_unpacked_cannot_run()), reason=why_unpacked_cannot_run() or "it can"),
]
BAD = (State.FAIL, State.WARN)
OWN_MAIL = ("EHLO [203.0.113.9]", "MAIL FROM:<friend@foreign.example>", "RCPT TO:<root@example.org>")


@pytest.fixture(scope="module")
def servers() -> Iterator[Unpacked]:
    with sandbox("unpacked") as box:
        try:
            yield Unpacked(box)
        except NotFetched as why:
            pytest.skip(f"Debian's packages could not be fetched: {why}")


@pytest.fixture
def folder() -> Iterator[Path]:
    with sandbox("other-servers") as box:
        (box / "spool").mkdir(mode=0o777)
        make_certificate(box / "mx.pem", "mx.example.org")
        yield box


def bad(readings: dict[str, Reading], target: str) -> list[tuple[str, State]]:
    """What is wrong with the only mail server of the machine."""
    kept = {name: told for name, told in HEALTHY.readings.items() if not name.startswith("postfix/")}
    gone = dict.fromkeys((postfix.WHERE, exim.WHERE, opensmtpd.WHERE), "not installed: not here\n")
    snapshot = replace(HEALTHY, readings={**kept, **gone, **readings})
    return [(one.control, one.state) for one in _said(snapshot) if one.target.startswith(target) and one.state in BAD]


def _said(snapshot: Snapshot) -> Iterator[Finding]:
    yield from audit_relaying(snapshot, Settings())
    yield from audit_attachments(snapshot, Settings())


def planted(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


# --- Exim ------------------------------------------------------------------------------------------------------------


def with_exim(servers: Unpacked, folder: Path, text: str) -> tuple[Path, list[tuple[str, State]]]:
    """The file, taken by the real Exim, and what the audit says of it."""
    file = folder / "exim.conf"
    file.write_text(of_exim.START.format(folder=folder) + text + of_exim.END)
    told = servers.run(servers.exim, "-C", str(file), "-bV")
    assert told.returncode == 0, told.stderr
    assert "Exim version" in told.stdout
    written: dict[str, Reading] = {"exim/exim4.conf": reduced(file.read_text())}
    return file, bad({exim.WHERE: "/usr/sbin/exim4\n", exim.VERSION: told.stdout, **written}, "exim")


def test_a_healthy_exim_raises_nothing_and_takes_its_mail(servers: Unpacked, folder: Path) -> None:
    file, found = with_exim(servers, folder, of_exim.EXIM)
    assert found == []
    assert servers.exim_answers(file, OWN_MAIL).startswith("250")


@pytest.mark.parametrize("fault", of_exim.FAULTS, ids=lambda fault: fault.name)
def test_a_fault_of_exim_is_named_and_is_one(fault: of_exim.Fault, servers: Unpacked, folder: Path) -> None:
    file, found = with_exim(servers, folder, planted(of_exim.EXIM, fault.old, fault.new))
    assert (fault.control, fault.state) in found, found
    if fault.asks:
        assert servers.exim_answers(file, fault.asks).startswith(fault.answer)


@pytest.mark.parametrize("name", of_exim.INNOCENT)
def test_what_is_no_fault_of_exim_raises_nothing(name: str, servers: Unpacked, folder: Path) -> None:
    file, found = with_exim(servers, folder, planted(of_exim.EXIM, *of_exim.INNOCENT[name]))
    assert found == []
    assert servers.exim_answers(file, of_exim.STRANGER).startswith("5")


@pytest.mark.parametrize(
    "fault", {fault.asks: fault for fault in of_exim.FAULTS if fault.asks}.values(), ids=lambda fault: fault.name
)
def test_the_healthy_exim_answers_otherwise(fault: of_exim.Fault, servers: Unpacked, folder: Path) -> None:
    file, _ = with_exim(servers, folder, of_exim.EXIM)
    answer = servers.exim_answers(file, fault.asks)
    # RFC 5321 3.5.3: 252 tells nobody whether there is such a mailbox.
    assert answer[0] == "5" or answer.startswith("252"), answer
    assert not answer.startswith(fault.answer), answer


# --- OpenSMTPD -------------------------------------------------------------------------------------------------------


def with_smtpd(servers: Unpacked, folder: Path, text: str) -> tuple[Path, list[tuple[str, State]]]:
    """The file, taken by the real smtpd, and what the audit says of it."""
    file = folder / "smtpd.conf"
    file.write_text(text.replace("FOLDER", str(folder)))
    told = servers.run(servers.smtpd, "-n", "-f", str(file))
    assert told.returncode == 0, told.stderr
    written: dict[str, Reading] = {"opensmtpd/smtpd.conf": without_secrets(file.read_text())}
    return file, bad({opensmtpd.WHERE: "/usr/sbin/smtpctl\n", **written}, "opensmtpd")


def test_a_healthy_opensmtpd_raises_nothing_and_takes_its_mail(servers: Unpacked, folder: Path) -> None:
    file, found = with_smtpd(servers, folder, of_opensmtpd.SMTPD)
    assert found == []
    with servers.started_smtpd(file) as pid:
        assert talk(pid, OWN_MAIL).startswith("250")
        assert talk(pid, of_opensmtpd.STRANGER).startswith("550")


@pytest.mark.parametrize("fault", of_opensmtpd.FAULTS, ids=lambda fault: fault.name)
def test_a_fault_of_opensmtpd_is_named_and_is_one(fault: of_opensmtpd.Fault, servers: Unpacked, folder: Path) -> None:
    file, found = with_smtpd(servers, folder, planted(of_opensmtpd.SMTPD, fault.old, fault.new))
    assert (fault.control, fault.state) in found, found
    if fault.asks:
        with servers.started_smtpd(file) as pid:
            assert talk(pid, fault.asks).startswith("250")


@pytest.mark.parametrize("name", of_opensmtpd.INNOCENT)
def test_what_is_no_fault_of_opensmtpd_raises_nothing(name: str, servers: Unpacked, folder: Path) -> None:
    text = planted(of_opensmtpd.SMTPD, of_opensmtpd.LAST, of_opensmtpd.INNOCENT[name])
    file, found = with_smtpd(servers, folder, text)
    assert found == []
    with servers.started_smtpd(file) as pid:
        assert talk(pid, of_opensmtpd.STRANGER).startswith("550")
