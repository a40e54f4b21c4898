"""What every command has in common: `--config`, `--json`, an example at the foot of its help, and how it prints."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

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
    click.echo(json.dumps({"schema": f"lockdown.{schema}/1", **fields}, ensure_ascii=False, default=str))


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
    return _CONTROLS.sub("\ufffd", text)


def print_table(rows: Sequence[tuple[str, ...]], heads: tuple[str, ...]) -> None:
    """Columns as wide as they must be; the last one may run on."""
    rows = [tuple(printable(cell) for cell in row) for row in rows]
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    for row in [heads, *rows]:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        click.echo(paint(line, dim=True) if row is heads else line)


def operator_name() -> str:
    """Who is at the keyboard, for the record: the one behind sudo, not root."""
    import getpass

    return os.environ.get("SUDO_USER") or getpass.getuser()
