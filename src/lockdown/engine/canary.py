"""The canary mailbox: what has arrived of a drill, and away with it again. A Maildir of this machine, or IMAP.

Letters are found by their marks, each of which stands in a Message-ID. Nothing else is ever removed; where an IMAP
server cannot remove single letters (no UIDPLUS), they are only marked as deleted.
Fails as: `OperatorError` for a mailbox that cannot be opened or is none; a file that its reader takes away in between
is no failure.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from lockdown.config import Settings, upstreams
from lockdown.engine.targets import Mailbox, target_of
from lockdown.model.errors import OperatorError

if TYPE_CHECKING:
    from imaplib import IMAP4

PASSWORD_VARIABLE = "LOCKDOWN_CANARY_PASSWORD"
"""Names the password of the mailbox: a command line is read by everybody on the machine."""

_HEADER_BYTES = 256 * 1024
_MOST_LOOKED_AT = 20_000
_BEFORE_SECONDS = 120.0
_SECONDS = 30.0
_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")
_IMAP_PORTS = {"imap": 143, "imaps": 993}

# Never quadratic: a value is a run of characters that are no line end, and of folded line ends.
_MARKS = re.compile(
    rb"^X-Spam-Flag:[ \t]*+YES|^X-Lockdown-Scan:(?:[^\r\n]|\r?\n[ \t])*?\b(?:mark=|unavailable)",
    re.IGNORECASE | re.MULTILINE,
)
_ID = re.compile(rb"^X-Lockdown-Id:[ \t]*+([A-Za-z0-9_-]{1,64})", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A letter of the drill, as it lies in the mailbox."""

    marked: bool
    """The gateway has given it a mark: spam, or not scanned."""
    id: str = ""
    """The gateway's own, for `lockdown trace`."""


class Canary(Protocol):
    """A mailbox that can be looked into."""

    def arrivals(self, marks: Iterable[str]) -> dict[str, Arrival]:
        """Which of these marks have arrived."""

    def remove(self, marks: Iterable[str]) -> int:
        """Remove the letters with these marks; how many there were."""

    def others(self, since: float) -> list[str]:
        """The subjects of letters that have come since then (seconds of Unix) and are not of a drill."""


def open_canary(settings: Settings, url: str, password_file: Path | None = None, since: float | None = None) -> Canary:
    """The mailbox of this URL (maildir:PATH, imap[s]://USER@HOST), else the embedded one.

    `since` (seconds of Unix): what came before then is not looked at in a Maildir.
    """
    if not url:
        return _embedded(settings, since)
    scheme, _, rest = url.partition(":")
    if scheme == "maildir" and rest:
        return MaildirCanary(Path(rest).expanduser(), since)
    if scheme in _IMAP_PORTS and urlsplit(url).hostname and urlsplit(url).username:
        return ImapCanary(url, _password(password_file))
    raise OperatorError(
        "not-a-mailbox",
        what=f"{url!r} is not a mailbox",
        why="it is neither maildir:PATH nor imaps://USER@HOST",
        try_this="lockdown drill antivirus --mailbox maildir:/home/canary/Maildir",
    )


def _embedded(settings: Settings, since: float | None) -> Canary:
    for url in upstreams(settings.gateway):
        match target_of(url, settings):
            case Mailbox(path):
                return MaildirCanary(path, since)
            case _:
                continue
    raise OperatorError(
        "no-canary-mailbox",
        what="nobody can see what arrives",
        why="mail goes on to another server, and no mailbox was named whose letters the drill may read and remove",
        try_this="lockdown drill antivirus --to canary@YOUR.DOMAIN --mailbox imaps://canary@HOST",
    )


def _password(file: Path | None) -> str:
    if file is not None:
        return file.read_text(encoding="utf-8").strip("\r\n")
    if password := os.environ.get(PASSWORD_VARIABLE):
        return password
    raise OperatorError(
        "no-password",
        what="the canary mailbox wants a password",
        why=f"neither --password-file nor the environment variable {PASSWORD_VARIABLE} names one",
        try_this="lockdown drill antivirus --mailbox imaps://canary@HOST --password-file FILE",
    )


def arrival_of(header: bytes) -> Arrival:
    """What the gateway has written on a letter. Its own fields stand on top, so a sender cannot have written them."""
    found = _ID.search(header)
    return Arrival(bool(_MARKS.search(header)), found[1].decode() if found else "")


class MaildirCanary:
    """A Maildir on this machine; `new` and `cur` are both looked into, for what has come since shortly before."""

    def __init__(self, path: Path, since: float | None = None) -> None:
        self._path, self._since = path, time.time() - _BEFORE_SECONDS if since is None else since

    def arrivals(self, marks: Iterable[str]) -> dict[str, Arrival]:
        """Which of these marks have arrived."""
        return {mark: arrival_of(header) for mark, _, header in self._letters(marks)}

    def remove(self, marks: Iterable[str]) -> int:
        """Remove the letters with these marks; how many there were."""
        removed = 0
        for _, file, _ in self._letters(marks):
            with suppress(FileNotFoundError):  # its reader has moved it just now
                file.unlink()
                removed += 1
        return removed

    def others(self, since: float) -> list[str]:
        """The subjects of letters that have come since then and are not of a drill."""
        headers = [_header_of(file) for file in self._newest() if _age(file) >= since - 1.0]
        return [_subject_of(header) for header in headers if header and not _OF_A_DRILL.search(header)]

    def _letters(self, marks: Iterable[str]) -> Iterator[tuple[str, Path, bytes]]:
        wanted = _any_of(marks)
        for file in self._newest():
            header = _header_of(file)
            if found := wanted.search(header):
                yield found[0].decode(), file, header

    def _newest(self) -> list[Path]:
        aged = [(_age(file), file) for folder in ("new", "cur") for file in (self._path / folder).glob("*")]
        recent = sorted((one for one in aged if one[0] >= self._since), reverse=True)
        return [file for _, file in recent[:_MOST_LOOKED_AT]]


