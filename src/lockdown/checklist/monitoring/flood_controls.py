"""The controls of item 9 that the watch keeps over the traffic itself."""

from __future__ import annotations

from lockdown.model.finding import Control, Severity

FLOOD = Control(
    id="monitoring.floods-are-answered",
    title="A flood from one source is told and answered",
    severity=Severity.HIGH,
    why="One source that sends without end fills mailboxes, queues and the time of everyone.",
    fix="lockdown incident list     (says who it is, what was done, and until when)",
    evidence="messages of the last ten minutes, held against what is usual at this hour of the week",
    undo="lockdown block list     (each answer ends by itself, and can be ended earlier)",
    in_flight=True,
)
FORGED = Control(
    id="monitoring.forged-senders-are-told",
    title="A flood with forged senders is answered by what its messages have in common",
    severity=Severity.HIGH,
    why="Who blocks the sender addresses of a botnet blocks innocent people, and not the botnet.",
    fix="lockdown incident list     (says what explains the flood, and what was not used because it is forged)",
    evidence="text, links, attachments and subjects of messages whose sender nobody vouches for",
    undo="lockdown block list     (each answer ends by itself, and can be ended earlier)",
    in_flight=True,
)
BYTE_BOMB = Control(
    id="monitoring.byte-bomb",
    title="Large mail that would fill a mailbox within the hour is told and answered",
    severity=Severity.HIGH,
    why="A full mailbox refuses what its owner waits for; a full disk refuses everybody's mail.",
    fix="lockdown incident list     (and see what is proposed: lockdown plan mailboxes)",
    evidence="octets for each recipient within ten minutes, held against the room of a mailbox",
    in_flight=True,
)
BOUNCES = Control(
    id="monitoring.backscatter-is-seen",
    title="Bounces of mail that was never sent here are told, and held apart",
    severity=Severity.MEDIUM,
    why="Somebody uses an address of yours as his sender: its owner drowns in bounces and complaints.",
    fix="publish SPF and DMARC with p=reject for the domain     (lockdown plan antispam)",
    evidence="messages with the null sender to one recipient, and the letters that they name",
    undo="lockdown block list; lockdown quarantine release r7     (delivers what that answer has held)",
    references=("RFC 3834", "https://www.postfix.org/BACKSCATTER_README.html"),
    in_flight=True,
)
SUBSCRIPTIONS = Control(
    id="monitoring.subscription-bomb",
    title="A recipient who is signed up everywhere is told, and confirmations of strangers wait",
    severity=Severity.HIGH,
    why="Under hundreds of confirmations nobody asked for, the one that matters (a purchase, a new password) drowns.",
    fix="ask the recipient to look for orders, transfers and changed passwords of these hours",
    evidence="messages of many proven domains to one recipient",
    undo="lockdown block list; lockdown quarantine release r7     (delivers what that answer has held)",
    in_flight=True,
)
RELAY_SEEKERS = Control(
    id="monitoring.relay-seekers",
    title="Whoever looks for an open relay is counted",
    severity=Severity.LOW,
    why="They are refused; many more than usual mean that somebody believes to have found one.",
    fix="lockdown drill relaying     (proves that nothing is relayed)",
    evidence="recipients elsewhere that strangers ask for, today and usually",
    in_flight=True,
)
SLUGGISH = Control(
    id="monitoring.delivery-is-quick",
    title="Mail leaves as fast as usual",
    severity=Severity.MEDIUM,
    why="Delivery slows down long before it stops, and which stage is slow says what to look at.",
    fix="see the stage that is named: before the queue manager, in it, connecting, or transmitting",
    evidence="the delays in the mail server's log, now and usually",
    references=("https://www.postfix.org/QSHAPE_README.html",),
    in_flight=True,
)

CLOGGED = Control(
    id="monitoring.queue-is-not-clogged",
    title="One sender who clogs the queue is told, and his mail held aside",
    severity=Severity.HIGH,
    why="Behind thousands of messages of one sender, the mail of everybody else waits.",
    fix="lockdown queue     (says of whom the queue is full; held mail can be released)",
    evidence="messages that have waited longer than it takes to go through, by sender, from the mail server's log",
    undo="lockdown queue undo     (what was held goes on its way)",
    references=("https://www.postfix.org/QSHAPE_README.html",),
    in_flight=True,
)

FLOODS = (FLOOD, FORGED, BYTE_BOMB, BOUNCES, SUBSCRIPTIONS, RELAY_SEEKERS, SLUGGISH, CLOGGED)
