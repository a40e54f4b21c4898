"""Put a file back, unless its service could not start any more without it: then an empty one stays in its place.

Dovecot refuses `!include conf.d/*.conf` where nothing matches. So the last drop-in of a folder, taken away, would be
the end of Dovecot at its next start, though it came with us and means nothing any more.

Fails as: `OperatorError`, as `files.put` does. A checker that cannot be run has nothing against it.
"""

from __future__ import annotations

from dataclasses import replace

from lockdown.host.change import files, services
from lockdown.host.change.checkers import DOVECOT
from lockdown.host.change.files import FileImage
from lockdown.model.errors import OperatorError

TEXT = b"# Lockdown: nothing is set here any more. Dovecot does not start where its include finds no file at all.\n"


def put_back(image: FileImage, now: FileImage) -> str:
    """Let it lie there as it was; why something else lies there, where it does."""
    is_last = image.octets is None and now.octets is not None and image.path.startswith(f"{DOVECOT}/")
    before = _words() if is_last else ""
    files.put(image)
    if not is_last or before or "No matches" not in _words():
        return ""
    files.put(replace(now, octets=TEXT))
    return f"{image.path} stays as a file of remarks only: without any file there Dovecot would not start"


def _words() -> str:
    try:
        return services.check("dovecot")
    except OperatorError as error:
        return error.why
