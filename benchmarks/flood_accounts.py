"""Hijacked accounts and guessed passwords, among users who do what users do: a fast thief live, the slow ones replayed.

Live: a whole mail server of its own (`flood_world`), real Postfix and Dovecot, gateway and agent; the
thief signs in with a good password and sends 2000 letters an hour in real time. Beside him a secretary invites a club
of eighty in one letter, somebody travels, somebody writes to sixty customers that he knows.

Replayed: what lasts for hours. The lines are those that this very Postfix has written in the live run, with other
times, addresses and names; they are read by the product's own eyes and judged by its own room, step by step.

Fails as: `Unmeasurable` without root or network namespaces; a defence that does not start is named.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeGuard

from benchmarks.figures import Figure, NotMeasured, Sign, Target, Unmeasurable
from benchmarks.flood_mail import DOMAIN, WANTED, Letter
from benchmarks.flood_world import LOG, PASSWORD, Defence, FloodWorld
from benchmarks.session import Measured
from lockdown.checklist.monitoring.accounts import watch
from lockdown.config import read_settings
from lockdown.engine.accounts import AccountLog
from lockdown.facts.holding import DENY_TABLE, HOLD_TABLE
from lockdown.model.alarm import Alarm
from lockdown.model.traffic import Grip, GripUser, Restrain
from lockdown.model.window import Window

VICTIM, SECRETARY, TRAVELLER, SELLER = "anna", "carol", "dora", "bert"
USERS = (VICTIM, SECRETARY, TRAVELLER, SELLER)
THIEF = "203.0.113.66"
FAST_A_HOUR, SLOW_A_HOUR = 2000, 40
MOST_FAST, MOST_SLOW = 49, 199
"""Held before fifty, and before two hundred."""
GUESTS, CUSTOMERS = 80, 60
_HOMES = {user: f"198.18.{place}.10" for place, user in enumerate(USERS)}
_HOTEL = "203.0.114.20"
_OFFICE = "198.18.77.10"
_STRANGER = "203.0.115.77"
_SPRAYERS = tuple(f"100.64.{number}.9" for number in range(12))
_LIVE_SECONDS, _LEAST_SECONDS = 100.0, 65.0
_PAST_DAYS = 21
_DOVECOT_LOG = "/var/log/dovecot.log"
_DENY = f"passdb {{\n  driver = passwd-file\n  deny = yes\n  args = {DENY_TABLE}\n}}\n"
_LOGS = f'[monitoring]\nmail_logs = ["{LOG}", "{_DOVECOT_LOG}"]\n'
_STAMP = re.compile(r"^(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)(?: \S+(?= postfix))?")
_TAKEN = re.compile(r": (\w{5,24}): client=\S+\[([^\]]+)\], .*sasl_username=([^\s,]+)")
_TO = re.compile(r" to=<[^>]*>")
_SENT = re.compile(r": (\w{5,24}): to=<([^>]*)>.* status=sent")
_HELD = re.compile(r": (\w{5,24}): hold: ")


class AccountsWorld(FloodWorld):
    """The machine with users who have a past; ours runs whole, with its agent, and Postfix asks whom it holds."""

    def _set_up_lockdown(self) -> None:
        machine = self.machine
        for table in (HOLD_TABLE, DENY_TABLE):
            machine.write(table, "")
        machine.run("postconf", "-e", f"smtpd_end_of_data_restrictions=check_sasl_access texthash:{HOLD_TABLE}")
        conf = machine.read("/etc/dovecot/dovecot.conf")
        machine.write("/etc/dovecot/dovecot.conf", conf.replace("passdb {", f"{_DENY}passdb {{", 1))
        machine.write(LOG, "".join(past(datetime.now(UTC))), 0o666)
        super()._set_up_lockdown()
        machine.start(sys.executable, "-m", "lockdown", "agent", "--config", "/etc/lockdown/lockdown.toml")

    def __enter__(self) -> AccountsWorld:
        super().__enter__()
        # Dovecot sees by itself that there are more.
        self.machine.write("/etc/dovecot/users", "".join(f"{user}:{{PLAIN}}{PASSWORD}\n" for user in USERS))
        return self


def past(now: datetime) -> Iterator[str]:
    """Weeks in which each wrote five letters a day to twenty people, as Postfix tells it."""
    number = 0
    for day in range(_PAST_DAYS, 0, -1):
        for user, home in _HOMES.items():
            for hour in range(5):
                number += 1
                at = f"{now - timedelta(days=day, hours=5 - hour):%Y-%m-%dT%H:%M:%S}+00:00 mail postfix"
                queue_id, friend = f"AB{number:06X}", f"friend{number % 20}@{user}-friends.example"
                login = f"sasl_method=PLAIN, sasl_username={user}"
                yield (
                    f"{at}/submission/smtpd[1]: {queue_id}: client=pc[{home}], {login}\n"
                    f"{at}/qmgr[2]: {queue_id}: from=<{user}@{DOMAIN}>, size={900 + number}, nrcpt=1 (queue active)\n"
                    f"{at}/smtp[3]: {queue_id}: to=<{friend}>, relay=mx[192.0.2.1]:25, delay=1, delays=0/0/1/0, "
                    "dsn=2.0.0, status=sent (250 ok)\n"
                    f"{at}/qmgr[2]: {queue_id}: removed\n"
                )
    for number in range(CUSTOMERS):  # they have written to the one who sells
        at = f"{now - timedelta(days=3):%Y-%m-%dT%H:%M:%S}+00:00 mail postfix"
        yield (
            f"{at}/smtpd[1]: CD{number:06X}: client=mx[192.0.2.99]\n"
            f"{at}/qmgr[2]: CD{number:06X}: from=<customer{number}@customers.example>, size=900, nrcpt=1 (queue "
            "active)\n"
            f"{at}/lmtp[3]: CD{number:06X}: to=<{SELLER}@{DOMAIN}>, relay=x, delay=1, delays=0/0/1/0, dsn=2.0.0, "
            "status=sent (250 ok)\n"
        )


# ── live ──


def fast_thief(seconds: float) -> Iterator[Letter]:
    """A letter each 1.8 s to somebody else, five in a session, from a network that the account never was in."""
    for number in range(int(seconds * FAST_A_HOUR / 3600)):
        to = (f"victim{number}@victims{number % 9}.example",)
        yield _letter(number * 3600 / FAST_A_HOUR, "thief", VICTIM, to, THIEF, f"thief{number // 5}")


def wanted(seconds: float) -> Iterator[Letter]:
    """What the others do meanwhile."""
    guests = tuple(f"guest{number}@club{number % 40}.example" for number in range(GUESTS))
    yield _letter(10.0, "invitation", SECRETARY, guests, _HOMES[SECRETARY], "invitation")
    for number in range(6):
        to = (f"hotel{number}@hotels.example" if number % 2 else f"friend{number}@{TRAVELLER}-friends.example",)
        yield _letter(5.0 + number * seconds / 8, "trip", TRAVELLER, to, _HOTEL, f"trip{number}")
    for number in range(CUSTOMERS):
        to = (f"customer{number}@customers.example",)
        yield _letter(2.0 + number * seconds / 80, "customers", SELLER, to, _HOMES[SELLER], f"customers{number // 10}")


def _letter(at: float, kind: str, user: str, to: tuple[str, ...], client: str, talk: str) -> Letter:
    label = kind if kind == "thief" else WANTED
    content = f"From: {user}@{DOMAIN}\r\nSubject: {kind} {to[0]}\r\n\r\nhello {to[0]}\r\n"
    sender = f"{user}@{DOMAIN}"
    return Letter(0, at, label, kind, talk, client, "pc.example", sender, to, content, user=user, password=PASSWORD)


@dataclass(frozen=True, slots=True)
class Live:
    """What the server's log and the clients tell of one run."""

    left: int
    """Recipients outside whom a letter of the thief has reached, over the whole run."""
    sent: int
    """Letters that he has tried to send."""
    held_after: float | None
    """Seconds from his first letter to the first that was held or refused; None: none was."""
    wanted: int
    harmed: tuple[str, ...]
    log: str = field(repr=False, default="")


