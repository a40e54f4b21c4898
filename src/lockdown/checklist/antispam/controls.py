"""The controls of item 2: what must hold so that spam and forged senders are stopped at the gateway."""

from __future__ import annotations

from lockdown.checklist.antispam.audit_controls import AUDITED
from lockdown.checklist.antispam.names_controls import NAMES_CONTROLS
from lockdown.model.finding import Control, Severity

FORGED_OWN_DOMAIN = Control(
    id="antispam.forged-own-domain",
    title="Nobody outside writes in your name",
    severity=Severity.HIGH,
    why="Mail that seems to come from the house is believed: most invoice fraud begins with it.",
    fix='write antispam.forged = "quarantine" in lockdown.toml, and publish SPF and DKIM for your own domains',
    evidence="envelope sender, From, Reply-To and display name against site.domains, SPF, DKIM and DMARC",
    side_effects="a service that sends in your name is held until your SPF record or a DKIM key names it",
    references=("RFC 7208", "RFC 6376", "RFC 9989"),
    in_flight=True,
)
PROTECTED_PEOPLE = Control(
    id="antispam.protected-people",
    title="The names of your directors are not borrowed",
    severity=Severity.HIGH,
    why="A director's name before a stranger's address is how gift cards and transfers are asked for.",
    fix='name them in lockdown.toml: antispam.people = ["Ann Director <ann@example.org>"]',
    evidence="the display name of From against antispam.people",
    side_effects="their private mailboxes are held too, unless antispam.people names them",
    in_flight=True,
)
LOOK_ALIKE = Control(
    id="antispam.look-alike",
    title="Look-alikes of your domains are stopped",
    severity=Severity.HIGH,
    why="A domain that differs by a letter, or by a letter of another script, passes SPF, DKIM and DMARC.",
    fix="name the domains that you deal with in lockdown.toml: antispam.partners",
    evidence="domains of From (address and name), Reply-To and envelope against site.domains and antispam.partners",
    references=("https://www.unicode.org/reports/tr39/",),
    in_flight=True,
)
DMARC = Control(
    id="antispam.dmarc",
    title="What a domain asks for mail in its name is done",
    severity=Severity.MEDIUM,
    why="The owner of a domain has said what to do with forgeries; who does not listen delivers them.",
    fix='write antispam.dmarc = "honour" in lockdown.toml',
    evidence="the DMARC result of the From domain, and the policy of its owner",
    side_effects="mailing lists that break signatures are held or refused where the author's domain asks for it",
    references=("RFC 9989",),
    in_flight=True,
)
SCORE = Control(
    id="antispam.score",
    title="Spam is marked, held or refused",
    severity=Severity.MEDIUM,
    why="Spam costs time, and phishing is spam that knows what it wants.",
    fix="leave antispam.tag, hold and refuse at their defaults in lockdown.toml",
    evidence="the points of all engines, and the reasons for them",
    in_flight=True,
)
TEST_MESSAGE = Control(
    id="antispam.test-message",
    title="The test message for spam filters is refused",
    severity=Severity.LOW,
    why="GTUBE is how anybody can see without harm that the filter works.",
    fix="send it: https://spamassassin.apache.org/gtube/",
    evidence="the test string in the subject, or in any text of the message",
    references=("https://spamassassin.apache.org/gtube/",),
    in_flight=True,
)
DENIED = Control(
    id="antispam.denied",
    title="Senders that you have denied are refused",
    severity=Severity.LOW,
    why="A list that has no effect is worse than none.",
    fix="name addresses or domains in lockdown.toml: antispam.deny",
    evidence="envelope sender and From against antispam.deny",
    in_flight=True,
)
UNAVAILABLE = Control(
    id="antispam.unavailable",
    title="Mail that no filter has judged is not taken for clean",
    severity=Severity.MEDIUM,
    why="A filter that is down must not pass for one that has found nothing.",
    fix='write antispam.unavailable = "accept-and-mark" in lockdown.toml, and see lockdown doctor for the engine',
    evidence="the answers of the engines in antispam.engines",
    in_flight=True,
)

CONTROLS = (
    *AUDITED,
    *NAMES_CONTROLS,
    FORGED_OWN_DOMAIN,
    PROTECTED_PEOPLE,
    LOOK_ALIKE,
    DMARC,
    SCORE,
    TEST_MESSAGE,
    DENIED,
    UNAVAILABLE,
)
