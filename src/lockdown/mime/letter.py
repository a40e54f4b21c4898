"""What a person would see of a message: its texts, where they lead, who it claims to come from.

Every body is read, also those that a program would not show: of two alternatives, spam hides in one. Bounded:
MOST_TEXT characters of text, MOST_BODIES bodies, MOST_LINKS links. Fails as: nothing; what was cut or could not be read
is named in `hidden_by`. Never raises.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from lockdown.mime.addresses import mailboxes
from lockdown.mime.build import build_of
from lockdown.mime.html import MOST_HTML, page_of
from lockdown.mime.links import Gathered
from lockdown.mime.parts import Message, Part
from lockdown.mime.text import decoded, header_text, known_charset, without_invisible
from lockdown.model.scan import Letter, Mailbox

MOST_TEXT = 64 * 1024
MOST_BODIES = 20
MOST_NAMES = 200
MOST_FIELD = 1000

ZERO_WIDTH = "characters without width within words"
UNKNOWN_CHARSET = "an unknown charset"
CUT = "more text than is read"
TEST_STRING = "the string that tries spam filters"
_TEST = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*" + b"GTUBE-STANDARD-ANTI-" + b"UBE-TEST-EMAIL*C.34X"

_TEXTS = ("text/plain", "text/html")

Fields = Iterable[tuple[str, bytes]]


class _Header(NamedTuple):
    """The fields that a reader sees or that a mailer must write."""

    subject: str
    senders: tuple[Mailbox, ...]
    reply_to: tuple[Mailbox, ...]
    recipients: tuple[Mailbox, ...]
    message_id: str
    date: str
    names: frozenset[str]
    zero_width: bool
    build: tuple[str, ...]


def letter_of(message: Message) -> Letter:
    """The letter in a message."""
    header = _header(message.fields)
    bodies = _Bodies()
    attachments: list[str] = []
    for part in message.parts:
        if part.is_container:
            continue
        if part.content_type in _TEXTS and part.disposition != "attachment" and bodies.count < MOST_BODIES:
            bodies.read(part)
        else:
            bodies.attached(part)
        if part.name and len(attachments) < MOST_NAMES:
            attachments.append(part.name[:300])
    return bodies.letter(header, tuple(attachments))


def under_header(letter: Letter, fields: Fields) -> Letter | None:
    """The same letter, its bodies unread, under the header of another copy; None where that would not be enough."""
    subject, senders, reply_to, recipients, message_id, date, names, zero_width, build = _header(fields)
    if zero_width or _has_link(subject):
        return None
    return letter._replace(
        subject=subject, senders=senders, reply_to=reply_to, recipients=recipients, message_id=message_id, date=date,
        fields=names, build=build,
    )  # fmt: skip


def is_of_body_alone(letter: Letter) -> bool:
    """Whether nothing but the fields themselves has come from the header: no link, no trick."""
    return not _has_link(letter.subject) and (letter.subject.isascii() or not without_invisible(letter.subject)[1])


def _has_link(subject: str) -> bool:
    return "://" in subject or "www." in subject


def _header(fields: Iterable[tuple[str, bytes]]) -> _Header:
    subject, message_id, date = b"", b"", b""
    senders: tuple[Mailbox, ...] = ()
    reply_to: tuple[Mailbox, ...] = ()
    recipients: tuple[Mailbox, ...] = ()
    names = set()
    fields = tuple(fields)
    for name, value in fields:
        names.add(name)
        if name == "subject":
            # Of two subjects, programs show one or the other.
            subject = subject + b" " + value if subject else value
        elif name == "from":
            senders += mailboxes(value)
        elif name == "to" or name == "cc":
            recipients += mailboxes(value) if len(recipients) < MOST_NAMES else ()
        elif name == "reply-to":
            reply_to += mailboxes(value)
        elif name == "message-id":
            message_id = message_id or value
        elif name == "date":
            date = date or value
    shown, zero_width = _subject(subject[: 2 * MOST_FIELD])
    told = (message_id[:MOST_FIELD].decode("latin-1"), date[:MOST_FIELD].decode("latin-1"))
    build = build_of(fields, senders[0].domain if senders else "")
    return _Header(
        shown, senders[:MOST_NAMES], reply_to[:MOST_NAMES], recipients, *told, frozenset(names), zero_width, build
    )


@lru_cache(maxsize=64)
def _subject(value: bytes) -> tuple[str, bool]:
    shown = header_text(value)
    return shown, not shown.isascii() and without_invisible(shown)[1]


class _Bodies:
    """The bodies of one message, read one by one."""

    __slots__ = (
        "asks_password", "charsets", "count", "form_hosts", "gathered", "has_html", "has_text", "hidden", "images",
        "length", "texts", "tricks",
    )  # fmt: skip

    def __init__(self) -> None:
        self.gathered = Gathered()
        self.texts: list[str] = []
        self.hidden: list[str] = []
        self.tricks: list[str] = []
        self.charsets: list[str] = []
        self.form_hosts: list[str] = []
        self.count = self.length = self.images = 0
        self.asks_password = self.has_text = self.has_html = False

    def read(self, part: Part) -> None:
        """One body."""
        self.count += 1
        octets = part.data()
        text = decoded(octets[:MOST_HTML] if len(octets) > MOST_HTML else octets, part.charset)
        if part.charset:
            self._charset(part.charset)
        if len(octets) > MOST_HTML:
            self._note(CUT)
        if _TEST in octets:
            self._note(TEST_STRING)
        if part.content_type == "text/html":
            self.has_html = True
            self._html(text)
        else:
            self.has_text = True
            self._add(text)
            self.gathered.text(text[:MOST_TEXT])

    def attached(self, part: Part) -> None:
        """A part that is no body: only whether it is a picture, and whether it tries the filter."""
        if part.content_type[:6] == "image/":
            self.images += 1
        elif part.end - part.start < MOST_HTML and _TEST in part.data():
            self._note(TEST_STRING)

    def _html(self, text: str) -> None:
        page = page_of(text)
        base = page.base
        for anchor in page.anchors:
            self.gathered.anchor(anchor, base)
        for action in page.forms:
            host = self.gathered.form(action, base)
            if host and host not in self.form_hosts:
                self.form_hosts.append(host)
        self._add(page.text)
        self.gathered.text(page.outside_links[:MOST_TEXT])
        for url in page.pictures:
            self.gathered.picture(url, base)
        self.images += page.images
        self.asks_password |= page.asks_password
        if page.hidden and not page.hidden.isspace() and sum(map(len, self.hidden)) < MOST_TEXT:
            self.hidden.append(" ".join(without_invisible(page.hidden[:MOST_TEXT])[0].split()))

    def _add(self, text: str) -> None:
        room = MOST_TEXT - self.length
        if len(text) > 4 * room:
            text = text[: 4 * room]
        text, split = without_invisible(text)
        if split:
            self._note(ZERO_WIDTH)
        text = " ".join(text.split())
        if len(text) > room:
            text = text[:room]
            self._note(CUT)
        # Two alternatives that say the same are one text.
        if text and text not in self.texts:
            self.texts.append(text)
            self.length += len(text)

    def _charset(self, charset: str) -> None:
        if charset not in self.charsets:
            self.charsets.append(charset[:60])
            if not known_charset(charset):
                self._note(UNKNOWN_CHARSET)

    def _note(self, trick: str) -> None:
        if trick not in self.tricks:
            self.tricks.append(trick)

    def letter(self, header: _Header, attachments: tuple[str, ...]) -> Letter:
        """All that was read."""
        subject, senders, reply_to, recipients, message_id, date, names, zero_width, build = header
        if zero_width:
            self._note(ZERO_WIDTH)
        if _has_link(subject):
            self.gathered.text(subject)
        gathered = self.gathered
        return Letter(
            subject,
            senders,
            reply_to,
            recipients,
            "\n".join(self.texts),
            "\n".join(self.hidden)[:MOST_TEXT],
            tuple(gathered.links),
            self.asks_password,
            tuple(self.form_hosts),
            self.has_text,
            self.has_html,
            self.images,
            attachments,
            message_id,
            date,
            names,
            tuple(self.charsets),
            (*self.tricks, *gathered.tricks),
            build,
        )