def _any_of(marks: Iterable[str]) -> re.Pattern[bytes]:
    """One search for all: marks have one length, so the first that fits is the right one."""
    return re.compile(b"|".join(re.escape(mark.encode()) for mark in marks) or rb"(?!)")


def _age(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:  # its reader has moved it just now
        return 0.0


def _header_of(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return _without_body(opened.read(_HEADER_BYTES))
    except FileNotFoundError:  # its reader has moved it just now
        return b""


def _without_body(start: bytes) -> bytes:
    ends = [at for at in (start.find(b"\r\n\r\n"), start.find(b"\n\n")) if at >= 0]
    return start[: min(ends)] if ends else start


class ImapCanary:
    """A mailbox over IMAP (RFC 9051). Each look is a connection of its own: a drill takes minutes."""

    def __init__(self, url: str, password: str) -> None:
        self._url, self._password = urlsplit(url), password

    def __repr__(self) -> str:
        return f"<{self._url.scheme}://{self._url.hostname}>"

    def arrivals(self, marks: Iterable[str]) -> dict[str, Arrival]:
        """Which of these marks have arrived."""
        wanted = _any_of(marks)
        found = {}
        for _, header in self._letters():
            if mark := wanted.search(header):
                found[mark[0].decode()] = arrival_of(header)
        return found

    def remove(self, marks: Iterable[str]) -> int:
        """Remove the letters with these marks; how many there were."""
        wanted = _any_of(marks)
        doomed = [number for number, header in self._letters() if wanted.search(header)]
        with self._inbox() as inbox:
            # Asked anew: before the login a server tells only what one can do before it.
            _, offers = inbox.capability()
            for number in doomed:
                inbox.uid("STORE", number, "+FLAGS.SILENT", r"(\Deleted)")
                # RFC 4315: only this letter, and not what its owner has marked as deleted.
                if b"UIDPLUS" in offers[0].upper().split():
                    inbox.uid("EXPUNGE", number)
        return len(doomed)

    def others(self, since: float) -> list[str]:
        """The subjects of letters that have come since then and are not of a drill."""
        day = datetime.fromtimestamp(since, UTC)
        found = []
        with self._inbox() as inbox:
            _, listed = inbox.uid("SEARCH", f"SINCE {day.day}-{_MONTHS[day.month - 1]}-{day.year}")
            for number in (listed[0] or b"").split()[-_MOST_OTHERS:]:
                _, answer = inbox.uid("FETCH", number.decode(), "(INTERNALDATE BODY.PEEK[HEADER])")
                for part in answer:
                    if isinstance(part, tuple) and _came_at(part[0]) >= since - 1.0:
                        found.append(part[1])
        return [_subject_of(header) for header in found if not _OF_A_DRILL.search(header)]

    def _letters(self) -> Iterator[tuple[str, bytes]]:
        with self._inbox() as inbox:
            _, listed = inbox.uid("SEARCH", 'HEADER Message-ID "@drill.example"')
            for number in (listed[0] or b"").split()[-_MOST_LOOKED_AT:]:
                _, answer = inbox.uid("FETCH", number.decode(), "(BODY.PEEK[HEADER])")
                for part in answer:
                    if isinstance(part, tuple):
                        yield number.decode(), part[1]

    def _inbox(self) -> IMAP4:
        import imaplib

        host = self._url.hostname or ""
        try:
            inbox = self._connected(host)
            inbox.login(unquote(self._url.username or ""), self._password)
            inbox.select(unquote(self._url.path.strip("/")) or "INBOX")
        except (OSError, imaplib.IMAP4.error) as error:
            raise _cannot_open(host, error) from None
        return inbox

    def _connected(self, host: str) -> IMAP4:
        """Encrypted, unless it is on this machine: a password is about to be sent."""
        import imaplib
        import ssl

        port, context = self._url.port or _IMAP_PORTS[self._url.scheme], ssl.create_default_context()
        if self._url.scheme == "imaps":
            return imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=_SECONDS)
        inbox = imaplib.IMAP4(host, port, timeout=_SECONDS)
        if host not in _THIS_MACHINE:
            inbox.starttls(context)
        return inbox


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""RFC 9051 knows English months only, whatever the locale."""
_MOST_OTHERS = 200
_OF_A_DRILL = re.compile(rb"^Message-ID:[^\r\n]*@drill\.example>", re.IGNORECASE | re.MULTILINE)
_SUBJECT = re.compile(rb"^Subject:[ \t]*+([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


def _subject_of(header: bytes) -> str:
    found = _SUBJECT.search(header)
    text = found[1].decode("utf-8", "replace") if found else ""
    return "".join(char for char in text if char.isprintable())[:200]


def _came_at(described: bytes) -> float:
    import imaplib

    moment = imaplib.Internaldate2tuple(described)
    return time.mktime(moment) if moment else 0.0


def _cannot_open(host: str, error: Exception) -> OperatorError:
    return OperatorError(
        "mailbox-unreachable",
        what=f"the canary mailbox at {host} cannot be opened",
        why=str(error),
        try_this="check --mailbox and its password, then run the drill again",
    )
