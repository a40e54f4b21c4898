"""Errors that an operator can mend: what happened, why, and what to type next. Never shown as a traceback."""

from __future__ import annotations


class OperatorError(Exception):
    """Raised for a wrong setting, a port in use, a full disk, a missing permission; the faces print it and exit 2."""

    def __init__(self, name: str, *, what: str, why: str, try_this: str) -> None:
        super().__init__(f"{what}: {why}")
        self.name, self.what, self.why, self.try_this = name, what, why, try_this

    def __str__(self) -> str:
        return f"{self.what}\n  why: {self.why}\n  try: {self.try_this}"
