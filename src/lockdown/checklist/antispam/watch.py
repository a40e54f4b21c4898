"""Watch over item 2: filters and resolvers that stop, spam in waves or from inside, a score that drifts, false lessons.

Facts that are Unknown ring too, as `antispam.cannot-watch`. Only a network is ever blamed, since senders can be forged;
and a network that also sends much that is wanted is not blocked.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta

from lockdown.checklist.antispam.controls import FORGED_OWN_DOMAIN, SCORE, UNAVAILABLE
from lockdown.config import Settings
from lockdown.model.alarm import Alarm, BlockFor
from lockdown.model.finding import Evidence, Severity
from lockdown.model.unknown import Unknown
from lockdown.model.window import EngineHealth, Event, Share, Value, Window

ITEM = "antispam"
PATIENCE = timedelta(minutes=2)
FORGED_WAVE = 10
SPAM_WAVE = 20
BLOCK_TERM = timedelta(hours=1)
MOST_GOOD_SHARE = 0.2
"""A network of which more is wanted is a provider's: blocking it would cost its other customers' mail."""
INSIDE = 10
"""Messages over the mark from one client that we trust: a newsletter may be taken for spam once or twice."""
DRIFT_FACTOR, DRIFT_MESSAGES, USUAL_MESSAGES = 5.0, 50, 200
LEAST_USUAL = 0.01
"""Where hardly anything is marked, a handful more is no drift."""
SILENT_MESSAGES, SILENT_SHARE, SILENT_NETWORKS = 5, 0.8, 3
"""One broken domain is not a broken resolver."""
FALSE_LESSONS = 20
MOST_OBJECTS = 20
"""Of one kind of alarm at a time; how many more there are is told in one."""
_MOST_EVIDENCE = 5
_STOPPED = ("rejected", "quarantined")

MEANWHILE = {
    "defer": "each message is put off (451): its sender keeps it and tries again",
    "quarantine": "each message is held for a person",
    "accept-and-mark": "each message is delivered unjudged by it, with a mark",
}
_LOOSER: Mapping[str, tuple[str, ...]] = {
    "antispam.unavailable": ("defer", "quarantine", "accept-and-mark"),
    "antispam.dmarc": ("honour", "mark"),
    "antispam.forged": ("reject", "quarantine", "accept-and-mark"),
}
"""The settings whose words have an order, the strictest first."""
_POINTS = ("tag", "hold", "refuse")


def watch(window: Window, policy: Settings) -> Iterator[Alarm]:
    """All that is wrong with item 2 now."""
    yield from _unknown(window)
    yield from _drift(window, policy)
    if not policy.antispam.engines:
        return
    if not isinstance(window.engines, Unknown):
        for engine in window.engines:
            if engine.item == ITEM:
                yield from _of_engine(engine, window, policy)
    yield from _of_model(window, policy)
    yield from _of_lists(window)
    yield from _of_lessons(window)
    if not isinstance(window.events, Unknown):
        yield from _of_resolver(window.events, policy)
        yield from _forged(window.events)
        yield from _waves(window.events)
        yield from _from_inside(window.events, policy)
        yield from _score_drift(window.events, window.usual, policy)


def _unknown(window: Window) -> Iterator[Alarm]:
    """What could not be looked at."""
    facts = {
        "the log": window.events if isinstance(window.events, Unknown) else window.unseen,
        "the engines": window.engines,
        "the blocklists": window.lists,
        "the lessons": window.lessons,
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
                "spam is stopped as before, but a wave or an outage may go unnoticed",
                next_command="lockdown doctor",
            )


# ── engines, lists, resolver, model ──


def _of_engine(engine: EngineHealth, window: Window, policy: Settings) -> Iterator[Alarm]:
    if engine.up or not (engine.lies or window.now - engine.since > PATIENCE):
        return
    word = engine.engine.partition(":")[0]
    mend = {"rspamd": "systemctl restart rspamd     (where it runs)", "spamd": "systemctl restart spamd"}
    said = "answers, but takes the test spam for a plain letter," if engine.lies else "gives no answer"
    yield Alarm(
        f"{ITEM}.engine-{'lies' if engine.lies else 'down'}",
        engine.engine,
        UNAVAILABLE.id,
        Severity.MEDIUM,
        f"{engine.engine} {said} since {engine.since:%H:%M} UTC.",
        _meanwhile(policy),
        (Evidence(engine.engine, engine.why),),
        mend.get(word, "lockdown doctor"),
    )


def _meanwhile(policy: Settings) -> str:
    return MEANWHILE[policy.antispam.unavailable] + f' (antispam.unavailable = "{policy.antispam.unavailable}")'


def _of_model(window: Window, policy: Settings) -> Iterator[Alarm]:
    if window.model is not None and "builtin" in policy.antispam.engines:
        yield Alarm(
            f"{ITEM}.model-unavailable",
            "builtin",
            UNAVAILABLE.id,
            Severity.HIGH,
            f"The classifier has no model: {window.model.why}.",
            _meanwhile(policy),
            next_command="lockdown doctor     (the model is part of the package: install it again)",
        )


def _of_lists(window: Window) -> Iterator[Alarm]:
    if isinstance(window.lists, Unknown):
        return
    for zone in window.lists:
        if zone.passes is False:
            yield Alarm(
                f"{ITEM}.blocklist-disabled",
                zone.zone,
                SCORE.id,
                Severity.LOW,
                f"The blocklist {zone.zone} does not pass its own test: {zone.why}.",
                "it is left out of the score until it passes",
                (Evidence(zone.zone, zone.why),),
                f"dig 2.0.0.127.{zone.zone}     (must answer; dig 1.0.0.127.{zone.zone} must not)",
            )


def _of_resolver(events: tuple[Event, ...], policy: Settings) -> Iterator[Alarm]:
    """The DNS is silent for most senders, whoever they are."""
    asked = [event for event in events if event.dns is not None] if policy.antispam.resolvers else []
    recent = asked[-max(SILENT_MESSAGES, len(asked) // 3) :]
    silent = [event for event in recent if not event.dns]
    networks = {event.network for event in silent}
    if (
        len(silent) >= SILENT_MESSAGES
        and len(silent) >= SILENT_SHARE * len(recent)
        and len(networks) >= SILENT_NETWORKS
    ):
        yield Alarm(
            f"{ITEM}.resolver-down",
            "resolver",
            UNAVAILABLE.id,
            Severity.HIGH,
            f"The DNS gave no answer for {len(silent)} of the last {len(recent)} messages.",
            "SPF, DKIM, DMARC and blocklists are unknown, and each message waits for antispam.dns_timeout",
            _evidence(silent),
            "resolvectl status     (or: cat /etc/resolv.conf; see antispam.resolvers)",
        )


def _of_lessons(window: Window) -> Iterator[Alarm]:
    """Somebody teaches the same again and again."""
    for lesson in () if isinstance(window.lessons, Unknown) else window.lessons:
        beyond = lesson.given - lesson.counting
        if beyond >= FALSE_LESSONS:
            what = "spam" if lesson.is_spam else "wanted"
            about = lesson.domain or "letters without a sender"
            yield Alarm(
                f"{ITEM}.learning-poisoned",
                f"{about} {what}",
                SCORE.id,
                Severity.LOW,
                f"{lesson.given} lessons within a day say that {about} is {what}, most of them by {lesson.most_by}.",
                f"only {lesson.counting} of them count, and they move the mail of others by 2 points at most",
                next_command="lockdown quarantine learn FILE --forget     (takes a lesson back)",
            )


# ── messages ──


def _forged(events: tuple[Event, ...]) -> Iterator[Alarm]:
    met = [event for event in events if event.control == FORGED_OWN_DOMAIN.id and event.kind in _STOPPED]
    if len(met) >= FORGED_WAVE:
        networks = Counter(event.network for event in met)
        most, count = networks.most_common(1)[0]
        yield Alarm(
            f"{ITEM}.forged-wave",
            "own domain",
            FORGED_OWN_DOMAIN.id,
            Severity.MEDIUM,
            f"{len(met)} messages claim to come from you; networks: {len(networks)}, most from {most} ({count}).",
            "they were stopped; a service that may send for you, and that your SPF does not name, may be among them",
            _evidence(met),
            f"lockdown trace {met[-1].id}     (is it yours? then name it in your SPF record)",
        )


def _waves(events: tuple[Event, ...]) -> Iterator[Alarm]:
    """Much spam, and little else, from one network."""
    strangers = [event for event in events if event.network and not event.trusted]
    spam = Counter(event.network for event in strangers if event.control == SCORE.id and event.kind in _STOPPED)
    wanted = Counter(event.network for event in strangers if event.kind == "accepted")
    great = [(network, count) for network, count in spam.most_common() if count >= SPAM_WAVE]
    if len(great) > MOST_OBJECTS:
        yield _more(len(great) - MOST_OBJECTS)
    for network, count in great[:MOST_OBJECTS]:
        met = [event for event in strangers if event.network == network and event.control == SCORE.id]
        is_provider = wanted[network] > MOST_GOOD_SHARE * (wanted[network] + count)
        yield Alarm(
            f"{ITEM}.spam-wave",
            network,
            SCORE.id,
            Severity.MEDIUM,
            f"{network} has sent {count} messages lately that were refused or held as spam.",
            "they were stopped" + (f"; {wanted[network]} others of it were wanted, so it is not blocked" * is_provider),
            _evidence(met),
            f"lockdown block why {network}",
            None if is_provider else BlockFor(network, BLOCK_TERM),
        )


def _more(count: int) -> Alarm:
    """The gravest have an alarm of their own, the others are at least counted."""
    return Alarm(
        f"{ITEM}.spam-wave",
        "more networks",
        SCORE.id,
        Severity.MEDIUM,
        f"{count} more networks have sent as much spam lately.",
        "all of it was stopped",
        next_command="lockdown incident list     (those with an incident of their own)",
    )


def _from_inside(events: tuple[Event, ...], policy: Settings) -> Iterator[Alarm]:
    by_client: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.trusted and _is_spam(event, policy):
            by_client[event.client].append(event)
    for client, met in sorted(by_client.items(), key=lambda entry: -len(entry[1]))[:MOST_OBJECTS]:
        if len(met) >= INSIDE:
            yield Alarm(
                f"{ITEM}.spam-from-inside",
                client,
                SCORE.id,
                Severity.HIGH,
                f"{client}, which you trust, has sent {len(met)} messages lately that look like spam.",
                "what is below antispam.hold goes out in your name; the client is never blocked",
                _evidence(met),
                f"lockdown trace {client}     (an account or a web form there may be in other hands)",
            )


def _score_drift(events: tuple[Event, ...], usual: Share | None, policy: Settings) -> Iterator[Alarm]:
    """Suddenly much more is marked: a campaign, or an engine that judges wrongly."""
    judged = [event for event in events if event.points is not None and not event.trusted]
    spam = [event for event in judged if _is_spam(event, policy)]
    if usual is None or usual.all < USUAL_MESSAGES or len(judged) < DRIFT_MESSAGES:
        return
    share = Share(len(spam), len(judged))
    if share.part >= DRIFT_FACTOR * max(usual.part, LEAST_USUAL):
        yield Alarm(
            f"{ITEM}.score-drift",
            "score",
            SCORE.id,
            Severity.MEDIUM,
            f"{share.part:.0%} of the last {share.all} messages look like spam; of those before, {usual.part:.1%} did.",
            "a campaign, or an engine that judges wrongly: then wanted mail is being held",
            _evidence(spam),
            "lockdown quarantine list     (is that spam? if not, release it, and see what gives the points)",
        )


def _is_spam(event: Event, policy: Settings) -> bool:
    return event.points is not None and event.points >= policy.antispam.tag


def _evidence(events: list[Event]) -> tuple[Evidence, ...]:
    """The latest of them."""
    return tuple(
        Evidence(f"log {event.id}", f"{event.at:%H:%M:%S} UTC from {event.client}: {event.kind}{_points(event)}")
        for event in events[-_MOST_EVIDENCE:]
    )


def _points(event: Event) -> str:
    return "" if event.points is None else f", {event.points:.1f} points"


# ── settings ──


def _drift(window: Window, policy: Settings) -> Iterator[Alarm]:
    """What was made looser since the settings were last accepted."""
    if isinstance(window.accepted, Unknown) or not window.accepted:
        return
    for key, before, after in _loosened(window.accepted, policy):
        yield Alarm(
            f"{ITEM}.loosened",
            f"{key}: {before} → {after}",
            UNAVAILABLE.id,
            Severity.LOW,
            f"{key} was {before} and is {after}: more may pass than before.",
            "the settings in force are obeyed",
            (Evidence("before", f"{key} = {before}"), Evidence("in force", f"{key} = {after}")),
            "lockdown incident close ID     (if you meant it; else put it back and reload)",
            accepted_by_closing=True,
        )


def _loosened(before: Mapping[str, Value], policy: Settings) -> Iterator[tuple[str, str, str]]:
    now = policy.antispam
    for name in ("engines", "blocklists", "deny"):
        key, left = f"antispam.{name}", tuple(getattr(now, name))
        listed = before.get(key, left)
        if isinstance(listed, tuple) and (gone := [one for one in listed if one not in left]):
            yield key, f"with {', '.join(gone[:3])}", f"without ({len(left)} left)"
    for name in _POINTS:
        was, points = before.get(f"antispam.{name}"), getattr(now, name)
        if isinstance(was, int | float) and points > was:
            yield f"antispam.{name}", f"{was:g}", f"{points:g}"
    for key, order in _LOOSER.items():
        word, is_now = before.get(key), getattr(now, key.partition(".")[2])
        if word in order and order.index(is_now) > order.index(word):
            yield key, str(word), is_now
