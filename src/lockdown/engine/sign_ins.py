"""Count who signed in from where, and who tried in vain: by network, by login, by both, for up to seven days.

One server tells of one failure in up to three lines (the service, the password database, the end of the connection),
so of these sums the largest is right. Memory is bounded: of networks and logins the ones that were quiet longest go.

Fails as: nothing; what was kept and cannot be read back is as if it had not been.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from statistics import fmean, pstdev
from typing import TypeVar

import msgspec

from lockdown.facts.mail_log.picture import network as network_of
from lockdown.model.accounts import Campaign, Failed, Guesser, SignIn, Stale, Target

HOUR, DAY = 3600.0, 86400.0
PERIODS = (60, 600, 3600, 86400, 7 * 86400)
SPRAYED = 3
"""So many other accounts tried in vain from a network: whoever gets in from there now has guessed."""
_OWNER_FOR = 30 * DAY
_KNOWN_FOR = 90 * DAY
_LONGEST = 7 * DAY
_MOST = 20_000
_MOST_NETWORKS = 64
_MOST_LOGINS = 64
_MOST_TIMES = 512
_TIMES_OF_LOGIN, _TIMES_OF_NOBODY, _FEWEST_TIMES = 2_048, 64, 8
"""Of one login, over all networks: in use, and of a name that only strangers know."""
_NAMES_OF_NETWORK = 50
"""Distinct logins in the hours past: what more there were, tells nothing more. A botnet tries millions in a week."""
_MOST_CLIENTS = 16
_MOST_TOLD = 50
_REGULAR = 0.25
_FEWEST = 5

V = TypeVar("V")


class Hour(msgspec.Struct):
    """What failed from one network within an hour of the clock."""

    told: int = 0
    summed: int = 0
    refused: int = 0
    logins: set[str] = msgspec.field(default_factory=set)

    @property
    def failures(self) -> int:
        return max(self.told, self.summed, self.refused)


class Network(msgspec.Struct):
    """One network that tried in vain."""

    hours: dict[int, Hour] = msgspec.field(default_factory=dict)
    recent: list[tuple[float, str]] = msgspec.field(default_factory=list)
    """When, and at whose account, lately."""
    clients: dict[str, int] = msgspec.field(default_factory=dict)


class Login(msgspec.Struct):
    """One account, and where it was opened and tried."""

    since: float = 0.0
    """When it was opened first."""
    opened: dict[str, float] = msgspec.field(default_factory=dict)
    """By network, when it was opened from there last."""
    today: dict[str, tuple[float, bool, int, int]] = msgspec.field(default_factory=dict)
    """By network: when, new, other accounts and this one tried before."""
    failed: dict[str, list[float]] = msgspec.field(default_factory=dict)
    """By network, when it failed; the newest."""


class SignIns(msgspec.Struct):
    """All of it. Times are seconds, as the log has them."""

    networks: dict[str, Network] = msgspec.field(default_factory=dict)
    logins: dict[str, Login] = msgspec.field(default_factory=dict)
    owners: dict[str, float] = msgspec.field(default_factory=dict)
    """Networks from which somebody signed in while nobody guessed there, and when last."""

    # ── counting ──

    def failed(self, at: float, login: str | None, address: str, attempts: int = 1, source: str = "told") -> None:
        """So many attempts in vain; `source` is which of the three lines says so."""
        net = network_of(address)
        kept = self._network(net, at)
        hour = self._hour(kept, at)
        setattr(hour, source, getattr(hour, source) + attempts)
        kept.clients[address] = kept.clients.get(address, 0) + attempts
        if len(kept.clients) > _MOST_CLIENTS:
            del kept.clients[min(kept.clients, key=kept.clients.__getitem__)]
        name = plain(login)
        if source != "summed":
            kept.recent = [*kept.recent[-_MOST_TIMES:], (at, name)]
        if name:
            if len(hour.logins) < _MOST_LOGINS:
                hour.logins.add(name)
            self._tried(at, name, net, source)

    @staticmethod
    def _hour(kept: Network, at: float) -> Hour:
        """The running one; when it begins, the names of those before are bounded, the newest kept."""
        number = int(at // HOUR)
        if number not in kept.hours:
            room = _NAMES_OF_NETWORK
            for _, past in sorted(kept.hours.items(), reverse=True):
                if len(past.logins) > room:
                    past.logins = set(sorted(past.logins)[:room])
                room -= len(past.logins)
            kept.hours[number] = Hour()
        return kept.hours[number]

    def _tried(self, at: float, name: str, net: str, source: str) -> None:
        login = self._login(name)
        times = login.failed.setdefault(net, [])
        # The service and the password database tell of the same attempt.
        if not (source == "refused" and times and at - times[-1] < 3.0):
            times.append(at)
        most = (_TIMES_OF_LOGIN if login.since else _TIMES_OF_NOBODY) // len(login.failed)
        del times[: -min(_MOST_TIMES, max(_FEWEST_TIMES, most))]
        _bound(login.failed, _MOST_NETWORKS)

    def opened(self, at: float, login: str, address: str) -> None:
        """Somebody signed in."""
        name, net = plain(login), network_of(address)
        if not name or not net:
            return
        kept = self._login(name)
        kept.since = kept.since or at
        before = kept.opened.get(net)
        is_new = (before is None or at - before > _KNOWN_FOR) and at - kept.since > DAY
        others = self._others(net, name, at)
        if before is None or net not in kept.today:
            own = sum(at - DAY < time <= at for time in kept.failed.get(net, ()))
            kept.today[net] = (at, is_new, 0 if self.is_owner(net, at) else others, own)
        kept.opened[net] = max(at, before or 0.0)
        _bound(kept.opened, _MOST_NETWORKS)
        _bound(kept.today, _MOST_NETWORKS)
        if others < SPRAYED:
            self.owners[net] = max(at, self.owners.get(net, 0.0))
            _bound(self.owners, _MOST)

    def _others(self, net: str, name: str, at: float) -> int:
        kept = self.networks.get(net)
        if kept is None:
            return 0
        return len(set().union(*(hour.logins for hour in _within(kept, _LONGEST, at))) - {name})

    def _network(self, net: str, at: float) -> Network:
        kept = self.networks.pop(net, None) or Network()
        self.networks[net] = kept  # the last to fail stands last
        _bound(self.networks, _MOST)
        oldest = int((at - _LONGEST) // HOUR)
        for hour in [hour for hour in kept.hours if hour < oldest]:
            del kept.hours[hour]
        return kept

    def _login(self, name: str) -> Login:
        kept = self.logins.pop(name, None) or Login()
        self.logins[name] = kept
        if len(self.logins) > _MOST:
            # Names that only strangers know go first, so that a flood of them does not forget who is at home.
            strange = next((one for one, login in self.logins.items() if not login.since and one != name), None)
            del self.logins[strange or next(iter(self.logins))]
        return kept

    def forgive(self, login: str, at: float, *, learn: bool) -> None:
        """From where it was opened before then is no sign any more; without `learn` it is not known there either."""
        kept = self.logins.get(plain(login))
        if kept is None:
            return
        for net in [net for net, opened in kept.today.items() if opened[0] <= at]:
            _, is_new, others, _ = kept.today.pop(net)
            if not learn and (is_new or others >= SPRAYED):
                kept.opened.pop(net, None)

    # ── what it comes to ──

    def sign_ins(self, login: str, now: float) -> tuple[SignIn, ...]:
        """Where the account was opened from within a day."""
        kept = self.logins.get(plain(login))
        if kept is None:
            return ()
        return tuple(
            SignIn(net, new, others, own) for net, (at, new, others, own) in kept.today.items() if now - at < DAY
        )

    def known_since(self, login: str) -> float | None:
        """When it was first opened, as far as is known."""
        kept = self.logins.get(plain(login))
        return kept.since if kept and kept.since else None

    def is_owner(self, net: str, now: float) -> bool:
        """Somebody signed in from there within 30 days, while nobody guessed."""
        return now - self.owners.get(net, 0.0) < _OWNER_FOR

    def guessers(self, now: float) -> tuple[Guesser, ...]:
        """The networks that failed within the day, those of most distinct logins first."""
        found = []
        for net, kept in self.networks.items():
            within = tuple(_failed(kept, seconds, now) for seconds in PERIODS)
            if within[3].failures > 1:
                logins = set().union(*(hour.logins for hour in _within(kept, DAY, now)))
                clients = tuple(sorted(kept.clients, key=kept.clients.__getitem__, reverse=True))
                found.append(Guesser(net, clients, within, tuple(sorted(logins)[:10]), self.is_owner(net, now)))
        found.sort(key=lambda one: (one.within[3].logins, one.within[3].failures), reverse=True)
        return tuple(found[:_MOST_TOLD])

    def targets(self, now: float) -> tuple[Target, ...]:
        """The accounts that were tried within the day, from networks that never opened them."""
        found = []
        for name, kept in self.logins.items():
            strange = {net: times for net, times in kept.failed.items() if net not in kept.opened and times}
            if not any(now - times[-1] < DAY for times in strange.values()):
                continue
            within = tuple(_tried_within(strange, seconds, now) for seconds in PERIODS[2:])
            most = Counter({net: sum(now - time < DAY for time in times) for net, times in strange.items()})
            found.append(Target(name, within, tuple(net for net, count in most.most_common(20) if count)))
        found.sort(key=lambda one: one.within[1][1:], reverse=True)
        return tuple(found[:_MOST_TOLD])

    def campaigns(self, now: float) -> tuple[Campaign, ...]:
        """Over all networks: each may try so little that nothing is to be seen of it alone."""
        strange = {
            name: {net: times for net, times in kept.failed.items() if net not in kept.opened}
            for name, kept in self.logins.items()
            if kept.since and kept.failed
        }
        return tuple(_campaign(strange, seconds, now) for seconds in PERIODS[2:])

    def stale(self, now: float) -> tuple[Stale, ...]:
        """Accounts that fail again and again from a network that has opened them before, which tries no other."""
        found = []
        for name, kept in self.logins.items():
            for net, all_times in kept.failed.items():
                times = [time for time in all_times if now - DAY < time <= now]
                if len(times) >= _FEWEST and now - kept.opened.get(net, 0.0) < _OWNER_FOR and self._alone(net, now):
                    found.append(Stale(name, net, len(times), _interval(times)))
        found.sort(key=lambda one: one.failures, reverse=True)
        return tuple(found[:_MOST_TOLD])

    def _alone(self, net: str, now: float) -> bool:
        kept = self.networks.get(net)
        return kept is None or _failed(kept, 86400, now).logins <= 1


def plain(login: str | None) -> str:
    """As it is counted: logins differ in case only by accident."""
    return (login or "").strip().casefold()[:128]


def _within(kept: Network, seconds: float, now: float) -> Iterable[Hour]:
    oldest, newest = int((now - seconds) // HOUR) + 1, int(now // HOUR)
    return (hour for at, hour in kept.hours.items() if oldest <= at <= newest)


def _failed(kept: Network, seconds: int, now: float) -> Failed:
    recent = [(at, name) for at, name in kept.recent if now - seconds < at <= now]
    if seconds <= HOUR:
        return Failed(seconds, len(recent), len({name for _, name in recent if name}))
    hours = list(_within(kept, seconds, now))
    return Failed(seconds, sum(hour.failures for hour in hours), len(set().union(*(hour.logins for hour in hours))))


def _tried_within(strange: dict[str, list[float]], seconds: int, now: float) -> tuple[int, int, int]:
    counts = [count for times in strange.values() if (count := sum(now - seconds < time <= now for time in times))]
    return seconds, sum(counts), len(counts)


def _campaign(strange: dict[str, dict[str, list[float]]], seconds: int, now: float) -> Campaign:
    failures, networks, logins = 0, set[str](), []
    for name, nets in strange.items():
        tried = {net: count for net, times in nets.items() if (count := sum(now - seconds < at <= now for at in times))}
        if tried:
            failures += sum(tried.values())
            networks |= tried.keys()
            logins.append(name)
    return Campaign(seconds, failures, len(logins), len(networks), tuple(sorted(logins)[:10]))


def _interval(times: list[float]) -> float | None:
    """The seconds between two, where they are about the same."""
    gaps = [after - before for before, after in pairwise(times)]
    mean = fmean(gaps)
    return mean if mean > 0 and pstdev(gaps) < _REGULAR * mean else None


def _bound(kept: dict[str, V], most: int) -> None:
    while len(kept) > most:
        del kept[next(iter(kept))]
