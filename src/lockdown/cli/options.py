"""What every command has in common: `--config`, `--json`, an example at the foot of its help, and how it prints."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from lockdown.model.shown import cut, escaped, shown

_WIDEST_CELL = 64
"""But for the last one: a stranger's address of a thousand characters must not push all others off the screen."""
_ADDRESS = 32
_LEAST_ROOM = 24
"""In less, nothing is wrapped."""

AnyCommand = TypeVar("AnyCommand", bound=Callable[..., Any])


def common_options(function: AnyCommand) -> AnyCommand:
    """`--config FILE` and `--json`, on every command."""
    return config_option(json_option(function))


def config_option(function: AnyCommand) -> AnyCommand:
    """The settings file; without it ./lockdown.toml, then the system's, then the defaults."""
    return click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Settings file [default: ./lockdown.toml, then /etc/lockdown/lockdown.toml].",
    )(function)


def json_option(function: AnyCommand) -> AnyCommand:
    """Machine output; its `schema` names its version."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON with a versioned schema.")(function)


def print_json(schema: str, **fields: Any) -> None:
    """One JSON document, its schema first: `{"schema": "lockdown.block/1", …}`."""
    click.echo(escaped(json.dumps({"schema": f"lockdown.{schema}/1", **fields}, ensure_ascii=False, default=str)))


def announce(process: str, place: str, as_json: bool) -> None:
    """Where a process of ours listens, as soon as it does."""
    if as_json:
        print_json("listening", process=process, place=place)
    else:
        click.echo(f"{process:<9}{place}")
    sys.stdout.flush()


def colours() -> bool:
    """Colours only for a person at a terminal who has not said NO_COLOR (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def paint(text: str, **style: Any) -> str:
    """Text in colour where `colours()` allows it."""
    return click.style(text, **style) if colours() else text


def printable(text: str) -> str:
    """Strangers' words on our terminal: no escape sequence of theirs is obeyed, no line of theirs looks like ours."""
    return shown(text)


def print_table(rows: Sequence[tuple[str, ...]], heads: tuple[str, ...]) -> None:
    """Columns as wide as they must be; the last one goes on below itself on a terminal, and runs on elsewhere."""
    rows = [tuple(printable(cell) for cell in row) for row in rows]
    most = _widest_cell([heads, *rows])
    rows = [(*(cut(cell, most) for cell in row[:-1]), row[-1]) for row in rows]
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    indent = sum(widths[:-1]) + 2 * (len(widths) - 1)
    for row in [heads, *rows]:
        first = "".join(f"{cell:<{width}}  " for cell, width in zip(row[:-1], widths, strict=False))
        for line in _beside(first, row[-1], indent):
            click.echo(paint(line, dim=True) if row is heads else line)


def _widest_cell(rows: Sequence[tuple[str, ...]]) -> int:
    """Of all columns but the last. On a narrow terminal the widest gives way, but stays wide enough for an address."""
    if not sys.stdout.isatty():
        return _WIDEST_CELL
    widths = [min(_WIDEST_CELL, max(map(len, column))) for column in zip(*rows, strict=True)]
    over = sum(widths[:-1]) + 2 * (len(widths) - 1) + min(widths[-1], _LEAST_ROOM) - _columns()
    return max(_ADDRESS, max(widths[:-1], default=0) - max(over, 0))


def _beside(first: str, last: str, indent: int) -> list[str]:
    """The last cell stands beside the others, where a terminal has room for it, or else below them."""
    room = _columns() - indent
    if sys.stdout.isatty() and room < _LEAST_ROOM < len(last):
        return [first.rstrip(), *(f"    {line}" for line in wrapped(last, 4))]
    lines = wrapped(last, indent)
    return [f"{first}{lines[0]}".rstrip(), *(f"{'':<{indent}}{line}" for line in lines[1:])]


def wrapped(text: str, indent: int) -> list[str]:
    """The text in lines that leave so much room before them; one line where nobody sits at a terminal."""
    room = _columns() - indent
    if not sys.stdout.isatty() or room < _LEAST_ROOM:
        return [text]
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]


def _columns() -> int:
    return shutil.get_terminal_size().columns


def print_labelled(label: str, text: str, width: int = 10) -> None:
    """What it is, and beside it a stranger's or our own words, below each other."""
    first, *others = wrapped(printable(text), width)
    for start, line in [(label, first), *(("", line) for line in others)]:
        click.echo(f"{start:<{width}}{line}")


def operator_name() -> str:
    """Who is at the keyboard, for the record: the one behind sudo, not root."""
    import getpass

    return os.environ.get("SUDO_USER") or getpass.getuser()
