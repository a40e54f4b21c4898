"""Does each engine of the settings answer, and does it tell what is bad from what is not?

Each is tried as the gateway tries it: with the test virus, or test spam, and a plain letter. The builtin one reads them
in a reader process of its own; its libraries, rules, lists and model are tried on the way.

Fails as: a `Symptom` that says so; nothing of this takes longer than `SECONDS`.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from lockdown.config import Antivirus, Settings
from lockdown.engine.symptom import Symptom, doubtful, ill, unsure, well
from lockdown.model.errors import OperatorError
from lockdown.model.unknown import Unknown

PART = "engines"
SECONDS = 25.0
_TRIAL_SECONDS = 3.0
_BUILTIN = "builtin"
_LIBRARIES = ("libarchive", "olefile", "pikepdf", "yara_x")
_REINSTALL = "script/setup     (installs what is missing)"
_MEND = {
    "clamd": "systemctl status clamav-daemon     (where it runs; freshclam, if it has no signatures)",
    "rspamd": "systemctl status rspamd     (where it runs)",
    "spamd": "systemctl status spamd     (where it runs)",
}
_WHEN_DOWN = {
    "defer": "until it does, mail is put off (451)",
    "quarantine": "until it does, mail is held for a person",
    "accept-and-mark": "until it does, mail is delivered unjudged by it, with a mark",
}


def engines_answer(settings: Settings, now: datetime) -> Iterator[Symptom]:
    """Every engine of items 1 and 2."""
    for item, section in (("antivirus", settings.antivirus), ("antispam", settings.antispam)):
        if not section.engines:
            yield doubtful(PART, f"{item}.engines is empty: nothing is looked at", f'{item}.engines = ["builtin"]')
    if _BUILTIN in settings.antivirus.engines:
        yield from _guarded(_builtin_antivirus, settings)
    if _BUILTIN in settings.antispam.engines:
        yield from _guarded(_builtin_antispam, settings)
    # In a thread of its own: whoever calls may have an event loop already.
    with ThreadPoolExecutor(1) as pool:
        yield from pool.submit(lambda: asyncio.run(_outside(settings, now))).result()


# ── builtin ──


def _guarded(part: Callable[[Settings], Iterator[Symptom]], settings: Settings) -> list[Symptom]:
    """One engine that cannot be tried is no reason not to try the others."""
    try:
        return list(part(settings))
    except Exception as error:
        return [unsure(PART, f"builtin could not be tried: {type(error).__name__}: {error}", _REINSTALL)]


def _builtin_antivirus(settings: Settings) -> Iterator[Symptom]:
    missing = [library for library in _LIBRARIES if not _is_there(library)]
    if missing:
        yield ill(PART, f"builtin lacks {', '.join(missing)}: what needs it is not read", _REINSTALL)
    try:
        _compile(settings.antivirus)
    except OperatorError as problem:
        yield ill(PART, f"builtin: {problem.what}: {problem.why}", problem.try_this)
        return
    with ThreadPoolExecutor(1) as pool:
        why = pool.submit(lambda: asyncio.run(_reads(settings.antivirus))).result()
    if why:
        down = _WHEN_DOWN[settings.antivirus.unavailable]
        yield ill(PART, f"builtin reads no messages: {why}; {down}", "lockdown gateway     (its first lines say more)")
    elif not missing:
        yield well(PART, "builtin reads messages in a process of its own, finds the test virus, its rules compile")


def _is_there(library: str) -> bool:
    """An absent shared library is an OSError, or what the package makes of it."""
    try:
        importlib.import_module(library)
    except Exception:
        return False
    return True


def _compile(policy: Antivirus) -> None:
    """The rules and lists that the settings name; OperatorError for one that cannot be used."""
    from lockdown.scan.builtin import built
    from lockdown.scan.yara_rules import builtin_rules, compiled, read_rule_file

    built(policy)
    compiled([*builtin_rules(), *(read_rule_file(path) for path in policy.rules)])


async def _reads(policy: Antivirus) -> str:
    """Why a reader process does not tell the test virus from a plain letter; "" when it does."""
    from lockdown.scan.proof import EICAR, plain_letter
    from lockdown.scan.readers import Readers

    readers = Readers(policy, count=1)
    virus = b"Content-Type: application/octet-stream\r\n\r\n" + EICAR + b"\r\n"
    deadline = asyncio.get_running_loop().time() + SECONDS
    try:
        for letter, is_virus in ((virus, True), (plain_letter(), False)):
            read = await readers.read(letter, deadline)
            if isinstance(read, Unknown):
                return read.why
            if bool(read.content.found) is not is_virus:
                return "it does not find the test virus, or finds it everywhere"
    finally:
        await readers.close()
    return ""


def _builtin_antispam(settings: Settings) -> Iterator[Symptom]:
    from lockdown.scan.classifier import Classifier

    loaded = Classifier.load()
    if isinstance(loaded, Unknown):
        down = _WHEN_DOWN[settings.antispam.unavailable]
        yield ill(PART, f"builtin has no model for spam: {loaded.why}; {down}", _REINSTALL)
    else:
        yield well(PART, "builtin has its model for spam")


# ── outside ──


async def _outside(settings: Settings, now: datetime) -> list[Symptom]:
    antivirus = [url for url in settings.antivirus.engines if url != _BUILTIN]
    antispam = [url for url in settings.antispam.engines if url != _BUILTIN]
    asked = [_asked(url, settings.antivirus.unavailable, settings, now) for url in antivirus]
    asked += [_asked(url, settings.antispam.unavailable, settings, now) for url in antispam]
    return list(await asyncio.gather(*asked))


async def _asked(url: str, when_down: str, settings: Settings, now: datetime) -> Symptom:
    mend = _MEND.get(url.partition(":")[0], "lockdown config check")
    try:
        async with asyncio.timeout(SECONDS):
            return await _tried(url, when_down, settings, now)
    except TimeoutError:
        return ill(PART, f"{url} gives no answer in {SECONDS:g} s; {_WHEN_DOWN[when_down]}", mend)
    except Exception as error:  # one engine's trouble is its own
        return ill(PART, f"asking {url} broke: {type(error).__name__}: {error}; {_WHEN_DOWN[when_down]}", mend)


async def _tried(url: str, when_down: str, settings: Settings, now: datetime) -> Symptom:
    from lockdown.scan.clamd import Clamd, ClamdVersion
    from lockdown.scan.rspamd import Rspamd
    from lockdown.scan.spamd import Spamd

    word = url.partition(":")[0]
    client = {"clamd": Clamd, "rspamd": Rspamd, "spamd": Spamd}[word](url, trial=_TRIAL_SECONDS)
    proof = await client.proves_itself()
    if proof is not True:
        why = proof.why if isinstance(proof, Unknown) else client.unproven
        return ill(PART, f"{url}: {why}; {_WHEN_DOWN[when_down]}", _MEND[word])
    match await client.version():
        case Unknown(why):
            return doubtful(PART, f"{url} answers, but its version cannot be read: {why}", _MEND[word])
        case ClamdVersion(version, _, built):
            return _signatures(url, version, built, settings, now)
        case version:
            return well(PART, f"{url} answers, version {version}")


def _signatures(url: str, version: str, built: datetime | None, settings: Settings, now: datetime) -> Symptom:
    """A third of `antivirus.signature_age` is a warning, as the setting says."""
    if built is None:
        return doubtful(PART, f"{url} answers, version {version}, and does not say how old its signatures are", _FRESH)
    age, limit = now - built, settings.antivirus.signature_age
    says = f"{url} answers, version {version}, signatures of {built:%Y-%m-%d %H:%M} UTC"
    if age > limit:
        return ill(PART, f"{says}: {age // timedelta(hours=1)} hours old", _FRESH)
    return doubtful(PART, says, _FRESH) if age > limit / 3 else well(PART, says)


_FRESH = "freshclam     (and systemctl status clamav-freshclam)"
