"""The bench of hijacked accounts counts what left, and what it replays is seen in time and harms nobody else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.figures import Unmeasurable
from benchmarks.flood_accounts import MOST_SLOW, THIEF, Lines, judged, slow_thief, spray

BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)
SMTPD = "Mar  2 18:33:06 mail postfix/submission/smtpd[163]"
LOG = f"""\
{SMTPD}: EEBC282: client=unknown[{THIEF}], sasl_method=PLAIN, sasl_username=anna
Mar  2 18:33:06 mail postfix/cleanup[170]: EEBC282: message-id=<>
Mar  2 18:33:06 mail postfix/qmgr[105]: EEBC282: from=<anna@example.org>, size=278, nrcpt=1 (queue active)
Mar  2 18:33:06 mail postfix/discard[171]: EEBC282: to=<victim3@victims3.example>, relay=none, delay=0, \
delays=0/0/0/0, dsn=2.0.0, status=sent (victims3.example)
Mar  2 18:33:06 mail postfix/qmgr[105]: EEBC282: removed
{SMTPD}: 2F0E2DC: client=unknown[{THIEF}], sasl_method=PLAIN, sasl_username=anna
{SMTPD}: 2F0E2DC: hold: END-OF-MESSAGE from unknown[{THIEF}]: <anna>: SASL login name this account is held; \
from=<anna@example.org> to=<victim27@victims0.example> proto=ESMTP helo=<pc.example>
Mar  2 18:34:10 mail postfix/submission/smtpd[368]: warning: unknown[203.0.115.77]: SASL PLAIN authentication failed: \
(reason unavailable), sasl_username=carol
Mar  2 18:34:10 mail postfix/submission/smtpd[368]: disconnect from unknown[203.0.115.77] ehlo=1 auth=0/1 commands=1/2
"""


def row(label: str, began: float, code: int = 250) -> dict[str, object]:
    return {"label": label, "kind": label, "began": began, "took": 0.5, "code": code, "text": "said"}


def test_what_left_before_the_hold_is_counted_and_when_the_hold_came() -> None:
    live = judged(LOG, [row("thief", 1.0), row("thief", 3.0), row("wanted", 2.0)])
    assert (live.left, live.sent, live.held_after, live.harmed) == (1, 2, 2.5, ())


def test_a_thief_whom_nobody_held_was_never_held() -> None:
    assert judged(LOG, [row("thief", 1.0)]).held_after is None


def test_wanted_mail_that_is_held_or_refused_is_harmed() -> None:
    log = LOG + LOG.replace("anna", "carol").replace("2F0E2DC", "3F0E2DC").replace("EEBC282", "FFBC282")
    live = judged(log, [row("thief", 1.0), row("wanted", 2.0, 450)])
    assert live.harmed == ("wanted: 450 said", "carol: a letter is held")


def test_the_slow_thief_is_held_in_time_and_nobody_beside_him(tmp_path: Path) -> None:
    reached, others = slow_thief(tmp_path, Lines.of(LOG), BEGIN)
    assert reached is not None
    assert 10 < reached <= MOST_SLOW
    assert others == set()


def test_each_address_of_a_spray_is_seen_within_the_day_and_no_owner_is_shut_out(tmp_path: Path) -> None:
    hours, wrongly = spray(tmp_path, Lines.of(LOG), BEGIN)
    assert hours is not None
    assert 0.5 < hours < 24
    assert wrongly == set()


def test_without_lines_of_a_live_run_nothing_is_replayed() -> None:
    with pytest.raises(Unmeasurable):
        Lines.of("")
