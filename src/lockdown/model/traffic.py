"""Traffic: by what a message can be told from others, how sure that is, and how a flood of such messages is answered.

Proven identity before label: what nobody has proved (a sender address, a HELO name) can be anybody's, and an answer to
it harms whoever is named. Values only; the room of item 9 judges, the engine counts and answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum, StrEnum
from typing import NamedTuple


class Forgeability(IntEnum):
    """How hard it is for somebody else to have the same value. Ordered: the lower, the better to answer to."""

    PROVEN = 0
    """Signed in, or signed and aligned: it is him, or who has his key."""
    UNFORGEABLE = 1
    """An address that a completed SMTP dialogue came from."""
    CONTENT = 2
    """What is in the message: the same for all of the flood, and for nobody else."""
    LABEL = 3
    """Anybody may write it."""


class Dimension(StrEnum):
    """One thing that messages have in common. The value is what the user reads and types."""

    USER = "user"
    DKIM = "dkim-domain"
    """The domain of an aligned signature that holds."""
    SPF = "spf-domain"
    """The envelope domain, where SPF passes and it is aligned."""
    CLIENT = "client"
    """One address."""
    NETWORK = "network"
    """Its /24 or /64."""
    WIDE_NETWORK = "wide-network"
    """Its /16 or /48: as far as one provider may reach; never blocked as a whole."""
    BODY = "body"
    """A digest of the body with numbers, addresses and names of recipients taken out."""
    ALIKE = "alike"
    """The middle of texts that are much alike (`mime.texture`), where no two are the same."""
    ATTACHMENT = "attachment"
    URL_HOST = "url-host"
    SUBJECT = "subject"
    """Its words in their shape, numbers taken out."""
    HELO = "helo"
    SENDER = "sender"
    """The envelope sender as written; "" is the null sender."""
    SENDER_DOMAIN = "sender-domain"
    RECIPIENT = "recipient"
    """Not who does it, but whom it hits."""
    NATURE = "nature"
    """What it is to whom it comes: one of the natures."""

    @property
    def forgeability(self) -> Forgeability:
        """How sure a value of this dimension is."""
        return _FORGEABILITY.get(self, Forgeability.LABEL)


_FORGEABILITY = {
    Dimension.USER: Forgeability.PROVEN,
    Dimension.DKIM: Forgeability.PROVEN,
    Dimension.SPF: Forgeability.PROVEN,
    Dimension.CLIENT: Forgeability.UNFORGEABLE,
    Dimension.NETWORK: Forgeability.UNFORGEABLE,
    Dimension.WIDE_NETWORK: Forgeability.UNFORGEABLE,
    Dimension.BODY: Forgeability.CONTENT,
    Dimension.ALIKE: Forgeability.CONTENT,
    Dimension.ATTACHMENT: Forgeability.CONTENT,
    Dimension.URL_HOST: Forgeability.CONTENT,
    Dimension.SUBJECT: Forgeability.CONTENT,
}


class Nature(StrEnum):
    """What a message is to whom it comes, beside all that it has in common with others. Most are none of these."""

    UNASKED = "unasked confirmation"
    """It asks to confirm or says welcome, or is of a list, and its sender is a stranger to each of its recipients; and
    it is not about money or passwords, which nobody may miss."""
    OWN_BOUNCE = "bounce of a letter from here"
    FOREIGN_BOUNCE = "bounce of a letter that is not from here"


Key = tuple[Dimension, str]
"""One value of one dimension."""
Match = tuple[Key, ...]
"""All of these values together; a message matches that has each."""


class Doors(StrEnum):
    """Which ports a restraint is about: whoever guesses passwords may still deliver mail, and the other way round."""

    MAIL = "mail"
    """Port 25, and where the gateway listens."""
    SIGN_IN = "sign-in"
    """Where users sign in: submission, IMAP, POP3, ManageSieve. The gateway is not there; the packet filter is."""


class Rung(IntEnum):
    """How an automatic answer treats what it matches; each has its end. The next is tried when one does not help."""

    OBSERVE = 0
    SLOW = 1
    """One connection at a time, and each answer waits a little."""
    DEFER = 2
    """451: whoever is honest comes again."""
    QUARANTINE = 3
    """Accepted, and held for a person: nothing is lost."""
    REJECT = 4
    """550."""
    DROP = 5
    """The packet filter, for networks alone."""


@dataclass(frozen=True, slots=True)
class Restrain:
    """A wish: treat messages that match like this for so long. The engine decides whether it may be."""

    match: Match
    rung: Rung
    term: timedelta
    coverage: float
    """Which part of the flood matches, from 0 to 1."""
    spill: float
    """Which part of the good mail of the last 30 days would have matched, from 0 to 1."""
    words: str
    """Why these values and no others, for people: "94 % from 203.0.113.0/24, no good mail in 30 days"."""
    doors: Doors = Doors.MAIL


@dataclass(frozen=True, slots=True)
class HoldQueued:
    """A wish: hold what is queued and matches (a user, a sender, a client), so that it can be released again."""

    match: Match
    words: str


class Grip(IntEnum):
    """How firmly a user's account is held."""

    TELL = 0
    HOLD_OUTBOUND = 1
    """What it sends outside is held in the queue: nothing is lost."""
    LOCK = 2
    """Its sessions end, and its password opens nothing until a person lets it."""


