"""`lockdown init`: look at this machine and write a `lockdown.toml` to start from. Changes nothing else.

Fails as: exit 2 when the file is there already: it is never overwritten.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from lockdown.cli.options import common_options, paint, print_json
from lockdown.config import read_settings
from lockdown.engine.first_settings import look, next_steps, propose
from lockdown.engine.snapshots import snapshot_of_this_machine
from lockdown.model.errors import OperatorError


@click.command(name="init", epilog="Example:  lockdown init -o /etc/lockdown/lockdown.toml")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to write it [lockdown.toml].")
@common_options
def command(output: Path | None, config: Path | None, as_json: bool) -> None:
    """Look at this machine (Postfix? Dovecot? domains?) and write a lockdown.toml to start from."""
    output = output or config or Path("lockdown.toml")
    _must_be_new(output)
    seen = look(snapshot_of_this_machine(read_settings([]), datetime.now(UTC), None))
    text = propose(seen)
    read_settings([(str(output), text)])
    _write(output, text)
    steps = next_steps(seen, str(output))
    if as_json:
        print_json("init", file=str(output), seen=list(seen.notes), next=steps)
        return
    click.echo(paint("seen", bold=True))
    for note in seen.notes:
        click.echo(f"  {note}")
    click.echo(paint(f"\nwritten to {output}; next", bold=True))
    for number, step in enumerate(steps, start=1):
        click.echo(f"  {number}. " + step.replace("\n", "\n     "))


def _must_be_new(output: Path) -> None:
    if output.exists():
        raise OperatorError(
            "settings-exist",
            what=f"{output} was not written",
            why="it is there already, and what you have set is never overwritten",
            try_this="lockdown init -o lockdown.new.toml     (then compare the two)",
        )


def _write(output: Path, text: str) -> None:
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        _must_be_new(output)
    except OSError as error:
        raise OperatorError(
            "settings-unwritable",
            what=f"{output} was not written",
            why=error.strerror or str(error),
            try_this=f"mkdir -p {output.parent}     (or another place: lockdown init -o FILE)",
        ) from None
