"""What holds for every test: a machine that is busy for a moment is no find of hypothesis."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("house", deadline=None)
settings.load_profile("house")
