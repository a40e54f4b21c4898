"""`lockdown password`: is a password strong for this company, and has anyone lost it already. It is shown nowhere.

Fails as: exit 1 for one that is too weak; 3 where it is strong and the breach list could not be read.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import click

from lockdown.cli.options import common_options, paint, print_json, printable


@click.command(
    name="password",
    epilog="Example:  lockdown password --user ada     (asks)     pwgen -s 20 1 | lockdown password",
)
@click.option("--user", metavar="NAME", help="Whose it is to be: a password must not be made of its owner's name.")
@click.option("--quiet", is_flag=True, help="Say nothing; the exit code is the answer.")
@common_options
def command(user: str | None, quiet: bool, config: Path | None, as_json: bool) -> int:
    """How many guesses a password stands, for somebody who knows this company. From the terminal or standard input.

    Exit 0: use it. 1: too weak, or lost by others. 3: whether others have lost it could not be told.
    """
    from lockdown.engine.passwords import Strength, strength
    from lockdown.engine.settings_files import load_settings

    settings = load_settings(config).settings
    # pam_exec names the account in its environment.
    owner = user or os.environ.get("PAM_USER", "")
    found: Strength = strength(_asked(), settings, socket.gethostname(), owner)
    if as_json:
        lost = found.lost if found.lost is None or isinstance(found.lost, int) else str(found.lost.why)
        print_json(
            "password", score=found.score, guesses=found.guesses, length=found.length, words=list(found.words),
            lost=lost, use_it=not found.why_not, why_not=list(found.why_not), advice=list(found.advice),
        )  # fmt: skip
    elif not quiet:
        _print(found.score, found.guesses, found.why_not, found.advice)
    if not found.why_not:
        return 0
    only_unread = len(found.why_not) == 1 and found.lost is not None and not isinstance(found.lost, int)
    return 3 if only_unread else 1


def _asked() -> str:
    """Without an echo; from a pipe the first line, which pam_exec ends with a zero."""
    if sys.stdin.isatty():
        asked: str = click.prompt("Password", hide_input=True, err=True)
        return asked
    octets = sys.stdin.buffer.readline(4096)
    return octets.decode("utf-8", "replace").rstrip("\r\n\0")


def _print(score: int, guesses: float, why_not: tuple[str, ...], advice: tuple[str, ...]) -> None:
    if not why_not:
        click.echo(paint("strong enough", fg="green", bold=True) + f": {score} of 4, about {guesses:.0e} guesses")
        return
    click.echo(paint("do not use it", fg="red", bold=True))
    for line in (*why_not, *advice):
        click.echo(f"  {printable(line)}")
