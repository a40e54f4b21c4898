"""What the first page says, as values: no I/O, no clock. The template only lays it out.

What could not be read is `Unknown(why)` and is shown as such; it never looks like health.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from lockdown.config import Settings, upstreams
from lockdown.console.now import MOST_ROWS, Holds, Sends, holding, sending, unseen, waiting
from lockdown.engine.answering import Processes
from lockdown.engine.busiest import Busiest
from lockdown.engine.grip import Held
from lockdown.engine.incidents import gravest_first
from lockdown.engine.standing import symptoms_of
from lockdown.engine.story import Moment, timeline
from lockdown.model.alarm import Incident
from lockdown.model.card import Card
from lockdown.model.finding import Finding, Severity, State
from lockdown.model.held import HeldMessage, QuarantineTotals
from lockdown.model.mail import Block
from lockdown.model.record import Audit
from lockdown.model.restraint import Restraint
from lockdown.model.shown import cut
from lockdown.model.standing import Standing
from lockdown.model.units import ByteSize
from lockdown.model.unknown import Unknown
from lockdown.model.window import CanaryPath, ToldPath

T = TypeVar("T")

_GRAVEST_FIRST = (State.FAIL, State.UNKNOWN, State.WARN, State.WAIVED, State.PASS, State.NOT_APPLICABLE)
NOT_JUDGED = "not judged"
WORDS: Mapping[str, str] = {
    State.FAIL: "fails",
    State.UNKNOWN: "could not tell",
    State.WARN: "warning",
    State.WAIVED: "waived",
    State.PASS: "holds",
    State.NOT_APPLICABLE: "not applicable",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the page is made of, as gathered at one moment."""

    host: str
    now: datetime
    settings: Settings
    cards: Sequence[Card]
    audit: Audit | Unknown
    audited: frozenset[str]
    """Ids of the items that have an audit at all."""
    counts: Mapping[str, int] | Unknown
    """Transactions of today by what became of them."""
    running: Processes | Unknown
    upstreams_up: Mapping[str, bool] | Unknown
    held: QuarantineTotals | Unknown
    held_newest: Sequence[HeldMessage]
    blocks: Sequence[Block] | Unknown
    incidents: Sequence[Incident] | Unknown = ()
    """Those that are open."""
    engines_up: Mapping[str, bool] | Unknown = field(default_factory=dict)
    """As the gateway's workers tell of them."""
    not_watched: str = ""
    """Why that no incident is open says nothing."""
    restraints: Sequence[Restraint] | Unknown = ()
    """Those of the last days, by which incidents were answered."""
    canary: Sequence[CanaryPath] | Unknown | None = None
    told_over: Sequence[ToldPath] = ()
    accounts: Sequence[Held] = ()
    """Those that are held."""
    busiest: Busiest | Unknown | None = None
    standing: Standing | Unknown = field(default_factory=Standing)


