"""Where everything lies below the state directory, and whether we may write there.

Fails as: OperatorError "state-…" that names the path, the reason and what to type.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from lockdown.model.errors import OperatorError

_ELSEWHERE = "or set state.directory to another place"
_NOT_OURS = ("state-unwritable", "this user may not write there", "chown -R USER {path}     (who runs lockdown)")
_NO_ROOM = ("state-full", "the disk is full", "df -h {path}     (make room, then start again)")
_NO_QUOTA = ("state-full", "the disk quota is used up", "quota; df -h {path}     (make room, then start again)")
_READ_ONLY = ("state-unwritable", "its file system is mounted read-only", f"mount -o remount,rw …, {_ELSEWHERE}")
_A_FILE = ("state-not-a-directory", "something on the way there is a file", f"ls -ld {{path}}, {_ELSEWHERE}")
_REASONS = {
    errno.EACCES: _NOT_OURS,
    errno.EPERM: _NOT_OURS,
    errno.EROFS: _READ_ONLY,
    errno.ENOSPC: _NO_ROOM,
    errno.EDQUOT: _NO_QUOTA,
    errno.ENOTDIR: _A_FILE,
    errno.EEXIST: _A_FILE,
}


def cannot_use(path: Path, error: OSError) -> OperatorError:
    """What the operating system said of a path, as a sentence with what to type."""
    name, why, try_this = _REASONS.get(
        error.errno or 0, ("state-unusable", error.strerror or str(error), "ls -ld {path}; df -h {path}")
    )
    return OperatorError(name, what=f"{path} cannot be used", why=why, try_this=try_this.format(path=path))


def make_folder(path: Path) -> Path:
    """Make a folder that only we may enter, or see that it is one; OperatorError otherwise."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_use(path, error) from None
    return path


class StateDirectory:
    """The state directory; every path below it, and the one beside it, is spelled here and nowhere else."""

    __slots__ = ("path",)

    FOLDERS = ("quarantine", "log", "tally", "tls", "metrics", "run", "mail", "learning")

    def __init__(self, path: Path) -> None:
        self.path = Path(path).absolute()

    @property
    def quarantine(self) -> Path:
        """The spool of held messages."""
        return self.path / "quarantine"

    @property
    def log(self) -> Path:
        """One JSON line for each transaction, a file a day."""
        return self.path / "log"

    @property
    def tally(self) -> Path:
        """Counts shared by the workers, a file for each name and worker."""
        return self.path / "tally"

    @property
    def outcomes(self) -> Path:
        """The file that remembers upstream's final replies."""
        return self.path / "outcomes"

    @property
    def senders(self) -> Path:
        """The file that remembers since when a sender's domain is known."""
        return self.path / "senders"

    @property
    def learning(self) -> Path:
        """What the classifier has learnt here."""
        return self.path / "learning"

    @property
    def tls(self) -> Path:
        """Certificates that we made ourselves."""
        return self.path / "tls"

    @property
    def metrics(self) -> Path:
        """The numbers of each worker, for Prometheus."""
        return self.path / "metrics"

    @property
    def run(self) -> Path:
        """Sockets and locks of what runs now."""
        return self.path / "run"

    @property
    def mail(self) -> Path:
        """The embedded Maildir."""
        return self.path / "mail"

    @property
    def own(self) -> Path:
        """Of whoever changes the machine, beside this one: the owner of this one could rename what lies in it."""
        return self.path.with_name(f"{self.path.name}-agent")

    @property
    def applies(self) -> Path:
        """What was changed on this machine, and how it was before: a folder for each apply."""
        return self.own / "applies"

    @property
    def plans(self) -> Path:
        """What was planned, to say later what has changed since; nothing is ever done because of it."""
        return self.path / "plans"

    @property
    def drills(self) -> Path:
        """The signed results of drills, and the key that they are signed with."""
        return self.path / "drills"

    @property
    def database(self) -> Path:
        """The store, when it is SQLite."""
        return self.path / "lockdown.db"

    def prepare(self) -> StateDirectory:
        """Make what is missing, close it to others, and prove that a file can be written; OperatorError otherwise."""
        for folder in (self.path, *(self.path / name for name in self.FOLDERS)):
            _close_to_others(make_folder(folder))
        self._prove_writable()
        return self

    def free_bytes(self) -> int:
        """Room left on its file system for this user."""
        disk = os.statvfs(self.path)
        return disk.f_bavail * disk.f_frsize

    def _prove_writable(self) -> None:
        proof = self.run / f".writable.{os.getpid()}"
        try:
            proof.write_bytes(b"x" * 4096)
        except OSError as error:
            raise cannot_use(self.path, error) from None
        finally:
            proof.unlink(missing_ok=True)


def _close_to_others(folder: Path) -> None:
    """Quarantined mail and address keys lie below: nobody else may read them."""
    try:
        if folder.stat().st_mode & 0o777 != 0o700:
            folder.chmod(0o700)
    except OSError as error:
        raise cannot_use(folder, error) from None
