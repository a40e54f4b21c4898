"""What holds for every test: it is the same test each time, and no file stays open behind its module.

Examples that hypothesis draws are drawn alike in every run, so that a change is judged by what it changed. What nobody
has drawn yet is looked for on purpose: `pytest --hypothesis-profile explore`, and `script/fuzz`. No busy moment is a
find.

Workers that a test runs in this process are rings of objects: they give their files back when they are collected.
"""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("house")

# A shell that starts the suite in the background has it, and every process it starts, ignore the interrupt for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="module")
def _files_are_given_back() -> Iterator[None]:
    yield
    gc.collect()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that wait for real servers come first: what only computes fills the time beside them, and none is last."""
    items.sort(key=lambda item: "live" not in item.path.parts)
