"""What reading and scanning a message has brought to light: facts for the rooms, each a value or Unknown.

A message is read once: `Content` says what it is made of, `Letter` what its reader would see. Engines answer with
`Answer` (antivirus) and `Opinion` (antispam); `Identity` says who vouches for the sender. Nobody judges here.

Named tuples where one is made for every message: a frozen dataclass costs four times as much to make.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from lockdown.model.mail import Mail
from lockdown.model.unknown import Unknown

# ── what a message is made of ──


class Ambiguity(StrEnum):
    """A place where two readers of the same octets could see different messages."""

    TWO_CONTENT_TYPES = "two Content-Type fields"
    TWO_ENCODINGS = "two Content-Transfer-Encoding fields"
    TWO_DISPOSITIONS = "two Content-Disposition fields"
    TWO_BOUNDARIES = "two boundary parameters"
    TWO_NAMES = "two different names of one attachment"
    ODD_BOUNDARY = "a boundary that readers take differently (comment, quotes, white space, too long, empty, encoded)"
    NO_BOUNDARY = "a multipart without a boundary"
    NESTED_BOUNDARY = "the boundary of an outer part is used again, or is a prefix of an inner one"
    ODD_CONTENT_TYPE = "a Content-Type that readers take differently"
    ODD_ENCODING = "an unknown or malformed Content-Transfer-Encoding"
    ENCODED_CONTAINER = "a multipart or message in base64 or quoted-printable"
    ENCODING_LIES = "the content is not in the encoding that it claims"
    BROKEN_BASE64 = "base64 with padding within, foreign characters or a cut-off end"
    BROKEN_QUOTED_PRINTABLE = "quoted-printable with impossible escapes"
    NUL = "NUL octets"
    BARE_NEWLINE = "a bare CR or LF"
    TEXT_BEFORE_HEADER = "text before or within the header"
    ODD_FIELD = "a header field whose name readers take differently (space before the colon, control characters)"
    TWO_FROM = "two From fields"
    TWO_SENDERS_IN_FROM = "more than one address in From"
    NO_FROM = "no From field"
    TWO_SUBJECTS = "two Subject fields"
    PART_AFTER_END = "parts after the closing boundary"
    HIDDEN_IN_PREAMBLE = "something that looks like a part before the first boundary or between parts"
    UUENCODE_IN_MIME = "a uuencoded or yEnc file within a MIME text"
    LONG_HEADER = "a header line too long for some readers"
    TWO_PARSERS_DISAGREE = "a second parser sees other attachments"


class Trait(StrEnum):
    """Something about one file that a room may judge. Types themselves are in `File.kind`."""

    # its name
    DOUBLE_EXTENSION = "double extension"
    RIGHT_TO_LEFT = "right-to-left override in its name"
    TRAILING_DOT = "trailing dot or space in its name"
    PADDED_NAME = "its true extension is pushed out of sight"
    NAME_LIES = "its name promises another type than its content is"
    CONTROL_IN_NAME = "control characters in its name"
    # office documents
    MACROS = "macros"
    AUTO_EXEC = "macros that run by themselves"
    WRITES_OR_RUNS = "macros that write files or run programs"
    OLD_MACROS = "Excel 4 macros"
    DDE = "a DDE link that runs a program"
    REMOTE_TEMPLATE = "a template or object loaded from outside"
    EMBEDDED_OBJECT = "an embedded object"
    EMBEDDED_PROGRAM = "an embedded program, script or shortcut"
    EXPLOIT_OBJECT = "an object known from exploits (Equation Editor and kin)"
    # PDF
    PDF_SCRIPT = "JavaScript in a PDF"
    PDF_LAUNCH = "a PDF that starts a program"
    PDF_AUTO_ACTION = "a PDF that acts when opened"
    PDF_ATTACHMENT = "a file embedded in a PDF"
    # web pages and scripts
    SCRIPT = "script in a page or picture"
    SMUGGLING = "a page that builds a file in the browser"
    PASSWORD_FORM = "a form that asks for a password"
    # containers
    ENCRYPTED = "encrypted"
    BOMB = "unpacks to far more than it is"
    DAMAGED = "damaged or cut off"
    ENCRYPTED_NAMES = "encrypted list of files"


class File(NamedTuple):
    """One leaf part of the message, or one member of a container in it; bodies are files too."""

    path: str
    """How one gets there, in names as a reader sees them: `invoice.zip/invoice.pdf.exe`; a nameless part is `1.2`."""
    kind: str
    """The true type by content: a word of `mime.filetype.KINDS` ("pe", "zip", "docm", "text", "unknown" …)."""
    declared: str
    """The Content-Type as declared, lower case, without parameters; "" within containers."""
    size_bytes: int
    """Decoded."""
    sha256: str
    """Of the decoded content, hexadecimal."""
    traits: tuple[Trait, ...] = ()
    depth: int = 0
    """Containers around it; 0 is a part of the message itself."""
    is_attachment: bool = True
    """False: a text or HTML body that a reader shows by itself."""


class Unread(NamedTuple):
    """Something that was not read, and why: it may not pass for clean."""

    path: str
    why: str
    encrypted: bool = False
    too_big: bool = False


# ── what antivirus engines answer ──


@dataclass(frozen=True, slots=True)
class Clean:
    """All that it was given was read, and nothing is known to be bad in it."""


@dataclass(frozen=True, slots=True)
class Found:
    """A signature has matched."""

    name: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Encrypted:
    """There is something in it that cannot be read without a password."""

    what: str = ""


@dataclass(frozen=True, slots=True)
class TooBig:
    """A limit of the engine was passed: what lies beyond was not read."""

    what: str = ""


Outcome: TypeAlias = Clean | Found | Encrypted | TooBig | Unknown


@dataclass(frozen=True, slots=True)
class Answer:
    """What one antivirus engine said of the message. `engine` is as written in the settings."""

    engine: str
    outcome: Outcome
    seconds: float = 0.0


class Content(NamedTuple):
    """What the builtin engine has read of a message: its coverage, file by file."""

    files: tuple[File, ...]
    ambiguities: tuple[Ambiguity, ...]
    found: tuple[Found, ...]
    """Signatures, rules and digests that matched."""
    unread: tuple[Unread, ...]
    parts: int = 1
    suspicious: tuple[Found, ...] = ()
    """Rules that matched and prove nothing by themselves."""


# ── what a reader would see ──


class Mailbox(NamedTuple):
    """An address as a mail program shows it."""

    name: str
    """Decoded display name, "" for none."""
    address: str
    """local@domain, domain lower case and in Unicode; "" where the field has none."""

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


class Link(NamedTuple):
    """Where a link leads, and what it shows."""

    url: str
    """As a browser would go there, entities and tabs resolved; bounded to 2,000 characters."""
    host: str
    """Lower case, Unicode, no port, no user; "" where the URL has none."""
    shown: str = ""
    """Visible text of the link, bounded; "" for a URL in plain text."""
    scheme: str = ""
    image: bool = False
    """A picture is loaded from there; nobody goes there by a click."""


class Letter(NamedTuple):
    """What a person would see of the message, and what its header claims. All bounded, all decoded."""

    subject: str
    senders: tuple[Mailbox, ...]
    """Of all From fields."""
    reply_to: tuple[Mailbox, ...]
    recipients: tuple[Mailbox, ...]
    """Of To and Cc."""
    text: str
    """Visible text of the bodies, HTML rendered, without what is hidden; bounded."""
    hidden_text: str
    """What HTML hides from the eye (display:none, size 0, white on white); bounded."""
    links: tuple[Link, ...]
    asks_password: bool
    """An HTML body has a form with a password field."""
    form_actions: tuple[str, ...]
    """Hosts that forms of the body post to."""
    has_text: bool
    has_html: bool
    images: int
    attachments: tuple[str, ...]
    """Names as a reader sees them."""
    message_id: str
    date: str
    """As written."""
    fields: frozenset[str]
    """Names of all header fields, lower case."""
    charsets: tuple[str, ...] = ()
    hidden_by: tuple[str, ...] = ()
    """Tricks that were undone to read it: "zero-width characters", "entities in a host", "encoded-word splits" …"""
    build: tuple[str, ...] = ()
    """How its header is put together, as words that name nobody (`mime.build`): "mailer none", "order from>to" …"""


class Reading(NamedTuple):
    """The whole of what was read."""

    content: Content
    letter: Letter


# ── who vouches for the sender ──


class Result(StrEnum):
    """Of SPF, DKIM, DMARC, ARC (RFC 8601 2.7)."""

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    POLICY = "policy"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class Spf(NamedTuple):
    """SPF of the envelope sender, or of the HELO name for a null sender (RFC 7208)."""

    result: Result
    domain: str
    """Whose record was asked."""
    why: str = ""
    helo: bool = False
    local: bool = False
    """The client has an address that no stranger can have: whoever it is, SPF cannot tell."""


class Dkim(NamedTuple):
    """One signature (RFC 6376, RFC 8301)."""

    result: Result
    domain: str
    selector: str
    why: str = ""
    bits: int = 0
    mark: str = ""
    """The first characters of the signature itself, which tell two of one domain apart (RFC 6008)."""


class Dmarc(NamedTuple):
    """DMARC of the From domain (RFC 9989)."""

    result: Result
    domain: str
    """Of From."""
    policy: str = "none"
    """What the domain asks for where it fails: none, quarantine, reject; as it applies here (sp, np, t)."""
    record_domain: str = ""
    """Where the record was found; "" for none."""
    why: str = ""


class Arc(NamedTuple):
    """The chain of forwarders (RFC 8617)."""

    result: Result
    sealer: str = ""
    """Who has sealed it last."""
    why: str = ""


class Listing(NamedTuple):
    """One DNSBL's word on the client, or on a domain in the message."""

    list: str
    listed: bool | Unknown
    answer: str = ""
    what: str = ""
    points: float = 0.0
    """What the settings give for being listed there; also where it is not listed, or not known."""


