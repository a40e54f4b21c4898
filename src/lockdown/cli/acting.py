"""What `apply`, `confirm` and `rollback` have in common: over the agent where one runs, else as root; how it is told.

Fails as: `OperatorError` for a user who may not; exit 3 where the agent gave no answer: then nobody here knows.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lockdown.cli.options import operator_name, paint, print_json, printable
from lockdown.model.errors import OperatorError
from lockdown.model.unknown import Unknown

if TYPE_CHECKING:
    from lockdown.agent.client import Acted, Refused
    from lockdown.config import Loaded
    from lockdown.engine.apply import Means

AnyCommand = TypeVar("AnyCommand", bound=Callable[..., Any])


def acting_options(function: AnyCommand) -> AnyCommand:
    """Who asks, and from where: given by the agent, which has it from the kernel."""
    for option in (
        click.option("--directly", is_flag=True, help="As root, without the agent."),
        click.option("--by", default="", hidden=True),
        click.option("--origin", default="", hidden=True),
    ):
        function = option(function)
    return function


def over_agent(loaded: Loaded, ask: Callable[[Path, str], Any], as_json: bool) -> int | None:
    """Have the agent do it: the exit code; None where none runs, so that root does it."""
    from lockdown.agent import client

    state = Path(loaded.settings.state.directory)
    match client.status(state):
        case Unknown(why) if why == client.NO_AGENT:
            return None
        case Unknown(why):
            raise OperatorError(
                "agent-silent",
                what="nothing is changed",
                why=why,
                try_this="lockdown doctor     (or, as root: --directly)",
            )
        case _:
            return tell_reply(ask(state, operator_name()), as_json)


def tell_reply(reply: Acted | Refused | Unknown, as_json: bool) -> int:
    """What the agent says came of it."""
    from lockdown.agent.client import Refused

    match reply:
        case Unknown(why):
            tell(["could not be told", why, "see: lockdown history last"], 3, as_json)
            return 3
        case Refused():
            raise OperatorError("refused", what="refused", why=reply.why, try_this=reply.try_this or "lockdown history")
        case acted:
            tell(acted.says, acted.exit_code, as_json, acted.apply, acted.state)
            return acted.exit_code


def as_root(loaded: Loaded) -> Means:
    """The means to act in this process."""
    from lockdown.engine.apply import means_of
    from lockdown.state.layout import make_folder

    if os.geteuid() != 0:
        raise OperatorError(
            "not-root",
            what="nothing is changed",
            why="only root may change this machine, and no agent runs that could be asked",
            try_this="sudo lockdown …     (the same command)",
        )
    means = means_of(loaded)
    make_folder(means.directory.path)
    return means


def guarded(act: Callable[[], int], directly: bool, as_json: bool) -> int:
    """For the agent, a refusal is JSON as well."""
    try:
        return act()
    except OperatorError as problem:
        if not (directly and as_json):
            raise
        print_json(
            "apply", apply="", state="", says=[f"{problem.what}: {problem.why}"], try_this=problem.try_this, exit_code=2
        )
        return 2


@contextmanager
def undisturbed() -> Iterator[None]:
    """A closed window does not end an apply half-way; Ctrl-C and SIGTERM make it take back what it has done."""
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)}
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


_COLOURS = {0: "green", 3: "yellow"}


def tell(says: list[str], code: int, as_json: bool, apply: str = "", state: str = "", schema: str = "apply") -> None:
    """The first line in colour, the rest below it."""
    if as_json:
        print_json(schema, apply=apply, state=state, says=says, exit_code=code)
        return
    for number, line in enumerate(says):
        text = printable(line)
        click.echo(paint(text, bold=True, fg=_COLOURS.get(code, "red")) if number == 0 else f"  {text}")
