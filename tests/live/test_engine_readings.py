"""What real engines say of themselves when an audit asks them: well, short-sighted, and gone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockdown.config import read_settings
from lockdown.engine.live_readings import live_readings
from lockdown.facts.engines import Engine, engines
from lockdown.model.snapshot import Snapshot
from tests.rig.clamd import RealClamd, why_clamd_cannot_run

NOW = datetime(2026, 1, 15, tzinfo=UTC)


def asked(url: str, largest: str) -> Engine:
    text = f'[gateway]\nmax_message = "{largest}"\n[antivirus]\nengines = ["{url}"]\n[antispam]\nresolvers = []\n'
    settings = read_settings([("lockdown.toml", text)]).settings
    snapshot = Snapshot("here", NOW, "0", dict(live_readings(settings, Snapshot("here", NOW, "0", {}))))
    engine = engines(snapshot, "antivirus", (url,))[url]
    assert isinstance(engine, Engine)
    return engine


@pytest.mark.skipif(bool(why_clamd_cannot_run()), reason=why_clamd_cannot_run())
def test_a_real_clamd_tells_its_version_and_how_far_it_reads(tmp_path: Path) -> None:
    with RealClamd(tmp_path, settings={"StreamMaxLength": "8M", "MaxFileSize": "2M"}) as clamd:
        well = asked(clamd.url, "1 MiB")
        assert (well.proven, well.reaches, well.error) == (True, True, "")
        assert well.version
        assert asked(clamd.url, "4 MiB").reaches is False
        url = clamd.url
    gone = asked(url, "1 MiB")
    assert gone.error
    assert not gone.proven


@pytest.mark.skipif(bool(why_clamd_cannot_run()), reason=why_clamd_cannot_run())
def test_a_clamd_without_signatures_proves_nothing(tmp_path: Path) -> None:
    with RealClamd(tmp_path, signatures=False) as clamd:
        engine = asked(clamd.url, "1 MiB")
    assert not engine.proven
    assert "test virus" in engine.error
