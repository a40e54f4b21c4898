"""Tell the owner of an account that it was held: once, in plain words, and what to do next; never a password or a link.

Two letters. The one in the mailbox is read by the thief too: it says what he notices anyway, that mail waits, and whom
to ask; not why it was noticed, nor what has left. The whole story, with whom to warn, goes to an address elsewhere, if
one is written down for the account, over the first relay of `alerts.to`: from there, and by nobody who only holds the
mailbox, a new password may be asked for.

Fails as: a line in the incident, once; it is tried again for a day, later and later.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import assert_never
from urllib.parse import quote

from lockdown.config import Settings, upstreams
from lockdown.engine import alert_paths
from lockdown.engine.alert_paths import NotTold, Outcome, Told
from lockdown.engine.alerts import Words, moment
from lockdown.engine.incidents import answered
from lockdown.engine.targets import Mailbox, target_of
from lockdown.engine.telling import Bounded, host_of
from lockdown.model.alarm import Answer, Incident
from lockdown.model.alert_path import MailPath, read_path
from lockdown.model.finding import Severity
from lockdown.model.unknown import Unknown
from lockdown.probe.smtp import Accepted, Caller, Deadlines, Letter, NotSent, Refused, deliver
from lockdown.state.store import Store

HIJACKED = "monitoring.hijacked-account"
LEFT = "what left today"
"""The source of the evidence that lists it."""
_WITHIN_SECONDS = 30.0
_COMMIT_SECONDS = 10.0
_TRIED_FOR = timedelta(days=1)
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
_MOST_OCTETS = 4 << 20
_ADDRESS = re.compile(r"[A-Za-z0-9._+=-]{1,64}@[A-Za-z0-9.-]{1,250}")
"""Where a letter may go: nothing that a header, a URL or a server could take for more than an address."""
_NEVER = "Nobody will ever ask you for your password, not in reply to this letter either. There is nothing to click."
_DEADLINES = Deadlines(connect=5.0, command=10.0, piece=10.0, final=20.0)

Inside = Callable[[str, Words, str], Outcome]
Elsewhere = Callable[[str, Words, str], Outcome]


def addresses_in(text: str) -> dict[str, str]:
    """By account, its address elsewhere: a line for each, `USER ADDRESS`. What is neither is passed over."""
    found = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if len(words) == 2 and _ADDRESS.fullmatch(words[1]):
            found[words[0].casefold()] = words[1]
    return found


# ── in words ──


def words_inside(user: str, host: str, *, locked: bool) -> Words:
    """For the mailbox, where a thief may be reading."""
    state = (
        "Your account was locked: your mail waits, and your password opens nothing."
        if locked
        else "What you send outside waits for the moment. Nothing is lost, and you can go on reading."
    )
    return Words(
        f"Your mail account {user}: please call your administrator",
        f"{state}\n\n"
        f"{host} has seen mail leave your account {user} in a way that is not yours. Somebody else may know your "
        "password.\n\n"
        "What to do now:\n"
        "  1. Call your administrator, or see them. Do not answer this letter, and do not ask by mail.\n"
        "  2. Choose a new password together, one that you use nowhere else.\n"
        "  3. If it was you who sent it, say so: the mail that waits is then sent as it is.\n\n" + _NEVER,
        Severity.HIGH,
    )


def words_elsewhere(incident: Incident, host: str, *, locked: bool) -> Words:
    """For the address elsewhere: what has happened, and whom to warn."""
    state = "locked: its password opens nothing" if locked else "held: what it sends outside waits in the queue"
    left = [f"{one.source}: {one.text}" for one in incident.evidence if one.source == LEFT]
    gone = ["", "This left before, in your name; you may want to warn these people:", *left] if left else []
    return Words(
        f"Your mail account {incident.object} at {host} was {'locked' if locked else 'held'}",
        "\n".join((
            f"Your account is {state}, since {moment(incident.opened_at)}.",
            "",
            "Somebody else most likely knows its password. Nothing that waits is lost.",
            *gone,
            "",
            "What to do now:",
            "  1. Call your administrator, and choose a new password that you use nowhere else.",
            "  2. Change it wherever else you have used the old one; look for rules that forward or delete your mail.",
            "  3. If it was you who sent it, say so: the mail that waits is then sent as it is.",
            "",
            _NEVER,
        )),
        Severity.HIGH,
    )  # fmt: skip


# ── when ──


@dataclass(frozen=True, slots=True)
class _Due:
    """A letter that has not been written: its beginning in the incident, where it goes, and how."""

    begins: str
    send: Callable[[], Outcome]


_ELSEWHERE = "its owner was told elsewhere"
"""Before it is known where that is."""


class AccountLetters:
    """Writes what is due for one state directory. Its deeds block: to be called in a thread of their own."""

    def __init__(
        self, settings: Settings, store: Store, inside: Inside | None = None, elsewhere: Elsewhere | None = None
    ) -> None:
        self._settings, self._store, self._host = settings, store, host_of(settings)
        self._inside = inside or partial(into_mailbox, settings)
        self._elsewhere = elsewhere or partial(over_relay, settings)
        self._failures: dict[tuple[int, str], tuple[int, datetime]] = {}
        """By incident and letter: how often it failed, and when it is tried again."""

    def round(self, now: datetime) -> None:
        """What is due now; of an incident that is older than a day nothing more is."""
        if self._settings.alerts.owners == "never":
            return
        for incident in self._store.open_incidents():
            gripped = _gripped(incident)
            if gripped is not None and now - gripped.at < _TRIED_FOR:
                for due in self._due(incident, gripped, now):
                    self._write(incident, due, now)

    def _due(self, incident: Incident, gripped: Answer, now: datetime) -> Iterator[_Due]:
        user, locked = incident.object, " is locked" in gripped.says
        addresses = self._addresses()
        if isinstance(addresses, NotTold) and self._may(incident, _ELSEWHERE, now):
            yield _Due(_ELSEWHERE, partial(_said, addresses))
        address = "" if isinstance(addresses, NotTold) else addresses.get(user.casefold(), "")
        elsewhere, inside = f"its owner was told at {address}", "its owner was told in the mailbox"
        if address and self._may(incident, elsewhere, now):
            words = words_elsewhere(incident, self._host, locked=locked)
            yield _Due(elsewhere, partial(self._elsewhere, address, words, self._host))
        if self._settings.alerts.owners == "both" and self._may(incident, inside, now):
            words = words_inside(user, self._host, locked=locked)
            yield _Due(inside, partial(self._inside, user, words, self._host))

    def _may(self, incident: Incident, begins: str, now: datetime) -> bool:
        if any(one.done and one.says.startswith(begins) for one in incident.answers):
            return False
        _, again = self._failures.get((incident.number, begins), (0, now))
        return again <= now

    def _write(self, incident: Incident, due: _Due, now: datetime) -> None:
        match Bounded(due.send).outcome(_WITHIN_SECONDS):
            case Told(says):
                self._failures.pop((incident.number, due.begins), None)
                self._note(incident, Answer(now, f"{due.begins}: {says}", done=True))
            case NotTold(why):
                count = self._failures.get((incident.number, due.begins), (0, now))[0]
                pause = min(_FIRST_PAUSE * 2 ** min(count, 10), _LONGEST_PAUSE)
                self._failures[incident.number, due.begins] = (count + 1, now + pause)
                answer = Answer(now, f"{due.begins}: not yet, {why}", done=False)
                if all(one.says != answer.says for one in incident.answers):
                    self._note(incident, answer)

    def _note(self, incident: Incident, answer: Answer) -> None:
        self._store.change_incident(incident.number, partial(answered, answer=answer)).result(_COMMIT_SECONDS)

    def _addresses(self) -> Mapping[str, str] | NotTold:
        """None where no file is named; a file that cannot be read is no file without addresses."""
        path = self._settings.alerts.owner_addresses
        if not path:
            return {}
        try:
            with Path(path).open("rb") as file:
                return addresses_in(file.read(_MOST_OCTETS).decode("utf-8", "replace"))
        except OSError as error:
            return NotTold(f"{path}: {error.strerror}", "lockdown config explain alerts.owner_addresses")


def _said(outcome: Outcome) -> Outcome:
    return outcome


def _gripped(incident: Incident) -> Answer | None:
    """The first answer that held the account; None: it is not held, or somebody only would have."""
    if incident.name != HIJACKED:
        return None
    begins = f"account {incident.object} is "
    return next((one for one in incident.answers if one.done and one.says.startswith(begins)), None)


# ── sending ──


def into_mailbox(settings: Settings, user: str, words: Words, host: str) -> Outcome:
    """By the server behind, as mail from outside comes to it."""
    address = user if "@" in user else f"{user}@{(*settings.site.domains, host)[0]}"
    if not _ADDRESS.fullmatch(address):
        return NotTold("its name is no address")
    target = target_of(next(iter(upstreams(settings.gateway))), settings)
    if isinstance(target, Mailbox):
        return NotTold("there is no mail server behind")
    message = alert_paths.letter(MailPath(host, 25, (address,)), words, host)
    octets = message.as_bytes(policy=message.policy.clone(linesep="\r\n", max_line_length=998))
    sent = deliver(target, Letter("", (address,), lambda: (octets,), len(octets)), Caller(host, _DEADLINES))
    match sent:
        case Accepted(refused=refused):
            code = refused[0][1].code if refused else 0
        case Refused(reply=reply):
            code = reply.code
        case NotSent(why) | Unknown(why):
            return NotTold(why)
        case _:
            assert_never(sent)
    return NotTold(f"the mail server answers {code}") if code else Told("the mail server has taken it")


def over_relay(settings: Settings, address: str, words: Words, host: str) -> Outcome:
    """Over the first relay elsewhere of `alerts.to`."""
    for url in settings.alerts.to:
        if isinstance(read_path(url), MailPath):
            return alert_paths.tell(f"{url.partition('?')[0]}?to={quote(address)}", words, host)
    return NotTold("no mailto:// relay stands in alerts.to", "lockdown config explain alerts.to")
