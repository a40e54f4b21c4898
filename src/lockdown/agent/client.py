"""Ask the agent.

Fails as: `Unknown(why)`: no agent, not allowed, no answer in time, an answer that cannot be read. Never raises.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import msgspec

from lockdown.agent import verbs
from lockdown.agent.wire import Gone, TooLong, receive_message, send_message, short_name
from lockdown.model.queued import Fingerprint
from lockdown.model.snapshot import Snapshot
from lockdown.model.traffic import Match
from lockdown.model.unknown import Unknown

SOCKET = "run/agent.sock"
"""Below the state directory."""
NO_AGENT = "no agent runs here"
"""The reason of the Unknown where surely none does: then root may act itself."""
ACT_SECONDS = 900.0
"""An apply reads, writes, reloads and waits for a letter, twice."""

Acted: TypeAlias = verbs.Acted
Refused: TypeAlias = verbs.Refused
QueueHeld: TypeAlias = verbs.QueueHeld


def ask(state: Path, request: verbs.Request, *, timeout: float = 10.0) -> verbs.Reply | Unknown:
    """One request, one reply."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            with short_name(state / SOCKET) as name:
                connection.connect(name)
            send_message(connection, verbs.encode(request))
            reply: verbs.Reply = verbs.decode_reply(receive_message(connection, verbs.MOST_ANSWER_BYTES))
            return reply
    except (FileNotFoundError, ConnectionRefusedError):
        return Unknown(NO_AGENT)
    except (Gone, ConnectionError):
        return Unknown("the agent closed the connection: it may not know this user")
    except TimeoutError:
        return Unknown(f"no answer from the agent in {timeout:.0f} s")
    except (OSError, msgspec.DecodeError, TooLong) as error:
        return Unknown(f"the agent could not be asked: {error}")


def status(state: Path, *, timeout: float = 5.0) -> verbs.Running | Unknown:
    """Is the agent there?"""
    match ask(state, verbs.Status(), timeout=timeout):
        case verbs.Running() as running:
            return running
        case other:
            return _unexpected(other)


def block(
    state: Path, network: str, term: timedelta, *, why: str, by: str, doors: verbs.DoorsText = ""
) -> verbs.Done | verbs.Refused | Unknown:
    """Let a network not talk to us for so long, at these doors by the packet filter; the agent's own bounds decide."""
    seconds = max(1, round(term.total_seconds()))
    request = verbs.Block(network=network, seconds=seconds, why=why[:1000], by=by, doors=doors)
    return _deed(ask(state, request))


def unblock(state: Path, network: str, *, by: str, doors: verbs.DoorsText = "") -> verbs.Done | verbs.Refused | Unknown:
    """Let it talk again."""
    return _deed(ask(state, verbs.Unblock(network=network, by=by, doors=doors)))


def apply(
    state: Path, plan: str, *, by: str, items: Sequence[str] = (), without: Sequence[str] = ()
) -> verbs.Acted | verbs.Refused | Unknown:
    """Have a plan applied, by its id."""
    request = verbs.Apply(plan=plan, by=by, items=list(items), without=list(without))
    return _act(state, request)


def confirm(state: Path, apply: str, *, by: str, here: bool = False) -> verbs.Acted | verbs.Refused | Unknown:
    """Let it stay; whether this is a new connection, the agent sees for itself."""
    return _act(state, verbs.Confirm(apply=apply, by=by, here=here))


def rollback(state: Path, apply: str, *, by: str) -> verbs.Acted | verbs.Refused | Unknown:
    """Have an apply taken back."""
    return _act(state, verbs.Rollback(apply=apply, by=by))


def hold_queued(
    state: Path, match: Match, why: str, *, by: str, timeout: float = 60.0
) -> verbs.QueueHeld | verbs.Refused | Unknown:
    """Have held whatever waits in the queue and has all of this in common."""
    same = [(dimension.value, value[:1000]) for dimension, value in match]
    return _held(ask(state, verbs.HoldQueued(match=same, why=why[:1000], by=by[:1000]), timeout=timeout))


