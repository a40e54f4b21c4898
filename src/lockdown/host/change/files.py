"""One file as an image, and the only way that it comes to lie there: whole, durable, or not at all.

`put` returns when the file and its folder are on the disk. Killed at any moment it leaves the old file or the new one,
and at most a file whose name begins with `.lockdown-`, which no service reads and the next `put` there removes.

Fails as: `OperatorError` for a full disk, a read-only file system, a protected file; the old file is then whole.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lockdown.model.errors import OperatorError

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
            about = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return absent(path)
        mode = stat.S_IMODE(about.st_mode)
        if stat.S_ISLNK(about.st_mode):
            return FileImage(path, b"", 0o777, about.st_uid, about.st_gid, str(Path(path).readlink()))
        if not stat.S_ISREG(about.st_mode) or about.st_size > MOST_OCTETS:
            raise _refused(path, "cannot be changed", "it is no ordinary file of a usual size")
        return FileImage(path, Path(path).read_bytes(), mode, about.st_uid, about.st_gid)


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
        for folder in missing_folders(image.path):
            Path(folder).mkdir(0o755)
            _settle(Path(folder).parent)
        target = Path(image.path)
        _sweep(target)
        aside = target.with_name(f"{ASIDE}{target.name}.{os.getpid()}")
        try:
            _write(aside, image)
            aside.replace(target)
        except BaseException:
            with suppress(OSError):
                aside.unlink()
            raise
        _settle(target.parent)


def remove_empty(folders: tuple[str, ...]) -> None:
    """Take away the folders that `put` had to make, the innermost first; one that is not empty stays."""
    for folder in reversed(folders):
        with suppress(OSError):
            Path(folder).rmdir()
            _settle(Path(folder).parent)


def _write(aside: Path, image: FileImage) -> None:
    if image.link is not None:
        aside.symlink_to(image.link)
        os.lchown(aside, image.uid, image.gid)
        return
    # Nobody else may read it before it has its owner and mode.
    opened = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(opened, "wb") as file:
        file.write(image.octets or b"")
        file.flush()
        os.fchown(opened, image.uid, image.gid)
        _keep_attributes(image.path, opened)
        os.fchmod(opened, image.mode)
        os.fsync(opened)


def _keep_attributes(path: str, opened: int) -> None:
    """Access lists and labels of the file that is replaced; a file system without them has none to lose."""
    with suppress(OSError):
        if stat.S_ISREG(os.lstat(path).st_mode):
            for name in os.listxattr(path, follow_symlinks=False):
                os.setxattr(opened, name, os.getxattr(path, name, follow_symlinks=False))


def _remove(path: str) -> None:
    try:
        Path(path).unlink()
    except (FileNotFoundError, NotADirectoryError):
        return
    _settle(Path(path).parent)


def _sweep(target: Path) -> None:
    """What an earlier attempt at this file left behind when it was killed."""
    for left in target.parent.iterdir():
        if left.name.startswith(f"{ASIDE}{target.name}."):
            left.unlink()


def _settle(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
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
