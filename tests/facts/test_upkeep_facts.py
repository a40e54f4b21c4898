"""Facts of upkeep: damaged lists, versions against dpkg's own word, apt.conf as people and Debian write it."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.facts import backups, clock, queue, watchers
from lockdown.facts.apt_conf import CONF, AptConf, apt_conf, assignments
from lockdown.facts.apt_pins import keeping_pins
from lockdown.facts.apt_sources import SOURCES, apt_sources
from lockdown.facts.automatic_updates import LOG, automatic, last_run
from lockdown.facts.debian_version import Version
from lockdown.facts.kernels import kernels
from lockdown.facts.old_code import old_code
from lockdown.facts.outside_apps import outside_apps
from lockdown.facts.packages import SECURITY, STATUS, packages, pending, reduce_stanzas
from lockdown.facts.release import release
from lockdown.host.packages import sources
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown
from tests.recordings.upkeep import files_of, kept
from tests.rig.corpora import _cases

GARBAGE = st.one_of(st.text(max_size=300), st.binary(max_size=300).map(lambda octets: octets.decode("latin-1")))
FACTS = (
    packages, pending, apt_conf, apt_sources, keeping_pins, automatic, last_run, kernels, old_code, outside_apps,
    release, backups.backups, queue.queue, clock.clock, watchers.jails, watchers.disks,
)  # fmt: skip


def of(readings: dict[str, Reading]) -> Snapshot:
    return Snapshot("here", datetime(2026, 1, 15, tzinfo=UTC), "0", readings)


@given(GARBAGE, st.sampled_from(sorted(kept().readings)))
@settings(max_examples=300, deadline=None)
def test_no_reading_that_is_damaged_makes_a_fact_raise(garbage: str, source: str) -> None:
    whole = kept()
    for damaged in (garbage, str(whole.readings[source])[: len(garbage)] + garbage):
        for fact in FACTS:
            fact(replace(whole, readings={**whole.readings, source: damaged}))  # type: ignore[operator]


@given(GARBAGE)
@settings(max_examples=300, deadline=None)
def test_reducing_never_raises_and_keeps_to_its_form(garbage: str) -> None:
    for line in reduce_stanzas(garbage).splitlines():
        assert line
    queue.reduce_postqueue(garbage)
    queue.reduce_postqueue('{"queue_name": ' + garbage)
    list(assignments(garbage, "/etc/apt/apt.conf"))


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_two_texts_are_ordered_one_way(one: str, other: str) -> None:
    first, second = Version(one), Version(other)
    assert (first < second) + (second < first) + (first == second) == 1


def test_a_version_of_very_many_digits_is_compared_too() -> None:
    assert Version("1") < Version("9" * 10_000)


@pytest.mark.skipif(not shutil.which("dpkg"), reason="dpkg is not here")
def test_versions_are_ordered_as_dpkg_orders_them() -> None:
    chance = random.Random(8)
    for _ in range(150):
        one = f"{chance.choice(('', '1:', '0:'))}{chance.randint(0, 2)}" + "".join(
            chance.choices("019a.+~-", k=4)
        ).rstrip("-")
        other = (
            one + chance.choice(("~", "0", "a", "+b1", "-0", "-1", ".0", "~rc1")) if chance.random() < 0.6 else "1.0-1"
        )
        first, second = Version(one), Version(other)
        operator = "lt" if first < second else "gt" if second < first else "eq"
        done = subprocess.run(["dpkg", "--compare-versions", one, operator, other], capture_output=True, check=False)
        assert done.returncode == 0, (one, operator, other)


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="dpkg is not here")
def test_the_list_of_this_machine_is_read_as_dpkg_reads_it() -> None:
    from lockdown.host.local import read_here

    known = packages(of(read_here({STATUS: sources()[STATUS]})))
    assert not isinstance(known, Unknown)
    said = subprocess.run(
        ["dpkg-query", "-W", "-f=${Package} ${Version} ${source:Package}\n"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert {f"{it.name} {it.version} {it.source}" for it in known.values() if it.is_installed} <= set(said)  # type: ignore[union-attr]
    assert len(known) > 100  # type: ignore[arg-type]


# ── apt.conf ──


def conf(text: str) -> AptConf:
    found = apt_conf(of(files_of(CONF, {"/etc/apt/apt.conf.d/50unattended-upgrades": text})))
    assert isinstance(found, AptConf)
    return found


def test_blocks_colons_and_comments_are_understood() -> None:
    found = conf(
        'Unattended-Upgrade::Allowed-Origins {\n  "a:b"; // "c:d";\n  "e\\:f";\n};\n'
        '/* APT::X "1"; */\nAPT { Periodic { Unattended-Upgrade "1"; }; };\n# APT::Y "2";\n'
    )
    assert [word.value for word in found.all("unattended-upgrade::allowed-origins")] == ["a:b", "e\\:f"]
    last = found.last("APT::Periodic::Unattended-Upgrade")
    assert last is not None
    assert (last.value, last.line) == ("1", 6)
    assert found.last("APT::X") is found.last("APT::Y") is None


def test_what_is_cleared_is_gone_and_what_is_written_last_counts() -> None:
    assert conf('A::B { "x"; };\n#clear A::B;\n').all("A::B") == ()
    last = conf('A::C "1";\nA::C "0";\n').last("A::C")
    assert last is not None
    assert last.value == "0"


def test_files_that_apt_passes_over_are_passed_over() -> None:
    found = apt_conf(of(files_of(CONF, {"/etc/apt/apt.conf.d/20auto-upgrades.ucf-dist": 'A "1";\n'})))
    assert isinstance(found, AptConf)
    assert found.last("A") is None


# ── the states of apt of unattended-upgrades' own tests ──

CASES = _cases()


@pytest.mark.skipif(CASES is None or not (CASES / "apt-state").is_dir(), reason="the cases are not here")
@pytest.mark.parametrize(
    ("name", "origins"),
    [
        ("colon", ["http\\://foo.bar:stable"]),
        ("Test", ["o=aOrigin,a=aArchive", "s=aSite,l=aLabel", "o=Google\\, Inc.,suite=stable"]),
    ],
)
def test_the_settings_of_others_tests_are_read(name: str, origins: list[str]) -> None:
    assert CASES is not None
    found = conf((CASES / "apt-state" / f"data__50unattended-upgrades.{name}").read_text())
    words = [*found.all("Unattended-Upgrade::Allowed-Origins"), *found.all("Unattended-Upgrade::Origins-Pattern")]
    assert [word.value for word in words] == origins


@pytest.mark.skipif(CASES is None or not (CASES / "apt-state").is_dir(), reason="the cases are not here")
def test_a_state_with_updates_has_them_pending() -> None:
    assert CASES is not None
    folder, lists = CASES / "apt-state", "root.rewind__var__lib__apt__lists__"
    security = next(path for path in folder.glob(f"{lists}*security*_Packages"))
    listed = f"/var/lib/apt/lists/{security.name.removeprefix(lists)}"
    readings: dict[str, Reading] = {
        STATUS: reduce_stanzas((folder / "root.rewind__var__lib__dpkg__status").read_text()),
        **files_of(SECURITY, {listed: reduce_stanzas(security.read_text())}),
        **files_of(SOURCES, {"/etc/apt/sources.list": (folder / "root.rewind__etc__apt__sources.list").read_text()}),
    }
    waiting = pending(of(readings))
    assert isinstance(waiting, tuple)
    assert {(it.package.name, it.package.version, it.offered) for it in waiting} >= {("test-package", "1.0", "2.0")}
    found = apt_sources(of(readings))
    assert isinstance(found, tuple)
    assert [source.is_security for source in found] == [False, True]


# ── postqueue ──


def test_a_line_of_postqueue_is_kept_without_its_recipients() -> None:
    text = (
        '{"queue_name": "deferred", "queue_id": "A", "arrival_time": 1768470000, "message_size": 350, '
        '"sender": "a@example.org", "recipients": [{"address": "secret@example.net", "delay_reason": "timed\\nout"}]}\n'
        "# ended 0\n"
    )
    reduced = queue.reduce_postqueue(text)
    assert reduced == "deferred\t1768470000\t350\t1\ta@example.org\ttimed out\n# ended 0\n"
    assert "secret" not in reduced
    assert queue.reduce_postqueue(text.removesuffix("# ended 0\n")).endswith("# cut short\n")


def test_the_errors_of_the_last_run_alone_count() -> None:
    log = (
        "2026-01-14 06:10:01,500 INFO Starting unattended upgrades script\n2026-01-14 06:10:02,500 ERROR broken\n"
        "2026-01-15 06:10:01,500 INFO Starting unattended upgrades script\n2026-01-15 06:10:02,500 INFO fine\n"
    )
    run = last_run(of({LOG: log}))
    assert getattr(run, "errors", None) == ()


@pytest.mark.skipif(not shutil.which("apt-get"), reason="apt is not here")
def test_what_apt_would_upgrade_is_what_waits_by_our_own_comparison() -> None:
    """All lists of this machine are taken for security lists, so that apt's whole answer can be held against ours."""
    from lockdown.facts.packages import SECURITY_PACKED
    from lockdown.host.asked import Files, Script
    from lockdown.host.local import read_here

    asked = sources()
    plain, packed = asked[SECURITY], asked[SECURITY_PACKED]
    assert isinstance(plain, Files)
    assert isinstance(packed, Script)
    everything = {
        STATUS: asked[STATUS],
        SECURITY: replace(plain, patterns=("/var/lib/apt/lists/*_Packages",)),
        SECURITY_PACKED: replace(packed, text=packed.text.replace("*security*_Packages", "*_Packages")),
    }
    waiting = pending(of(read_here(everything)))
    if not isinstance(waiting, tuple):
        pytest.skip("no package lists are here")
    said = subprocess.run(
        ["apt-get", "-s", "-o", "Debug::NoLocking=1", "dist-upgrade"], capture_output=True, text=True, check=False
    ).stdout
    upgraded = dict(re.findall(r"^Inst (\S+) \[[^\]]+\] \((\S+) ", said, re.MULTILINE))
    assert upgraded.items() <= {it.package.name: it.offered for it in waiting}.items()
