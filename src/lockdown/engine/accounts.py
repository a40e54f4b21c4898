"""Accounts, as the mail server's logs tell of them: follow the logs, keep the counts, say how it is at one moment.

What is kept lies below the state directory and outlives a restart: the counts and the memory of who wrote to whom, both
bounded. Files: accounts.json, written-to, heard-from, accounts-positions.json.

Fails as: `Accounts.unseen` in words for a log that may not be read; Unknown(why) where there is none at all.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from lockdown.config import Settings
from lockdown.engine import sending
from lockdown.engine.log_reader import Happened, LogReader
from lockdown.engine.sending import Sender, Sending
from lockdown.engine.sign_ins import SignIns, plain
from lockdown.facts.mail_log.events import (
    Delivered,
    Disconnected,
    Gone,
    LoggedIn,
    LoginFailed,
    PasswordRefused,
    Queued,
    Received,
    Titled,
)
from lockdown.host.change.files import FileImage, put
from lockdown.host.grips import Released
from lockdown.host.log_sources import closed, is_there, sources
from lockdown.model.accounts import Account, Accounts
from lockdown.model.errors import OperatorError
from lockdown.model.traffic import Grip
from lockdown.model.unknown import Unknown

POSITIONS = "accounts-positions.json"
COUNTS, WRITTEN_TO, HEARD_FROM = "accounts.json", "written-to", "heard-from"
_KEEP_EVERY = 60.0
_MOST_BYTES = 64 << 20
_MOST_GLANCED = 32
"""Accounts that one glance judges; those that are left over are judged at the next."""
_WORTH_A_GLANCE = 3
"""Recipients of one account: at fewer the next look is soon enough, and most accounts never write to more."""
_MOST_MISSED = 10


class Kept(msgspec.Struct):
    """The counts, as they lie in the file."""

    sending: sending.Kept
    sign_ins: SignIns


class AccountLedger:
    """Counts events, in the order in which they are told. Reads nothing and writes nothing."""

    def __init__(self, domains: Collection[str]) -> None:
        self.sending = Sending(domains)
        self.sign_ins = SignIns()

    def take(self, happened: Happened) -> None:
        """One event."""
        if count := _COUNTED.get(type(happened.event)):
            count(self, happened, happened.event)

    def facts(self, now: datetime, held: Collection[str] = (), unseen: str = "") -> Accounts:
        """How it is now."""
        moment = now.timestamp()
        self.sending.settle(moment, held)
        return Accounts(
            tuple(self._account(user, one, moment) for user, one in self.sending.recent(moment)),
            self.sign_ins.guessers(moment),
            self.sign_ins.targets(moment),
            self.sign_ins.stale(moment),
            self.sign_ins.campaigns(moment),
            frozenset(held),
            unseen,
        )

    def forgive(self, released: Iterable[Released]) -> bool:
        """A person has let these go: only what they do from then on is looked at. False: all of that was known."""
        forgiven = [
            one for one in released if self.sending.forgive(plain(one.user), one.at.timestamp(), learn=one.was_owner)
        ]
        for one in forgiven:
            self.sign_ins.forgive(one.user, one.at.timestamp(), learn=one.was_owner)
        return bool(forgiven)

    def moved(self, now: datetime, most: int) -> Iterator[Account]:
        """Accounts of which some letters have left since they were told of last; without the list of what left."""
        moment = now.timestamp()
        moved = [user for user, count in self.sending.moved.items() if count >= _WORTH_A_GLANCE]
        for user in moved[:most]:
            del self.sending.moved[user]
            if (sender := self.sending.kept.accounts.get(user)) is not None:
                yield self._account(user, sender, moment, lists=False)

    def _account(self, user: str, sender: Sender, now: float, *, lists: bool = True) -> Account:
        since = min(sender.since, self.sign_ins.known_since(user) or sender.since)
        return Account(
            user,
            max(0, int((now - since) // 86400)),
            sending.hour(sender, now),
            sending.day(sender, now),
            sending.fastest(sender, now),
            sending.usual(sender),
            self.sign_ins.sign_ins(user, now),
            sending.unusual_hour(sender, now),
            sending.left(sender, now) if lists else (),
        )

    # ── events ──

    def _received(self, happened: Happened, event: Received) -> None:
        self.sending.received(event)
        if event.user and event.address and not event.local:
            self.sign_ins.opened(happened.at.timestamp(), event.user, event.address)

    def _logged_in(self, happened: Happened, event: LoggedIn) -> None:
        self.sign_ins.opened(happened.at.timestamp(), event.user, event.address)

    def _failed(self, happened: Happened, event: LoginFailed) -> None:
        self.sign_ins.failed(happened.at.timestamp(), event.user, event.address, event.attempts)

    def _refused(self, happened: Happened, event: PasswordRefused) -> None:
        self.sign_ins.failed(happened.at.timestamp(), event.user, event.address, source="refused")

    def _disconnected(self, happened: Happened, event: Disconnected) -> None:
        if event.failed_logins:
            self.sign_ins.failed(happened.at.timestamp(), None, event.address, event.failed_logins, "summed")

    def _queued(self, happened: Happened, event: Queued) -> None:
        self.sending.queued(happened.at.timestamp(), event)

    def _titled(self, happened: Happened, event: Titled) -> None:
        self.sending.titled(event)

    def _delivered(self, happened: Happened, event: Delivered) -> None:
        self.sending.delivered(happened.at.timestamp(), happened.daemon, event)

    def _gone(self, happened: Happened, event: Gone) -> None:
        self.sending.gone(event.queue_id)


_COUNTED: dict[type[Any], Callable[[AccountLedger, Happened, Any], None]] = {
    Received: AccountLedger._received,
    Titled: AccountLedger._titled,
    Queued: AccountLedger._queued,
    Delivered: AccountLedger._delivered,
    Gone: AccountLedger._gone,
    LoggedIn: AccountLedger._logged_in,
    LoginFailed: AccountLedger._failed,
    PasswordRefused: AccountLedger._refused,
    Disconnected: AccountLedger._disconnected,
}


class AccountLog:
    """The ledger of one state directory, fed by the logs of the settings. Not for two threads at once."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._folder = folder
        # Before a server elsewhere nobody signs in here.
        self._is_gateway = settings.site.role == "gateway"
        self._logs = sources(settings.monitoring.mail_logs)
        self.ledger = AccountLedger(settings.site.domains)
        self._damaged = self._restore()
        self._reader = LogReader(self._logs, folder / POSITIONS)
        self._kept_at = 0.0
        self._policy = settings.monitoring
        self._missed: dict[str, None] = {}
        """What glances could not read, until a look tells it."""
        self._firmest: dict[str, int] = {}
        """How firmly an account was to be held when a glance saw it last."""

    def glance(self, now: datetime) -> bool:
        """Count what has been written since: whether an account is to be held more firmly than at the glance before."""
        if not self._readable():
            return False
        with suppress(OperatorError):  # the next look meets it again, and says so
            self._take(now)
        firmer = [account for account in self.ledger.moved(now, _MOST_GLANCED) if self._is_firmer(account)]
        if firmer:
            self._kept_at = 0.0  # who is about to be held is looked at by people, and by other processes
        return bool(firmer)

    def _is_firmer(self, account: Account) -> bool:
        grip, _, _ = _room().judge(account, self._policy)
        if grip is None or grip < Grip.HOLD_OUTBOUND:
            self._firmest.pop(account.user, None)
            return False
        before = self._firmest.get(account.user, 0)
        self._firmest[account.user] = max(before, grip)
        return bool(grip > before)

    def look(
        self, now: datetime, held: Collection[str] = (), released: Iterable[Released] = ()
    ) -> Accounts | Unknown | None:
        """Count what has been written since the last look; how it is now. None: there is nothing to count here."""
        if self._is_gateway and not any(map(is_there, self._logs)):
            return None
        if not self._readable():
            why = "; ".join(closed(log) or f"{log} is not there" for log in self._logs)
            return Unknown(f"no log of a mail server can be read: {why or 'none is named'}")
        try:
            self._take(now)
        except OperatorError as error:
            return Unknown(f"{error.what}: {error.why}")
        self.ledger.sending.moved.clear()  # who looks judges all of them
        if self.ledger.forgive(released):
            self._kept_at = 0.0
        missed = (*self._missed, *([self._damaged] if self._damaged else []))
        self._missed.clear()
        self._keep_sometimes(now)
        return self.ledger.facts(now, held, "; ".join(missed))

    def _take(self, now: datetime) -> None:
        told = self._reader.look(now)
        for happened in told.events:
            self.ledger.take(happened)
        for words in told.missed[: _MOST_MISSED - len(self._missed)]:
            self._missed[words] = None

    def keep(self) -> None:
        """Everything as it was counted, and then where we are in the logs; OperatorError for a full disk."""
        kept = Kept(self.ledger.sending.kept, self.ledger.sign_ins)
        for name, octets in (
            (WRITTEN_TO, self.ledger.sending.written_to.octets()),
            (HEARD_FROM, self.ledger.sending.heard_from.octets()),
            (COUNTS, msgspec.json.encode(kept)),
        ):
            put(FileImage(str(self._folder / name), octets, 0o600, os.geteuid(), os.getegid()))
        self._reader.keep()

    def close(self) -> None:
        """Let go of the logs."""
        self._reader.close()

    def _keep_sometimes(self, now: datetime) -> None:
        if abs(now.timestamp() - self._kept_at) >= _KEEP_EVERY:
            self._kept_at = now.timestamp()
            with suppress(OperatorError):  # the next minute tries again; a full disk has an alarm of its own
                self.keep()

    def _restore(self) -> str:
        sends = self.ledger.sending
        for name, memory in ((WRITTEN_TO, sends.written_to), (HEARD_FROM, sends.heard_from)):
            with suppress(OSError):
                memory.restore((self._folder / name).read_bytes())
        try:
            kept = kept_in(self._folder / COUNTS)
        except FileNotFoundError:
            return ""
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return f"{COUNTS} was damaged, and is begun anew: {type(error).__name__}"
        sends.kept, self.ledger.sign_ins = kept.sending, kept.sign_ins
        return ""

    def _readable(self) -> list[str]:
        return [log for log in self._logs if is_there(log) and not closed(log)]


