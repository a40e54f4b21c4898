"""`lockdown gateway`: the SMTP gateway alone, in the foreground (what the systemd unit runs).

Fails as: exit 2 for a port in use, a broken certificate, an unwritable state directory.
"""

from __future__ import annotations

from pathlib import Path

import click

from lockdown.cli.options import common_options


@click.command(name="gateway", epilog="Example:  lockdown gateway --config /etc/lockdown/lockdown.toml")
@common_options
def command(config: Path | None, as_json: bool) -> int:
    """The SMTP gateway alone. SIGTERM finishes open transactions and stops; SIGHUP reloads the settings."""
    from lockdown.engine.settings_files import load_settings, reload
    from lockdown.engine.supervised import end_with_supervisor
    from lockdown.gateway.master import run

    end_with_supervisor()
    loaded = load_settings(config)
    return run(loaded.settings, reread=lambda: reload(loaded).settings)
