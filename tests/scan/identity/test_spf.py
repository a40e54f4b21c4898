"""SPF: the official suites, and what a stranger may publish to hurt us."""

from __future__ import annotations

import pytest

from lockdown.model.scan import Result
from lockdown.scan import spf
from tests.rig.dns import ZoneDns
from tests.scan.identity.suites import SpfCase, exceptions, spf_cases

CASES = list(spf_cases())
DIFFERENT = exceptions()


@pytest.mark.skipif(not CASES, reason="the suites are not here (LOCKDOWN_CASES names their folder)")
@pytest.mark.parametrize("case", [case for case in CASES if case.name not in DIFFERENT], ids=lambda case: case.name)
def test_the_official_suites_are_passed(case: SpfCase) -> None:
    result, why = spf.evaluate(ZoneDns(case.zone), case.host, case.sender, case.helo, "unknown", "DEFAULT")
    checked = spf.check(ZoneDns(case.zone), case.host, case.sender, case.helo)
    assert result in case.results
    assert checked.result in case.results or spf.is_local(case.host)
    if case.explanation and result is Result.FAIL:
        assert why == case.explanation
