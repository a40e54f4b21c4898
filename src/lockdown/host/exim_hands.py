"""The hands on a queue of Exim: its spool is read, and Exim itself freezes, thaws and removes (-Mf, -Mt, -Mrm).

An archive holds both files of each message. What is put back lies under its own id: Exim's ids hold the time of
arrival, and are not used again.

Fails as: `OperatorError` where the spool cannot be read; what Exim did not do is counted, with its own words.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from lockdown.facts.exim_spool import Spooled, is_id, spooled
from lockdown.host.commands import run
from lockdown.host.queue_archive import Archive, members
from lockdown.host.queue_hands import Found, Outcome, Restored, Takes, Tell, untold
from lockdown.mime.subject import subject_of
from lockdown.model.errors import OperatorError
from lockdown.model.queued import Fingerprint
from lockdown.model.unknown import Unknown

_AT_A_TIME = 200
_SECONDS = 120.0
_MOST_HEADER = 4 * 1024 * 1024
_MEMBER = re.compile(r"(?:[0-9A-Za-z]/)?(?P<id>[0-9A-Za-z-]{16,23})-(?P<part>[HD])\Z")
_BODY_LINE = 4096


def exim_queue_here() -> EximQueue | Unknown:
    """The spool of the Exim that is installed."""
    places = "/usr/sbin:/sbin:/usr/local/sbin"
    program = next((found for name in ("exim4", "exim") if (found := shutil.which(name, path=places))), None)
    if program is None:
        return Unknown("neither Postfix nor Exim is installed here")
    said = run([program, "-bP", "spool_directory"])
    if isinstance(said, Unknown):
        return said
    directory = said.partition("=")[2].strip()
    if not directory.startswith("/"):
        return Unknown(f"exim -bP said {said[:100]!r}")
    return EximQueue(Path(directory), program)


class EximQueue:
    """The messages below one spool directory."""

    kind = "exim"

    def __init__(self, directory: Path, program: str) -> None:
        self._input, self._program = directory / "input", program
        self.unread = 0

    # ── reading ──

    def read(self, *, with_subject: bool = False, with_reason: bool = False) -> Iterator[Found]:
        """All messages. Why one waits, Exim keeps in a database of hosts, and not with the message."""
        self.unread = 0
        try:
            folders = [self._input, *(Path(it.path) for it in os.scandir(self._input) if _is_split(it))]
        except OSError as error:
            raise OperatorError(
                "queue-unread",
                what="The queue of Exim could not be read.",
                why=f"{self._input}: {error.strerror}",
                try_this="sudo lockdown queue …     (the same command)",
            ) from None
        for folder in folders:
            for name in _names(folder):
                if found := self._read_one(folder, name[:-2], with_subject):
                    yield found

    def find(self, takes: Takes, *, with_subject: bool = False, with_reason: bool = False) -> list[Found]:
        """As `read`, those that are taken."""
        return [one for one in self.read(with_subject=with_subject, with_reason=with_reason) if takes(one.message)]

    def _read_one(self, folder: Path, id: str, with_subject: bool) -> Found | None:
        path = folder / f"{id}-H"
        try:
            with path.open("rb") as opened:
                octets, about = opened.read(_MOST_HEADER), os.fstat(opened.fileno())
            body = (folder / f"{id}-D").stat().st_size
        except OSError:
            return None
        read = spooled(octets, id, body)
        if read is None:
            self.unread += 1
            return None
        message = read.message
        if with_subject:
            message = message._replace(subject=subject_of(read.header.replace(b"\n", b"\r\n")))
        return Found(message, str(path), about.st_ino, about.st_ctime_ns)

    def _now(self, one: Fingerprint) -> tuple[Spooled, Path] | None:
        """This very message as it is now, and its folder."""
        # Split or not, and by which letter, is Exim's setting; the sixth letter of an id is the one.
        for folder in (self._input, self._input / one.id[5]):
            try:
                octets = (folder / f"{one.id}-H").read_bytes()[:_MOST_HEADER]
                read = spooled(octets, one.id, (folder / f"{one.id}-D").stat().st_size)
            except OSError:
                continue
            if read and read.message.fingerprint == one:
                return read, folder
        return None

    # ── deeds ──

    def hold(self, found: Sequence[Found]) -> Outcome:
        """Freeze them."""
        return self._told("-Mf", [one.message.fingerprint for one in found], frozen=True)

    def release(self, messages: Sequence[Fingerprint]) -> Outcome:
        """Thaw those that are frozen."""
        return self._told("-Mt", messages, frozen=False)

    def _told(self, option: str, messages: Sequence[Fingerprint], *, frozen: bool) -> Outcome:
        outcome = Outcome()
        named = [one for one in messages if self._now(one)]
        outcome.gone = len(messages) - len(named)
        said = self._exim(option, named)
        for one in named:
            now = self._now(one)
            if now is None:
                outcome.gone += 1
            elif now[0].is_frozen == frozen:
                outcome.done.append(one)
            else:
                outcome.fail(said or f"exim {option} did not do it")
        return outcome

    def _exim(self, option: str, messages: Sequence[Fingerprint], tell: Tell = untold) -> str:
        """Its first words that are a complaint."""
        said = ""
        for at in range(0, len(messages), _AT_A_TIME):
            tell(at)
            ids = [one.id for one in messages[at : at + _AT_A_TIME]]
            try:
                done = subprocess.run(
                    [self._program, option, *ids], stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS,
                    check=False,
                )  # fmt: skip
            except (OSError, subprocess.TimeoutExpired) as error:
                return f"exim {option}: {error}"
            words = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
            said = said or next((line for line in words if done.returncode and line.strip()), "")
        return said[:300]

    def whole(self, one: Fingerprint, most: int = 1024 * 1024) -> bytes:
        """A message as it would be delivered, or its beginning; empty where it is not here any more."""
        if not (now := self._now(one)):
            return b""
        read, folder = now
        with suppress(OSError), (folder / f"{one.id}-D").open("rb") as opened:
            opened.readline(_BODY_LINE)  # its own name
            return read.header + b"\n" + opened.read(max(0, most - len(read.header)))
        return b""

    # ── archive, remove, put back ──

    def archive(self, messages: Sequence[Fingerprint], to: Path, tell: Tell = untold) -> tuple[list[Fingerprint], str]:
        """Both files of each that is frozen."""
        kept: list[Fingerprint] = []
        with Archive(to) as archive:
            for one in messages:
                if (now := self._now(one)) and now[0].is_frozen:
                    self._add(archive, now[1], one.id)
                    kept.append(one)
                    if len(kept) % _AT_A_TIME == 0:
                        tell(len(kept))
            return kept, archive.seal()

    def _add(self, archive: Archive, folder: Path, id: str) -> None:
        below = "" if folder == self._input else f"{folder.name}/"
        for part in ("D", "H"):  # in the order in which they are put back: without its header a body is no message
            with (folder / f"{id}-{part}").open("rb") as opened:
                archive.add(f"{below}{id}-{part}", opened.read(), os.fstat(opened.fileno()).st_mtime)

    def remove(self, messages: Sequence[Fingerprint], tell: Tell = untold) -> Outcome:
        """Those that are frozen still."""
        outcome = Outcome()
        named = [one for one in messages if (now := self._now(one)) and now[0].is_frozen]
        outcome.gone = len(messages) - len(named)
        said = self._exim("-Mrm", named, tell)
        for one in named:
            if self._now(one):
                outcome.fail(said or "exim -Mrm did not do it")
            else:
                outcome.done.append(one)
        return outcome

    def restore(
        self, archive: Path, digest: str, already: Callable[[Fingerprint], bool], tell: Tell = untold
    ) -> Restored:
        """Both files of each, the header last: from then on it is a message, frozen as it was."""
        put, owner = Restored(), self._input.stat()
        body = "", b"", 0.0
        for name, octets, mtime in members(archive, digest):
            parts = _MEMBER.match(name)
            if parts and is_id(parts["id"]) and parts["part"] == "D":
                body = name, octets, mtime
                continue
            read = spooled(octets, parts["id"], len(body[1])) if parts and is_id(parts["id"]) else None
            if read is None or body[0] != f"{name[:-1]}D":
                put.fail(f"{name}: not a file of Exim's spool")
            elif already(read.message.fingerprint):
                put.here += 1
            elif self._put(*body, owner, put) and self._put(name, octets, mtime, owner, put):
                put.done.append(read.message.fingerprint)
                tell(len(put.done))
        return put

    def _put(self, name: str, octets: bytes, mtime: float, owner: os.stat_result, put: Restored) -> bool:
        place = self._input / name
        fresh = place.with_name(f".{place.name}.lockdown")
        if place.exists():
            return True
        try:
            place.parent.mkdir(mode=0o750, exist_ok=True)
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
            try:
                with os.fdopen(os.dup(handle), "wb") as file:
                    file.write(octets)
                os.fchown(handle, owner.st_uid, owner.st_gid)
                os.utime(handle, (mtime, mtime))
                os.fsync(handle)
            finally:
                os.close(handle)
            fresh.rename(place)
        except OSError as error:
            with suppress(OSError):
                fresh.unlink()
            put.fail(f"{place}: {error.strerror}")
            return False
        return True


def _is_split(entry: os.DirEntry[str]) -> bool:
    return len(entry.name) == 1 and entry.is_dir(follow_symlinks=False)


def _names(folder: Path) -> Iterable[str]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith("-H") and is_id(entry.name[:-2]):
                yield entry.name
