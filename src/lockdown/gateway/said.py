"""How a worker writes its log: one line for each word, whatever strangers have put into it.

Fails as: nothing.
"""

from __future__ import annotations

import logging

from lockdown.model.shown import shown


class OneLine(logging.Formatter):
    """What is said cannot begin a line of its own, nor be obeyed by the terminal on which it is read."""

    def __init__(self) -> None:
        super().__init__("%(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The words."""
        return shown(super().formatMessage(record))

    def formatException(self, ei: object) -> str:
        """Where it broke, line by line: an exception may quote strangers too."""
        lines = super().formatException(ei).splitlines()  # type: ignore[arg-type]
        return "\n".join(map(shown, lines))


def log_to_stderr() -> None:
    """For all of this process."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
