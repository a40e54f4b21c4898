"""One file as an image, and the only way that it comes to lie there: whole, durable, or not at all.

`put` returns when the file and its folder are on the disk. Killed at any moment it leaves the old file or the new one,
and at most a file whose name begins with `.lockdown-`, which no service reads and the next `put` there removes.

The way to a file is walked folder by folder, each held open. Below a folder of another user, only what is that user's
too is entered: else he could put a link there and have root read or write wherever it leads.

Fails as: `OperatorError` for a full disk, a read-only file system, a protected file; the old file is then whole.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lockdown.model.errors import OperatorError

_SETTLED_SECONDS = 3.0
ASIDE = ".lockdown-"
"""How the name of a file begins that is being written: hidden, and in no pattern that a service includes."""
MOST_OCTETS = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileImage:
    """A file as it lies on a machine, or is to lie there."""

    path: str
    octets: bytes | None
    """None: there is no file."""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    link: str | None = None
    """What a symbolic link points to; then `octets` is empty."""


def absent(path: str) -> FileImage:
    """No file of that name."""
    return FileImage(path, None)


def image_of(path: str) -> FileImage:
    """The file as it lies there now."""
    with _in_words(path, "cannot be read"):
        try:
            with _folder_of(path) as folder:
                return _image(path, folder)
        except (FileNotFoundError, NotADirectoryError):
            return absent(path)


def _image(path: str, folder: int) -> FileImage:
    name = Path(path).name
    about = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISLNK(about.st_mode):
        return FileImage(path, b"", 0o777, about.st_uid, about.st_gid, os.readlink(name, dir_fd=folder))
    if not stat.S_ISREG(about.st_mode):
        raise _refused(path, "cannot be changed", "it is no ordinary file of a usual size")
    opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(opened, "rb") as file:
        about = os.fstat(opened)
        if not stat.S_ISREG(about.st_mode) or about.st_size > MOST_OCTETS:
            raise _refused(path, "cannot be changed", "it is no ordinary file of a usual size")
        return FileImage(path, file.read(), stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid)


def missing_folders(path: str) -> tuple[str, ...]:
    """The folders above the file that are not there yet, the outermost first."""
    folders = []
    folder = Path(path).parent
    while not folder.exists():
        folders.append(str(folder))
        folder = folder.parent
    return tuple(reversed(folders))


def put(image: FileImage) -> None:
    """Let the file lie there exactly so; on the disk when this returns."""
    with _in_words(image.path, "cannot be written"):
        if image.octets is None:
            _remove(image.path)
            return
        name = Path(image.path).name
        with _folder_of(image.path, make=True) as folder:
            _sweep(name, folder)
            aside = f"{ASIDE}{name}.{os.getpid()}"
            try:
                _write(aside, image, folder)
                os.rename(aside, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(aside, dir_fd=folder)
                raise
            _settle(folder)


def remove_empty(folders: tuple[str, ...]) -> None:
    """Take away the folders that `put` had to make, the innermost first; one that is not empty stays."""
    for folder in reversed(folders):
        with suppress(OSError, OperatorError), _folder_of(folder) as above:
            os.rmdir(Path(folder).name, dir_fd=above)
            _settle(above)


# ── the way to a file ──

_STEP = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_LINKS = 40


@contextmanager
def _folder_of(path: str, make: bool = False) -> Iterator[int]:
    """The folder that the file lies in, open; with `make`, missing ones are made."""
    walk = _Walk(path, make)
    try:
        walk.go()
        yield walk.at
    finally:
        os.close(walk.at)


class _Walk:
    """From the root down, one folder open at a time."""

    def __init__(self, path: str, make: bool) -> None:
        self._path, self._make, self._links = path, make, 0
        self._rest = list(reversed(Path(path).parent.parts[1:]))
        self.at = os.open("/", _STEP)

    def go(self) -> None:
        while self._rest:
            name = self._rest.pop()
            about = self._look(name)
            if stat.S_ISLNK(about.st_mode):
                self._follow(name, about)
            else:
                self._enter(os.open(name, _STEP, dir_fd=self.at))

    def _look(self, name: str) -> os.stat_result:
        try:
            return os.stat(name, dir_fd=self.at, follow_symlinks=False)
        except FileNotFoundError:
            if not self._make:
                raise
        if not _is_trusted(owner := os.fstat(self.at).st_uid):
            raise self._foreign(owner)
        os.mkdir(name, 0o755, dir_fd=self.at)
        made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.at)
        try:
            # Whatever umask we were started with: the service has to enter it.
            os.fchmod(made, 0o755)
        finally:
            os.close(made)
        _settle(self.at)
        return os.stat(name, dir_fd=self.at, follow_symlinks=False)

    def _follow(self, name: str, about: os.stat_result) -> None:
        self._links += 1
        if self._links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if not _is_trusted(about.st_uid):
            raise self._foreign(about.st_uid)
        target = Path(os.readlink(name, dir_fd=self.at))
        if target.is_absolute():
            self._enter(os.open("/", _STEP))
        self._rest += reversed([part for part in target.parts if part != "/"])

    def _enter(self, step: int) -> None:
        here, there = os.fstat(self.at).st_uid, os.fstat(step).st_uid
        os.close(self.at)
        self.at = step
        if not _is_trusted(here) and there != here:
            raise self._foreign(here)

    def _foreign(self, uid: int) -> OperatorError:
        return _refused(self._path, "is not touched", f"the way to it leads through what belongs to the user {uid}")


def _is_trusted(uid: int) -> bool:
    return uid in (0, os.geteuid())


# ── writing ──


def _write(aside: str, image: FileImage, folder: int) -> None:
    if image.link is not None:
        os.symlink(image.link, aside, dir_fd=folder)
        os.chown(aside, image.uid, image.gid, dir_fd=folder, follow_symlinks=False)
        return
    # Nobody else may read it before it has its owner and mode.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    opened = os.open(aside, flags, 0o600, dir_fd=folder)
    with os.fdopen(opened, "wb") as file:
        file.write(image.octets or b"")
        file.flush()
        os.fchown(opened, image.uid, image.gid)
        _keep_attributes(f"/proc/self/fd/{folder}/{Path(image.path).name}", opened)
        os.fchmod(opened, image.mode)
        # It is put in place whole, so nobody must wait until it is: Postfix does for files of the last two seconds.
        written = time.time() - _SETTLED_SECONDS
        os.utime(opened, (written, written))
        os.fsync(opened)


def _keep_attributes(path: str, opened: int) -> None:
    """Access lists and labels of the file that is replaced; a file system without them has none to lose."""
    with suppress(OSError):
        if stat.S_ISREG(os.lstat(path).st_mode):
            for name in os.listxattr(path, follow_symlinks=False):
                os.setxattr(opened, name, os.getxattr(path, name, follow_symlinks=False))


def _remove(path: str) -> None:
    with suppress(FileNotFoundError, NotADirectoryError), _folder_of(path) as folder:
        os.unlink(Path(path).name, dir_fd=folder)
        _settle(folder)


def _sweep(name: str, folder: int) -> None:
    """What an earlier attempt at this file left behind when it was killed."""
    for left in Path(f"/proc/self/fd/{folder}").iterdir():
        if left.name.startswith(f"{ASIDE}{name}."):
            os.unlink(left.name, dir_fd=folder)


def _settle(folder: int) -> None:
    opened = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


_WORDS = {
    errno.ENOSPC: ("the disk is full", "free some space: df -h, journalctl --vacuum-size=100M"),
    errno.EDQUOT: ("the quota is used up", "raise the quota, or free some space"),
    errno.EROFS: ("the file system is read-only", "mount it writable: mount -o remount,rw; then look why it was not"),
    errno.EPERM: ("the file or its folder is protected", "lsattr shows the immutable flag; chattr -i takes it away"),
    errno.EACCES: ("this process may not", "run it as root"),
    errno.EIO: ("the disk gives errors", "look at dmesg before anything is changed on it"),
}


@contextmanager
def _in_words(path: str, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why, try_this = _WORDS.get(error.errno or 0, (error.strerror or str(error), "put that right, then try again"))
        raise OperatorError(
            "file-not-changed", what=f"{path} {what}", why=f"{why} ({error.strerror})", try_this=try_this
        ) from error


def _refused(path: str, what: str, why: str) -> OperatorError:
    return OperatorError("file-not-changed", what=f"{path} {what}", why=why, try_this=f"look at it: ls -l {path}")
