"""The controls of item 9 that watch over the watchers: the canary, and the paths over which people are told."""

from __future__ import annotations

from lockdown.model.finding import Control, Severity

CANARY = Control(
    id="monitoring.canary-arrives",
    title="A letter that is sent now arrives, over every way in",
    severity=Severity.CRITICAL,
    why="Processes that run and ports that answer prove nothing of mail: users find out first.",
    fix="lockdown config explain monitoring.canary_mailbox     (name a mailbox that its letters may be removed from)",
    evidence="a letter every five minutes over each way in, timed at each stage, found in its mailbox, and removed",
    undo='write monitoring.canary_every = "0s"',
    in_flight=True,
)
PEOPLE_TOLD = Control(
    id="monitoring.people-are-told",
    title="Whoever must know of an incident can be told",
    severity=Severity.HIGH,
    why="An alarm that nobody hears, or that waits in the queue it warns of, is none.",
    fix="lockdown alert test     (tries each path of alerts.to, and says what happens)",
    evidence="the answers of relays and webhooks to the last messages",
    in_flight=True,
)
CANARY_CONTROLS = (CANARY, PEOPLE_TOLD)
