"""Faults of an OpenSMTPD, each planted alone in a configuration that is well."""

from __future__ import annotations

from dataclasses import dataclass

from lockdown.model.finding import State

FAIL, WARN = State.FAIL, State.WARN

# Those of the manual's own example, smtpd.conf(5), with log-ins.
SMTPD = """\
pki mail cert "FOLDER/mx.pem"
pki mail key "FOLDER/mx.pem"
table friends { 192.0.2.7 }
table domains { "example.org", "example.net" }
smtp max-message-size "25M"
listen on 0.0.0.0 tls pki mail
listen on 0.0.0.0 port 587 tls-require pki mail auth
action "local" maildir "FOLDER/mail"
action "relay" relay
match for local action "local"
match from any for domain <domains> action "local"
match from src <friends> for any action "relay"
match from local for any action "relay"
match auth from any for any action "relay"
"""
STRANGER = ("EHLO mail.stranger.example", "MAIL FROM:<boss@example.org>", "RCPT TO:<x@foreign.example>")


@dataclass(frozen=True)
class Fault:
    """What is written instead of what; `asks` shows it on the started server, which then says 250."""

    name: str
    control: str
    state: State
    old: str
    new: str
    asks: tuple[str, ...] = STRANGER


OPEN, SIZE = "relaying.open-to-strangers", "attachments.message-limit"
LAST, LIMIT, FRIENDS = "match auth from any for any", 'smtp max-message-size "25M"', "{ 192.0.2.7 }"

FAULTS = (
    Fault("anyone for anything", OPEN, FAIL, LAST, "match from any for any"),
    Fault("anyone by his network", OPEN, FAIL, LAST, "match from src 0.0.0.0/0 for any"),
    Fault("anyone by a table", OPEN, FAIL, FRIENDS, "{ 192.0.2.7, 0.0.0.0/0 }"),
    Fault("anyone but a network", OPEN, FAIL, LAST, "match ! from src 192.0.2.0/24 for any"),
    Fault("everyone but this machine", OPEN, FAIL, LAST, "match ! from local for any"),
    Fault("everyone who has not logged in", OPEN, FAIL, LAST, "match ! auth from any for any"),
    Fault("all domains by a star", OPEN, FAIL, LAST, 'match from any for domain "*"'),
    Fault("all domains by a table", OPEN, FAIL, LAST,
          'table many { "example.net", "*" }\nmatch from any for domain <many>'),
    Fault("all domains but one", OPEN, FAIL, LAST, 'match from any ! for domain "example.org"'),
    Fault("a forged sender opens", OPEN, FAIL, LAST, 'match from any mail-from "@example.org" for any'),
    Fault("a HELO opens", OPEN, FAIL, LAST, 'match from any helo "mail.stranger.example" for any'),
    Fault("a macro opens", OPEN, FAIL, LAST, 'who = "any"\nmatch from $who for any'),
    Fault("a rule over two lines", OPEN, FAIL, LAST, "match from any \\\n  for any"),
    Fault("a ban behind the rule", OPEN, FAIL, LAST,
          'match from any for any action "relay"\nmatch from any for any reject\nmatch auth from any for any'),
    Fault("a ban on some domains", OPEN, FAIL, LAST,
          'match from any for domain "*.com" reject\nmatch from any for any'),
    Fault("mail of some is kept", OPEN, FAIL, LAST,
          'match from any mail-from "@other.example" for any action "local"\nmatch from any for any'),
    Fault("messages like films", SIZE, WARN, LIMIT, 'smtp max-message-size "2G"', ()),
    Fault("messages too small for work", SIZE, WARN, LIMIT, 'smtp max-message-size "500K"', ()),
)  # fmt: skip

# What looks like a fault and is none, each instead of the last rule's beginning.
INNOCENT = {
    "everybody's mail is kept": 'match from any for any action "local"\nmatch auth from any for any',
    "a ban before the rule": "match from any for any reject\nmatch from any for any",
    "all but friends are banned": "match ! from src <friends> for any reject\nmatch from any for any",
    "a network of few": "match from src 192.0.2.0/24 for any",
    "log-ins in other words": "match from auth for any",
    "one foreign domain": 'match from any for domain "partner.example"',
}