def judged(log: str, rows: Sequence[dict[str, Any]]) -> Live:
    """From what Postfix has written and the clients have heard."""
    users = {found[1]: found[3] for found in _TAKEN.finditer(log)}
    held = [users.get(found[1], "") for found in _HELD.finditer(log)]
    left = sum(users.get(found[1]) == VICTIM for found in _SENT.finditer(log) if not _is_past(found[1]))
    thief = sorted((row for row in rows if row["label"] != WANTED), key=_ended)
    others = [row for row in rows if row["label"] == WANTED]
    stopped = _stopped(thief, left)
    harmed = [f"{row['kind']}: {row['code']} {row['text']}" for row in others if row["code"] != 250]
    harmed += [f"{user}: a letter is held" for user in held if user != VICTIM]
    return Live(left, len(thief), stopped, len(others), tuple(harmed), log)


def _stopped(thief: Sequence[dict[str, Any]], left: int) -> float | None:
    """Each of his letters has one recipient: the first that did not leave is the one behind those that did."""
    return _ended(thief[left]) - float(thief[0]["began"]) if left < len(thief) else None


def _ended(row: dict[str, Any]) -> float:
    return float(row["began"]) + float(row["took"])


def _is_past(queue_id: str) -> bool:
    return queue_id.startswith(("AB0", "CD0")) and len(queue_id) == 8


