"""Watch over item 1: engines that stop, lie or grow old, readers that break, viruses in numbers or from inside.

Facts that are Unknown ring too, as `antivirus.cannot-watch`: what nobody has looked at is not quiet. Only a network is
ever blamed, since an envelope sender can be forged; and a network that also sends much that is wanted is not blocked.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta

from lockdown.checklist.antivirus.controls import FORBIDDEN, UNAVAILABLE, UNREAD, VIRUS
from lockdown.config import Settings
from lockdown.model.alarm import Alarm, BlockFor
from lockdown.model.finding import Evidence, Severity
from lockdown.model.unknown import Unknown
from lockdown.model.window import Drilled, EngineHealth, Event, Value, Window

ITEM = "antivirus"
PATIENCE = timedelta(minutes=2)
"""An engine that loads new signatures is away for a minute; longer is an outage."""
MOST_UNREAD_BY_READER = 5
MOST_BROKEN_SCANS = 3
WAVE_RECIPIENTS = 10
REPEATED = 5
BLOCK_TERM = timedelta(hours=1)
MOST_GOOD_SHARE = 0.2
"""A network of which more is wanted is a provider's: blocking it would cost its other customers' mail."""
DRILL_EVERY = timedelta(days=8)
MOST_OBJECTS = 20
"""Of one kind of alarm at a time; how many more there are is told in one."""
_MOST_EVIDENCE = 5
_BROKEN = "gateway.scan-broken"

MEANWHILE = {
    "defer": "each message is put off (451): its sender keeps it and tries again, nothing passes unread",
    "quarantine": "each message is held for a person",
    "accept-and-mark": "each message is delivered unread by it, with a mark",
}
_LOOSER: Mapping[str, tuple[str, ...]] = {
    "antivirus.unavailable": ("defer", "quarantine", "accept-and-mark"),
    "antivirus.found": ("reject", "quarantine"),
    "antivirus.forbidden": ("reject", "quarantine", "accept-and-mark"),
    "antivirus.macros": ("reject", "quarantine", "accept-and-mark"),
    "antivirus.encrypted": ("reject", "quarantine", "accept-and-mark"),
    "antivirus.unread": ("reject", "quarantine", "accept-and-mark"),
    "antivirus.ambiguous": ("reject", "quarantine", "accept-and-mark"),
}
"""The settings whose words have an order, the strictest first."""


def watch(window: Window, policy: Settings) -> Iterator[Alarm]:
    """All that is wrong with item 1 now."""
    yield from _unknown(window)
    yield from _drift(window, policy)
    yield from _proof(window)
    if not policy.antivirus.engines:
        return
    if not isinstance(window.engines, Unknown):
        for engine in window.engines:
            if engine.item == ITEM:
                yield from _of_engine(engine, window, policy)
    if not isinstance(window.events, Unknown):
        yield from _of_readers(window.events)
        yield from _waves(window.events)
        yield from _from_inside(window.events)
        yield from _repeated(window.events)
        yield from _broken_scans(window.events)


def _unknown(window: Window) -> Iterator[Alarm]:
    """What could not be looked at."""
    facts = {
        "the log": window.events if isinstance(window.events, Unknown) else window.unseen,
        "the engines": window.engines,
        "the last drill": window.drilled,
        "the settings of before": window.accepted,
    }
    for name, fact in facts.items():
        why = fact.why if isinstance(fact, Unknown) else fact if isinstance(fact, str) else ""
        if why:
            yield Alarm(
                f"{ITEM}.cannot-watch",
                name,
                UNAVAILABLE.id,
                Severity.MEDIUM,
                f"{name[:1].upper()}{name[1:]} cannot be looked at: {why}.",
                "viruses are stopped as before, but an attack or an outage may go unnoticed",
                next_command="lockdown doctor",
            )


# ── engines ──


def _of_engine(engine: EngineHealth, window: Window, policy: Settings) -> Iterator[Alarm]:
    if engine.lies:
        yield _lies(engine, policy)
    elif not engine.up and window.now - engine.since > PATIENCE:
        yield _down(engine, policy)
    elif engine.up and engine.built and window.now - engine.built > policy.antivirus.signature_age:
        yield _old(engine, window)


def _lies(engine: EngineHealth, policy: Settings) -> Alarm:
    return Alarm(
        f"{ITEM}.engine-lies",
        engine.engine,
        UNAVAILABLE.id,
        Severity.CRITICAL,
        f"{engine.engine} answers, but cannot tell the test virus from a letter since {engine.since:%H:%M} UTC.",
        _meanwhile(policy),
        (Evidence(engine.engine, engine.why),),
        "freshclam     (its signatures are not loaded; then see lockdown doctor)",
    )


def _down(engine: EngineHealth, policy: Settings) -> Alarm:
    return Alarm(
        f"{ITEM}.engine-down",
        engine.engine,
        UNAVAILABLE.id,
        Severity.HIGH,
        f"{engine.engine} gives no answer since {engine.since:%H:%M} UTC.",
        _meanwhile(policy),
        (Evidence(engine.engine, engine.why),),
        "lockdown doctor" if engine.engine == "builtin" else "systemctl restart clamav-daemon     (where it runs)",
    )


def _meanwhile(policy: Settings) -> str:
    return MEANWHILE[policy.antivirus.unavailable] + f' (antivirus.unavailable = "{policy.antivirus.unavailable}")'


def _old(engine: EngineHealth, window: Window) -> Alarm:
    assert engine.built is not None
    hours = (window.now - engine.built) // timedelta(hours=1)
    return Alarm(
        f"{ITEM}.signatures-old",
        engine.engine,
        VIRUS.id,
        Severity.HIGH,
        f"The signatures of {engine.engine} are {hours} hours old.",
        "mail is read, but viruses of the last days are not known to it",
        (Evidence(engine.engine, f"signatures of {engine.built:%Y-%m-%d %H:%M} UTC"),),
        "freshclam     (and systemctl status clamav-freshclam)",
    )


# ── messages ──


def _of_readers(events: tuple[Event, ...]) -> Iterator[Alarm]:
    """The builtin engine's processes end, are late, or cannot be started."""
    met = [(event, why) for event in events for engine, why in event.unread if engine == "builtin"]
    if len(met) >= MOST_UNREAD_BY_READER:
        (most, _) = Counter(why for _, why in met).most_common(1)[0]
        yield Alarm(
            f"{ITEM}.reader-crashes",
            "builtin",
            UNREAD.id,
            Severity.HIGH,
            f"The builtin engine has failed to read {len(met)} messages lately, mostly so: {most}.",
            "each of them was dealt with as antivirus.unavailable says; the others are read",
            _evidence([event for event, _ in met]),
            f"lockdown trace {met[-1][0].id}",
        )