@dataclass(frozen=True, slots=True)
class GripUser:
    """A wish: hold this account as firmly as that."""

    user: str
    grip: Grip
    words: str


Wish = Restrain | HoldQueued | GripUser


# ── what has been seen ──


class Seen(NamedTuple):
    """One message as it is counted, however it ended: by what it can be told, and what was wrong with it."""

    id: str
    at: float
    """Seconds on the clock of who counts: it never runs backwards, and no jump of the wall clock is in it."""
    kind: str
    keys: tuple[Key, ...]
    size: int = 0
    recipients: int = 0
    """Accepted and refused."""
    refused: int = 0
    unknown: int = 0
    """Of the refused, those that do not exist."""
    relayed: int = 0
    """Of the refused, those that are not ours: somebody wanted us to pass them on."""
    spam: bool = False
    trusted: bool = False
    is_list: bool = False
    """It says that it is of a mailing list, and how to leave it."""
    texture: int = 0
    """What texts much like it nearly share; 0: there is too little of it."""

    def has(self, match: Match) -> bool:
        """Whether it has each of these values."""
        return all(key in self.keys for key in match)


class Hitter(NamedTuple):
    """A value that many messages of the last minutes have, counted exactly."""

    key: Key
    messages: int
    octets: int = 0
    recipients: int = 0
    refused: int = 0
    unknown: int = 0
    spam: int = 0
    usual: float = 0.0
    """Messages with it that are usual within ten minutes, at this hour of the week."""


class Waits(NamedTuple):
    """What one sender, perhaps a forged one, has in the mail server's queue for longer than it takes to go through."""

    sender: str
    messages: int
    user: str = ""
    """Who has handed most of them in, if he has signed in."""
    client: str = ""
    """Where most of them came from; "" for many places, or this machine."""
    local: int = 0
    """Those that were handed in on this machine."""
    good: int = 0
    """Good messages of this sender in the last 30 days."""


class Stage(NamedTuple):
    """How long messages stay in one stage of delivery: median seconds lately, and usually."""

    name: str
    lately: float
    usual: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """The messages of the last minutes, and what is known of those before."""

    seconds: float
    """How much time `seen` covers."""
    seen: tuple[Seen, ...] = ()
    """The oldest first."""
    hitters: tuple[Hitter, ...] = ()
    messages: int = 0
    octets: int = 0
    usual: float = 0.0
    """Messages that are usual within ten minutes, at this hour of the week."""
    good: Mapping[Key, int] = field(default_factory=dict)
    """Good messages of the last 30 days by value, of values that lately came often."""
    good_messages: int = 0
    """All good messages of the last 30 days."""
    greatest: frozenset[Key] = frozenset()
    """The sources of most good mail: never answered to as a whole."""
    days: float = 0.0
    """For so long good mail has been counted."""
    room: int = 0
    """Octets that an empty mailbox holds; 0: nobody knows."""
    rooms: Mapping[str, int] = field(default_factory=dict)
    """Octets that still fit into mailboxes that get much lately, as far as the mail server says."""
    relay_attempts: tuple[int, float] = (0, 0.0)
    """Recipients elsewhere asked for by strangers: today, and on a usual day."""
    stages: tuple[Stage, ...] = ()
    deliveries: int = 0
    """Those that `stages` rest on."""
    waiting: int = 0
    """Messages that wait in the mail server's queue."""
    waits: tuple[Waits, ...] = ()
    """Of whom: the most first."""
    unseen: str = ""
    """What was not counted, and why."""
    unseen_log: str = ""
    """The same, of the mail server's own log."""