def run(defence: Defence, place: Path, seconds: float, packages: Sequence[Path]) -> Live:
    """The fast thief against one defence, in real time."""
    settings = _LOGS if defence is Defence.LOCKDOWN else ""
    with AccountsWorld(place / f"hijacked-{defence.name}", defence, {}, settings, packages) as world:
        plan = [*fast_thief(seconds), *wanted(seconds)]
        rows = world.send(plan, seconds + 60, port=587)[1:]
        if len(rows) < len(plan):
            raise Unmeasurable(f"of {len(plan)} letters only {len(rows)} were answered in time")
        if defence is Defence.LOCKDOWN:
            _fail_once(world)
        return judged(world.machine.read(LOG), rows)


def _fail_once(world: FloodWorld) -> None:
    """One login with a wrong password, for the lines that it leaves; the server answers it late, on purpose."""
    world.send(
        [replace(_letter(0.0, "wrong", SECRETARY, (f"x@{DOMAIN}",), _STRANGER, "wrong"), password="wrong")], 30, 587
    )
    end = time.monotonic() + 10
    while f"{_STRANGER}] ehlo=1 auth=0/1" not in world.machine.read(LOG) and time.monotonic() < end:
        time.sleep(0.1)


# ── replayed ──


@dataclass(frozen=True, slots=True)
class Lines:
    """What real servers write of one letter that leaves, and of one password that is refused."""

    letter: tuple[str, ...]
    failure: tuple[str, ...]

    @classmethod
    def of(cls, log: str) -> Lines:
        """Out of the log of the live run."""
        users = {found[1]: found[3] for found in _TAKEN.finditer(log)}
        sent = [found[1] for found in _SENT.finditer(log) if users.get(found[1]) == VICTIM and not _is_past(found[1])]
        lines = log.splitlines()
        letter = tuple(line.replace(sent[0], "QUEUEID") for line in lines if sent and f": {sent[0]}: " in line)
        failure = tuple(line for line in lines if f"[{_STRANGER}]" in line)
        if len(letter) < 4 or not failure:
            raise Unmeasurable("the live run left no lines to replay")
        return cls(letter, failure)


