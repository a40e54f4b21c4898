"""The folder of whoever changes the machine: the journals of applies lie in it, out of reach of the gateway's user.

Earlier versions kept them in the state directory. Its owner faces the net: he could not write a journal there, but
rename the whole folder away, and an apply that nobody had confirmed was never undone.

Fails as: `OperatorError` where the old folder cannot be brought over: then nothing is begun beside it.
"""

from __future__ import annotations

import os
from pathlib import Path

from lockdown.host.journal import not_ours, opened_folder
from lockdown.model.errors import OperatorError
from lockdown.state.layout import StateDirectory


def bring_over(directory: StateDirectory) -> None:
    """What an earlier version has kept in the state directory, once; what others may have written is left there."""
    old, new = directory.path / "applies", directory.applies
    if new.exists() or not_ours(old) or old.lstat().st_uid != os.geteuid():
        return
    try:
        new.parent.mkdir(mode=0o700, exist_ok=True)
        with opened_folder(new.parent), opened_folder(old) as opened:
            old.rename(new)
            is_same = os.path.samestat(os.fstat(opened), new.lstat())
    except OSError as error:
        raise _not_moved(old, new, error.strerror or str(error)) from None
    if not is_same:
        new.rename(old)
        raise _not_moved(old, new, "somebody has exchanged it meanwhile")


def _not_moved(old: Path, new: Path, why: str) -> OperatorError:
    return OperatorError(
        "journals-not-moved",
        what=f"the journals of earlier applies are still in {old}",
        why=f"they cannot be moved to {new}: {why}",
        try_this=f"sudo mv {old} {new}     (as the user who made them)",
    )
