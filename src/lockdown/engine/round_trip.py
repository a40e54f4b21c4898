"""The canary's round trip: a letter over each way in, seen at each stage, found in its mailbox, and removed again.

It proves what no look at a process proves: that a letter which is sent now arrives. What was missed is looked for again
in later rounds, so that a late one does not lie about.

Fails as: a round that was missed, with its stage and the reason. Bounded in time. OSError when the disk takes no notes.
"""

from __future__ import annotations

import secrets
import smtplib
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from lockdown.config import Settings, upstreams
from lockdown.engine.at_once import Deed, at_once
from lockdown.engine.canary import Arrival, Canary, open_canary
from lockdown.engine.last_word import last_word, queue_id_of
from lockdown.engine.targets import Mailbox, gateway_target, target_of
from lockdown.mime import compose
from lockdown.model.errors import OperatorError
from lockdown.model.step import SENDER
from lockdown.model.unknown import Unknown
from lockdown.model.window import CanaryPath
from lockdown.state.canary_rounds import MOST_ROUNDS, Flown, Round, canary_name, canary_paths, keep_flown, read_flown

_FIRST_AFTER = timedelta(seconds=60)
"""After a start: mail comes first."""
_STEP_SECONDS = 20.0
_LOOK_SECONDS = (0.05, 5.0)
"""Between two looks into the mailbox, the first and the longest."""
_MOST_AGE = 7200.0
"""So long a letter that was missed is looked for, in a mailbox that may be a large one."""
_SUBMISSION_PORT = 587
_OURS = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Way:
    """A way in."""

    name: str
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass
class _Flight:
    """A letter on its way."""

    way: Way
    mark: str
    began: float
    seconds: dict[str, float] = field(default_factory=dict)
    stage: str = "connect"
    """The one that comes next."""
    why: str = ""
    refused: bool = False
    """The server said no: it will never arrive."""
    queue_id: str = ""
    """By which the mail server knows it."""

    def reached(self, stage: str, following: str) -> None:
        self.seconds[stage] = round(time.monotonic() - self.began, 4)
        self.stage = following


def has_canary(settings: Settings) -> bool:
    """Whether it flies at all: there is a mailbox to find it in."""
    wanted = settings.monitoring
    return bool(wanted.canary_every) and (bool(wanted.canary_mailbox) or _is_embedded(settings))


def _is_embedded(settings: Settings) -> bool:
    return any(isinstance(target_of(url, settings), Mailbox) for url in upstreams(settings.gateway))


def ways_of(settings: Settings) -> Iterator[Way]:
    """Each listener of the gateway, of both families where it has both; then the servers that the settings name."""
    for listen in settings.gateway.listen:
        target = gateway_target(listen)
        yield Way(listen, target.host, target.port)
    for server in settings.monitoring.canary_servers:
        if server.startswith("submission://"):
            yield _submission(server, settings)
        else:
            target = gateway_target(server)
            yield Way(server, target.host, target.port)


def _submission(url: str, settings: Settings) -> Way:
    parts = urlsplit(url)
    host, port, user = parts.hostname or "", parts.port or _SUBMISSION_PORT, unquote(parts.username or "")
    password = ""
    if settings.monitoring.canary_submission_password:
        password = Path(settings.monitoring.canary_submission_password).read_text(encoding="utf-8").strip("\r\n")
    return Way(f"submission {host}:{port}", host, port, user, password)