class Replay:
    """A log that is written as time goes on, the product's own eyes on it, and its own room."""

    def __init__(self, folder: Path, lines: Lines, begin: datetime) -> None:
        self._log, self._lines = folder / "mail.log", lines
        self._log.write_text("".join(past(begin)))
        text = f'[site]\nrole = "all-in-one"\ndomains = ["{DOMAIN}"]\n[monitoring]\nmail_logs = ["{self._log}"]\n'
        self._settings = read_settings([("lockdown.toml", text)]).settings
        self._eyes = AccountLog(self._settings, folder)
        self._number = 0

    def letter(self, at: datetime, user: str, to: Sequence[str], client: str) -> None:
        """It is handed in and leaves."""
        self._number += 1
        queue_id, size = f"EE{self._number:06X}", 900 + 613 * self._number % 30_000
        for line in self._lines.letter:
            for one in to if _TO.search(line) else to[:1]:
                told = line.replace("QUEUEID", queue_id).replace(THIEF, client)
                told = re.sub(r"sasl_username=\S+", f"sasl_username={user}", told)
                told = re.sub(
                    r"from=<[^>]*>, size=\d+, nrcpt=1", f"from=<{user}@{DOMAIN}>, size={size}, nrcpt={len(to)}", told
                )
                self._write(at, _TO.sub(f" to=<{one}>", told))

    def failure(self, at: datetime, user: str, client: str) -> None:
        """A password is refused."""
        for line in self._lines.failure:
            told = re.sub(r"sasl_username=\S+", f"sasl_username={user}", line.replace(_STRANGER, client))
            self._write(at, told)

    def _write(self, at: datetime, line: str) -> None:
        with self._log.open("a") as log:
            log.write(f"{at:%Y-%m-%dT%H:%M:%S}+00:00{_STAMP.sub('', line, count=1)}\n")

    def alarms(self, now: datetime) -> list[Alarm]:
        """What the watch says at this moment."""
        return list(watch(Window(now, now, (), (), accounts=self._eyes.look(now)), self._settings))


def slow_thief(folder: Path, lines: Lines, begin: datetime) -> tuple[int | None, set[str]]:
    """Eight hours of forty letters each: how many had left when he was to be held, and who else was to be."""
    replay, reached, held = Replay(folder, lines, begin), None, set[str]()
    others = sorted(_a_day_of_others(begin))
    for number in range(1, 8 * SLOW_A_HOUR + 1):
        now = begin + timedelta(hours=number / SLOW_A_HOUR)
        while others and others[0][0] <= now:
            replay.letter(*others.pop(0))
        if reached is None:
            replay.letter(now, VICTIM, (f"victim{number}@victims{number % 9}.example",), THIEF)
        held |= {wish.user for alarm in replay.alarms(now) for wish in alarm.wishes if _holds(wish)}
        reached = number if VICTIM in held and reached is None else reached
    return reached, held - {VICTIM}


def _holds(wish: object) -> TypeGuard[GripUser]:
    return isinstance(wish, GripUser) and wish.grip >= Grip.HOLD_OUTBOUND


def _a_day_of_others(begin: datetime) -> Iterator[tuple[datetime, str, tuple[str, ...], str]]:
    """An invitation in one letter, eighty people written to by hand, a trip, and customers."""
    guests = tuple(f"guest{number}@club{number % 40}.example" for number in range(GUESTS))
    yield begin + timedelta(minutes=40), SECRETARY, guests, _HOMES[SECRETARY]
    for number in range(GUESTS):
        at = begin + timedelta(hours=1, minutes=3 * number)
        yield at, TRAVELLER, (f"newcomer{number}@fair{number % 30}.example",), _HOTEL
    for number in range(CUSTOMERS):
        yield begin + timedelta(minutes=2 * number), SELLER, (f"customer{number}@customers.example",), _HOMES[SELLER]


