"""The controls of item 1: what must hold so that nothing reaches a mailbox unread."""

from __future__ import annotations

from lockdown.checklist.antivirus.audit_controls import AUDITED
from lockdown.model.finding import Control, Severity

VIRUS = Control(
    id="antivirus.virus",
    title="No message with a known virus passes",
    severity=Severity.CRITICAL,
    why="One opened attachment is how most break-ins begin.",
    fix='set antivirus.found = "reject"     (or "quarantine", for a person to look at)',
    evidence="the signatures, rules and digests of every engine, on each message in flight",
    in_flight=True,
)
FORBIDDEN = Control(
    id="antivirus.forbidden-type",
    title="Programs, scripts, shortcuts and disk images do not pass, under whatever name",
    severity=Severity.HIGH,
    why="A new virus has no signature yet; it still has to be a program, a script or something that starts one.",
    fix="lockdown quarantine release ID     (one message), or name the type in antivirus.allowed_types",
    evidence="the type by content of each part and of each file within containers, and its name",
    in_flight=True,
)
SUSPICIOUS = Control(
    id="antivirus.suspicious",
    title="What looks like the beginning of an attack is held",
    severity=Severity.MEDIUM,
    why="A rule has matched that honest files rarely meet: downloaders, hidden PowerShell, pages that build files.",
    fix="lockdown quarantine show ID     (it names the rule; release it when the sender has confirmed it)",
    evidence="YARA rules, the builtin ones and those of antivirus.rules",
    in_flight=True,
)
MACROS = Control(
    id="antivirus.macros",
    title="Documents that run something are held",
    severity=Severity.HIGH,
    why="A macro is a program in a document's clothes.",
    fix="lockdown quarantine show ID     (then release it, when its sender has been asked)",
    evidence="macros, DDE links, remote templates, embedded programs and scripts in office documents, PDF and RTF",
    in_flight=True,
)
ENCRYPTED = Control(
    id="antivirus.encrypted",
    title="What needs a password is not taken for clean",
    severity=Severity.MEDIUM,
    why="No engine can read it, and those who send viruses know that.",
    fix="lockdown quarantine show ID     (ask the sender by telephone), or set antivirus.encrypted",
    evidence="encrypted archives, documents and PDF files in each message",
    in_flight=True,
)
UNREAD = Control(
    id="antivirus.unread",
    title="What no engine has read is not taken for clean",
    severity=Severity.HIGH,
    why="Over a limit, damaged or in a strange container: a virus hides where nobody looks.",
    fix="lockdown quarantine show ID     (it says what was not read), or raise the limit that it names",
    evidence="the coverage of each message: what was read, skipped, and why",
    in_flight=True,
)
AMBIGUOUS = Control(
    id="antivirus.ambiguous",
    title="A message that two mail programs would read differently is held",
    severity=Severity.MEDIUM,
    why="What the scanner reads as text, the mail program may read as an attachment.",
    fix="lockdown quarantine show ID",
    evidence="contradictory and malformed MIME in each message",
    in_flight=True,
)
UNAVAILABLE = Control(
    id="antivirus.unavailable",
    title="A scanner that does not answer lets nothing through",
    severity=Severity.HIGH,
    why="A filter that fails open protects only on good days.",
    fix="lockdown doctor     (says which engine is down, and why)",
    evidence="each engine's answer, on each message; antivirus.unavailable says what becomes of it",
    in_flight=True,
)

IN_FLIGHT = (VIRUS, FORBIDDEN, SUSPICIOUS, MACROS, ENCRYPTED, UNREAD, AMBIGUOUS, UNAVAILABLE)
CONTROLS = (*AUDITED, *IN_FLIGHT)