class RoundTrips:
    """Flies for one state directory; its rounds block, each for as long as a letter may take."""

    def __init__(self, settings: Settings, state: Path, first_after: timedelta = _FIRST_AFTER) -> None:
        self._settings, self._state, self._first_after = settings, state, first_after
        self._every = settings.monitoring.canary_every
        self._wait_seconds = settings.monitoring.canary_wait.total_seconds()
        self._due: datetime | None = None
        self._name = canary_name(state) or "canary.invalid"

    def round(self, now: datetime) -> None:
        """One round when it is time for it."""
        if self._due is None or self._due > now + max(
            self._every, self._first_after
        ):  # the first, or the clock was set back
            self._due = now + self._first_after
        if now >= self._due:
            self._due = now + self._every
            self.fly(now)

    def fly(self, now: datetime) -> None:
        """A letter over each way, all at once: who hangs in one must not be as late in the others."""
        flown = read_flown(self._state)
        before = flown if isinstance(flown, Flown) else Flown()
        flights = [_Flight(way, secrets.token_hex(12), time.monotonic()) for way in self._ways()]
        sending = at_once("canary", [partial(self._send, flight, now) for flight in flights])
        arrived = self._find(flights, sending, before.waiting, now)
        rounds = {flight.way.name: _round(flight, arrived.get(flight.mark), now) for flight in flights}
        paths = {name: [*before.paths.get(name, ()), one][-MOST_ROUNDS:] for name, one in rounds.items()}
        keep_flown(self._state, Flown(paths=paths, waiting=self._waiting(before, flights, arrived, now)))

    def _ways(self) -> list[Way]:
        try:
            return list(ways_of(self._settings))
        except (OSError, UnicodeError) as error:
            return [
                Way("submission", "", 0, password=f"its password cannot be read: {getattr(error, 'strerror', error)}")
            ]

    # ── out ──

    def _send(self, flight: _Flight, now: datetime) -> None:
        try:
            self._hand_over(flight, now)
        except smtplib.SMTPRecipientsRefused as error:
            flight.why, flight.refused = "; ".join(_said(code, text) for code, text in error.recipients.values()), True
        except smtplib.SMTPResponseException as error:
            flight.why, flight.refused = _said(error.smtp_code, error.smtp_error), True
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            flight.why = _in_words(error)

    def _hand_over(self, flight: _Flight, now: datetime) -> None:
        way = flight.way
        if not way.host:
            raise OSError(0, way.password)
        connection = socket.create_connection((way.host, way.port), timeout=_STEP_SECONDS)
        flight.reached("connect", "greeting")
        with _Session(connection, way.host, self._name) as session:
            session.greeted()
            flight.reached("greeting", "signed-in" if way.user else "accepted")
            if way.user:
                session.sign_in(way)
                flight.reached("signed-in", "accepted")
            recipient = recipient_of(self._settings)
            sender = _sender(way, recipient)
            session.sendmail(sender, [recipient], letter(sender, recipient, flight.mark, now))
            flight.queue_id = queue_id_of(session.accepted_with)
            flight.reached("accepted", "arrived")

    # ── and in ──

    def _find(
        self, flights: list[_Flight], sending: list[Deed], late: dict[str, float], now: datetime
    ) -> dict[str, Arrival]:
        """What has arrived, the late ones too; all of it is removed."""
        oldest = min([*late.values(), now.timestamp()]) - _STEP_SECONDS
        found: dict[str, Arrival] = {}
        stage = why = ""
        try:
            mailbox = self._mailbox(oldest)
            self._look(mailbox, flights, sending, late, found)
            if found:
                mailbox.remove(found)
        except (OSError, OperatorError, ValueError) as error:
            stage, why = "mailbox", _in_one_line(str(error))
        for one in sending:
            one.wait()
        for flight in flights:
            if flight.stage == "arrived":
                flight.stage, flight.why = stage or "arrived", why or self._not_there(flight)
        return found

    def _look(
        self,
        mailbox: Canary,
        flights: list[_Flight],
        sending: list[Deed],
        late: Iterable[str],
        found: dict[str, Arrival],
    ) -> None:
        pause, waited_since = _LOOK_SECONDS[0], time.monotonic()
        while True:
            # What was not accepted yet is looked for afterwards: each stage comes after the one before.
            is_sent = not any(one.is_alive() for one in sending)
            wanted = {flight.mark: flight for flight in flights if flight.stage == "arrived"}
            for mark, arrival in mailbox.arrivals([*wanted, *late]).items():
                if mark in wanted:
                    wanted[mark].reached("arrived", "")
                found[mark] = arrival
            if not is_sent:
                waited_since = time.monotonic()
            elif wanted.keys() <= found.keys() or time.monotonic() + pause > waited_since + self._wait_seconds:
                return
            time.sleep(pause)
            pause = min(pause * 1.5, _LOOK_SECONDS[1])

    def _not_there(self, flight: _Flight) -> str:
        last = last_word(self._settings.monitoring.mail_logs, flight.queue_id)
        return last or f"it is not there after {self._wait_seconds:.0f} s"

    def _mailbox(self, since: float) -> Canary:
        wanted = self._settings.monitoring
        password = Path(wanted.canary_password) if wanted.canary_password else None
        return open_canary(self._settings, wanted.canary_mailbox, password, since)

    def _waiting(
        self, before: Flown, flights: list[_Flight], arrived: dict[str, Arrival], now: datetime
    ) -> dict[str, float]:
        """Letters that were accepted, or of which that is not known, and did not arrive."""
        doubtful = [flight for flight in flights if "greeting" in flight.seconds and not flight.refused]
        sent = {flight.mark: now.timestamp() for flight in doubtful}
        return {
            mark: at
            for mark, at in {**before.waiting, **sent}.items()
            if mark not in arrived and now.timestamp() - at < _MOST_AGE
        }


