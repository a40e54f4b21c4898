"""An audit as a Nagios plugin says it: one line with performance data, then the worst, and 0, 1, 2 or 3.

Monitoring Plugins Development Guidelines: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. What could not be told is UNKNOWN
unless something fails: never OK.
"""

from __future__ import annotations

from lockdown.engine.audit import Report
from lockdown.model.finding import State

_WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
_MOST_LINES = 10


def nagios_code(report: Report) -> int:
    """The plugin's exit code."""
    counts = report.counts()
    if counts[State.FAIL]:
        return 2
    if counts[State.UNKNOWN]:
        return 3
    return 1 if counts[State.WARN] else 0


def as_nagios(report: Report) -> str:
    """What the plugin prints."""
    counts, code = report.counts(), nagios_code(report)
    told = [f"{counts[state]} {state}" for state in (State.FAIL, State.UNKNOWN, State.WARN, State.PASS)]
    data = " ".join(f"{state.replace('/', '')}={counts[state]}" for state in State)
    lines = [f"LOCKDOWN {_WORDS[code]} - {', '.join(told)} | {data}"]
    lines += [f"{found.state}: {found.control} [{found.target}]: {found.says}" for found in report.urgent(_MOST_LINES)]
    # A bar would begin performance data, and a line is a line.
    first, *rest = (" ".join(line.split()) for line in lines)
    return "\n".join([first, *(line.replace("|", "/") for line in rest)]) + "\n"
