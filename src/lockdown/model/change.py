"""Change: one deed on a host, as a value; Proposal: a change with the control that it serves, for a person to approve.

A room proposes, the engine shows and orders, the hands do. The union is closed and small: what is not in it cannot be
done. No change carries its own undo: that is derived from what the machine held before (see `host.change`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class PutFile:
    """A whole file of our own: a drop-in, never a file that the administrator or the distribution writes."""

    path: str
    """Absolute."""
    text: str | None
    """None: it is to be gone."""
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True, slots=True)
class SetPostfix:
    """A setting of main.cf, or of one service of master.cf (`service` is `submission/inet`, as postconf -P has it)."""

    name: str
    value: str | None
    """None: it is not written any more, so Postfix's own default counts (in a service: what main.cf says)."""
    service: str = ""
    config_directory: str = "/etc/postfix"


@dataclass(frozen=True, slots=True)
class EditPostfixList:
    """Words taken out of, and one put into, a setting that is a list; what else stands there stays, in its order.

    A list is read as Postfix reads it: words parted by white space and commas; `check_policy_service unix:x` is
    two words, so `add` may be several. Where `add` is there already, it stays unless `first` demands its move.
    """

    name: str
    add: str = ""
    before: tuple[str, ...] = ()
    """It goes before the first of these that stands in the list; else to the end."""
    first: bool = False
    """It goes to the front."""
    remove: tuple[str, ...] = ()
    service: str = ""
    config_directory: str = "/etc/postfix"


@dataclass(frozen=True, slots=True)
class SetPostfixService:
    """A service of master.cf: its whole entry in one line, or None to take it out."""

    name: str
    type: str
    entry: str | None
    """`anvil unix - - y - 1 anvil`; overrides that stood below an entry of that name and type stay."""
    config_directory: str = "/etc/postfix"


class OptionStyle(StrEnum):
    """How a file without drop-ins writes an option."""

    LOGIN_DEFS = "NAME value"
    """/etc/login.defs."""
    EXIM = "name = value"
    """In the main section of an exim.conf, before its first `begin`."""
    EXIM_MACRO = "NAME = value, a macro"
    """/etc/exim4/exim4.conf.localmacros and update-exim4.conf.conf of Debian."""


@dataclass(frozen=True, slots=True)
class SetOption:
    """One option in a file of the distribution that knows no drop-ins; every other line stays as it is."""

    path: str
    name: str
    value: str | None
    """None: its line is taken out."""
    style: OptionStyle


class Unit(StrEnum):
    """What a service of the machine is to be."""

    MASKED = "stopped, and kept from starting"
    """Also at the next start and for others who want it; its socket and timer units with it."""
    RUNNING = "started, and started at boot"


@dataclass(frozen=True, slots=True)
class SetUnit:
    """A systemd unit by its full name; on a machine without systemd, the init script of that name."""

    unit: str
    state: Unit


@dataclass(frozen=True, slots=True)
class SetPackage:
    """A Debian package there, or not there; its settings stay."""

    name: str
    present: bool


@dataclass(frozen=True, slots=True)
class SetAccount:
    """Of an account, only what is not None or empty."""

    user: str
    locked: bool | None = None
    """No password opens it; keys may, so `expired` with it shuts the door."""
    expired: bool | None = None
    """Since 1970-01-02: no way in at all, keys included."""
    shell: str | None = None
    leaves: tuple[str, ...] = ()
    """Groups that it is taken out of."""
    no_forced_change: bool = False
    """Its password does not have to be changed at a date."""


@dataclass(frozen=True, slots=True)
class Run:
    """A program with fixed arguments, with its own inverse. Rare: only what no other change can say."""

    argv: tuple[str, ...]
    undo: tuple[str, ...]
    """Empty: repeating `argv` after the files are back is the undo (newaliases, postmap)."""


Change: TypeAlias = (
    PutFile | SetPostfix | EditPostfixList | SetPostfixService | SetOption | SetUnit | SetPackage | SetAccount | Run
)


class Risk(StrEnum):
    """What may go wrong when it is done, for whoever decides."""

    NONE = "none"
    """Nobody who is meant to be served can notice."""
    LOW = "low"
    """Somebody may have to change a setting of his own."""
    HIGH = "high"
    """Somebody may be shut out; looked at again before it is approved."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One change, and what a person must know to approve it."""

    control: str
    """Whose finding it will turn, by its id. Proposals of one control and target are done together or not."""
    change: Change
    why: str
    """What is wrong on this machine now, in a sentence."""
    risk: Risk
    side_effects: str
    """Who may notice, and how; "none known" where nobody."""
    target: str = "this host"
    """The target of the finding that it turns."""
    also: tuple[str, ...] = ()
    """Ids of other controls that it turns as well."""
    on_probation: bool = False
    """It may cut off who administers the machine: undone by itself unless it is confirmed over a new connection."""


@dataclass(frozen=True, slots=True)
class Left:
    """What does not hold and is not proposed: the change would break the role, or a person must choose."""

    control: str
    why: str
    """Why not by itself, in a sentence."""
    try_this: str
    """What to type or to decide instead."""
    target: str = "this host"
