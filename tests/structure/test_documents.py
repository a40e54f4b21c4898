"""What is generated is what is committed, and nothing that a user can set or meet is left out of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lockdown.config import documented
from lockdown.engine.audit import cards

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_the_generated_documents_are_as_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "script" / "generate_docs.py"), "--check"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}{done.stderr}type: script/docs"


def test_every_setting_has_its_line() -> None:
    text = (DOCS / "settings.md").read_text()
    for doc in documented():
        assert f"`{doc.key}`" in text
        assert doc.why in text


def test_every_control_and_every_empty_place_has_its_line() -> None:
    text = (DOCS / "checklist.md").read_text()
    for card in cards():
        for control in card.controls:
            assert f"`{control.id}`" in text
            assert control.why in text
        for sentence in card.empty.values():
            assert sentence in text