def _waves(events: tuple[Event, ...]) -> Iterator[Alarm]:
    """One virus for many: somebody sends it to all of us."""
    reached: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.virus and not event.trusted:
            reached[event.virus].append(event)
    counts = {virus: len({one for event in met for one in event.recipients}) for virus, met in reached.items()}
    great = [virus for virus, count in Counter(counts).most_common() if count >= WAVE_RECIPIENTS]
    yield from _more("virus-wave", "viruses", len(great))
    for virus in great[:MOST_OBJECTS]:
        met = reached[virus]
        networks = len({event.network for event in met})
        yield Alarm(
            f"{ITEM}.virus-wave",
            virus,
            VIRUS.id,
            Severity.MEDIUM,
            f"{virus} was sent to {counts[virus]} of your mailboxes in {len(met)} messages from {networks} networks.",
            "every one of them was stopped; what comes by other ways than mail is not seen here",
            _evidence(met),
            f"lockdown trace {met[-1].id}     (and tell your users what it looks like)",
        )


def _from_inside(events: tuple[Event, ...]) -> Iterator[Alarm]:
    """A client that we trust has sent malware: that machine or account is in other hands."""
    by_client: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.virus and event.trusted:
            by_client[event.client].append(event)
    yield from _more("virus-from-inside", "clients", len(by_client))
    for client, met in sorted(by_client.items(), key=lambda entry: -len(entry[1]))[:MOST_OBJECTS]:
        yield Alarm(
            f"{ITEM}.virus-from-inside",
            client,
            VIRUS.id,
            Severity.HIGH,
            f"{client}, which you trust, has sent {met[-1].virus} ({len(met)} messages).",
            "they were stopped; the client may go on sending: it is in gateway.trusted_networks and is never blocked",
            _evidence(met),
            f"lockdown trace {client}     (then take that machine or account off the net)",
        )


def _repeated(events: tuple[Event, ...]) -> Iterator[Alarm]:
    """One network that sends virus after virus."""
    strangers = [event for event in events if event.network and not event.trusted]
    viruses = Counter(event.network for event in strangers if event.virus)
    wanted = Counter(event.network for event in strangers if event.kind == "accepted")
    great = [(network, count) for network, count in viruses.most_common() if count >= REPEATED]
    yield from _more("virus-sender", "networks", len(great))
    for network, count in great[:MOST_OBJECTS]:
        met = [event for event in strangers if event.network == network and event.virus]
        is_provider = wanted[network] > MOST_GOOD_SHARE * (wanted[network] + count)
        yield Alarm(
            f"{ITEM}.virus-sender",
            network,
            VIRUS.id,
            Severity.MEDIUM,
            f"{network} has sent {count} messages with viruses lately, {met[-1].virus} for one.",
            "they were stopped" + (f"; {wanted[network]} others of it were wanted, so it is not blocked" * is_provider),
            _evidence(met),
            f"lockdown block why {network}",
            None if is_provider else BlockFor(network, BLOCK_TERM),
        )


