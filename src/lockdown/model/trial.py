"""Trial: a move-by-move attack of a drill on the live server, harmless, and how its room judges what was heard.

A letter that must be stopped is a `Step`; whatever needs a conversation, a port, a crowd or a log-in is a Trial.
A room writes the moves and judges; the engine makes them, from a stranger's address, and cleans up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from lockdown.model.finding import State
from lockdown.model.snapshot import Snapshot


class Who(StrEnum):
    """From which address a move is made. All but HERE are addresses that the server cannot know."""

    STRANGER = "a stranger"
    OTHER = "another stranger"
    """Has nothing to do with the first: what he suffers is harm to the innocent."""
    HERE = "this machine"


class Need(StrEnum):
    """What a trial cannot be held without; a trial whose need is not met is not told, with the reason."""

    MAILBOX = "a mailbox of the drill's own"
    """That may be filled: `--mailbox`, `--to`, and that account's password."""
    ACCOUNT = "an account of the drill's own"
    """User and password, to sign in with."""
    PROOF = "a place where relayed mail arrives"
    """The stranger's own address, to which mail is addressed by its literal."""
    QUEUE = "the queue of this machine"
    """Of a server that the drill runs on, as root."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Open an SMTP conversation and hear the greeting. One for each `Who`; a second ends the first.

    With `starttls` the EHLO before and after it are said too; where TLS does not begin, the refusal is what is heard.
    """

    port: int = 25
    who: Who = Who.STRANGER
    starttls: bool = False
    ipv6: bool = False


@dataclass(frozen=True, slots=True)
class Say:
    """One command line, without its CRLF, and its answer. Octets are sent as they are, CRLF included."""

    line: str | bytes
    who: Who = Who.STRANGER


@dataclass(frozen=True, slots=True)
class Content:
    """After a 354: a letter with the mark of the trial, filled up to `size_bytes`; then the dot, and its answer."""

    size_bytes: int = 0
    """0: as long as it is."""
    head: bytes = b""
    """More header fields, each with its CRLF."""
    who: Who = Who.STRANGER
    octets_per_second: int = 0
    """0: as fast as it goes. Else for at most `seconds`, then the line is dropped."""
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Deliver:
    """A whole letter in a conversation of its own: EHLO to QUIT. The answer is that of the step that ended it.

    A size is announced (RFC 1870) where the server announces its own.
    """

    recipient: str
    sender: str = "canary@drill.example"
    size_bytes: int = 0
    times: int = 1
    port: int = 25
    who: Who = Who.STRANGER
    as_user: bool = False
    """Over STARTTLS, signed in with the drill's own account."""


@dataclass(frozen=True, slots=True)
class Flood:
    """Letters one after the other in one conversation, until one is put off, refused, held or kept waiting.

    Heard: `code` and `text` of the last answer; `codes` and `took` of each letter; `lost` where there was none.
    """

    recipient: str
    letters: int
    each_second: float
    slow_seconds: float
    """A letter whose answers together take so long was kept waiting."""
    sender: str = "canary@drill.example"
    port: int = 25
    who: Who = Who.STRANGER


@dataclass(frozen=True, slots=True)
class Knock:
    """Connect to a port of the server, say nothing, leave."""

    port: int
    ipv6: bool = False
    who: Who = Who.STRANGER


@dataclass(frozen=True, slots=True)
class Ask:
    """A conversation in clear text that is not SMTP: what the server says first, then each line and its answer.

    Heard: `text` has all that the server said, line by line; `lost` why there is no more.
    """

    port: int
    lines: tuple[str, ...] = ()
    """An answer ends with a line that begins with the first word of what was asked, with `+OK` or with `-ERR`."""
    who: Who = Who.STRANGER


@dataclass(frozen=True, slots=True)
class WaysIn:
    """Ask sshd which ways of signing in it offers (method `none` of RFC 4252 5.2); nothing is tried.

    Heard: `text` has them, parted by commas; `lost` why they could not be heard.
    """

    user: str
    port: int = 22
    who: Who = Who.STRANGER


