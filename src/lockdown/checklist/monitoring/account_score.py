"""How likely an account is in foreign hands: a sum of log-odds, each set by hand and each said in words.

A table of signals; each looks at the facts of one account and says how much it weighs and why. What an account has long
done weighs little, what it has never done weighs more, and a history of a few days halves both. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import log2
from typing import NamedTuple

from lockdown.model.accounts import Account, Sent, SignIn

TELL, HOLD, LOCK = 3.0, 6.0, 9.0
_YOUNG_DAYS = 3
_FEW, _FEW_A_DAY = 8, 16
_BURST, _BURST_A_DAY = 10, 20
_SPRAYED = 3
_GUESSED = 5


class Weight(NamedTuple):
    """One signal: how much it speaks for foreign hands (or against), and why."""

    points: float
    words: str

    def __str__(self) -> str:
        return f"{self.points:+.1f} {self.words}"


def weights(account: Account) -> tuple[Weight, ...]:
    """All that say something, the heaviest first."""
    found = [weight for signal in _SIGNALS for weight in signal(account) if abs(weight.points) >= 0.05]
    return tuple(sorted(found, key=lambda weight: -weight.points))


def score(found: tuple[Weight, ...]) -> float:
    """Their sum."""
    return round(sum(weight.points for weight in found), 2)


def in_words(found: tuple[Weight, ...]) -> str:
    """`+2.3 212 recipients never written to before; +1.9 …`."""
    return "; ".join(map(str, found)) or "nothing unusual"


# ── what it sends ──


def _first_time(account: Account) -> Iterator[Weight]:
    hour, day = account.hour, account.day
    by_hour = _excess(
        hour.first_time - _one_letter(hour.widest_new), max(_FEW, 1.5 * account.usual.first_time_hour), 1.2, 3.5
    )
    by_day = _excess(
        day.first_time - _one_letter(day.widest_new), max(_FEW_A_DAY, 1.5 * account.usual.first_time_day), 1.2, 3.5
    )
    count, period = (account.hour.first_time, "this hour") if by_hour >= by_day else (account.day.first_time, "today")
    yield Weight(
        max(by_hour, by_day) * _trust(account),
        f"{count} recipients {period} that it never wrote to before, and that never wrote to it",
    )


def _burst(account: Account) -> Iterator[Weight]:
    hour, day = account.hour, account.day
    by_hour = _excess(hour.external - _one_letter(hour.widest), max(_BURST, account.usual.hour), 1.0, 2.5)
    by_day = _excess(day.external - _one_letter(day.widest), max(_BURST_A_DAY, account.usual.day), 1.0, 2.5)
    is_hour = by_hour >= by_day
    count, period = (account.hour.external, "this hour") if is_hour else (account.day.external, "today")
    most = account.usual.hour if is_hour else account.usual.day
    yield Weight(
        max(by_hour, by_day) * _trust(account), f"{count} recipients outside {period}; its most before was {most}"
    )


def _known(account: Account) -> Iterator[Weight]:
    sent = _counted(account)
    if sent.external >= _BURST and sent.known_part >= 0.8:
        yield Weight(-2.5, f"{sent.known_part:.0%} of its recipients are known to it")


def _pace(account: Account) -> Iterator[Weight]:
    if account.fastest >= 20 and _counted(account).external:
        yield Weight(1.5, f"{account.fastest} messages within two minutes: no hand types so fast")


def _alike(account: Account) -> Iterator[Weight]:
    if account.hour.alike - _one_letter(account.hour.widest) >= 25:
        yield Weight(0.5, f"{account.hour.alike} recipients got messages of one size")


def _rejected(account: Account) -> Iterator[Weight]:
    sent = _counted(account)
    part = sent.unknown / sent.external if sent.external else 0.0
    points = 2.0 if part >= 0.2 else 1.0 if part >= 0.1 else 0.0
    if sent.unknown >= 5 and points:
        yield Weight(points, f"{sent.unknown} of {sent.external} recipients do not exist ({part:.0%})")
    elif sent.returned >= 5:
        yield Weight(2.0 if sent.returned >= 20 else 1.0, f"{sent.returned} bounces came back to it")


def _senders(account: Account) -> Iterator[Weight]:
    if account.day.new_senders:
        points = 1.5 if account.day.new_senders >= 5 else 0.8
        yield Weight(points, f"{account.day.new_senders} sender addresses that it never used before")


def _hour_of_day(account: Account) -> Iterator[Weight]:
    if account.unusual_hour and account.hour.external >= 10:
        yield Weight(0.8, "it has never sent anything at this time of day")


# ── from where it was opened ──


def _networks(account: Account) -> Iterator[Weight]:
    new = [one for one in account.sign_ins if one.new]
    sprayed = [one for one in account.sign_ins if one.others_failed >= _SPRAYED]
    if sprayed:
        yield _sprayed(max(sprayed, key=lambda one: one.others_failed))
    elif new:
        yield _newest(max(new, key=lambda one: one.own_failed))
    if len(new) >= 3:
        yield Weight(3.0 if len(new) >= 8 else 1.5, f"opened from {len(new)} new networks within a day")


def _sprayed(one: SignIn) -> Weight:
    """Whether the network is new to it says nothing then: of an account that slept for months every one is."""
    known = "new network" if one.new else "network"
    return Weight(3.7, f"{known} {one.network}, from which {one.others_failed} other accounts were tried before")


def _newest(one: SignIn) -> Weight:
    if one.own_failed >= _GUESSED:
        return Weight(2.7, f"new network {one.network} after {one.own_failed} failures there")
    # A trip, a new phone: many have one each month.
    return Weight(0.7, f"new network {one.network}")


_SIGNALS: tuple[Callable[[Account], Iterator[Weight]], ...] = (
    _first_time, _burst, _known, _pace, _alike, _rejected, _senders, _hour_of_day, _networks,
)  # fmt: skip


def _excess(count: int, base: float, slope: float, most: float) -> float:
    """Log-odds grow with each doubling over what is usual."""
    return min(most, slope * log2(count / base)) if count > base else 0.0


def _one_letter(recipients: int) -> int:
    """What one letter to so many is not counted for: an invitation of a whole club is one deed; a thief writes on."""
    return max(0, recipients - _FEW)


def _trust(account: Account) -> float:
    """Of an account that was first seen some days ago, everybody is new."""
    return 1.0 if account.known_days >= _YOUNG_DAYS else 0.5


def _counted(account: Account) -> Sent:
    """The hour, or the day where the hour says too little."""
    return account.hour if account.hour.external >= _BURST else account.day
