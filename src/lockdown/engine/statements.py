"""What people answer for, as written in the settings: waivers, and words for what nothing on a machine can show.

One line each: `CONTROL [@ TARGET] by NAME until DATE: REASON`. The day named is the last one on which it holds, in UTC.

Fails as: OperatorError that names the line, what is wrong with it, and how one is written.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from lockdown.model.card import Card
from lockdown.model.errors import OperatorError
from lockdown.model.finding import Control, Finding, State

_LINE = re.compile(
    r"(?P<control>\S+)(?:\s+@\s+(?P<target>.+?))?\s+by\s+(?P<owner>.+?)\s+until\s+(?P<until>\S+?)\s*:\s*(?P<reason>\S.*)\Z"
)
SHAPE = "CONTROL [@ TARGET] by NAME until YYYY-MM-DD: REASON"


@dataclass(frozen=True, slots=True)
class Statement:
    """A named person answers for a control, on one target or on all (empty), until a moment."""

    control: str
    target: str
    owner: str
    until: datetime
    reason: str


def statements(lines: Sequence[str], key: str, cards: Iterable[Card]) -> tuple[Statement, ...]:
    """The lines of a setting; `key` is its name, for the error."""
    known = {control.id: control for card in cards for control in card.controls}
    return tuple(_statement(line, key, known) for line in lines)


def _statement(line: str, key: str, known: Mapping[str, Control]) -> Statement:
    found = _LINE.match(line.strip())
    if not found:
        raise _wrong(line, key, f"it is not of the form: {SHAPE}")
    control = known.get(found["control"])
    if control is None:
        near = difflib.get_close_matches(found["control"], known, n=1, cutoff=0.5)
        raise _wrong(
            line, key, f"there is no control {found['control']}" + (f"; did you mean {near[0]}?" if near else "")
        )
    if key == "audit.waivers" and not control.waivable:
        raise _wrong(line, key, f"{control.id} cannot be waived: it must be mended")
    if key == "audit.attested" and not control.by_word:
        raise _wrong(line, key, f"{control.id} is judged on what the machine shows, not on anyone's word")
    return Statement(
        control.id, (found["target"] or "").strip(), found["owner"], _day(line, key, found["until"]), found["reason"]
    )


def _day(line: str, key: str, text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise _wrong(line, key, f"{text} is no day, such as 2027-03-31") from None


def _wrong(line: str, key: str, why: str) -> OperatorError:
    return OperatorError(
        "statement-not-understood",
        what=f"{key}: {line.strip()[:200]!r} is not understood",
        why=why,
        try_this=f'{key} = ["{SHAPE}"]     (in lockdown.toml; `lockdown explain` lists the controls)',
    )


def by_word(control: Control, attested: Iterable[Statement], now: datetime) -> Finding:
    """How a control stands that only a person can tell: on whose word, and until when."""
    said = [one for one in attested if one.control == control.id]
    if current := next((one for one in said if one.until > now), None):
        last = current.until - timedelta(days=1)
        says = f"On the word of {current.owner}, until {last:%Y-%m-%d}: {current.reason}."
        return control.finding(State.PASS, says.replace("..", "."))
    ask = 'write audit.attested = ["CONTROL by YOUR NAME until YYYY-MM-DD: WHAT YOU SAW"] in lockdown.toml'
    if said:
        last = said[-1].until - timedelta(days=1)
        says = f"The word of {said[-1].owner} held until {last:%Y-%m-%d}; nobody has renewed it."
        return control.finding(State.UNKNOWN, says, next_command=ask)
    return control.finding(State.UNKNOWN, "Only a person can say this, and nobody has yet.", next_command=ask)


def expired(finding: Finding, waivers: Iterable[Statement], now: datetime) -> Finding:
    """A failure whose waiver has run out says so."""
    for one in waivers:
        over = one.until <= now and one.control == finding.control and one.target in ("", finding.target)
        if over and finding.state in (State.FAIL, State.WARN, State.UNKNOWN):
            last = one.until - timedelta(days=1)
            return replace(finding, says=f"{finding.says} (The waiver of {one.owner} ran out on {last:%Y-%m-%d}.)")
    return finding
