"""Postfix's own load generator, `smtp-source`. Fails as: CalledProcessError when a message was not accepted."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.rig.network import LOOPBACK

_NEAR = Path("/usr/sbin/smtp-source")


def why_smtp_source_cannot_run() -> str:
    """The reason to skip; empty when it can."""
    return "" if _NEAR.exists() or shutil.which("smtp-source") else "smtp-source is not installed (part of Postfix)"


def smtp_source(port: int, *, messages: int, sessions: int, length: int = 1000, to: str = "bob@example.org") -> None:
    """Send so many messages over so many sessions at a time, and return when all are answered."""
    program = str(_NEAR) if _NEAR.exists() else "smtp-source"
    subprocess.run(
        [
            program, "-s", str(sessions), "-m", str(messages), "-l", str(length), "-f", "load@sender.example",
            "-t", to, "-M", "load.example", f"inet:{LOOPBACK}:{port}",
        ],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
