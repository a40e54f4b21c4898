"""What item 1 demands of the engines themselves: that each answers, finds what must be found, and knows new viruses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from lockdown.checklist.antivirus.audit_controls import ENGINES_ANSWER, GATEWAY_SCANS, SIGNATURES_FRESH
from lockdown.facts.engines import Engine, engines
from lockdown.facts.gateway import Gateway
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.units import show_duration
from lockdown.model.unknown import Unknown

_ASK = "lockdown audit --item antivirus     (on that machine, as a user who may open the engine's socket)"


def audit_engines(snapshot: Snapshot, found: Gateway) -> Iterator[Finding]:
    """The findings on each engine that the settings name."""
    chosen = found.settings.antivirus
    asked = engines(snapshot, "antivirus", chosen.engines)
    if not asked:
        evidence = found.evidence("antivirus.engines")
        for control in (ENGINES_ANSWER, SIGNATURES_FRESH):
            yield control.finding(
                State.FAIL, "There is no antivirus engine to ask.", evidence, target="gateway",
                next_command=GATEWAY_SCANS.fix,
            )  # fmt: skip
    for url, engine in asked.items():
        yield _answers(url, engine)
        yield _fresh(snapshot, found, url, engine)


def _target(url: str) -> str:
    return f"engine {url}"


def _answers(url: str, engine: Engine | Unknown) -> Finding:
    match engine:
        case Unknown(why):
            says = f"Whether this engine answers is not known: {why}."
            return ENGINES_ANSWER.finding(State.UNKNOWN, says, target=_target(url), next_command=_ASK)
        case Engine(error=error) if error:
            says = f"This engine does not do its work: {error}."
            return ENGINES_ANSWER.finding(State.FAIL, says, engine.evidence, target=_target(url))
        case Engine(proven=True):
            says = f"It answers as version {engine.version}, finds the test virus and passes a plain letter."
            return ENGINES_ANSWER.finding(State.PASS, says, engine.evidence, target=_target(url))
        case _:
            says = "It answers, and does not find the test virus."
            return ENGINES_ANSWER.finding(State.FAIL, says, engine.evidence, target=_target(url))


def _fresh(snapshot: Snapshot, found: Gateway, url: str, engine: Engine | Unknown) -> Finding:
    if url == "builtin":
        says = "The builtin engine has rules, no database of viruses: it comes with Lockdown, and does not grow old."
        return SIGNATURES_FRESH.finding(State.NOT_APPLICABLE, says, target=_target(url))
    if isinstance(engine, Unknown) or engine.error:
        why = engine.why if isinstance(engine, Unknown) else engine.error
        says = f"How old its signatures are cannot be told: {why}."
        return SIGNATURES_FRESH.finding(State.UNKNOWN, says, target=_target(url), next_command=_ASK)
    if engine.built_at is None:
        says = "Its database has no date: it is one of your own, and how old it is cannot be told from here."
        ask = "ls -l /var/lib/clamav     (on the machine of that engine)"
        return SIGNATURES_FRESH.finding(State.UNKNOWN, says, engine.evidence, target=_target(url), next_command=ask)
    limit = found.settings.antivirus.signature_age
    age = max(timedelta(0), snapshot.taken_at - engine.built_at)
    says = f"Its signatures are {_in_words(age)} old; {show_duration(limit)} is the most that you allow."
    evidence = (engine.evidence, found.evidence("antivirus.signature_age"))
    return SIGNATURES_FRESH.finding(_state(age, limit), says, *evidence, target=_target(url))


def _state(age: timedelta, limit: timedelta) -> State:
    """A third of the limit is a warning: the databases of ClamAV come every day."""
    if age > limit:
        return State.FAIL
    return State.WARN if age > limit / 3 else State.PASS


def _in_words(age: timedelta) -> str:
    hours = int(age.total_seconds() // 3600)
    return f"{hours} hours" if hours < 72 else f"{hours // 24} days"
