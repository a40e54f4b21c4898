"""A folder for private servers that drop root: every user may walk through it, unlike pytest's own tmp_path."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def sandbox(name: str) -> Iterator[Path]:
    """A new folder that is removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f"lockdown-{name}-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
