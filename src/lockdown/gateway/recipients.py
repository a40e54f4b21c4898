"""The recipients file: `site.recipients = "file:PATH"`, one address a line, `#` begins a comment.

Read when a worker starts, so a reload takes a changed file over. Fails as: OperatorError that names the file and line.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from lockdown.config import Settings
from lockdown.model.errors import OperatorError


def with_listed_recipients(settings: Settings) -> Settings:
    """The settings with the addresses of the file in the place of its name."""
    listed = settings.site.recipients
    if not isinstance(listed, str) or not listed.startswith("file:"):
        return settings
    site = msgspec.structs.replace(settings.site, recipients=_read(Path(listed.removeprefix("file:"))))
    return msgspec.structs.replace(settings, site=site)


def _read(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(
            "recipients-file",
            what=f"the recipients file {path} cannot be read",
            why=getattr(error, "strerror", None) or str(error),
            try_this=f"ls -l {path}     (site.recipients names it; one address a line)",
        ) from None
    entries = [(number, line.partition("#")[0].strip()) for number, line in enumerate(lines, start=1)]
    for number, entry in entries:
        if entry and ("@" not in entry or " " in entry):
            raise OperatorError(
                "recipients-file",
                what=f"{path}:{number}: {entry!r} is not an address",
                why="each line holds one address, like anna@example.org; # begins a comment",
                try_this=f"sed -n {number}p {path}",
            )
    return tuple(entry.lower() for _, entry in entries if entry)