def hold_messages(
    state: Path, messages: Sequence[Fingerprint], why: str, *, by: str, timeout: float = 60.0
) -> verbs.QueueHeld | verbs.Refused | Unknown:
    """Have these held, and no others; up to 500 at a time."""
    named = [verbs.QueuedMessage(*one) for one in messages]
    return _held(ask(state, verbs.HoldMessages(messages=named, why=why[:1000], by=by[:1000]), timeout=timeout))


def release_queued(state: Path, deed: str, *, by: str) -> verbs.Done | verbs.Refused | Unknown:
    """Have let go what a deed holds."""
    return _deed(ask(state, verbs.ReleaseQueued(deed=deed, by=by), timeout=120.0))


def delete_queued(state: Path, deed: str, *, by: str) -> verbs.Done | verbs.Refused | Unknown:
    """Have archived and deleted what a deed holds: it is begun when this returns, and `lockdown queue status` tells."""
    return _deed(ask(state, verbs.DeleteQueued(deed=deed, by=by), timeout=60.0))


def grip_user(
    state: Path, user: str, term: timedelta, *, lock: bool, why: str, by: str
) -> verbs.Done | verbs.Refused | Unknown:
    """Have an account held, or locked; the agent's own bounds decide."""
    seconds = round(term.total_seconds())
    try:
        request = verbs.GripUser(user=user, lock=lock, seconds=seconds, why=why[:1000], by=by[:1000])
        verbs.decode_request(verbs.encode(request))
    except msgspec.ValidationError:
        return verbs.Refused(why="its name, or the term, is out of bounds")
    return _deed(ask(state, request, timeout=120.0))


def room_of(state: Path, user: str) -> int | Unknown | None:
    """How many octets still fit into a mailbox; None where no limit is set."""
    try:
        verbs.decode_request(verbs.encode(request := verbs.AskRoom(user=user)))
    except msgspec.ValidationError:
        return Unknown("its name is out of bounds")
    match ask(state, request):
        case verbs.Room(free):
            return free
        case verbs.Refused(why=why) | Unknown(why):
            return Unknown(why)
        case other:
            return Unknown(f"the agent answered {type(other).__name__}")


def release_user(state: Path, user: str, *, by: str, send: bool = True) -> verbs.Done | verbs.Refused | Unknown:
    """Have an account let go, and what was held for it sent, or left in hold."""
    return _deed(ask(state, verbs.ReleaseUser(user=user, by=by, send=send), timeout=300.0))


def _held(reply: verbs.Reply | Unknown) -> verbs.QueueHeld | verbs.Refused | Unknown:
    return reply if isinstance(reply, verbs.QueueHeld | verbs.Refused) else _unexpected(reply)


def _act(state: Path, request: verbs.Request) -> verbs.Acted | verbs.Refused | Unknown:
    reply = ask(state, request, timeout=ACT_SECONDS)
    return reply if isinstance(reply, verbs.Acted | verbs.Refused) else _unexpected(reply)


def _deed(reply: verbs.Reply | Unknown) -> verbs.Done | verbs.Refused | Unknown:
    return reply if isinstance(reply, verbs.Done | verbs.Refused) else _unexpected(reply)


def snapshot(state: Path, *, timeout: float = 120.0) -> Snapshot | Unknown:
    """This machine's readings as the agent, with its rights, sees them."""
    match ask(state, verbs.TakeSnapshot(), timeout=timeout):
        case verbs.Taken() as taken:
            unknown = {source: Unknown(why) for source, why in taken.unknown.items()}
            return Snapshot(taken.host, taken.taken_at, taken.version, {**taken.readings, **unknown})
        case other:
            return _unexpected(other)


def _unexpected(reply: verbs.Reply | Unknown) -> Unknown:
    match reply:
        case Unknown():
            return reply
        case verbs.Refused(why=why):
            return Unknown(f"the agent refused: {why}")
        case _:
            return Unknown(f"the agent answered something else: {type(reply).__name__}")
