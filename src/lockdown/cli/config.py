"""`lockdown config`: what every setting is now and where that was said, whether a file is right, what a setting means.

Fails as: exit 2 with the file, the line, the near miss. Changes nothing.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import click

from lockdown.cli.options import common_options, paint, print_json, print_table
from lockdown.config import Loaded, SettingDoc, documented, near_miss, sections, show_masked
from lockdown.engine.scan_settings import check_scan_settings
from lockdown.engine.settings_files import load_settings
from lockdown.model.errors import OperatorError


@click.group(name="config", epilog="Example:  lockdown config show --origin")
def command() -> None:
    """Settings: show, check, explain."""


@command.command("show", epilog="Example:  lockdown config show --origin")
@click.option("--origin", is_flag=True, help="Also the file and line that each value comes from.")
@common_options
def show_settings(origin: bool, config: Path | None, as_json: bool) -> None:
    """Every setting as it is in force."""
    loaded = load_settings(config)
    if as_json:
        print_json("config", files=list(loaded.files), settings=_as_json(loaded))
    elif origin:
        print_table([(f"{key} = {value}", place) for key, value, place in _rows(loaded)], ("setting", "from"))
    else:
        _print_as_toml(loaded)


def _rows(loaded: Loaded) -> list[tuple[str, str, str]]:
    return [(doc.key, show_masked(doc.key, _value(loaded, doc.key)), _origin(loaded, doc.key)) for doc in documented()]


def _value(loaded: Loaded, key: str) -> object:
    section, _, name = key.partition(".")
    return getattr(getattr(loaded.settings, section), name)


def _origin(loaded: Loaded, key: str) -> str:
    place = loaded.origins.get(key)
    return f"{place.file}:{place.line}" if place else "default"


def _as_json(loaded: Loaded) -> list[dict[str, str]]:
    return [{"key": key, "value": value, "origin": place} for key, value, place in _rows(loaded)]


def _print_as_toml(loaded: Loaded) -> None:
    rows = _rows(loaded)
    for section in sections():
        click.echo(paint(f"[{section}]", bold=True))
        for key, value, place in rows:
            if key.startswith(f"{section}."):
                line = f"{key.partition('.')[2]} = {value}"
                click.echo(paint(line, dim=True) if place == "default" else line)
        click.echo()


@command.command("check", epilog="Example:  lockdown config check /etc/lockdown/lockdown.toml")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@common_options
def check(file: Path | None, config: Path | None, as_json: bool) -> None:
    """Is this file right? Says nothing of whether the ports are free: `lockdown doctor` does."""
    loaded = load_settings(file or config)
    check_scan_settings(loaded.settings)
    if as_json:
        print_json("config-check", files=list(loaded.files), holds=True)
        return
    files = ", ".join(loaded.files) or "no settings file: the embedded defaults"
    click.echo(f"{files}: right, {len(loaded.origins)} of {len(list(documented()))} settings set")


@command.command("explain", epilog="Example:  lockdown config explain gateway.max_message")
@click.argument("key")
@common_options
def explain(key: str, config: Path | None, as_json: bool) -> None:
    """What a setting, or a whole section, means and why its default is what it is."""
    found = [doc for doc in documented() if doc.key == key or doc.key.startswith(f"{key}.")]
    if not found:
        raise _unknown(key)
    now = _in_force(config)
    if as_json:
        print_json("config-explain", settings=[{**_fields(doc), "now": now.get(doc.key)} for doc in found])
        return
    for doc in found:
        click.echo(f"{paint(doc.key, bold=True)} = {doc.default}")
        click.echo(textwrap.fill(doc.why, 100, initial_indent="  ", subsequent_indent="  "))
        click.echo(f"  {doc.type}; {_example(doc)}")
        click.echo(f"  now: {now.get(doc.key, 'cannot be told, the settings file is broken: lockdown config check')}\n")


def _in_force(config: Path | None) -> dict[str, str]:
    """What holds now. This command is what one types about a broken file, so that is no reason to fail."""
    try:
        rows = _rows(load_settings(config))
    except OperatorError:
        return {}
    return {key: f"{value} ({place})" for key, value, place in rows}


def _fields(doc: SettingDoc) -> dict[str, str]:
    return {"key": doc.key, "default": doc.default, "type": doc.type, "why": doc.why}


def _example(doc: SettingDoc) -> str:
    section, _, name = doc.key.partition(".")
    return f"in lockdown.toml below [{section}]:  {name} = {doc.default}"


def _unknown(key: str) -> OperatorError:
    known = [*(doc.key for doc in documented()), *sections()]
    near = near_miss(key, known)
    return OperatorError(
        "settings-unknown-key",
        what=f"there is no setting `{key}`",
        why=f"did you mean `{near}`?" if near else f"sections are {', '.join(sections())}",
        try_this=f"lockdown config explain {near}" if near else "lockdown config show",
    )