class _Session(smtplib.SMTP):
    """The library's session over a connection that we have made, so that each stage can be timed."""

    def __init__(self, connection: socket.socket, host: str, name: str) -> None:
        super().__init__(local_hostname=name, timeout=_STEP_SECONDS)
        self._connection, self._name_of_host = connection, host
        self.sock = connection
        self.accepted_with = ""
        """What the server has said to the letter: it names it."""

    def data(self, msg: Any) -> tuple[int, bytes]:
        """The library's own, whose answer `sendmail` would not tell."""
        code, text = super().data(msg)
        self.accepted_with = text.decode("ascii", "replace")
        return code, text

    def greeted(self) -> None:
        """The server's first word."""
        code, text = self.getreply()
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)

    def sign_in(self, way: Way) -> None:
        """Encrypted, to who proves his name, unless it is on this machine: a password is about to be sent."""
        self.ehlo_or_helo_if_needed()
        if self.has_extn("starttls"):
            context = ssl.create_default_context()
            if way.host in _OURS:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self._host = self._name_of_host  # what the library would have set, had it made the connection
            self.starttls(context=context)
        elif way.host not in _OURS:
            raise OSError(0, "it offers no STARTTLS, and a password is not sent in the clear")
        self.login(way.user, way.password)


def recipient_of(settings: Settings) -> str:
    """Who receives it."""
    return settings.monitoring.canary_to or f"postmaster@{(*settings.site.domains, 'localhost')[0]}"


def _sender(way: Way, recipient: str) -> str:
    """A user may only send as himself."""
    if not way.user:
        return SENDER
    return way.user if "@" in way.user else f"{way.user}@{recipient.rpartition('@')[2]}"


def letter(sender: str, recipient: str, mark: str, now: datetime) -> bytes:
    """A plain one that says what it is, to whoever finds it."""
    header = compose.head(
        f"Lockdown <{sender}>", recipient, f"A canary of {format_datetime(now)}", now, f"{mark}@drill.example",
        "Auto-Submitted: auto-generated",
    )  # fmt: skip
    words = (
        "Hello,\n\nthis letter is sent by the mail server itself, again and again, to see that mail arrives. It is\n"
    )
    return compose.whole(
        header, compose.text(f"{words}removed as soon as it was seen. One that stayed may be deleted.\n")
    )


def _round(flight: _Flight, arrival: Arrival | None, now: datetime) -> Round:
    if arrival is None:
        return Round(now.timestamp(), False, flight.stage, flight.why[:300], flight.seconds)
    return Round(now.timestamp(), True, seconds=flight.seconds, marked=arrival.marked)


def _said(code: int, text: bytes | str) -> str:
    words = text.decode("ascii", "replace") if isinstance(text, bytes) else text
    return _in_one_line(f"it answers {code} {words}")


def _in_one_line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)[:300]


def _in_words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer in {_STEP_SECONDS:.0f} s"
    return str(getattr(error, "strerror", None) or f"it broke off ({type(error).__name__})").lower()


# ── how it stands ──


def canary_now(settings: Settings, state: Path) -> tuple[CanaryPath, ...] | Unknown | None:
    """For the rooms; None where none flies under these settings, or none has flown yet."""
    return canary_paths(read_flown(state)) if has_canary(settings) else None


def canary_missed(settings: Settings, state: Path, now: datetime) -> str:
    """Why mail cannot be said to flow; "" while the canary arrives, and where there is none."""
    if not has_canary(settings):
        return ""
    match canary_now(settings, state):
        case None:
            return "the canary has not flown yet"
        case Unknown(why):
            return f"nobody knows of the canary: {why}"
        case paths:
            late = late_after(settings)
    for one in paths:
        if one.is_lost:
            return f"the canary was missed {one.missed} times over {one.path}: {one.lost}"
        if now.timestamp() - one.tried_at > late.total_seconds():
            since = datetime.fromtimestamp(one.tried_at, UTC)
            return f"the canary has not flown over {one.path} since {since:%F %H:%M} UTC"
    return "" if paths else "the canary has not flown yet"


def late_after(settings: Settings) -> timedelta:
    """A canary that did not fly for so long is itself a failure."""
    return settings.monitoring.canary_every * 3 + settings.monitoring.canary_wait
