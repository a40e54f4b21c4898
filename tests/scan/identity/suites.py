"""The test suites of others, as values: SPF scenarios, ARC scenarios, each with its zone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.rig.dns import Zone
from tests.scan.identity.suite_yaml import documents

_PROJECT = Path(__file__).parents[3]
_HERE = Path(__file__).parent


def cases() -> Path:
    """Where the larger sets lie; it need not exist."""
    named = os.environ.get("LOCKDOWN_CASES")
    return Path(named) if named else _PROJECT.parent / "shared" / "cases"


def exceptions() -> dict[str, str]:
    """Cases in which we deliberately differ, each with its reason (exceptions.txt)."""
    lines = (_HERE / "exceptions.txt").read_text().splitlines()
    return dict(line.split(None, 1) for line in lines if line and line[0] != "#")  # type: ignore[misc]


class SpfCase(NamedTuple):
    name: str
    host: str
    helo: str
    sender: str
    results: tuple[str, ...]
    explanation: str | None
    zone: Zone


def spf_cases() -> Iterator[SpfCase]:
    """Every test of every scenario."""
    for folder in ("spf-rfc7208", "spf-rfc4408"):
        for path in sorted((cases() / folder).glob("*.yml")):
            for scenario in documents(path.read_text()):
                yield from _spf_cases(f"{folder}/{path.name}", scenario)


def _spf_cases(origin: str, scenario: dict[str, Any]) -> Iterator[SpfCase]:
    zone = {name.lower(): spf_entry(records) for name, records in (scenario.get("zonedata") or {}).items()}
    for name, test in (scenario.get("tests") or {}).items():
        results = test["result"]
        yield SpfCase(
            f"{origin}:{name}",
            test["host"],
            test["helo"] or "",
            test.get("mailfrom") or "",
            tuple(results) if isinstance(results, list) else (results,),
            test.get("explanation"),
            zone,
        )


def spf_entry(records: list[Any] | None) -> dict[str, Any]:
    """A name's records. What is given as SPF is published as TXT, unless the name has TXT of its own."""
    entry: dict[str, Any] = {}
    for record in records or []:
        if record == "TIMEOUT":
            entry["TIMEOUT"] = True
            continue
        for kind, value in record.items():
            if value == "TIMEOUT":
                entry["TIMEOUT"] = True
            else:
                entry.setdefault(kind, []).append(_spf_value(kind, value))
    published = entry.pop("SPF", None)
    if entry.get("TXT") == [["NONE"]]:
        del entry["TXT"]
    elif published is not None:
        entry.setdefault("TXT", published)
    return entry


def _spf_value(kind: str, value: Any) -> Any:
    if kind == "MX":
        return int(value[0]), value[1] or ""
    if kind in ("SPF", "TXT"):
        return value if isinstance(value, list) else [value or ""]
    return value or ""


class ArcCase(NamedTuple):
    name: str
    message: bytes
    result: str
    zone: Zone


def arc_cases() -> Iterator[ArcCase]:
    """Every validation test. The message is on the wire: lines end in CRLF."""
    for path in sorted((cases() / "arc-suite").glob("*validation*.yml")):
        for scenario in documents(path.read_text()):
            records = scenario.get("txt-records") or {}
            zone = {name.lower(): {"TXT": [["".join(text.split("\n"))]]} for name, text in records.items() if text}
            for name, test in scenario["tests"].items():
                message = (test["message"] or "").encode().replace(b"\n", b"\r\n")
                yield ArcCase(f"arc-suite:{name}", message, (test["cv"] or "").strip().lower(), zone)
