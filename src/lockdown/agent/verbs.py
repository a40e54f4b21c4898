"""Everything that the agent can be asked, and everything that it can answer: the whole privileged vocabulary.

A verb that is not in `Request` does not exist. Fails as: `msgspec.ValidationError` for what is none of these.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

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


PlanId = Annotated[str, msgspec.Meta(pattern=r"^[a-z2-7]{10}$")]
ApplyId = Annotated[str, msgspec.Meta(pattern=r"^([0-9]{8}-[0-9]{6}(-[0-9]{1,2})?|last)$")]
Names = Annotated[
    list[Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.-]{0,79}$")]], msgspec.Meta(max_length=200)
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


Request = Status | TakeSnapshot | Block | Unblock | Apply | Confirm | Rollback


class Answer(msgspec.Struct, frozen=True, tag_field="answer"):
    """A reply."""


class Running(Answer, frozen=True, tag="running"):
    """The agent is there."""

    version: str
    pid: int
    since: datetime
    blocks_made: int


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


class Refused(Answer, frozen=True, tag="refused"):
    """It was not done, and why."""

    why: str
    try_this: str = ""


Reply = Running | Taken | Done | Acted | Refused

encode = msgspec.json.Encoder().encode
decode_request = msgspec.json.Decoder(Request).decode
decode_reply = msgspec.json.Decoder(Reply).decode
