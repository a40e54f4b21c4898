"""Control and Finding: one thing that can hold or not, and how it stands now, with the evidence it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a control stands. UNKNOWN never counts as PASS; WAIVED keeps its reason and its end."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "n/a"
    WAIVED = "waived"


class Severity(StrEnum):
    """How much it matters when the control does not hold."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Control:
    """One thing that can hold or not. The id is `item.kebab-name` and stable for ever."""

    id: str
    title: str
    severity: Severity
    why: str
    """The consequence when it does not hold, in a sentence."""
    fix: str
    """What to type or change."""
    evidence: str
    """What it is judged on."""
    side_effects: str = "none known"
    undo: str = "set the previous value again"
    references: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()
    """Where others demand the same, such as a DISA STIG or a CIS recommendation; only what was seen in a source."""
    waivable: bool = True
    in_flight: bool = False
    """Kept by a gate on mail in flight alone: an audit has nothing to read it from."""
    black_box: bool = False
    """Judged on what was seen from outside: where nothing was probed, an audit has nothing to say of it."""
    by_word: bool = False
    """Nothing on a machine shows it: a named person says so in `audit.attested`, until a day."""
    by_drill: bool = False
    """Only an attack shows it: an audit has nothing to read it from."""

    def finding(
        self, state: State, says: str, *evidence: Evidence, target: str = "this host", next_command: str = ""
    ) -> Finding:
        """How this control stands; where it does not hold, the fix is what to type unless a better line is given."""
        mends = state in (State.WARN, State.FAIL)
        return Finding(self.id, state, says, evidence, next_command or (self.fix if mends else ""), target)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The line a finding rests on: its source (file, command, setting), its number where there is one, the text."""

    source: str
    text: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A control's state now. `says` is one sentence as a colleague would put it; `next_command` is what to type."""

    control: str
    state: State
    says: str
    evidence: tuple[Evidence, ...] = ()
    next_command: str = ""
    target: str = "this host"
