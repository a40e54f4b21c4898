"""Everything that the agent can be asked, and everything that it can answer: the whole privileged vocabulary.

A verb that is not in `Request` does not exist. Fails as: `msgspec.ValidationError` for what is none of these.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from lockdown.model.standing import Standing

MOST_REQUEST_BYTES = 64 * 1024
MOST_ANSWER_BYTES = 64 * 1024 * 1024
"""A snapshot of a large configuration is a few MiB."""

Text = Annotated[str, msgspec.Meta(max_length=1000)]
NetworkText = Annotated[str, msgspec.Meta(min_length=2, max_length=64)]
DoorsText = Literal["", "mail", "sign-in"]
"""Where the packet filter stands before a network; "": nowhere, the gateway refuses it."""


class Verb(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="verb"):
    """A request."""


class Status(Verb, frozen=True, tag="status"):
    """Are you there?"""


class TakeSnapshot(Verb, frozen=True, tag="snapshot"):
    """Read this machine; secrets are left out at reading."""


class Block(Verb, frozen=True, tag="block"):
    """Let a network not talk to us for a while."""

    network: NetworkText
    seconds: Annotated[int, msgspec.Meta(ge=1, le=10 * 365 * 86400)]
    why: Text
    by: Text
    doors: DoorsText = ""


class Unblock(Verb, frozen=True, tag="unblock"):
    """Let it talk again."""

    network: NetworkText
    by: Text
    doors: DoorsText = ""


PlanId = Annotated[str, msgspec.Meta(pattern=r"^[a-z2-7]{10}\Z")]
ApplyId = Annotated[str, msgspec.Meta(pattern=r"^([0-9]{8}-[0-9]{6}(-[0-9]{1,2})?|last)\Z")]
Names = Annotated[
    list[Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.-]{0,79}\Z")]], msgspec.Meta(max_length=200)
]


class Apply(Verb, frozen=True, tag="apply"):
    """Do what a plan of this id comes to on this machine now; it is computed again, never sent."""

    plan: PlanId
    by: Text
    items: Names = []
    without: Names = []


class Confirm(Verb, frozen=True, tag="confirm"):
    """What is on probation stays."""

    apply: ApplyId
    by: Text
    here: bool = False


class Rollback(Verb, frozen=True, tag="rollback"):
    """Take an apply back."""

    apply: ApplyId
    by: Text


DeedId = Annotated[str, msgspec.Meta(pattern=r"^([0-9]{8}-[0-9]{6}(-[0-9]{1,3})?|last)\Z")]
QueueId = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z-]{6,40}\Z")]
Same = tuple[Annotated[str, msgspec.Meta(pattern=r"^[a-z-]{2,20}\Z")], Text]


class HoldQueued(Verb, frozen=True, tag="hold-queued"):
    """Hold whatever waits in the mail server's queue and has all of this in common."""

    match: Annotated[list[Same], msgspec.Meta(min_length=1, max_length=6)]
    why: Text
    by: Text


class QueuedMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """One message and no other: it must still have arrived then, with that size, from that sender."""

    id: QueueId
    arrived: Annotated[int, msgspec.Meta(ge=0)]
    size: Annotated[int, msgspec.Meta(ge=0)]
    sender: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]


class HoldMessages(Verb, frozen=True, tag="hold-messages"):
    """Hold these messages."""

    messages: Annotated[list[QueuedMessage], msgspec.Meta(min_length=1, max_length=500)]
    why: Text
    by: Text


class ReleaseQueued(Verb, frozen=True, tag="release-queued"):
    """Let go what a deed holds."""

    deed: DeedId
    by: Text


class DeleteQueued(Verb, frozen=True, tag="delete-queued"):
    """Archive what a deed holds, and take it out of the queue; the answer comes before it is done."""

    deed: DeedId
    by: Text


UserName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+=@-]{0,127}\Z")]


class GripUser(Verb, frozen=True, tag="grip-user"):
    """Hold what an account hands in, for a while; with `lock`, end its sessions and let its password open nothing.

    A verb of its own: which tables are written and which processes ended follows from the name alone, so whoever may
    ask for it can name an account and nothing else.
    """

    user: UserName
    lock: bool
    seconds: Annotated[int, msgspec.Meta(ge=60, le=30 * 86400)]
    why: Text
    by: Text


class ReleaseUser(Verb, frozen=True, tag="release-user"):
    """Let an account go, and send what was held for it; or leave that in hold, where a thief has written it."""

    user: UserName
    by: Text
    send: bool = True


class AskRoom(Verb, frozen=True, tag="ask-room"):
    """How much still fits into this mailbox."""

    user: UserName


QueueRequest = HoldQueued | HoldMessages | ReleaseQueued | DeleteQueued
AccountRequest = GripUser | ReleaseUser | AskRoom
Request = Status | TakeSnapshot | Block | Unblock | Apply | Confirm | Rollback | QueueRequest | AccountRequest


class Answer(msgspec.Struct, frozen=True, tag_field="answer"):
    """A reply."""


class Running(Answer, frozen=True, tag="running"):
    """The agent is there."""

    version: str
    pid: int
    since: datetime
    blocks_made: int
    standing: Standing | None = None


class Taken(Answer, frozen=True, tag="snapshot"):
    """A snapshot: readings as text, or the reason why there is none."""

    host: str
    taken_at: datetime
    version: str
    readings: dict[str, str]
    unknown: dict[str, str]


class Done(Answer, frozen=True, tag="done"):
    """It is so now; `says` is one sentence, `until` the end of a block."""

    says: str
    until: datetime | None = None


class Acted(Answer, frozen=True, tag="acted"):
    """It was tried, and the machine is now as `state` says; `exit_code` is what the command ends with."""

    apply: str
    state: str
    says: list[str]
    exit_code: int


class QueueHeld(Answer, frozen=True, tag="queue-held"):
    """So many messages are held by this deed; "" where there was none to hold."""

    deed: str
    count: int
    octets: int
    gone: int
    undo: str
    says: str


class Room(Answer, frozen=True, tag="room"):
    """So many octets; None where no limit is set."""

    free: int | None


class Refused(Answer, frozen=True, tag="refused"):
    """It was not done, and why."""

    why: str
    try_this: str = ""


Reply = Running | Taken | Done | Acted | QueueHeld | Room | Refused

encode = msgspec.json.Encoder().encode
decode_request = msgspec.json.Decoder(Request).decode
decode_reply = msgspec.json.Decoder(Reply).decode
