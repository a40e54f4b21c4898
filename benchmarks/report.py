"""The figures for people (a table) and for programs (JSON in benchmarks/out/)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure, NotMeasured

OUT = Path(__file__).resolve().parent / "out"
SCHEMA = 1


def write_json(
    measured: Sequence[Figure | NotMeasured], machine: dict[str, Any], taken_at: datetime, folder: Path = OUT
) -> Path:
    """One file for each run, and `latest.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "schema": SCHEMA,
        "taken_at": taken_at.isoformat(timespec="seconds"),
        "machine": machine,
        "figures": [_as_row(entry) for entry in measured if isinstance(entry, Figure)],
        "not_measured": [asdict(entry) for entry in measured if isinstance(entry, NotMeasured)],
    }
    text = json.dumps(document, indent=2) + "\n"
    file = folder / f"{taken_at:%Y%m%d-%H%M%S}.json"
    file.write_text(text)
    (folder / "latest.json").write_text(text)
    return file


def _as_row(figure: Figure) -> dict[str, Any]:
    return {
        "group": figure.group, "name": figure.name, "value": round(figure.value, 4), "unit": figure.unit,
        "target": str(figure.target) if figure.target else None, "verdict": figure.verdict or None, "how": figure.how,
    }  # fmt: skip


def show(measured: Sequence[Figure | NotMeasured], console: Console) -> None:
    """A table for each group, in the order of measuring, then what could not be measured."""
    groups = dict.fromkeys(entry.group for entry in measured if isinstance(entry, Figure))
    for group in groups:
        console.print(
            _table(group, [entry for entry in measured if isinstance(entry, Figure) and entry.group == group])
        )
    for entry in measured:
        if isinstance(entry, NotMeasured):
            console.print(f"not measured: {entry.group}, {entry.name}: {entry.why}", style="yellow", markup=False)
    missed = [entry for entry in measured if isinstance(entry, Figure) and entry.verdict == "NOT MET"]
    held = [entry for entry in measured if isinstance(entry, Figure) and entry.verdict == "met"]
    console.print(f"{len(held)} targets met, {len(missed)} not met", markup=False)


def _table(group: str, figures: Sequence[Figure]) -> Table:
    table = Table(title=group, title_justify="left", title_style="bold", expand=False)
    for heading, justify in (("figure", "left"), ("value", "right"), ("target", "right"), ("", "left")):
        table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("how it was measured", overflow="fold")
    for figure in figures:
        style = {"met": "green", "NOT MET": "red"}.get(figure.verdict, "")
        table.add_row(
            figure.name, f"{_number(figure.value)} {figure.unit}".strip(), str(figure.target or ""), figure.verdict,
            figure.how, style=style,
        )  # fmt: skip
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