def spray(folder: Path, lines: Lines, begin: datetime) -> tuple[float | None, set[str]]:
    """Twelve addresses, a try in ten minutes each: the hours until the last is seen; what else is to be shut out."""
    replay, begun = Replay(folder, lines, begin), set(_SPRAYERS)
    shut = set[str]()
    for minutes in range(0, 24 * 60, 5):
        now = begin + timedelta(minutes=minutes)
        if minutes % 10 == 0:
            for place, address in enumerate(_SPRAYERS):
                replay.failure(now, f"user{(minutes // 10 + 3 * place) % 60}", address)
        replay.failure(now, SECRETARY, _HOMES[SECRETARY])  # a phone that was not told the new password
        if minutes < 60 and minutes % 20 == 0:  # three people of one office mistype theirs
            replay.failure(now, USERS[minutes // 20], _OFFICE)
        shut |= {value for alarm in replay.alarms(now) for wish in alarm.wishes if isinstance(wish, Restrain)
                 for _, value in wish.match}  # fmt: skip
        if begun <= shut:
            return minutes / 60, shut - begun
    return None, shut - begun


# ── figures ──


def measured(place: Path, scale: float, packages: Sequence[Path] = ()) -> Measured:
    """The fast thief against each defence at the same time, then what his server's lines tell of the slow ones."""
    seconds = max(_LEAST_SECONDS, _LIVE_SECONDS * scale)
    with ThreadPoolExecutor(len(Defence)) as pool:
        runs = [(one, pool.submit(run, one, place, seconds, packages)) for one in Defence]
    log = ""
    for defence, future in runs:
        try:
            live = future.result()
        except Unmeasurable as reason:
            yield NotMeasured("flood", f"hijacked account, fast, {defence}", str(reason))
            continue
        log = live.log if defence is Defence.LOCKDOWN else log
        yield from _live_figures(defence, live, seconds)
    yield from _replayed(log)


def _live_figures(defence: Defence, live: Live, seconds: float) -> Measured:
    name, ours = f"hijacked account, {FAST_A_HOUR}/h, {defence}", defence is Defence.LOCKDOWN
    how = f"live: real Postfix and Dovecot, {live.sent} letters in {seconds:.0f} s of real time"
    if live.held_after is None:
        yield NotMeasured("flood", f"{name}: held", f"it never was; {how}, {live.left} left")
    else:
        most = Target(Sign.AT_MOST, MOST_FAST) if ours else None
        yield Figure("flood", f"{name}: reached before it was held", live.left, "recipients", how, most)
        yield Figure("flood", f"{name}: held after", live.held_after, "s", "by itself, no click")
    who = f"of {live.wanted}: an invitation to {GUESTS} in one letter, a trip, {CUSTOMERS} customers; live"
    harms = f"{who}{': ' if live.harmed else ''}{'; '.join(live.harmed[:3])}"
    most = Target(Sign.AT_MOST, 0) if ours else None
    yield Figure("flood", f"{name}: wanted letters held or refused", len(live.harmed), "letters", harms, most)


def _replayed(log: str) -> Measured:
    try:
        lines = Lines.of(log)
    except Unmeasurable as reason:
        yield NotMeasured("flood", "hijacked account, slow, and password spraying", str(reason))
        return
    begin = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0) - timedelta(days=1)
    how = "replayed: lines of the live run with other times, through the product's eyes and room"
    with _folder() as folder:
        reached, others = slow_thief(folder, lines, begin)
    name = f"hijacked account, {SLOW_A_HOUR}/h, Lockdown"
    yield _or_never(f"{name}: reached before it was held", reached, "recipients", how, Target(Sign.AT_MOST, MOST_SLOW))
    who = f"of 3: {GUESTS} in one letter, {GUESTS} by hand in four hours on a trip, {CUSTOMERS} customers; replayed"
    yield Figure("flood", f"{name}: others held", len(others), "accounts", who, Target(Sign.AT_MOST, 0))
    with _folder() as folder:
        hours, wrongly = spray(folder, lines, begin)
    name = "password spraying, 1 in 10 min from 12 addresses, Lockdown"
    yield _or_never(f"{name}: the last is seen after", hours, "h", how, Target(Sign.AT_MOST, 24))
    who = "of 2: a phone with an old password, an office where three mistype theirs; replayed"
    yield Figure("flood", f"{name}: others shut out", len(wrongly), "networks", who, Target(Sign.AT_MOST, 0))
    yield NotMeasured(
        "flood", f"{name.replace('Lockdown', Defence.FAIL2BAN)}", "its jail counts 5 within 10 minutes: never"
    )


def _or_never(name: str, value: float | None, unit: str, how: str, most: Target) -> Figure | NotMeasured:
    if value is None:
        return NotMeasured("flood", name, f"it never was; {how}")
    return Figure("flood", name, value, unit, how, most)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lockdown-bench-") as name:
        yield Path(name)
