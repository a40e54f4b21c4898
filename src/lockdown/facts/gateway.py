"""The gateway's own settings as facts: `describe` writes the reading `gateway/settings.json`, `gateway` reads it back.

Values are written as in TOML, so that the settings of another machine pass the same checks as a file of one's own.
There are no secrets among them: URLs with a password are refused when settings are read.

Fails as: Unknown, with the reason of the reading or of the settings that are not understood here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lockdown.config import Loaded, Origin, Settings, read_settings, sections, show_masked
from lockdown.model.errors import OperatorError
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import ABSENT, Snapshot
from lockdown.model.unknown import Unknown

SOURCE = "gateway/settings.json"
SETTINGS_FILE = "/etc/lockdown/lockdown.toml"
NO_GATEWAY = "there is no gateway of Lockdown there"


@dataclass(frozen=True, slots=True)
class Gateway:
    """Settings, and where each one that is no default was written."""

    settings: Settings
    origins: Mapping[str, Origin]

    def evidence(self, key: str) -> Evidence:
        """The setting as written, with its file and line; a default says so."""
        section, _, name = key.partition(".")
        text = f"{key} = {show_masked(key, getattr(getattr(self.settings, section), name))}"
        origin = self.origins.get(key)
        return Evidence(origin.file, text, origin.line) if origin else Evidence("built-in default", text)


def describe(loaded: Loaded) -> str:
    """The reading: every value, and the places of those that are no default."""
    values = {
        f"{section}.{name}": show_masked(f"{section}.{name}", getattr(getattr(loaded.settings, section), name))
        for section, cls in sections().items()
        for name in cls.__struct_fields__
    }
    origins = {key: {"file": origin.file, "line": origin.line} for key, origin in loaded.origins.items()}
    return json.dumps({"schema": "lockdown.settings/1", "values": values, "origins": origins}, indent=1) + "\n"


def gateway(snapshot: Snapshot) -> Gateway | Unknown:
    """The gateway's settings on the machine of the snapshot."""
    match snapshot.reading(SOURCE):
        case Unknown() as unknown:
            return unknown
        case str() as text if text.startswith(ABSENT):
            return Unknown(NO_GATEWAY)
        case str() as text:
            return _parse(text)


def _parse(text: str) -> Gateway | Unknown:
    try:
        described = json.loads(text)
        loaded = read_settings([(SOURCE, _as_toml(described["values"]))])
        origins = {key: Origin(str(place["file"]), int(place["line"])) for key, place in described["origins"].items()}
    except OperatorError as error:
        return Unknown(f"the settings of that machine are not understood by this version: {error.what}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return Unknown(f"{SOURCE} is damaged: {error}")
    return Gateway(loaded.settings, origins)


def _as_toml(values: Mapping[str, Any]) -> str:
    """Only keys that are spelled like keys: the text comes from a file that anyone may have written."""
    tables: dict[str, list[str]] = {}
    for key, value in values.items():
        section, _, name = key.partition(".")
        if not re.fullmatch(r"\w+\.\w+", key) or "\n" in value:
            raise ValueError(f"{key!r} is not a setting")
        tables.setdefault(section, []).append(f"{name} = {value}")
    return "\n".join(f"[{section}]\n" + "\n".join(lines) for section, lines in tables.items())
