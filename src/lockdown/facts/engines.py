"""What each engine of the settings said of itself when it was asked: readings `engines/<n>.json`.

Fails as: Unknown, with the reason of the reading; an engine that was asked and is down is an `Engine` with its error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

FOLDER = "engines/"


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine, asked live. `error` says why it gave no answer that counts; empty where it did."""

    url: str
    item: str
    """Of which item: "antivirus" or "antispam"."""
    version: str = ""
    signatures: int = 0
    """Number of the daily database; 0 where it has none."""
    built: str = ""
    """When the database was made, ISO 8601 with zone; "" where it has no date."""
    proven: bool = False
    """It finds what must be found, and passes what must pass."""
    reaches: bool | None = None
    """It finds a virus behind a message of the largest size; None where that was not asked."""
    error: str = ""

    @property
    def built_at(self) -> datetime | None:
        return datetime.fromisoformat(self.built) if self.built else None

    @property
    def evidence(self) -> Evidence:
        if self.error:
            return Evidence(self.url, self.error)
        if self.url == "builtin":
            what = "the test virus is found" if self.item == "antivirus" else "its model is loaded"
            return Evidence(f"{self.item}.engines: builtin", f"version {self.version}; {what}")
        date = f", signatures {self.signatures or 'without a number'} of {self.built or 'no date'}"
        said = f"version {self.version}{date if self.url.startswith('clamd') else ''}"
        return Evidence(self.url, f"{said}; test message {'found' if self.proven else 'not found'}")


def described(engine: Engine) -> str:
    """The reading."""
    return json.dumps(asdict(engine), indent=1) + "\n"


def engines(snapshot: Snapshot, item: str, urls: tuple[str, ...]) -> Mapping[str, Engine | Unknown]:
    """The engines that the settings name for an item, each with what it said."""
    asked = {}
    for source in sorted(snapshot.readings):
        if source.startswith(FOLDER):
            engine = _parse(snapshot.readings[source])
            if isinstance(engine, Engine) and engine.item == item:
                asked[engine.url] = engine
    return {url: asked.get(url, Unknown(f"{url} was not asked")) for url in urls}


def _parse(reading: object) -> Engine | Unknown:
    if isinstance(reading, Unknown):
        return reading
    try:
        fields: dict[str, Any] = json.loads(str(reading))
        return _engine(fields)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        return Unknown(f"what the engine said is damaged: {error}")


def _engine(fields: Mapping[str, Any]) -> Engine:
    reaches = fields.get("reaches")
    engine = Engine(
        url=str(fields["url"]),
        item=str(fields["item"]),
        version=str(fields["version"]),
        signatures=int(fields["signatures"]),
        built=str(fields["built"]),
        proven=fields["proven"] is True,
        reaches=reaches if isinstance(reaches, bool) else None,
        error=str(fields["error"]),
    )
    if engine.built_at and engine.built_at.tzinfo is None:
        raise ValueError("a date without a zone")
    return engine
