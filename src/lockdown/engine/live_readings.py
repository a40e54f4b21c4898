"""Readings that are answers: each engine of the settings, each blocklist, and what the DNS says of our own names.

All are taken side by side, within one bound of time, and become texts of the snapshot like any other reading: whoever
judges a folder judges the same.
Fails as: an engine's reading with its error; Unknown for a question without an answer. Never raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from lockdown import __version__
from lockdown.config import Settings
from lockdown.facts import blocklists as tried
from lockdown.facts import dns_records, own_names
from lockdown.facts import engines as facts
from lockdown.facts.engines import Engine
from lockdown.model.errors import OperatorError
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown

if TYPE_CHECKING:
    from lockdown.scan.dns import Answer, Resolver

BUILTIN = "builtin"
ENGINE_SECONDS, DNS_SECONDS = 2.5, 2.4
QUESTION_SECONDS = 2.0
MOST_QUESTIONS = 400
"""Forty for each of ten domains; what is beyond is not asked, and says so."""
_ROUNDS = 12
_TRIAL_SECONDS = 1.0
_FOR_THE_VIRUS = 2048


def live_readings(settings: Settings, snapshot: Snapshot) -> dict[str, Reading]:
    """The readings; `snapshot` is what is known already, from which the questions to the DNS follow."""
    # In a thread of its own: whoever calls may have an event loop already.
    with ThreadPoolExecutor(1) as pool:
        engines, answers = pool.submit(lambda: asyncio.run(_all(settings, snapshot))).result()
    # YARA's scanner must be given back in the thread that made it: not in that one, and not while it runs.
    builtin = [_builtin(engine, settings) for engine in _named(settings) if engine.url == BUILTIN]
    numbered = enumerate([*builtin, *engines], start=1)
    return {**{f"{facts.FOLDER}{number}.json": facts.described(engine) for number, engine in numbered}, **answers}


def _named(settings: Settings) -> list[Engine]:
    """The engines of the settings, before anyone has asked them."""
    antivirus = [Engine(url, "antivirus") for url in settings.antivirus.engines]
    return antivirus + [Engine(url, "antispam") for url in settings.antispam.engines]


async def _all(settings: Settings, snapshot: Snapshot) -> tuple[list[Engine], dict[str, Reading]]:
    asked = [_engine(engine, settings) for engine in _named(settings) if engine.url != BUILTIN]
    engines, names = await asyncio.gather(asyncio.gather(*asked), _from_dns(settings, snapshot))
    return list(engines), names


# ── engines ──


async def _engine(nothing: Engine, settings: Settings) -> Engine:
    try:
        async with asyncio.timeout(ENGINE_SECONDS):
            return await (_clamd(nothing, settings) if nothing.item == "antivirus" else _filter(nothing))
    except TimeoutError:
        return replace(nothing, error=f"no answer in {ENGINE_SECONDS:g} s")
    except Exception as error:  # one engine's trouble is its own, and no answer is no health
        return replace(nothing, error=f"asking it broke: {type(error).__name__}: {error}")


async def _clamd(engine: Engine, settings: Settings) -> Engine:
    from lockdown.scan.clamd import Clamd, ClamdVersion

    client = Clamd(engine.url, connect=_TRIAL_SECONDS, trial=_TRIAL_SECONDS)
    match await client.version():
        case Unknown(why):
            return replace(engine, error=why)
        case ClamdVersion(version, signatures, built):
            date = built.isoformat() if built else ""
            known = replace(engine, version=version, signatures=signatures, built=date)
    known = _proven(known, await client.proves_itself(), client.unproven)
    if known.error:
        return known
    # As much of other files as a message of the largest size has room for. Too slow an answer says nothing.
    deadline = asyncio.get_running_loop().time() + _TRIAL_SECONDS
    reaches = await client.reaches(int(settings.gateway.max_message) - _FOR_THE_VIRUS, deadline)
    return replace(known, reaches=reaches if isinstance(reaches, bool) else None)


async def _filter(engine: Engine) -> Engine:
    from lockdown.scan.rspamd import Rspamd
    from lockdown.scan.spamd import Spamd

    kind = Rspamd if engine.url.startswith("rspamd") else Spamd
    client = kind(engine.url, connect=_TRIAL_SECONDS, trial=_TRIAL_SECONDS)
    version = await client.version()
    if isinstance(version, Unknown):
        return replace(engine, error=version.why)
    return _proven(replace(engine, version=version), await client.proves_itself(), client.unproven)


def _proven(engine: Engine, proof: bool | Unknown, unproven: str) -> Engine:
    if isinstance(proof, Unknown):
        return replace(engine, error=proof.why)
    return replace(engine, proven=proof, error="" if proof else unproven)


def _builtin(nothing: Engine, settings: Settings) -> Engine:
    engine = replace(nothing, version=__version__)
    try:
        return _builtin_antivirus(engine, settings) if engine.item == "antivirus" else _builtin_antispam(engine)
    except OperatorError as error:
        return replace(engine, error=f"{error.what}: {error.why}")
    except Exception as error:  # as above
        return replace(engine, error=f"trying it broke: {type(error).__name__}: {error}")


def _builtin_antivirus(engine: Engine, settings: Settings) -> Engine:
    """The test virus and a plain letter, read with the rules and digests that the settings name."""
    from lockdown.scan.builtin import built
    from lockdown.scan.proof import EICAR, plain_letter

    builtin = built(settings.antivirus)
    virus = b"Content-Type: application/octet-stream\r\n\r\n" + EICAR + b"\r\n"
    try:
        found, plain = builtin.read(virus).content.found, builtin.read(plain_letter()).content.found
    finally:
        vars(builtin).clear()  # it refers to itself, and would wait for a collection in some other thread
    return _proven(engine, bool(found) and not plain, "it does not find the test virus, or finds it everywhere")


def _builtin_antispam(engine: Engine) -> Engine:
    """Its model is there and whole; the test message is for the drill."""
    from lockdown.scan.classifier import Classifier

    loaded = Classifier.load()
    return replace(engine, error=loaded.why) if isinstance(loaded, Unknown) else replace(engine, proven=True)


# ── the DNS ──


async def _from_dns(settings: Settings, snapshot: Snapshot) -> dict[str, Reading]:
    if not own_names.questions(snapshot, settings) and not settings.antispam.blocklists:
        return {}
    from lockdown.scan.dns import Resolver

    resolver = Resolver(settings.antispam.resolvers, QUESTION_SECONDS)
    try:
        names, lists = await asyncio.gather(_names(settings, snapshot, resolver), _lists(settings, resolver))
        return {**names, **lists}
    finally:
        resolver.close()


async def _names(settings: Settings, snapshot: Snapshot, resolver: Resolver) -> dict[str, Reading]:
    """Ask, see what the answers lead to, and ask again, until nothing is left or the time is over."""
    readings: dict[str, Reading] = {}
    deadline = asyncio.get_running_loop().time() + DNS_SECONDS
    for _ in range(_ROUNDS):
        known = replace(snapshot, readings={**snapshot.readings, **readings})
        wanted = own_names.questions(known, settings)
        left = MOST_QUESTIONS - len(readings)
        if not wanted or left <= 0:
            break
        answers = await _asked(wanted[:left], resolver, deadline)
        readings |= {
            dns_records.source(*question): _reading(answer)
            for question, answer in zip(wanted[:left], answers, strict=True)
        }
    return readings


async def _asked(wanted: Sequence[own_names.Question], resolver: Resolver, deadline: float) -> list[Answer]:
    async def one(name: str, kind: str) -> Answer:
        try:
            async with asyncio.timeout_at(deadline):
                return await resolver.lookup(name, kind)
        except TimeoutError:
            return Unknown(f"DNS: no answer in {DNS_SECONDS:g} s for all questions together")

    return list(await asyncio.gather(*(one(name, kind) for name, kind in wanted)))


def _reading(answer: Answer) -> Reading:
    from lockdown.scan.dns import NoData, NoSuchName, Records

    match answer:
        case Unknown():
            return answer
        case NoSuchName():
            return f"{dns_records.NO_SUCH_NAME}\n"
        case NoData():
            return f"{dns_records.NO_DATA}\n"
        case Records(values):
            return dns_records.described([_line(value) for value in values])


def _line(value: str | bytes | tuple[int, str]) -> str:
    match value:
        case bytes():
            return dns_records.text_line(value.decode("latin-1"))
        case (preference, name):
            return f"{preference} {name}"
    return value


async def _lists(settings: Settings, resolver: Resolver) -> dict[str, Reading]:
    """Each blocklist's own test (RFC 5782 5): nothing is asked about anybody."""
    from lockdown.scan.blocklists import Blocklist, Blocklists, parse_blocklist

    rules = [rule for text in settings.antispam.blocklists if isinstance(rule := parse_blocklist(text), Blocklist)]
    lists = Blocklists(rules, resolver)
    try:
        async with asyncio.timeout(DNS_SECONDS):
            await lists.test()
    except TimeoutError:
        pass  # those without an answer say so themselves: not tested yet
    return {
        f"{tried.FOLDER}{number}.json": tried.described(
            one.zone, passes=one.passes is True, told=_is_told(one.passes, one.why), why=one.why
        )
        for number, one in enumerate(lists.health(), start=1)
    }


def _is_told(passes: bool | None, why: str) -> bool:
    return passes is not None and not why.startswith("it could not be tested")


def with_live_readings(settings: Settings, snapshot: Snapshot) -> Snapshot:
    """The snapshot with them."""
    live: Mapping[str, Reading] = live_readings(settings, snapshot)
    return replace(snapshot, readings={**snapshot.readings, **live})
