"""Stage changes: what every file would be and what every deed would find, judged aside by the services themselves.

Nothing of the host is changed: all that is written lies in a temporary folder and is gone when `stage` returns.
Changes of one file are folded in their order. A deed is not done before its turn; `before` holds what undoes it.

Fails as: `OperatorError` for a change that cannot be staged at all (no Postfix here, no such service or account).
What a checker has against the result is in `problems`, in its own words.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from lockdown.host.change import checkers, deeds
from lockdown.host.change.edits import Default, PostfixChange, TextChange, edited
from lockdown.host.change.files import FileImage, image_of, missing_folders
from lockdown.host.change.programs import is_installed
from lockdown.host.change.services import RESTARTED_FOR, is_there
from lockdown.model.change import (
    Change,
    EditPostfixList,
    PutFile,
    SetOption,
    SetPostfix,
    SetPostfixService,
)
from lockdown.model.errors import OperatorError


@dataclass(frozen=True, slots=True)
class FileEdit:
    """One file, as it lies there and as it is to lie there."""

    before: FileImage
    after: FileImage
    changes: tuple[int, ...]
    """Which of the staged changes it comes from, by their place among those given."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What is no file: a service, a package, an account, a program."""

    change: deeds.DeedChange
    before: str
    """JSON: what the host holds of it now, all that undoing it needs. Never a secret."""
    index: int


@dataclass(frozen=True, slots=True)
class Staged:
    """What would be done, and what the services say to it."""

    edits: tuple[FileEdit, ...]
    deeds: tuple[Deed, ...]
    problems: tuple[str, ...] = ()
    """What a service's own checker says against the edited copy; empty: nothing."""
    services: tuple[str, ...] = ()
    """Whom the files concern: postfix, dovecot, ssh, exim, nginx, apache2, clamd, php8.2-fpm."""
    nothing_to_do: tuple[int, ...] = ()
    """Changes that hold already."""
    folders: tuple[str, ...] = ()
    """Folders that are not there yet and come with the files, outermost first (`files.remove_empty` undoes them)."""
    restarts: tuple[str, ...] = ()
    """Services that a reload is not enough for."""


def stage(changes: Sequence[Change]) -> Staged:
    """What these changes come to on this host now."""
    with tempfile.TemporaryDirectory(prefix="lockdown-stage-") as folder:
        desk = _Desk(Path(folder))
        done = [_staged(desk, number, change) for number, change in enumerate(changes)]
        edits = tuple(desk.edits())
        return Staged(
            edits,
            tuple(deed for deed in done if isinstance(deed, Deed)),
            tuple(desk.problems()),
            tuple(sorted({one for edit in edits if (one := desk.service_of(edit.after.path)) and is_there(one)})),
            tuple(number for number, deed in enumerate(done) if deed is None),
            tuple(dict.fromkeys(missing for edit in edits for missing in missing_folders(edit.after.path))),
            (
                *(("postfix",) if _needs_restart(changes, done) else ()),
                *(("clamd",) if any(edit.after.path.startswith("/etc/clamav/") for edit in edits) else ()),
            ),
        )


def _needs_restart(changes: Sequence[Change], done: Sequence[Deed | bool | None]) -> bool:
    return any(
        isinstance(change, SetPostfix | EditPostfixList) and change.name in RESTARTED_FOR and is_done is not None
        for change, is_done in zip(changes, done, strict=True)
    )


def _staged(desk: _Desk, number: int, change: Change) -> Deed | bool | None:
    """The deed, True for an edit of a file, or None where it holds already."""
    match change:
        case PutFile():
            return desk.take(number, change.path, lambda _: _own_file(change)) or None
        case SetOption():
            path = os.path.realpath(change.path)
            return desk.take(number, path, lambda old: _edited(old, change, lambda _: "")) or None
        case SetPostfix() | EditPostfixList() | SetPostfixService():
            return desk.take_postfix(number, change) or None
        case _:
            deeds.refuse_the_impossible(change)
            return None if deeds.holds(change) else Deed(change, deeds.state_of(change), number)


