"""`lockdown --help` answers at once: what a command does not need, it does not import."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "sqlalchemy",
    "alembic",
    "starlette",
    "uvicorn",
    "uvloop",
    "jinja2",
    "cryptography",
    "prometheus_client",
    "psutil",
)

_ASK = """
import sys
from lockdown.cli import main
try:
    main({arguments!r})
except SystemExit:
    pass
print("imported:", *sorted({{name.partition(".")[0] for name in sys.modules}}))
"""


def imported_by(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", _ASK.format(arguments=list(arguments))],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return set(done.stdout.rpartition("imported:")[2].split())


def test_help_imports_none_of_the_heavy_libraries() -> None:
    found = imported_by("--help")
    assert "lockdown" in found
    assert found.isdisjoint(HEAVY), found & set(HEAVY)


@pytest.mark.parametrize("command", ["audit", "explain", "snapshot"])
def test_the_help_of_a_command_imports_none_either(command: str) -> None:
    assert imported_by(command, "--help").isdisjoint(HEAVY)


def test_the_check_would_see_a_heavy_library() -> None:
    assert "psutil" in imported_by("audit", "--from", "/nonexistent")
