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
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

SOCKET = "run/agent.sock"
"""Below the state directory."""
NO_AGENT = "no agent runs here"
"""The reason of the Unknown where surely none does: then root may act itself."""
ACT_SECONDS = 900.0
"""An apply reads, writes, reloads and waits for a letter, twice."""

Acted: TypeAlias = verbs.Acted
Refused: TypeAlias = verbs.Refused


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