def kept_in(path: Path) -> Kept:
    """The counts of a file; what msgspec and the system say of one that cannot be read."""
    with path.open("rb") as file:
        return msgspec.json.decode(file.read(_MOST_BYTES), type=Kept)


def kept_facts(settings: Settings, folder: Path, now: datetime, held: Collection[str] = ()) -> Accounts | Unknown:
    """As it was counted last, for who only looks: at most a minute old while the watch runs."""
    ledger = AccountLedger(settings.site.domains)
    try:
        kept = kept_in(folder / COUNTS)
    except FileNotFoundError:
        return Unknown("nobody has counted yet: the gateway counts, from the logs in monitoring.mail_logs")
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Unknown(f"{folder / COUNTS} cannot be read: {error}")
    ledger.sending.kept, ledger.sign_ins = kept.sending, kept.sign_ins
    return ledger.facts(now, held)


class Reason(NamedTuple):
    """One sign, as the room weighs it."""

    points: float
    words: str


class Judged(NamedTuple):
    """One account, as the room judges it: how sure it is that it is in foreign hands, and why."""

    account: Account
    points: float
    reasons: tuple[Reason, ...]


def _room() -> Any:
    return importlib.import_module("lockdown.checklist.monitoring.accounts")


def judged(found: Accounts, settings: Settings) -> list[Judged]:
    """All accounts of the day, the likeliest in foreign hands first."""
    told = []
    for account in found.accounts:
        _, reasons, points = _room().judge(account, settings.monitoring)
        told.append(Judged(account, points, tuple(Reason(one.points, one.words) for one in reasons)))
    return sorted(told, key=lambda one: one.points, reverse=True)
