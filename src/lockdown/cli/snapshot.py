"""`lockdown snapshot -o FOLDER`: the readings of this machine in a folder, to be judged elsewhere or sent on.

Passwords are left out at reading. Fails as: exit 2 for a folder that is in use or cannot be written.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from lockdown.cli.options import common_options, print_json
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown


@click.command(name="snapshot", epilog="Example:  lockdown snapshot -o ./snapshot     lockdown audit --from ./snapshot")
@click.option(
    "-o",
    "--output",
    "folder",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="A new or empty folder.",
)
@click.option(
    "--postfix-config",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where main.cf and master.cf lie [Postfix's own].",
)
@common_options
def command(folder: Path, postfix_config: Path | None, config: Path | None, as_json: bool) -> None:
    """Take the readings of this machine into a folder; judge nothing, change nothing."""
    from lockdown.engine.settings_files import load_settings
    from lockdown.engine.snapshots import snapshot_of_this_machine, write_snapshot

    snapshot = snapshot_of_this_machine(load_settings(config), datetime.now(UTC), postfix_config)
    write_snapshot(snapshot, folder)
    unknown = {name: reading.why for name, reading in snapshot.readings.items() if isinstance(reading, Unknown)}
    if as_json:
        print_json("snapshot", folder=str(folder), readings=sorted(snapshot.readings), unknown=unknown)
    else:
        _print(snapshot, folder, unknown)


def _print(snapshot: Snapshot, folder: Path, unknown: dict[str, str]) -> None:
    from lockdown.cli.audit_text import printable

    click.echo(f"{len(snapshot.readings)} readings of {snapshot.host} in {folder}")
    for name, why in unknown.items():
        click.echo(f"  could not be read: {name}: {printable(why)}")
    click.echo("Passwords are left out; names, addresses and settings are in it: look before you send it on.")
    click.echo(f"Judge it:  lockdown audit --from {folder}")
