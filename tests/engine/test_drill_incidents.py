"""An incident is a drill's where it names a stranger of a drill, and nobody else's is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.engine.drill_incidents import is_of_a_drill
from lockdown.model.alarm import Incident
from lockdown.model.finding import Severity

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def about(name: str) -> Incident:
    return Incident(f"monitoring.flood {name}", "monitoring.flood", name, "", Severity.HIGH, "", NOW, NOW)


@pytest.mark.parametrize("name", ["client 198.18.3.4", "network 198.19.3.0/24", "198.18.3.4, body 1f19"])
def test_an_incident_about_a_stranger_of_a_drill_is_of_a_drill(name: str) -> None:
    assert is_of_a_drill(about(name))


@pytest.mark.parametrize("name", ["client 198.20.3.4", "network 198.0.0.0/8", "body 1f19", "", "client 2001:db8::1"])
def test_no_other_incident_is(name: str) -> None:
    assert not is_of_a_drill(about(name))


@given(st.text())
def test_whatever_an_incident_is_about_it_can_be_asked(name: str) -> None:
    assert is_of_a_drill(about(name)) in (True, False)