class Identity(NamedTuple):
    """All that vouches for, or speaks against, who the sender says it is."""

    spf: Spf
    dkim: tuple[Dkim, ...]
    dmarc: Dmarc
    arc: Arc
    listings: tuple[Listing, ...] = ()
    known_since: float = 0.0
    """When the authenticated sender domain was first seen here, as a Unix time; 0 is never before."""


# ── what antispam engines think ──


class Reason(NamedTuple):
    """One thing that moved a score; points are positive for spam."""

    name: str
    points: float
    says: str = ""


class Opinion(NamedTuple):
    """What one antispam engine thinks. `score` counts in points of that engine, `required` is its own mark for spam."""

    engine: str
    score: float
    required: float
    reasons: tuple[Reason, ...] = ()
    rejects: bool = False
    """The engine itself advises to refuse (rspamd's "reject")."""
    seconds: float = 0.0


class Failed(NamedTuple):
    """An antispam engine that did not answer."""

    engine: str
    why: str


class Points(NamedTuple):
    """What one engine gives, in our points: its own mark for spam counts as `antispam.tag`."""

    engine: str
    points: float
    rejects: bool = False


class Score(NamedTuple):
    """What all engines give together."""

    points: float
    """Of the engine that gives most."""
    reasons: tuple[Reason, ...]
    """Of that engine, the strongest first."""
    engines: tuple[Points, ...]
    missing: tuple[Failed, ...] = ()
    """Engines that are set and have not answered."""

    @property
    def rejects(self) -> str:
        """The engine that advises to refuse, "" for none."""
        return next((engine.engine for engine in self.engines if engine.rejects), "")


# ── all of it ──


class Examined(NamedTuple):
    """A message, and all that was gathered about it, before the gates of items 1 and 2 judge."""

    mail: Mail
    reading: Reading | Unknown
    answers: tuple[Answer, ...]
    """Of antivirus engines, the builtin one not among them: its answer is `reading.content`."""
    identity: Identity | Unknown
    opinions: tuple[Opinion | Failed, ...]
    score: Score | None = None
    """None: not added up yet."""