@dataclass(frozen=True, slots=True)
class Item:
    """One of the thirteen as the page shows it; `tone` is the class that colours it."""

    number: int
    title: str
    promise: str
    tone: str
    word: str
    says: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Tile:
    """One number and what it counts."""

    value: str
    label: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """Something to be done, and what to type for it."""

    says: str
    type_this: str


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: its cells, as text; `tone` colours the one that is a state, where its word does not."""

    cells: tuple[str, ...]
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """An open incident as a timeline; a line is: when, what, in words, how to undo it."""

    number: int
    says: str
    lines: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """The first page."""

    host: str
    tone: str
    headline: str
    tasks: tuple[Task, ...]
    tiles: tuple[Tile, ...]
    routes: tuple[Row, ...]
    items: tuple[Item, ...]
    held: tuple[Row, ...]
    holds: tuple[Holds, ...]
    unread: tuple[str, ...]
    audited: str
    now: str
    incidents: tuple[Row, ...] = ()
    engines: tuple[Row, ...] = ()
    stories: tuple[Story, ...] = ()
    sends: tuple[Sends, ...] = ()
    nothing_holds: bool = False
    """It was looked at, and nothing does."""
    queue: str = ""
    waits: tuple[Row, ...] = ()
    more_incidents: int = 0
    """Than are shown."""
    more_holds: int = 0


def build(facts: Facts) -> Page:
    """Lay the facts out."""
    items = tuple(_item(card, facts) for card in facts.cards)
    incidents = gravest_first(_known(facts.incidents))
    holds = tuple(holding(_known(facts.restraints), _known(facts.blocks), facts.accounts, facts.now))
    queue, waits = waiting(facts.busiest, facts.now)
    tasks = (*_half_done_tasks(facts), *_incident_tasks(incidents), *_tasks(items))
    return Page(
        host=facts.host,
        tone=_tone_of_all(items, incidents),
        headline=_incident_headline(incidents) + _headline(items),
        tasks=tasks[:3],
        tiles=tuple(_tiles(facts)),
        routes=tuple(_routes(facts)),
        items=items,
        held=tuple(_held_row(message) for message in facts.held_newest),
        holds=holds[:MOST_ROWS],
        unread=tuple(_unread(facts)),
        audited=_audited(facts),
        now=f"{facts.now:%Y-%m-%d %H:%M:%S} UTC",
        incidents=tuple(_incident_row(incident) for incident in incidents[:_MOST_INCIDENTS]),
        engines=tuple(_engine_rows(facts)),
        stories=tuple(_story(incident, facts) for incident in incidents[:_MOST_STORIES]),
        sends=tuple(sending(facts.busiest)),
        nothing_holds=not (holds or isinstance(facts.blocks, Unknown) or isinstance(facts.restraints, Unknown)),
        queue=queue,
        waits=tuple(map(Row, waits)),
        more_incidents=max(0, len(incidents) - _MOST_INCIDENTS),
        more_holds=max(0, len(holds) - MOST_ROWS),
    )


_MOST_INCIDENTS = 50
_MOST_STORIES = 10
_MOST_RECIPIENTS = 3
_LONGEST_RECIPIENT = 80
_GRAVE = (Severity.CRITICAL, Severity.HIGH)


def _incident_tasks(incidents: Sequence[Incident]) -> list[Task]:
    """What is going wrong now comes before what could go wrong."""
    return [Task(one.says, one.next_command) for one in incidents if one.severity in _GRAVE]


def _half_done_tasks(facts: Facts) -> list[Task]:
    """Before all else: it ends by itself, one way or the other."""
    if isinstance(facts.standing, Unknown) or facts.standing.half_done is None:
        return []
    one = next(symptoms_of(facts.standing, facts.now))
    return [Task(f"{one.says[:1].upper()}{one.says[1:]}.", one.try_this)]


def _incident_headline(incidents: Sequence[Incident]) -> str:
    if not incidents:
        return ""
    return "1 incident is open. " if len(incidents) == 1 else f"{len(incidents)} incidents are open. "


def _incident_row(incident: Incident) -> Row:
    done = "; ".join(answer.says for answer in incident.answers[-2:])
    since = f"{incident.opened_at:%m-%d %H:%M}"
    tone = "fail" if incident.severity in _GRAVE else "warn"
    return Row((str(incident.number), incident.severity.value, since, incident.says, incident.meanwhile, done), tone)


def _story(incident: Incident, facts: Facts) -> Story:
    held = frozenset(one.user for one in facts.accounts)
    moments = timeline(incident, facts.now, _known(facts.restraints), held=held)
    return Story(incident.number, incident.says, tuple(map(_moment_row, moments)))


def _moment_row(moment: Moment) -> Row:
    until = f", until {moment.until:%m-%d %H:%M}" if moment.until else ""
    return Row((f"{moment.at:%m-%d %H:%M:%S}", moment.what, f"{moment.says}{until}", moment.undo))


WHEN_IT_FAILS = {
    "defer": "mail is put off (451), its senders try again",
    "quarantine": "mail is held for a person",
    "accept-and-mark": "mail is delivered unjudged by it, with a mark",
}


def _engine_rows(facts: Facts) -> list[Row]:
    """Engine × state × what becomes of mail when it fails. An engine of which nothing is told is not up."""
    settings, rows = facts.settings, []
    for item, section in (("antivirus", settings.antivirus), ("antispam", settings.antispam)):
        fails = f"{WHEN_IT_FAILS[section.unavailable]} ({item}.unavailable = {section.unavailable})"
        rows += [Row((item, engine, _engine_state(item, engine, facts), fails)) for engine in section.engines]
        if not section.engines:
            rows.append(Row((item, "none", "down", f"{item}.engines is empty: nothing is looked at")))
    return rows


def _engine_state(item: str, engine: str, facts: Facts) -> str:
    if item == "antispam" and engine == "builtin":
        # Its model is in the gateway's own processes: it is there while they are, unless an incident says otherwise.
        lacks = any(one.name == "antispam.model-unavailable" for one in _known(facts.incidents))
        return "down" if lacks else _gateway_health(facts.running)
    return _health_of(engine, facts.engines_up)


def _item(card: Card, facts: Facts) -> Item:
    findings = _findings_of(card, facts)
    if card.id not in facts.audited:
        return _as_item(card, NOT_JUDGED, card.empty.get("audit", "Nothing is judged here yet."), ())
    if not findings:
        why = facts.audit.why if isinstance(facts.audit, Unknown) else "the last audit says nothing of it"
        return _as_item(card, State.UNKNOWN, why[:1].upper() + why[1:] + ".", ())
    worst = findings[0]
    return _as_item(card, worst.state, _item_says(findings), findings)


def _as_item(card: Card, state: str, says: str, findings: tuple[Finding, ...]) -> Item:
    return Item(card.number, card.title, card.promise, _tone(state), WORDS.get(state, state), says, findings)


def _tone(state: str) -> str:
    """The word for the style sheet."""
    return state.replace("/", "").replace(" ", "-")


def _findings_of(card: Card, facts: Facts) -> tuple[Finding, ...]:
    if isinstance(facts.audit, Unknown):
        return ()
    mine = [finding for finding in facts.audit.findings if finding.control.partition(".")[0] == card.id]
    return tuple(sorted(mine, key=lambda finding: _GRAVEST_FIRST.index(finding.state)))


def _item_says(findings: Sequence[Finding]) -> str:
    worst = findings[0]
    if worst.state in (State.PASS, State.NOT_APPLICABLE):
        held = sum(finding.state is State.PASS for finding in findings)
        return f"All {held} controls hold." if held > 1 else worst.says
    alike = sum(finding.state is worst.state for finding in findings) - 1
    return worst.says + (f" And {alike} more." if alike else "")


def _tasks(items: Sequence[Item]) -> list[Task]:
    """What to do first: what fails, in the order of the checklist."""
    failing = [finding for item in items for finding in item.findings if finding.state is State.FAIL]
    return [Task(finding.says, finding.next_command) for finding in failing]


def _tone_of_all(items: Sequence[Item], incidents: Sequence[Incident]) -> str:
    tones = {item.tone for item in items}
    tones |= {"fail" if one.severity in _GRAVE else "warn" for one in incidents}
    return next((tone for tone in ("fail", "unknown", "warn") if tone in tones), "pass")


def _headline(items: Sequence[Item]) -> str:
    counts = Counter(item.tone for item in items)
    judged = len(items) - counts[_tone(NOT_JUDGED)]
    parts = [f"{counts[tone]} {words}" for tone, words in _COUNTED.items() if counts[tone]]
    return f"{judged} of {len(items)} items are judged" + (": " + ", ".join(parts) if parts else "") + "."


_COUNTED = {
    "fail": "failing",
    "unknown": "not to be told",
    "warn": "with a warning",
    "waived": "waived",
    "pass": "holding",
}


def _tiles(facts: Facts) -> list[Tile]:
    tiles = [_count_tile(facts.counts, kinds, label) for label, kinds in _TODAY.items()]
    match facts.held:
        case Unknown():
            tiles.append(Tile("?", "held now", "unknown"))
        case QuarantineTotals(messages, size, _):
            label = f"held now, {ByteSize(size)}" if messages else "held now"
            tiles.append(Tile(f"{messages:,}", label, "warn" if messages else ""))
    match facts.blocks:
        case Unknown():
            tiles.append(Tile("?", "networks blocked", "unknown"))
        case blocks:
            tiles.append(Tile(f"{len(blocks):,}", "networks blocked", "warn" if blocks else ""))
    match facts.restraints:
        case Unknown():
            tiles.append(Tile("?", "restraints", "unknown"))
        case restraints:
            running = sum(one.runs(facts.now) and not one.shadow for one in restraints)
            tiles.append(Tile(f"{running:,}", "restraints", "warn" if running else ""))
    return tiles


_TODAY = {
    "accepted today": ("accepted", "replayed"),
    "refused today": ("rejected", "turned-away"),
    "deferred today": ("deferred", "unknown-outcome"),
    "held today": ("quarantined",),
}


def _count_tile(counts: Mapping[str, int] | Unknown, kinds: tuple[str, ...], label: str) -> Tile:
    if isinstance(counts, Unknown):
        return Tile("?", label, "unknown")
    return Tile(f"{sum(counts.get(kind, 0) for kind in kinds):,}", label)


def _routes(facts: Facts) -> list[Row]:
    gateway = facts.settings.gateway
    rows = [Row(("listens on", ", ".join(gateway.listen), _gateway_health(facts.running)))]
    rows.append(Row(("accepts mail for", ", ".join(facts.settings.site.domains) or "nobody", "")))
    rows += [Row(("hands it to", url, _health_of(url, facts.upstreams_up))) for url in upstreams(gateway)]
    rows.append(Row(("outward mail", gateway.outbound or "none", "")))
    return [*rows, *_canary_rows(facts), *_told_rows(facts), *_standing_rows(facts)]


def _canary_rows(facts: Facts) -> Iterator[Row]:
    match facts.canary:
        case None:
            return
        case Unknown(why):
            yield Row(("canary", why, "unknown"))
        case paths:
            for path in paths:
                yield Row(
                    (f"canary over {path.path}", _canary_in_words(path, facts.now), "down" if path.is_lost else "up")
                )


def _canary_in_words(path: CanaryPath, now: datetime) -> str:
    if path.is_lost:
        return f"missed {path.missed} times: {path.lost}"
    if path.arrived_at is None or path.seconds is None:
        return "has not arrived yet"
    ago = f"arrived {max(0, round(now.timestamp() - path.arrived_at)) // 60} min ago"
    return f"{ago}, in {path.seconds:.2f} s{f': {path.took}' if path.took else ''}"


def _standing_rows(facts: Facts) -> Iterator[Row]:
    for one in symptoms_of(facts.standing, facts.now):
        says = one.says if one.state is State.PASS else f"{one.says}: {one.try_this}"
        yield Row((one.part, says, _STANDS[one.state]))


_STANDS = {State.PASS: "up", State.WARN: "", State.FAIL: "down", State.UNKNOWN: "unknown"}


def _told_rows(facts: Facts) -> Iterator[Row]:
    for path in facts.told_over:
        state = "down" if path.failures else "up"
        yield Row(("incidents are told over", path.path + (f": {path.why}" if path.failures else ""), state))
    if not facts.settings.alerts.to:
        yield Row(("incidents are told", "to nobody: alerts.to is empty", ""))


def _gateway_health(running: Processes | Unknown) -> str:
    match running:
        case Unknown():
            return "unknown"
        case Processes((), _):
            return "down"
        case Processes(_, ()):
            return "up"
        case Processes(_, dead):
            return f"{len(dead)} down"


def _health_of(url: str, health: Mapping[str, bool] | Unknown) -> str:
    if isinstance(health, Unknown) or url not in health:
        return "unknown"
    return "up" if health[url] else "down"


def _held_row(message: HeldMessage) -> Row:
    recipients = ", ".join(cut(one, _LONGEST_RECIPIENT) for one in message.recipients[:_MOST_RECIPIENTS])
    more = len(message.recipients) - _MOST_RECIPIENTS
    to = f"{recipients} and {more} more" if more > 0 else recipients
    return Row((message.id, f"{message.at:%m-%d %H:%M}", message.sender or "<>", to, message.says))


def _known(read: Sequence[T] | Unknown) -> Sequence[T]:
    return () if isinstance(read, Unknown) else read


def _unread(facts: Facts) -> list[str]:
    """What could not be read, said once and plainly."""
    parts = {
        "the audit": facts.audit,
        "the gateway": facts.running,
        "today's counts": facts.counts,
        "the quarantine": facts.held,
        "the block list": facts.blocks,
        "the restraints": facts.restraints,
        "the upstream's health": facts.upstreams_up,
        "the incidents": facts.incidents,
        "the engines' health": facts.engines_up,
    }
    lines = [f"{name}: {part.why}" for name, part in parts.items() if isinstance(part, Unknown)]
    lines += unseen(facts.busiest)
    return [*lines, f"incidents: {facts.not_watched}"] if facts.not_watched else lines


def _audited(facts: Facts) -> str:
    if isinstance(facts.audit, Unknown):
        return "not audited yet"
    return f"audited {facts.audit.taken_at:%Y-%m-%d %H:%M} UTC"
