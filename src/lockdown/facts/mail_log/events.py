"""What one line of a mail server's log tells: a closed set of values.

Names and addresses of senders, recipients and of who logs in are labels that strangers have chosen. `address` is what
the server itself has seen. None: the line does not say it, or says it in a way that can be read twice.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias


class Connected(NamedTuple):
    """Somebody has opened a connection."""

    name: str
    address: str


class Disconnected(NamedTuple):
    """It has ended; `commands` has, for each command, how many were accepted and how many were given."""

    name: str
    address: str
    commands: tuple[tuple[str, int, int], ...] = ()

    @property
    def failed_logins(self) -> int:
        """AUTH commands that were not accepted."""
        return sum(given - accepted for command, accepted, given in self.commands if command == "auth")


class Received(NamedTuple):
    """A message begins, from this client; `user` has logged in."""

    queue_id: str
    name: str
    address: str
    method: str | None = None
    user: str | None = None
    local: bool = False
    """It was handed in on this machine, and has no client."""


class Identified(NamedTuple):
    """Its Message-ID."""

    queue_id: str
    message_id: str


class Titled(NamedTuple):
    """Its subject, as it stands in the header, where a rule of the server has it written down."""

    queue_id: str
    subject: str


class Queued(NamedTuple):
    """It is in the queue; said again at each further try."""

    queue_id: str
    sender: str
    size: int
    recipients: int


class Delivered(NamedTuple):
    """A try to deliver it to one recipient, however it ended."""

    queue_id: str
    recipient: str
    status: str
    says: str
    original: str | None = None
    relay: str | None = None
    dsn: str = ""
    delay: float | None = None
    delays: tuple[float, float, float, float] | None = None
    """Before the queue manager, in it, connecting, transmitting."""


class Gone(NamedTuple):
    """It has left the queue, and how."""

    queue_id: str
    how: str


class Notified(NamedTuple):
    """A notification about it was made, a message of its own."""

    queue_id: str
    notification: str
    to: str
    kind: str


class Refused(NamedTuple):
    """A command or a message was refused, held, discarded or sent elsewhere."""

    queue_id: str | None
    how: str
    stage: str
    name: str
    address: str
    port: int | None
    code: str
    dsn: str
    reason: str
    sender: str | None = None
    recipient: str | None = None
    helo: str | None = None


class LoginFailed(NamedTuple):
    """Somebody did not get in."""

    service: str
    user: str | None
    name: str
    address: str
    method: str | None
    reason: str
    attempts: int = 1


class PasswordRefused(NamedTuple):
    """What the password database said of a login; the service tells of the same login in a line of its own."""

    user: str | None
    address: str
    database: str
    reason: str


class LoggedIn(NamedTuple):
    """Somebody got in."""

    service: str
    user: str
    address: str
    method: str | None


class Misbehaved(NamedTuple):
    """A client did what a mail server does not do: hung up, spoke too early, asked too often."""

    what: str
    stage: str
    name: str
    address: str
    port: int | None = None


class Rated(NamedTuple):
    """What the counter of connections says of its busiest client."""

    kind: str
    number: int
    period: str
    service: str
    address: str


class Listed(NamedTuple):
    """A blocklist names this client."""

    address: str
    zone: str
    answer: str


class Secured(NamedTuple):
    """A connection under TLS."""

    trust: str
    name: str
    address: str
    port: int | None
    version: str
    cipher: str


class RemoteSaid(NamedTuple):
    """Another server would not take a message at this try."""

    queue_id: str
    name: str
    address: str
    says: str


class OverQuota(NamedTuple):
    """A mailbox is full."""

    user: str


class Trouble(NamedTuple):
    """The server complains: warning, error, fatal or panic."""

    level: str
    says: str


class Known(NamedTuple):
    """A line that is known and of which nothing is counted."""

    what: str


class Unread(NamedTuple):
    """A line that no pattern knows, or that can be read in two ways."""

    why: str


Event: TypeAlias = (
    Connected
    | Disconnected
    | Received
    | Identified
    | Titled
    | Queued
    | Delivered
    | Gone
    | Notified
    | Refused
    | LoginFailed
    | PasswordRefused
    | LoggedIn
    | Misbehaved
    | Rated
    | Listed
    | Secured
    | RemoteSaid
    | OverQuota
    | Trouble
    | Known
    | Unread
)

NO_PATTERN = Unread("no pattern knows it")
AMBIGUOUS = Unread("it can be read in two ways")
