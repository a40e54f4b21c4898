"""The controls of item 13: mostly people's words, and what the server itself does to keep addresses from strangers."""

from __future__ import annotations

from lockdown.model.finding import Control, Severity

NO_CATCH_ALL = Control(
    id="education.no-catch-all",
    title="Not every name is a mailbox",
    severity=Severity.MEDIUM,
    why="A catch-all takes the mail to every invented name: spam doubles, and no address can be given up.",
    fix="take the line @YOUR.DOMAIN out of virtual_alias_maps, and unset luser_relay: postconf -X luser_relay",
    evidence="luser_relay and the text tables of virtual_alias_maps and virtual_mailbox_maps of Postfix",
    side_effects="mail to names that were never a mailbox is refused: list those that are wanted",
)
TOLD_WHY = Control(
    id="education.told-why",
    title="Mail from outside that is doubtful is marked as such",
    severity=Severity.LOW,
    why="Who sees a warning beside the message thinks before the click.",
    fix="keep antispam.engines set, with a mark for what is doubtful: lockdown config explain antispam.spam",
    evidence="antispam.engines and antivirus.engines of the gateway",
)
POLICY_SIGNED = Control(
    id="education.policy-signed",
    title="Everyone has signed how email may be used",
    severity=Severity.LOW,
    why="Rules that nobody has read protect nobody.",
    fix="a page that everyone signs once a year",
    evidence="a person's word",
    by_word=True,
    maps=("DISA STIG V-18885", "DISA STIG V-18886"),
)
TAUGHT = Control(
    id="education.taught",
    title="Everyone was taught what spam and phishing are within the year",
    severity=Severity.MEDIUM,
    why="Most break-ins begin with one click of one person who did not know.",
    fix="half an hour for everyone, with mail that really came",
    evidence="a person's word",
    by_word=True,
)
WAY_TO_REPORT = Control(
    id="education.way-to-report",
    title="Everyone knows where to report a doubtful message",
    severity=Severity.MEDIUM,
    why="The first report saves the others; without a way to report, the first victim is the alarm.",
    fix="one address or one button, and an answer within the hour",
    evidence="a person's word",
    by_word=True,
)
ADDRESSES = Control(
    id="education.addresses-are-guarded",
    title="Users give their address only where they must",
    severity=Severity.LOW,
    why="An address on a web page is on every list within days.",
    fix="addresses of a purpose (jobs@, press@) on the web, people's own for people",
    evidence="a person's word",
    by_word=True,
)
PLAIN_TEXT = Control(
    id="education.plain-text-is-known",
    title="Users know that plain email is no secret",
    severity=Severity.LOW,
    why="Most servers keep messages as plain text: a password in a mail is a password on many disks.",
    fix="say what must not go by mail, and what to use instead",
    evidence="a person's word",
    by_word=True,
)

CONTROLS = (NO_CATCH_ALL, TOLD_WHY, POLICY_SIGNED, TAUGHT, WAY_TO_REPORT, ADDRESSES, PLAIN_TEXT)
