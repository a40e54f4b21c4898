"""What listens beyond loopback though it should not, where logs go, and how mail programs are shut in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockdown.checklist.dmz.controls import INNER_DOORS, LOGS_LEAVE, SHUT_IN
from lockdown.config import Settings
from lockdown.facts.firewall import LOG_CONFIG
from lockdown.facts.listeners import Listener, listeners
from lockdown.facts.scanner_files import Absent
from lockdown.facts.units import SCORES, unit_scores
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.unknown import Unknown

INNER = {
    3306: "MySQL", 5432: "PostgreSQL", 6379: "Redis", 11211: "memcached", 27017: "MongoDB", 9200: "Elasticsearch",
    389: "LDAP in the open", 3310: "clamd", 783: "spamd", 11332: "rspamd's milter", 11333: "rspamd",
    11334: "rspamd's page",
    8891: "OpenDKIM", 8893: "OpenDMARC", 10023: "a policy service", 10024: "amavis", 10025: "mail from the filter",
    10026: "mail from the filter", 12340: "quota-status", 12345: "Dovecot's login service", 9998: "amavis",
    2375: "Docker in the open",
    10000: "Webmin", 8025: "Lockdown's console",
}  # fmt: skip
LARGEST_SCORE = 9.5
"""systemd calls 9.6 and more UNSAFE for services that are not shut in at all; Debian's postfix has 9.x by itself."""


def audit_reach(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """The findings."""
    yield from _inner_doors(snapshot)
    yield _logs(snapshot, policy)
    yield from _shut_in(snapshot, policy)


def _inner_doors(snapshot: Snapshot) -> Iterator[Finding]:
    found = listeners(snapshot)
    if isinstance(found, Unknown):
        says = f"What listens could not be read: {found.why}."
        yield INNER_DOORS.finding(State.UNKNOWN, says, next_command="ss -ltnp     (as root)")
        return
    open_ones: dict[int, Listener] = {}
    for one in found:
        if one.protocol == "tcp" and one.port in INNER and not one.is_loopback:
            open_ones.setdefault(one.port, one)
    for port, one in sorted(open_ones.items()):
        says = f"{INNER[port]} listens beyond this machine, on {one.address}:{port}."
        evidence = Evidence("host/listeners", f"{one.address}:{port} {one.process}".strip())
        yield INNER_DOORS.finding(State.FAIL, says, evidence, target=f"port {port}")
    if not open_ones:
        yield INNER_DOORS.finding(State.PASS, "No database, filter or panel listens beyond this machine.")


_HERE = r"(?!localhost\b|127\.|\[?::1\b)"
_REMOTE = re.compile(
    rf"""(?mix)
    ^[ \t]*(?:[\w.*,;=!-]+|&|:[^"\n]*"[^"\n]*")[ \t]+@@?(?:\([^)\n]*\))?{_HERE}[\w\[][^\s#]*    # a line of rsyslog
    |^[^\#\n]*\btype\s*=\s*"om(?:fwd|relp)"[^)\#]*\btarget\s*=\s*"{_HERE}[^"]+"                   # an action of rsyslog
    |^[ \t]*URL[ \t]*=[ \t]*https?://{_HERE}\S+                                                 # journal-upload
    """
)


def _logs(snapshot: Snapshot, policy: Settings) -> Finding:
    listing = snapshot.reading(LOG_CONFIG)
    if isinstance(listing, Unknown):
        return LOGS_LEAVE.finding(
            State.UNKNOWN,
            f"Where logs go could not be read: {listing.why}.",
            next_command="sudo lockdown audit --item dmz",
        )
    if not absent(listing):
        for path, reading in snapshot.below(LOG_CONFIG).items():
            if isinstance(reading, Unknown):
                return LOGS_LEAVE.finding(
                    State.UNKNOWN, f"{reading.why}.", next_command="sudo lockdown audit --item dmz"
                )
            if found := _REMOTE.search(reading):
                line = reading[: found.start()].count("\n") + 1
                return LOGS_LEAVE.finding(
                    State.PASS, "Logs go to another machine too.", Evidence(path, found[0].strip(), line)
                )
    state = State.PASS if policy.site.profile == "starter" else State.WARN
    state = State.PASS if policy.site.profile == "business" else state
    says = "Logs stay on this machine" + (
        ": whoever breaks in can wipe them." if state is State.WARN else "; this profile lets that be."
    )
    return LOGS_LEAVE.finding(state, says)


def _shut_in(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    match unit_scores(snapshot):
        case Unknown(why):
            yield SHUT_IN.finding(
                State.UNKNOWN, f"systemd was not asked: {why}.", next_command="systemd-analyze security"
            )
        case Absent(why):
            yield SHUT_IN.finding(State.NOT_APPLICABLE, "systemd does not run here.", Evidence(SCORES, why))
        case scores:
            loose = {unit: score for unit, score in scores.items() if score > LARGEST_SCORE}
            if loose and policy.site.profile == "strict":
                for unit, score in loose.items():
                    yield SHUT_IN.finding(
                        State.WARN,
                        f"{unit} may do everything ({score:g} of 10).",
                        Evidence(SCORES, f"{unit} {score:g}"),
                        target=unit,
                    )
            else:
                told = ", ".join(f"{unit} {score:g}" for unit, score in scores.items()) or "no mail unit runs"
                yield SHUT_IN.finding(State.PASS, f"Exposure, of 10: {told}.", Evidence(SCORES, told))