def _more(kind: str, objects: str, count: int) -> Iterator[Alarm]:
    """More than are told one by one: the gravest have an alarm of their own, the others are at least counted."""
    if count > MOST_OBJECTS:
        yield Alarm(
            f"{ITEM}.{kind}",
            f"more {objects}",
            VIRUS.id,
            Severity.MEDIUM,
            f"{count - MOST_OBJECTS} more {objects} have done the same lately.",
            "all of it was stopped",
            next_command="lockdown incident list     (those with an incident of their own)",
        )


def _broken_scans(events: tuple[Event, ...]) -> Iterator[Alarm]:
    met = [event for event in events if event.control == _BROKEN]
    if len(met) >= MOST_BROKEN_SCANS:
        yield Alarm(
            f"{ITEM}.scan-broken",
            "gateway",
            UNAVAILABLE.id,
            Severity.HIGH,
            f"The scan of {len(met)} messages broke: a fault of Lockdown.",
            "each of them was put off (451); nothing passes unread",
            _evidence(met),
            f"lockdown trace {met[-1].id}     (and send that message with a report)",
        )


def _evidence(events: list[Event]) -> tuple[Evidence, ...]:
    """The latest of them."""
    return tuple(
        Evidence(f"log {event.id}", f"{event.at:%H:%M:%S} UTC from {event.client}: {event.kind} {event.virus}".rstrip())
        for event in events[-_MOST_EVIDENCE:]
    )


# ── settings and proof ──


def _drift(window: Window, policy: Settings) -> Iterator[Alarm]:
    """What was made looser since the settings were last accepted."""
    if isinstance(window.accepted, Unknown) or not window.accepted:
        return
    for key, before, after in _loosened(window.accepted, policy):
        yield Alarm(
            f"{ITEM}.loosened",
            f"{key}: {before} → {after}",
            FORBIDDEN.id if "types" in key or key.endswith("forbidden") else UNAVAILABLE.id,
            Severity.MEDIUM,
            f"{key} was {before} and is {after}: more may pass than before.",
            "the settings in force are obeyed",
            (Evidence("before", f"{key} = {before}"), Evidence("in force", f"{key} = {after}")),
            "lockdown incident close ID     (if you meant it; else put it back and reload)",
            accepted_by_closing=True,
        )


def _loosened(before: Mapping[str, Value], policy: Settings) -> Iterator[tuple[str, str, str]]:
    now = policy.antivirus
    engines = before.get("antivirus.engines", now.engines)
    if isinstance(engines, tuple) and (gone := [engine for engine in engines if engine not in now.engines]):
        yield "antivirus.engines", f"with {', '.join(gone)}", f"[{', '.join(now.engines)}]"
    allowed = before.get("antivirus.allowed_types", now.allowed_types)
    if isinstance(allowed, tuple) and (more := [word for word in now.allowed_types if word not in allowed]):
        yield "antivirus.allowed_types", f"[{', '.join(allowed)}]", f"with {', '.join(more)}"
    for key, order in _LOOSER.items():
        was, is_now = before.get(key), getattr(now, key.partition(".")[2])
        if was in order and order.index(is_now) > order.index(was):
            yield key, str(was), is_now


def _proof(window: Window) -> Iterator[Alarm]:
    """A drill that failed, or none for a long time where there were some."""
    drilled = window.drilled
    if not isinstance(drilled, Drilled) or ITEM not in drilled.items:
        return
    failed = [step for item, step in drilled.failed if item == ITEM]
    if failed:
        yield Alarm(
            f"{ITEM}.drill-failed",
            "drill",
            VIRUS.id,
            Severity.HIGH,
            f"In the last drill {len(failed)} steps did not end as they should: {', '.join(failed[:3])}.",
            "what got through in the drill gets through in mail",
            (Evidence("drills.json", f"held {drilled.at:%Y-%m-%d %H:%M} UTC"),),
            f"lockdown drill {ITEM}",
        )
    elif window.now - drilled.at > DRILL_EVERY:
        yield Alarm(
            f"{ITEM}.drill-old",
            "drill",
            VIRUS.id,
            Severity.LOW,
            f"The test virus was last sent on {drilled.at:%Y-%m-%d}; whether it is still stopped is not proved.",
            "mail is scanned as before",
            next_command=f"lockdown drill {ITEM}",
        )
