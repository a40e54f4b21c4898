"""Count what each account sends outside: how much, to whom it never wrote before, what comes back, how fast.

Counted is the first try for each recipient of each message, as the mail server's log tells it; panes are ten minutes of
the log's own time. What was usual is the most of the months before, without the last day, and without what left an
account while it was held. Memory is bounded: of accounts the ones that were quiet longest go.

Fails as: nothing; what was kept and cannot be read back is as if it had not been.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

import msgspec

from lockdown.facts.mail_log.events import Delivered, Queued, Received, Titled
from lockdown.mime.words import decoded_words
from lockdown.model.accounts import Left, Sent, Usual
from lockdown.state.remembered import Remembered

PANE = 600.0
_HOUR_PANES, _DAY_PANES = 6, 144
_MOST_ACCOUNTS = 5_000
_MOST_OPEN = 50_000
_MOST_SIZES = 64
_MOST_LEFT = 500
_LONGEST_SUBJECT = 120
_MOST_TIMES = 400
_MOST_SENDERS = 50
_MONTHS = 13
_MONTH = 30 * 86400.0
_LOCAL = frozenset(("local", "virtual", "lmtp", "pipe"))
_FEW_DAYS = 14
_MOST = ("widest", "widest_new")
_SUMS = tuple(name for name in Sent._fields if name not in ("alike", *_MOST))


class Pane(msgspec.Struct):
    """Ten minutes of one account."""

    messages: int = 0
    external: int = 0
    first_time: int = 0
    unknown: int = 0
    returned: int = 0
    new_senders: int = 0
    widest: int = 0
    widest_new: int = 0
    sizes: dict[int, int] = msgspec.field(default_factory=dict)


class Peak(msgspec.Struct):
    """The most of one month."""

    hour: int = 0
    day: int = 0
    first_time_hour: int = 0
    first_time_day: int = 0


class Sender(msgspec.Struct):
    """One account."""

    since: float
    forgiven: float = 0.0
    """When a person let it go last."""
    panes: dict[int, Pane] = msgspec.field(default_factory=dict)
    times: list[float] = msgspec.field(default_factory=list)
    peaks: dict[int, Peak] = msgspec.field(default_factory=dict)
    old: list[tuple[int, int, int]] = msgspec.field(default_factory=list)
    """Panes that were let go of last: number, external, first-time."""
    days: dict[int, tuple[int, int]] = msgspec.field(default_factory=dict)
    hours: list[int] = msgspec.field(default_factory=lambda: [0] * 24)
    """On how many days something was sent at this hour."""
    active_days: int = 0
    active_hour: int = 0
    senders: list[str] = msgspec.field(default_factory=list)
    left: list[tuple[float, str, str]] = msgspec.field(default_factory=list)
    subjects: dict[str, str] = msgspec.field(default_factory=dict)
    """By queue id; of those that left."""


class Open(msgspec.Struct):
    """A message that is in the mail server."""

    user: str
    size: int = 0
    sender: str | None = None
    seen: set[str] = msgspec.field(default_factory=set)
    subject: str = ""
    strangers: int = 0
    """Of its recipients, those never written to before."""


class Kept(msgspec.Struct):
    """What outlives a restart."""

    accounts: dict[str, Sender] = msgspec.field(default_factory=dict)
    open: dict[str, Open] = msgspec.field(default_factory=dict)


class Sending:
    """All accounts. `domains` are ours: what goes there does not go outside."""

    def __init__(self, domains: Collection[str]) -> None:
        self._domains = frozenset(domain.casefold() for domain in domains)
        self.kept = Kept()
        self.written_to = Remembered(400_000)
        """Account and recipient."""
        self.heard_from = Remembered(200_000)
        """Mailbox and sender."""
        self.moved: Counter[str] = Counter()
        """How much has left each account since somebody took it out of here."""

    # ── counting ──

    def received(self, event: Received) -> None:
        """A message begins."""
        self.kept.open.pop(event.queue_id, None)
        if event.user and not event.local:
            self._open(event.queue_id, Open(event.user.casefold()[:128]))

    def queued(self, at: float, event: Queued) -> None:
        """It is in the queue; said again at each further try."""
        known = self.kept.open.get(event.queue_id)
        if known is None:
            known = Open("", event.size, event.sender)
            self._open(event.queue_id, known)
            return
        if known.sender is not None or not known.user:
            return
        known.size, known.sender = event.size, event.sender
        account = self._account(known.user, at)
        pane = self._pane(account, at)
        pane.messages += 1
        account.times = [*account.times[-_MOST_TIMES:], at]
        self._sender(account, pane, known)

    def titled(self, event: Titled) -> None:
        """Its subject; said before it is in the queue."""
        known = self.kept.open.get(event.queue_id)
        if known is not None and known.user:
            known.subject = decoded_words(event.subject.encode("utf-8", "surrogateescape"))[:_LONGEST_SUBJECT]

    def _sender(self, account: Sender, pane: Pane, message: Open) -> None:
        sender = (message.sender or "").casefold()[:254]
        if not sender or sender in account.senders:
            return
        is_own = sender == message.user or sender.partition("@")[0] == message.user.partition("@")[0]
        # The first that is ever seen is taken for its own.
        if account.senders and not is_own:
            pane.new_senders += 1
        account.senders = [*account.senders[-_MOST_SENDERS:], sender]

    def delivered(self, at: float, daemon: str, event: Delivered) -> None:
        """One try for one recipient."""
        message = self.kept.open.get(event.queue_id)
        if message is None:
            return
        recipient = (event.original or event.recipient).casefold()[:254]
        is_outside = daemon not in _LOCAL and event.recipient.rpartition("@")[2].casefold() not in self._domains
        if not message.user:
            if not is_outside and event.status == "sent":
                self._came(at, recipient, message.sender or "")
        elif is_outside and recipient not in message.seen:
            message.seen.add(recipient)
            self._went(at, recipient, message, event)

    def _went(self, at: float, recipient: str, message: Open, event: Delivered) -> None:
        account = self._account(message.user, at)
        pane = self._pane(account, at)
        pane.external += 1
        pane.widest = max(pane.widest, len(message.seen))
        is_heard = f"{message.user} {recipient}" in self.heard_from
        if self.written_to.add(f"{message.user} {recipient}") and not is_heard:
            pane.first_time += 1
            message.strangers += 1
            pane.widest_new = max(pane.widest_new, message.strangers)
        # An answer to a forged sender comes back, too: whoever writes to a desk that answers must not have it held.
        if event.status == "bounced" and event.dsn.startswith("5") and not is_heard:
            pane.unknown += 1
        size = message.size // 64
        if size in pane.sizes or len(pane.sizes) < _MOST_SIZES:
            pane.sizes[size] = pane.sizes.get(size, 0) + 1
        account.left = [*account.left[-_MOST_LEFT:], (at, recipient, event.queue_id)]
        if message.subject:
            account.subjects[event.queue_id] = message.subject
            if len(account.subjects) > _MOST_LEFT:
                del account.subjects[next(iter(account.subjects))]
        self.moved[message.user] += 1
        self._clocked(account, at)

    def _clocked(self, account: Sender, at: float) -> None:
        hour = int(at // 3600)
        if hour // 24 != account.active_hour // 24:
            account.active_days += 1
        if hour != account.active_hour:
            account.hours[hour % 24] += 1
            account.active_hour = hour

    def _came(self, at: float, recipient: str, sender: str) -> None:
        """Mail for a mailbox of ours: a bounce comes back, or somebody has written to it."""
        for name in (recipient, recipient.rpartition("@")[0]):
            if not sender:
                if (account := self.kept.accounts.get(name)) is not None:
                    self._pane(account, at).returned += 1
            elif name:
                self.heard_from.add(f"{name} {sender.casefold()[:254]}")

    def gone(self, queue_id: str) -> None:
        """It has left the queue."""
        self.kept.open.pop(queue_id, None)

    def _open(self, queue_id: str, message: Open) -> None:
        self.kept.open[queue_id] = message
        if len(self.kept.open) > _MOST_OPEN:
            del self.kept.open[next(iter(self.kept.open))]

    def _account(self, user: str, at: float) -> Sender:
        account = self.kept.accounts.pop(user, None) or Sender(at)
        self.kept.accounts[user] = account  # the last to send stands last
        if len(self.kept.accounts) > _MOST_ACCOUNTS:
            del self.kept.accounts[next(iter(self.kept.accounts))]
        return account

    def _pane(self, account: Sender, at: float) -> Pane:
        number = int(at // PANE)
        if number not in account.panes:
            account.panes[number] = Pane()
        return account.panes[number]

    # ── what it comes to ──

    def settle(self, now: float, held: Collection[str]) -> None:
        """What is older than a day becomes what was usual, but for accounts that are held."""
        oldest = int(now // PANE) - _DAY_PANES
        for user, account in self.kept.accounts.items():
            for number in sorted(number for number in account.panes if number < oldest):
                pane = account.panes.pop(number)
                if user not in held:
                    _learn(account, number, pane)

    def forgive(self, user: str, at: float, *, learn: bool) -> bool:
        """What it sent before then counts no more; with `learn` it is usual. False: that was known."""
        account = self.kept.accounts.get(user)
        if account is None or account.forgiven >= at:
            return False
        account.forgiven = at
        account.times = [time for time in account.times if time > at]
        for number in sorted(number for number in account.panes if number * PANE <= at):
            pane = account.panes.pop(number)
            if learn:
                _learn(account, number, pane)
        return True

    def recent(self, now: float) -> Iterable[tuple[str, Sender]]:
        """The accounts with something within the day; of one that was let go, what left remains to be told."""
        oldest = int(now // PANE) - _DAY_PANES
        return (
            (user, one)
            for user, one in self.kept.accounts.items()
            if any(at >= oldest for at in one.panes) or (one.left and one.left[-1][0] > now - 86400)
        )


def sent(account: Sender, now: float, panes: int) -> Sent:
    """What left within so many panes, the running one with them."""
    newest = int(now // PANE)
    found = [pane for number, pane in account.panes.items() if newest - panes <= number <= newest]
    sizes: Counter[int] = Counter()
    for pane in found:
        sizes.update(pane.sizes)
    sums = {name: sum(getattr(pane, name) for pane in found) for name in _SUMS}
    most = {name: max((getattr(pane, name) for pane in found), default=0) for name in _MOST}
    return Sent(**sums, **most, alike=max(sizes.values(), default=0))


def hour(account: Sender, now: float) -> Sent:
    """Of the last hour."""
    return sent(account, now, _HOUR_PANES)


def day(account: Sender, now: float) -> Sent:
    """Of the last day."""
    return sent(account, now, _DAY_PANES)


def usual(account: Sender) -> Usual:
    """The most of the months before."""
    peaks = list(account.peaks.values())
    return Usual(*(max((getattr(peak, name) for peak in peaks), default=0) for name in Usual._fields))


def fastest(account: Sender, now: float) -> int:
    """Most messages within two minutes of the last hour."""
    times = sorted(time for time in account.times if now - 3600 < time <= now)
    begin, most = 0, 0
    for end, time in enumerate(times):
        while time - times[begin] > 120:
            begin += 1
        most = max(most, end - begin + 1)
    return most


def unusual_hour(account: Sender, now: float) -> bool:
    """It sends on many days, and never did at this hour nor at those beside it."""
    at = int(now // 3600) % 24
    return account.active_days >= _FEW_DAYS and not any(
        account.hours[(at + beside) % 24] > (beside == 0) for beside in (-1, 0, 1)
    )


def left(account: Sender, now: float) -> tuple[Left, ...]:
    """What went outside within the day."""
    from datetime import UTC, datetime

    return tuple(
        Left(datetime.fromtimestamp(at, UTC), recipient, queue_id, account.subjects.get(queue_id, ""))
        for at, recipient, queue_id in account.left
        if now - 86400 < at
    )


def _learn(account: Sender, number: int, pane: Pane) -> None:
    """One pane becomes history; panes come in their order."""
    account.old = [one for one in account.old if number - one[0] < _HOUR_PANES]
    account.old.append((number, pane.external, pane.first_time))
    at = number * PANE
    external, first_time = account.days.get(int(at // 86400), (0, 0))
    account.days = {int(at // 86400): (external + pane.external, first_time + pane.first_time)}
    peak = account.peaks.setdefault(int(at // _MONTH), Peak())
    today = account.days[int(at // 86400)]
    peak.hour = max(peak.hour, sum(one[1] for one in account.old))
    peak.first_time_hour = max(peak.first_time_hour, sum(one[2] for one in account.old))
    peak.day, peak.first_time_day = max(peak.day, today[0]), max(peak.first_time_day, today[1])
    for month in sorted(account.peaks)[:-_MONTHS]:
        del account.peaks[month]
