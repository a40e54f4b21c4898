"""Is Lockdown itself well? Settings, state directory, disk, clock, certificate, versions, upstream, gateway, console,
engines, canary, alerts, the mail server's log; and what is half done, and when a drill last proved it all.

Fails as: a `Symptom` for each part; one that cannot be examined is UNKNOWN with the reason, never well.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sqlite3
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lockdown import __version__
from lockdown.config import Loaded, Settings, documented
from lockdown.engine.alert_health import alerts_work, canary_arrives
from lockdown.engine.answering import (
    Processes,
    console_answers,
    gateway_answers,
    gateway_processes,
    upstreams_answer,
)
from lockdown.engine.engines_answer import engines_answer
from lockdown.engine.log_health import log_is_seen
from lockdown.engine.room import room_of
from lockdown.engine.standing import standing_of, symptoms_of
from lockdown.engine.symptom import Symptom, doubtful, ill, unsure, well
from lockdown.model.errors import OperatorError
from lockdown.model.finding import State
from lockdown.model.units import ByteSize
from lockdown.model.unknown import Unknown
from lockdown.state.layout import StateDirectory
from lockdown.state.store import open_store

LITTLE_ROOM = ByteSize.parse("1 GiB")
SOON = timedelta(days=14)
_YEAR_OF_BUILD = 2025
_TIME_ERROR = 5

Check = Callable[[Loaded, datetime], Iterable[Symptom]]


def examine(loaded: Loaded, now: datetime) -> Iterator[Symptom]:
    """Every part in turn, as told by itself."""
    for part, check in CHECKS.items():
        yield from _guarded(part, check, loaded, now)


def _guarded(part: str, check: Check, loaded: Loaded, now: datetime) -> list[Symptom]:
    """A part that cannot be examined is no reason not to examine the others."""
    try:
        return list(check(loaded, now))
    except OperatorError as problem:
        return [ill(part, f"{problem.what}: {problem.why}", problem.try_this)]
    except Exception as error:
        return [unsure(part, f"could not be examined: {type(error).__name__}: {error}", "lockdown doctor --json")]


def worst(symptoms: Iterable[Symptom]) -> int:
    """The exit code: 1 when something is ill, 3 when nothing is but something could not be told, else 0."""
    states = {symptom.state for symptom in symptoms}
    if State.FAIL in states:
        return 1
    return 3 if State.UNKNOWN in states else 0


def _versions(loaded: Loaded, now: datetime) -> Iterator[Symptom]:
    try:
        loop = f", uvloop {version('uvloop')}"
    except PackageNotFoundError:
        loop = ", no uvloop"
    python = platform.python_version()
    yield well("versions", f"lockdown {__version__}, Python {python}, SQLite {sqlite3.sqlite_version}{loop}, {_tls()}")


def _tls() -> str:
    return " ".join(ssl.OPENSSL_VERSION.split()[:2])


def _settings(loaded: Loaded, now: datetime) -> Iterator[Symptom]:
    files = ", ".join(loaded.files) or "no settings file: embedded defaults"
    yield well("settings", f"{files}; {len(loaded.origins)} of {len(list(documented()))} set")
    strangers = [listen for listen in loaded.settings.gateway.listen if not _is_loopback(listen)]
    if strangers and "example.org" in loaded.settings.site.domains:
        yield doubtful(
            "settings",
            f"{strangers[0]} faces strangers, but site.domains is still example.org: all your mail is refused",
            'set site.domains = ["your.domain"] in lockdown.toml     (lockdown init finds it)',
        )


def _is_loopback(listen: str) -> bool:
    return listen.startswith(("127.", "[::1]", "localhost:"))


def _state_directory(loaded: Loaded, now: datetime) -> Iterator[Symptom]:
    directory = Path(loaded.settings.state.directory)
    if not directory.is_dir():
        yield doubtful("state", f"{directory} is not there yet", "lockdown up     (makes it)")
    elif not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        yield ill("state", f"{directory} cannot be written by this user", f"ls -ld {directory}     (or use sudo)")
    elif (mode := directory.stat().st_mode & 0o777) & 0o077:
        yield ill("state", f"{directory} is open to others (mode {mode:o}): mail lies in it", f"chmod 700 {directory}")
    else:
        yield well("state", f"{directory} is ours alone")


def _disk(loaded: Loaded, now: datetime) -> Iterator[Symptom]:
    match room_of(loaded.settings, Path(loaded.settings.state.directory)):
        case Unknown(why):
            yield unsure("disk", why, "df -h")
        case room:
            free, least, type_this = ByteSize(room.free), ByteSize(room.least), f"df -h {room.path}"
            if room.is_full:
                says = f"{free} free at {room.path}, {least} are needed: mail is deferred (452)"
                yield ill("disk", says, type_this)
            elif free < LITTLE_ROOM:
                yield doubtful("disk", f"{free} free at {room.path}", type_this)
            else:
                yield well("disk", f"{free} free at {room.path}")


def _clock(loaded: Loaded, now: datetime) -> Iterator[Symptom]:
    if now.year < _YEAR_OF_BUILD:
        yield ill("clock", f"it says {now:%Y-%m-%d}", "timedatectl     (set the clock)")
        return
    newest = _newest_file(Path(loaded.settings.state.directory))
    if newest and newest > now + timedelta(minutes=5):
        yield ill("clock", f"it says {now:%F %T}Z, but we wrote a file at {newest:%F %T}Z: it went back", "timedatectl")
    elif _is_unsynchronised():
        yield doubtful("clock", f"{now:%F %T}Z; no time server keeps it right", "apt-get install systemd-timesyncd")
    else:
        yield well("clock", f"{now:%F %T}Z, kept right by a time server")


def _newest_file(directory: Path) -> datetime | None:
    times = [file.stat().st_mtime for file in (*directory.glob("*"), *directory.glob("log/*"))]
    return datetime.fromtimestamp(max(times), UTC) if times else None


def _is_unsynchronised() -> bool:
    """What the kernel knows: adjtimex(2) returns TIME_ERROR while nobody has set the clock by a time server."""
    timex = ctypes.create_string_buffer(512)
    return int(ctypes.CDLL(None).adjtimex(timex)) == _TIME_ERROR


def _store(loaded: Loaded, now: datetime) -> Iterator[Symptom]:
    directory = StateDirectory(Path(loaded.settings.state.directory))
    if not directory.database.exists():
        yield doubtful("store", "there is none yet", "lockdown up     (makes it)")
        return
    with closing(open_store(directory.path)) as store:
        totals, rows = store.quarantine_totals(), store.held_ids()
    yield well("store", f"opens; {totals.messages} messages held, {ByteSize(totals.size_bytes)}")
    yield _spool(directory, rows)


def _spool(directory: StateDirectory, rows: set[str]) -> Symptom:
    files = {file.stem for file in directory.quarantine.glob("??/*.eml")}
    if missing := sorted(rows - files):
        says = f"{len(missing)} held messages have no octets on the disk: {', '.join(missing[:3])}"
        return ill("spool", says, f"lockdown quarantine show {missing[0]}     (and restore quarantine/ from a backup)")
    return well("spool", f"every held message is on the disk; {len(files - rows)} files await the sweep")


def _certificate(loaded: Loaded, now: datetime) -> Iterator[Symptom]:
    own = Path(loaded.settings.state.directory) / "tls" / "self-signed.pem"
    path = Path(loaded.settings.gateway.tls_certificate or own)
    if not path.exists() and not loaded.settings.gateway.tls_certificate:
        yield doubtful("certificate", "none yet: a self-signed one is made at the first start", "lockdown up")
        return
    yield _judged_certificate(path, loaded.settings, now)


def _judged_certificate(path: Path, settings: Settings, now: datetime) -> Symptom:
    mend = f"openssl x509 -noout -enddate -in {path}"
    try:
        ends = _end_of(path)
        _must_fit_its_key(path, settings)
    except (OSError, ValueError) as error:
        return ill("certificate", f"{path} cannot be used: {getattr(error, 'strerror', None) or error}", mend)
    left = ends - now
    says = f"{path} ends {ends:%Y-%m-%d}, in {left.days} days"
    if left <= timedelta(0):
        return ill("certificate", f"{path} ended {ends:%Y-%m-%d}", "renew it (certbot renew), then reload the gateway")
    return doubtful("certificate", says, "certbot renew") if left < SOON else well("certificate", says)


def _end_of(path: Path) -> datetime:
    from cryptography import x509

    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc


def _must_fit_its_key(path: Path, settings: Settings) -> None:
    if settings.gateway.tls_certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path, settings.gateway.tls_key or None)


def _workers(loaded: Loaded, now: datetime) -> Iterator[Symptom]:
    match gateway_processes(Path(loaded.settings.state.directory)):
        case Processes(alive, ()):
            yield well("workers", f"{len(alive)} processes of the gateway run")
        case Processes(_, dead):
            yield ill("workers", f"{len(dead)} processes that should run do not", "lockdown up     (starts it again)")
        case Unknown(why):
            yield unsure("workers", why, "lockdown up     (or: systemctl start lockdown-gateway)")


def _gateway(loaded: Loaded, now: datetime) -> Iterable[Symptom]:
    return gateway_answers(loaded.settings)


def _console(loaded: Loaded, now: datetime) -> Iterable[Symptom]:
    return [console_answers(loaded.settings)]


def _upstream(loaded: Loaded, now: datetime) -> Iterable[Symptom]:
    return upstreams_answer(loaded.settings)


def _engines(loaded: Loaded, now: datetime) -> Iterable[Symptom]:
    return engines_answer(loaded.settings, now)


def _canary(loaded: Loaded, now: datetime) -> Iterable[Symptom]:
    return canary_arrives(loaded.settings, now)


def _alerts(loaded: Loaded, now: datetime) -> Iterable[Symptom]:
    return alerts_work(loaded.settings, now)


def _mail_log(loaded: Loaded, now: datetime) -> Iterable[Symptom]:
    return log_is_seen(loaded.settings, now)


def _standing(loaded: Loaded, now: datetime) -> Iterable[Symptom]:
    return symptoms_of(standing_of(loaded.settings), now)


CHECKS: dict[str, Check] = {
    "versions": _versions,
    "settings": _settings,
    "state": _state_directory,
    "disk": _disk,
    "store": _store,
    "clock": _clock,
    "certificate": _certificate,
    "gateway": _gateway,
    "workers": _workers,
    "console": _console,
    "upstream": _upstream,
    "engines": _engines,
    "canary": _canary,
    "alerts": _alerts,
    "mail log": _mail_log,
    "changes": _standing,
}
"""In the order in which one would look: the ground first, then what stands on it."""
