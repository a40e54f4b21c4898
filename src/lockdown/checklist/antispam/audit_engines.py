"""What item 2 demands of the engines themselves: that each answers, in time, and with rules that are not old."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from lockdown.checklist.antispam.audit_controls import ENGINES_ANSWER, FAILS_AS_STATED, GATEWAY_WEIGHS, RULES_FRESH
from lockdown.facts.engines import Engine, engines
from lockdown.facts.gateway import Gateway
from lockdown.facts.rspamd import options
from lockdown.facts.scanner_files import NOT_THERE, SPAM_RULES, Absent
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

WARN_AGE, FAIL_AGE = timedelta(days=14), timedelta(days=60)
"""sa-update brings rules nearly every day."""
_ASK = "lockdown audit --item antispam     (on that machine)"
_LOCAL = ("127.", "localhost:", "[::1]:")


def audit_engines(snapshot: Snapshot, found: Gateway) -> Iterator[Finding]:
    """The findings on each engine that the settings name."""
    asked = engines(snapshot, "antispam", found.settings.antispam.engines)
    if not asked:
        evidence = found.evidence("antispam.engines")
        says = "There is no filter to ask."
        yield ENGINES_ANSWER.finding(State.FAIL, says, evidence, target="gateway", next_command=GATEWAY_WEIGHS.fix)
    for url, engine in asked.items():
        yield _answers(url, engine)
        if url.startswith("rspamd:"):
            yield rspamd_timeouts(snapshot, f"engine {url}", is_local=_is_local(url))
    yield rules(snapshot, uses_rules=any(url.startswith("spamd:") and _is_local(url) for url in asked))


def _is_local(url: str) -> bool:
    return url.partition("://")[2].startswith(_LOCAL)


def _answers(url: str, engine: Engine | Unknown) -> Finding:
    target = f"engine {url}"
    match engine:
        case Unknown(why):
            says = f"Whether this engine answers is not known: {why}."
            return ENGINES_ANSWER.finding(State.UNKNOWN, says, target=target, next_command=_ASK)
        case Engine(error=error) if error:
            says = f"This engine does not do its work: {error}."
            return ENGINES_ANSWER.finding(State.FAIL, says, engine.evidence, target=target)
        case Engine(proven=True) if url == "builtin":
            says = "The builtin engine has its model."
            return ENGINES_ANSWER.finding(State.PASS, says, engine.evidence, target=target)
        case Engine(proven=True):
            says = f"It answers as version {engine.version}, knows the test spam and passes a plain letter."
            return ENGINES_ANSWER.finding(State.PASS, says, engine.evidence, target=target)
        case _:
            says = "It answers, and does not know the test spam."
            return ENGINES_ANSWER.finding(State.FAIL, says, engine.evidence, target=target)


def rspamd_timeouts(snapshot: Snapshot, target: str, *, is_local: bool) -> Finding:
    """What rspamd says of a message that it could not judge in time: unless told, that it has found nothing."""
    found = options(snapshot, "soft_reject_on_timeout") if is_local else Absent("its settings are another machine's")
    if isinstance(found, Absent | Unknown):
        says = f"What rspamd says of mail that it judges too late cannot be told: {found.why}."
        ask = "rspamadm configdump options     (soft_reject_on_timeout must be true)"
        return FAILS_AS_STATED.finding(State.UNKNOWN, says, target=target, next_command=ask)
    if found.value.lower() in ("true", "yes", "on", "1"):
        says = "Mail that rspamd could not judge in time is put off."
        return FAILS_AS_STATED.finding(State.PASS, says, found.evidence, target=target)
    says = "Mail that rspamd could not judge in time passes as if nothing had been found."
    return FAILS_AS_STATED.finding(State.WARN, says, found.evidence, target=target)


def rules(snapshot: Snapshot, *, uses_rules: bool, target: str = "gateway") -> Finding:
    """How old the rules of the SpamAssassin on this machine are."""
    if not uses_rules:
        says = "No SpamAssassin of this machine is asked; the other engines bring their rules with them."
        return RULES_FRESH.finding(State.NOT_APPLICABLE, says, target=target)
    target = "SpamAssassin"
    match snapshot.reading(SPAM_RULES):
        case Unknown(why):
            says = f"How old the rules are could not be told: {why}."
            return RULES_FRESH.finding(State.UNKNOWN, says, target=target, next_command="ls -l /var/lib/spamassassin")
        case str() as text if text.startswith(NOT_THERE):
            says = "sa-update has never brought rules: only those of the package are there."
            return RULES_FRESH.finding(State.WARN, says, Evidence(SPAM_RULES, text.strip()), target=target)
        case str() as text:
            return _aged(snapshot.taken_at, text, target)


def _aged(now: datetime, text: str, target: str) -> Finding:
    newest = max((line.partition(" ")[0] for line in text.splitlines()), default="")
    try:
        age = now - datetime.fromisoformat(newest).astimezone(UTC)
    except ValueError:
        says = "How old the rules are could not be told: the reading is damaged."
        return RULES_FRESH.finding(State.UNKNOWN, says, target=target, next_command="ls -l /var/lib/spamassassin")
    state = State.FAIL if age > FAIL_AGE else State.WARN if age > WARN_AGE else State.PASS
    says = f"The newest rules are of {newest[:10]}."
    return RULES_FRESH.finding(state, says, Evidence(SPAM_RULES, text.splitlines()[0]), target=target)
