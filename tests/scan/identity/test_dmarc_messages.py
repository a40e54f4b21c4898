"""DMARC on whole messages of others: what their names promise, with zones that say so."""

from __future__ import annotations

import asyncio

import pytest

from lockdown.model.scan import Identity, Result
from tests.scan.identity.messages import on_the_wire
from tests.scan.identity.suites import cases
from tests.scan.identity.test_identity import Bench

FOLDER = cases() / "rspamd-messages"
ZONE = {
    "_dmarc.cacophony.za.org": {"TXT": [["v=DMARC1; p=none"]]},
    "_dmarc.quarantine.cacophony.za.org": {"TXT": [["v=DMARC1; p=quarantine; pct=100"]]},
    "_dmarc.yoni.za.org": {"TXT": [["v=DMARC1; p=reject; sp=none"]]},
    "_dmarc.rspamd.tk": {"TXT": [["v=DMARC1; p=reject; adkim=s"]]},
    "_dmarc.dnssec-failed.org": "SERVFAIL",
    "_dmarc.rspamd.com": {"TXT": [["v=DMARC1; p=reject"]]},
    "rspamd.com": {"TXT": [["v=spf1 ip4:192.0.2.1 -all"]]},
}


@pytest.mark.parametrize(
    ("name", "result", "policy"),
    [
        ("fail_none", Result.FAIL, "none"),
        ("fail_quarantine", Result.FAIL, "quarantine"),
        ("subdomain_fail_none", Result.FAIL, "none"),
        ("bad_dkim2", Result.FAIL, "reject"),
        ("dmarc_tmpfail", Result.TEMPERROR, "none"),
        ("no_dkim_valid_spf", Result.PASS, "reject"),
    ],
)
def test_the_message_is_judged_as_its_name_says(name: str, result: Result, policy: str) -> None:
    path = FOLDER / f"dmarc__{name}.eml"
    if not path.exists():
        pytest.skip("the set is not here (LOCKDOWN_CASES names its folder)")

    async def asked() -> Identity:
        return await Bench(ZONE).identify(on_the_wire(path.read_bytes()), sender="bounce@rspamd.com")

    found = asyncio.run(asked()).dmarc
    assert (found.result, found.policy) == (result, policy)
