"""What holds for every test: no busy moment is a find of hypothesis, and no file stays open behind its module.

Workers that a test runs in this process are rings of objects: they give their files back when they are collected.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(autouse=True, scope="module")
def _files_are_given_back() -> Iterator[None]:
    yield
    gc.collect()