@dataclass(slots=True)
class _Desk:
    """The files as the changes so far leave them, without any of them lying on the host."""

    folder: Path
    before: dict[str, FileImage] = field(default_factory=dict)
    now: dict[str, FileImage] = field(default_factory=dict)
    numbers: dict[str, list[int]] = field(default_factory=dict)
    postfix: dict[str, list[PostfixChange]] = field(default_factory=dict)
    mirrors: int = 0

    def image(self, path: str) -> FileImage:
        if path not in self.before:
            self.before[path] = self.now[path] = image_of(path)
        return self.now[path]

    def take(self, number: int, path: str, edit: Callable[[FileImage], FileImage]) -> bool:
        """Fold one edit in; False where it changes nothing."""
        old = self.image(path)
        new = edit(old)
        if new == old:
            return False
        self.now[path] = new
        self.numbers.setdefault(path, []).append(number)
        return True

    def take_postfix(self, number: int, change: PostfixChange) -> bool:
        folder = os.path.realpath(change.config_directory)
        if not is_installed("postconf") or not Path(folder, "main.cf").exists():
            raise OperatorError(
                "no-postfix", what=f"{_name_of(change)} cannot be changed",
                why=f"there is no Postfix with its settings in {change.config_directory}",
                try_this="postconf -h config_directory     (shows where they are)",
            )  # fmt: skip
        in_main = not isinstance(change, SetPostfixService) and not change.service
        path = os.path.realpath(f"{folder}/{'main.cf' if in_main else 'master.cf'}")
        self.postfix.setdefault(folder, []).append(change)
        return self.take(number, path, lambda old: _edited(old, change, partial(self.effective, folder)))

    def edits(self) -> Iterator[FileEdit]:
        for path, numbers in self.numbers.items():
            if self.before[path] != self.now[path]:
                yield FileEdit(self.before[path], self.now[path], tuple(numbers))

    def effective(self, folder: str, name: str) -> str:
        """What Postfix itself takes a setting for that is not written, with the changes so far."""
        return checkers.effective(str(self.mirror(folder)), name)

    def mirror(self, folder: str) -> Path:
        """The folder as it would be now, in a place of its own."""
        return checkers.mirror(folder, self._changed(), self.place())

    def place(self) -> Path:
        self.mirrors += 1
        return self.folder / str(self.mirrors)

    def _changed(self) -> dict[str, FileImage]:
        return {path: image for path, image in self.now.items() if image != self.before[path]}

    def service_of(self, path: str) -> str:
        """Whose file it is; empty for nobody's."""
        folders = {**dict.fromkeys(self.postfix, "postfix"), **_FOLDERS}
        found = next((name for folder, name in folders.items() if path == folder or path.startswith(f"{folder}/")), "")
        if php := _PHP_FILE.match(path):
            return f"php{php[1]}-fpm" if php[2] == "fpm" else "apache2"
        return found

    def problems(self) -> Iterator[str]:
        concerned = {self.service_of(path) for path in self._changed()}
        if "postfix" in concerned and is_installed("postconf"):
            for folder in self.postfix or {"/etc/postfix": []}:
                yield from self._postfix_problems(folder)
        for service, judge in _JUDGES.items():
            if service in concerned:
                yield from judge(self._changed(), self.place())

    def _postfix_problems(self, folder: str) -> Iterator[str]:
        copy = self.mirror(folder)
        yield from checkers.postfix_problems(folder, copy)
        last = {_key_of(change): change for change in self.postfix.get(folder, ()) if isinstance(change, SetPostfix)}
        for change in last.values():
            yield from _not_taken(change, str(copy), self.postfix[folder])


_FOLDERS = {
    "/etc/postfix": "postfix", "/etc/dovecot": "dovecot", "/etc/ssh": "ssh",
    "/etc/exim4": "exim", "/etc/exim": "exim", "/etc/exim.conf": "exim",
    "/etc/nginx": "nginx", "/etc/apache2": "apache2", "/etc/clamav": "clamd", "/var/lib/clamav": "clamd",
}  # fmt: skip
_PHP_FILE = re.compile(r"/etc/php/(\d+\.\d+)/(fpm|apache2)/")
_JUDGES = {
    "dovecot": checkers.dovecot_problems,
    "ssh": checkers.ssh_problems,
    "exim": checkers.exim_problems,
    "nginx": checkers.nginx_problems,
}


def _key_of(change: PostfixChange) -> tuple[str, str]:
    return (change.name, "" if isinstance(change, SetPostfixService) else change.service)


def _name_of(change: PostfixChange) -> str:
    if isinstance(change, SetPostfixService):
        return f"{change.name}/{change.type}"
    return f"{change.name} of {change.service}" if change.service else change.name


def _not_taken(change: SetPostfix, copy: str, all_of_it: Sequence[PostfixChange]) -> Iterator[str]:
    """Postfix itself reads what was meant; where a later edit of the list follows, that edit has the last word."""
    if any(isinstance(other, EditPostfixList) and _key_of(other) == _key_of(change) for other in all_of_it):
        return
    if change.service:
        read = checkers.effective_override(copy, change.service, change.name)
    else:
        read = checkers.effective(copy, change.name) if change.value is not None else None
    if (None if read is None else " ".join(read.split())) != (
        None if change.value is None else " ".join(change.value.split())
    ):
        yield f"Postfix reads {_name_of(change)} as {read!r}, not as {change.value!r}"


def _own_file(change: PutFile) -> FileImage:
    if not change.path.startswith("/") or ".." in Path(change.path).parts:
        raise OperatorError(
            "no-such-place", what=f"{change.path} cannot be written", why="it is no absolute path",
            try_this="this is a mistake of ours: please report it",
        )  # fmt: skip
    if change.text is None:
        return FileImage(change.path, None)
    try:
        owner, group = pwd.getpwnam(change.owner).pw_uid, grp.getgrnam(change.group).gr_gid
    except KeyError as error:
        raise OperatorError(
            "no-such-owner", what=f"{change.path} cannot be written", why=f"there is no {error.args[0]}",
            try_this=f"getent passwd {change.owner}; getent group {change.group}",
        ) from error  # fmt: skip
    return FileImage(change.path, change.text.encode("utf-8", "surrogateescape"), change.mode, owner, group)


def text_of(image: FileImage) -> str:
    """The text of an image; octets that are no UTF-8 survive."""
    return (image.octets or b"").decode("utf-8", "surrogateescape")


def with_text(image: FileImage, text: str) -> FileImage:
    """The same file with another text."""
    return replace(image, octets=text.encode("utf-8", "surrogateescape"))


def _edited(old: FileImage, change: TextChange, default: Default) -> FileImage:
    if old.octets is None and isinstance(change, SetOption) and change.value is None:
        return old
    try:
        return with_text(old, edited(text_of(old), change, default))
    except (ValueError, LookupError) as error:
        raise OperatorError(
            "not-stageable", what=f"{old.path} cannot be changed so", why=_why(error), try_this=f"look at {old.path}"
        ) from error


def _why(error: Exception) -> str:
    return f"it has no entry {error.args[0]}" if isinstance(error, LookupError) else str(error)
