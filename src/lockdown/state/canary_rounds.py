"""The canary's last rounds, a ring for each way in, and the name it gives itself; one small file, put in place whole.

Its name holds a secret of this machine: by it, and only together with an address of this machine, its letters are told
apart from the mail that is counted. Nobody else can hide behind it.

Fails as: `Unknown(why)` for a file that is damaged or cannot be read; None where there is none yet.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import msgspec

from lockdown.model.errors import OperatorError
from lockdown.model.unknown import Unknown
from lockdown.model.window import CanaryPath
from lockdown.state.keyfile import key_of

FILE = "canary.json"
"""Below the state directory."""
MOST_ROUNDS = 288
"""A day of them, every five minutes."""
_MOST_BYTES = 4 * 1024 * 1024


class Round(msgspec.Struct, frozen=True, omit_defaults=True):
    """One letter over one way in; times are seconds, each from the begin of the round."""

    at: float
    arrived: bool = False
    stage: str = ""
    """Of one that was missed: at which it was lost: connect, greeting, signed-in, accepted, arrived; or mailbox, where
    nobody could look whether it arrived."""
    why: str = ""
    seconds: dict[str, float] = {}
    """By stage, as far as it came."""
    marked: bool = False
    """It arrived with a mark: spam, or not scanned."""


class Flown(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    schema: str = "lockdown.canary/1"
    paths: dict[str, list[Round]] = {}
    """The oldest first."""
    waiting: dict[str, float] = {}
    """Marks of letters that were missed and may yet come, and when they were sent: they are removed then."""


_decode = msgspec.json.Decoder(Flown).decode


def read_flown(state: Path) -> Flown | Unknown | None:
    """What is remembered."""
    try:
        with (state / FILE).open("rb") as file:
            return _decode(file.read(_MOST_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        return Unknown(f"{FILE} cannot be read: {error.strerror}")
    except (msgspec.MsgspecError, RecursionError) as error:
        return Unknown(f"{FILE} is damaged: {error}")


def keep_flown(state: Path, flown: Flown) -> None:
    """Remember it; OSError when the disk does not take it."""
    aside = state / f"{FILE}.new"
    aside.write_bytes(msgspec.json.encode(flown))
    aside.replace(state / FILE)


def canary_name(state: Path) -> str:
    """What the canary says in EHLO; "" where the secret cannot be read or made: then its letters are counted."""
    with suppress(OperatorError):
        key = key_of(state / "canary.key")
        return f"canary-{blake2b(key, digest_size=12).hexdigest()}.invalid"
    return ""


def canary_paths(flown: Flown | Unknown | None) -> tuple[CanaryPath, ...] | Unknown | None:
    """For the rooms: each way in, as its rounds left it."""
    if flown is None or isinstance(flown, Unknown):
        return flown
    return tuple(_path(name, rounds) for name, rounds in flown.paths.items() if rounds)


def _path(name: str, rounds: list[Round]) -> CanaryPath:
    last, missed = rounds[-1], 0
    for one in reversed(rounds):
        if one.arrived:
            break
        missed += 1
    good = next((one for one in reversed(rounds) if one.arrived), None)
    return CanaryPath(
        name,
        last.at,
        missed,
        last.stage,
        last.why,
        None if good is None else good.at,
        None if good is None else good.seconds.get("arrived"),
        last.marked,
        () if good is None else tuple(good.seconds.items()),
    )