@dataclass(frozen=True, slots=True)
class Look:
    """See what has come to the drill's own mailbox since the trial began and is not of the drill.

    Heard: `arrived` counts the letters, `text` has the subject of each, one a line; `lost` why nobody could look.
    """

    seconds: float = 20.0
    """Until there is one, for so long at most."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """Try to sign in to a service with the drill's own account, with its password or with wrong ones.

    Every try is a connection of its own; imap and submission by STARTTLS where it is offered. Heard: `codes` of each
    try, 235 signed in, 535 refused, what SMTP says else, 0 no answer; `took` the seconds of each; `lost` as ever.
    """

    service: str
    """imap, imaps, submission or ssh."""
    right: bool
    times: int = 1
    """Each with another wrong password."""
    who: Who = Who.STRANGER
    enough_seconds: float = 0.0
    """0: all tries are made. Else no more after one that took so long."""
    port: int = 0
    """0: the service's own."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Open so many conversations and say nothing in them until the trial is over."""

    connections: int
    port: int = 25
    who: Who = Who.STRANGER
    drip_seconds: float = 0.0
    """0: silent. Else one octet of an endless command each so many seconds."""


@dataclass(frozen=True, slots=True)
class Clog:
    """Lay letters of a sender that nobody else has into this machine's queue, have them held, and let go again.

    Heard: `codes` how many were laid there, were held as it was said, lay in hold as the mail server says, were
    delivered while they were held, and were let go; `arrived` as ever; `lost` why it could not be done.
    """

    letters: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Let time pass; nothing is said."""

    seconds: float


Move: TypeAlias = Connect | Say | Content | Deliver | Flood | Knock | Ask | WaysIn | Look | SignIn | Hold | Clog | Wait


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one move. `code` 0: no SMTP answer; `lost` then says why, empty where none was due."""

    code: int = 0
    text: str = ""
    lost: str = ""
    seconds: float = 0.0
    verb: str = ""
    """The step that a Deliver ended at: CONNECT, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, DATA-END."""
    codes: tuple[int, ...] = ()
    """Of each repetition, in order (0 where there was no answer). Of octets that are said: of all that was answered.
    Of a Hold: the greeting of each conversation."""
    took: tuple[float, ...] = ()
    """The seconds of each repetition, in order."""
    door: str = ""
    """Of a Knock: open, closed (refused at once), silent (no answer in time), or unknown with the reason in `lost`."""
    arrived: int = 0
    """How many of the letters of this move lie in the canary's mailbox, or came back to the stranger's own address."""
    relayed: int = 0
    """Of these, how many came out at the stranger's own address."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the moves are written with."""

    mark: str
    """Letters and digits, found nowhere else."""
    now: datetime
    domain: str
    """One of ours."""
    recipient: str
    """The canary mailbox."""
    address: str
    """The server's, as the stranger reaches it."""
    stranger: str
    """The stranger's own: a letter to `canary@[stranger]` that arrives there was relayed."""
    user: str = ""
    """The drill's own account; empty where there is none."""
    snapshot: Snapshot | None = None
    """The readings of the server, where it is this machine."""
    limit_bytes: int = 0
    """The size that the server announces; 0 where it announces none."""
    stopped: tuple[str, ...] = ()
    """What an apply has stopped and none has given back since, as item 6 names its targets: `tcp/9999`, telnet."""


@dataclass(frozen=True, slots=True)
class Told:
    """Everything that was heard, move by move, and whether plain mail still gets through."""

    scene: Scene
    heard: tuple[Heard, ...]
    plain_arrived: bool
    """The plain letter sent during or right after the trial, by another stranger, lies in the mailbox."""


class Judged(NamedTuple):
    """How the control stood the trial: PASS, FAIL, or UNKNOWN where it could not be told. `says` is one sentence."""

    state: State
    says: str


@dataclass(frozen=True, slots=True)
class Trial:
    """One attack, whole."""

    control: str
    set: str
    """As a heading: "the relay matrix"."""
    name: str
    """Within the set."""
    moves: Callable[[Scene], tuple[Move, ...]]
    judge: Callable[[Told], Judged]
    """Pure. Where `plain_arrived` is False, the engine turns a PASS into UNKNOWN by itself."""
    why: str
    """What it means when it does not hold, in a sentence."""
    needs: frozenset[Need] = field(default_factory=frozenset)
    door: int = 25
    """The port at which its plain letter is handed in; where nobody answers a stranger there, it is not held."""
    fills: bool = False
    """It fills the mailbox: its letters are taken out again before the plain one is sent."""
