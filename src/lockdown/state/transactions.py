"""The transaction log: one JSON line for each transaction, a file a day, written by all workers and read by `trace`.

Workers append to the same file: each flush is one write (of at most 64 KiB, cut between lines) to a file opened for
appending, so that lines never mix. With `log.addresses = "hashed"` mailbox addresses are keyed digests, in texts too,
and an address is found by digesting it; the key never leaves this machine.

Fails as: never while writing: what a full disk refuses is counted in `lost` and said once, and mail goes on. Reading
gives a line that cannot be read as a transaction of type "unreadable": it is seen, not skipped.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import msgspec

from lockdown.config import Log
from lockdown.state.keyfile import key_of
from lockdown.state.layout import make_folder
from lockdown.state.lines import lines_with

KINDS = (
    "accepted", "rejected", "deferred", "quarantined", "replayed",
    "unknown-outcome", "dropped", "aborted", "turned-away", "unreadable",
)  # fmt: skip
Kind = Literal[
    "accepted", "rejected", "deferred", "quarantined", "replayed",
    "unknown-outcome", "dropped", "aborted", "turned-away", "unreadable",
]  # fmt: skip

_PIECE_BYTES = 64 * 1024
_MOST_WAITING_BYTES = 8 * 1024 * 1024
_NAME = re.compile(r"gateway-(\d{8})\.jsonl\Z")
_ADDRESS = re.compile(r"""[^\s<>"(),:;@]+@[^\s<>"(),:;@]+[^\s<>"(),:;@.]""")
_HASHED = "hashed:"

_log = logging.getLogger("lockdown.log")


class LoggedClient(msgspec.Struct, frozen=True):
    """Who talked to us, and as whom."""

    address: str
    helo: str = ""
    tls: bool = False


class Refused(msgspec.Struct, frozen=True):
    """A recipient that was refused, and with what."""

    address: str
    code: int
    text: str


class LoggedVerdict(msgspec.Struct, frozen=True):
    """What the gates decided: the kind by name, the control that decided, and why."""

    kind: str = "ACCEPT"
    control: str = ""
    says: str = ""


class LoggedReply(msgspec.Struct, frozen=True):
    """What the client was told last; code 0: it heard nothing any more."""

    code: int = 0
    enhanced: str = ""
    text: str = ""


class LoggedScan(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was gathered of a message: the coverage of the antivirus, who vouches for the sender, and the score."""

    antivirus: dict[str, str] = {}
    """By engine: clean, found NAME, or why it was not read."""
    unread: list[str] = []
    """What no engine has read."""
    spam: float = 0.0
    """Points; `antispam.tag` and its kin say what they mean."""
    reasons: list[str] = []
    """The strongest, with their points."""
    antispam: dict[str, str] = {}
    """By engine: its score of its own mark, or why it did not answer."""
    identity: dict[str, str] = {}
    """spf, dkim, dmarc, arc."""


class LoggedLikeness(msgspec.Struct, frozen=True, omit_defaults=True):
    """By what a message can be told to be one of many: who vouches for it, and what it says."""

    dkim: str = ""
    """The domain of a signature that holds and is aligned with From."""
    spf: str = ""
    """The envelope domain, where SPF passes and is aligned with From."""
    author: str = ""
    """The domain of From, whoever wrote it."""
    body: list[str] = []
    """Digests of its text without numbers and names, and of its longest line."""
    texture: str = ""
    """What texts much like it nearly share, in hexadecimal."""
    subject: str = ""
    """Its words, numbers as #."""
    hosts: list[str] = []
    """Whither its links lead."""
    files: list[str] = []
    """Digests of its attachments."""
    lists: bool = False
    """It has the header of a mailing list."""
    nature: str = ""
    """What it is to whom it comes, where it is one of `model.traffic.Nature`."""


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the log."""

    v: int = 1
    type: Kind
    id: str
    at: datetime
    ms: float = 0.0
    worker: int = 0
    client: LoggedClient
    sender: str = ""
    recipients: list[str] = []
    refused: list[Refused] = []
    size: int = 0
    verdict: LoggedVerdict = LoggedVerdict()
    scan: LoggedScan = LoggedScan()
    response: LoggedReply = LoggedReply()
    upstream: str = ""
    digest: str = ""
    like: LoggedLikeness = LoggedLikeness()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Transaction).decode


class TransactionLog:
    """One worker's end of the log below this state directory."""

    def __init__(self, directory: Path, settings: Log, clock: Callable[[], float] = time.time) -> None:
        self._folder = make_folder(Path(directory) / "log")
        self._keep = settings.keep
        self._clock = clock
        self._hashed = address_hash(self._folder) if settings.addresses == "hashed" else None
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._day = -1
        self._file = -1
        self._half_a_line = self._failing = False
        self.lost = 0
        """Lines that could not be written since the start."""

    def record(self, transaction: Transaction) -> None:
        """Write down a transaction, its addresses as the settings ask."""
        if self._hashed is not None:
            transaction = _without_addresses(transaction, self._hashed)
        self.write(_encode(transaction))

    def write(self, line: bytes) -> None:
        """Take a line, without its end; it reaches the file with the next flush."""
        if self._waiting_bytes > _MOST_WAITING_BYTES:
            self._lose(1, "it waits for a flush that does not come")
            return
        self._waiting.append(line)
        self._waiting_bytes += len(line) + 1

    def flush(self) -> None:
        """Append what waits."""
        lines, size = self._waiting, self._waiting_bytes
        self._waiting, self._waiting_bytes = [], 0
        for piece in _pieces(lines, size):
            try:
                self._append(piece)
            except OSError as error:
                self._lose(piece.count(b"\n"), error.strerror or str(error))
            else:
                if self._failing:
                    self._failing = False
                    _log.warning("the transaction log is written again; %d lines were lost", self.lost)

    def remove_old(self, now: datetime) -> int:
        """Remove the files of days that are past their time; how many there were."""
        past = [path for day, path in _days(self._folder) if day < f"{now - self._keep:%Y%m%d}"]
        for path in past:
            path.unlink(missing_ok=True)
        return len(past)

    def close(self) -> None:
        """Append what waits, and let go."""
        self.flush()
        self._let_go()

    def _append(self, piece: bytes) -> None:
        self._open_day()
        # Behind a line that a full disk cut short, the next one begins on its own.
        whole = b"\n" + piece if self._half_a_line else piece
        written = os.write(self._file, whole)
        self._half_a_line = written < len(whole) and (written > 0 or self._half_a_line)
        if written < len(whole):
            self._lose(whole.count(b"\n", written), "the disk took only a part")

    def _open_day(self) -> None:
        day = int(self._clock() // 86400)
        if day != self._day:
            self._let_go()
            name = f"gateway-{datetime.fromtimestamp(day * 86400, UTC):%Y%m%d}.jsonl"
            self._file = os.open(self._folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._day = day

    def _let_go(self) -> None:
        if self._file >= 0:
            with suppress(OSError):
                os.close(self._file)
        self._file = self._day = -1

    def _lose(self, lines: int, why: str) -> None:
        self.lost += lines
        if not self._failing:
            self._failing = True
            _log.error("the transaction log cannot be written: %s; mail goes on. Try: df -h %s", why, self._folder)


def _pieces(lines: list[bytes], together: int) -> Iterable[bytes]:
    """Together as many lines as fit into one write; a longer line is a piece of its own."""
    # Hot path: mostly all of them fit.
    return _cut(lines) if together > _PIECE_BYTES else (b"\n".join(lines) + b"\n",) if lines else ()


def _cut(lines: list[bytes]) -> Iterator[bytes]:
    piece: list[bytes] = []
    size = 0
    for line in lines:
        if piece and size + len(line) + 1 > _PIECE_BYTES:
            yield b"\n".join(piece) + b"\n"
            piece, size = [], 0
        piece.append(line)
        size += len(line) + 1
    if piece:
        yield b"\n".join(piece) + b"\n"


# ── addresses as digests ──


def address_hash(folder: Path) -> Callable[[str], str]:
    """How this machine writes an address when it must not be read."""
    key = key_of(folder / "address.key")

    def hashed(address: str) -> str:
        octets = address.strip("<> ").lower().encode("utf-8", "surrogateescape")
        return _HASHED + blake2b(octets, digest_size=10, key=key).hexdigest() if octets else ""

    return hashed


def _without_addresses(transaction: Transaction, hashed: Callable[[str], str]) -> Transaction:
    """Servers like to repeat an address in what they say, so texts are searched too."""

    def clean(text: str) -> str:
        return _ADDRESS.sub(lambda found: hashed(found[0]), text)

    verdict, response, scan, like = transaction.verdict, transaction.response, transaction.scan, transaction.like
    return msgspec.structs.replace(
        transaction,
        sender=hashed(transaction.sender),
        recipients=[hashed(address) for address in transaction.recipients],
        refused=[Refused(hashed(one.address), one.code, clean(one.text)) for one in transaction.refused],
        verdict=msgspec.structs.replace(verdict, says=clean(verdict.says)),
        scan=msgspec.structs.replace(
            scan, reasons=[clean(reason) for reason in scan.reasons], unread=[clean(one) for one in scan.unread]
        ),
        response=msgspec.structs.replace(response, text=clean(response.text)),
        like=msgspec.structs.replace(like, subject=hashed(like.subject)),
    )


# ── reading ──


def read_transactions(
    directory: Path,
    needle: str = "",
    *,
    newest_first: bool = True,
    limit: int = 100,
    since: datetime | None = None,
) -> list[Transaction]:
    """The transactions of this id, mailbox address or client address below a state directory; all, for no needle.

    The files are searched in blocks for the needle's octets; only lines that have it are decoded.
    """
    folder = Path(directory) / "log"
    wanted = needle.strip("<> ").lower()
    spellings = [wanted]
    if "@" in wanted and (folder / "address.key").exists():
        spellings.append(address_hash(folder)(wanted))
    found: list[Transaction] = []
    for day, path in sorted(_days(folder), reverse=newest_first):
        if since is not None and day < f"{since.astimezone(UTC):%Y%m%d}":
            continue
        for line in lines_with(path, [spelling.encode() for spelling in spellings], last_first=newest_first):
            transaction = _read(line, day)
            if _is_meant(transaction, spellings) and (since is None or transaction.at >= since):
                found.append(transaction)
                if len(found) == limit:
                    return found
    return found


def _days(folder: Path) -> list[tuple[str, Path]]:
    if not folder.is_dir():
        return []
    return [(match[1], path) for path in folder.iterdir() if (match := _NAME.match(path.name))]


def _read(line: bytes, day: str) -> Transaction:
    try:
        return _decode(line)
    except msgspec.MsgspecError:
        return Transaction(
            type="unreadable",
            id="",
            at=datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC),
            client=LoggedClient(""),
            verdict=LoggedVerdict("", "", line[:500].decode("utf-8", "replace")),
        )


def _is_meant(transaction: Transaction, spellings: list[str]) -> bool:
    """The octets may also stand in a text."""
    if spellings == [""] or transaction.type == "unreadable":
        return True
    names = [transaction.id, transaction.client.address, transaction.sender, *transaction.recipients]
    names += [one.address for one in transaction.refused]
    return any(name.lower().strip("<> ") in spellings for name in names)


def _scan_for_people(scan: LoggedScan) -> Iterator[str]:
    """What the engines said; "" where a message was not scanned."""
    for name, answers in (("antivirus", scan.antivirus), ("antispam", scan.antispam), ("identity", scan.identity)):
        if answers:
            yield f"{name}: " + " ".join(f"{one}={answer}" for one, answer in answers.items())
    if scan.antispam:
        yield f"spam={scan.spam:.1f}" + (f" ({'; '.join(scan.reasons)})" if scan.reasons else "")
    if scan.unread:
        yield f"not read: {'; '.join(scan.unread)}"


def for_people(transaction: Transaction) -> str:
    """One line, near to what Postfix would write."""
    client, response, verdict = transaction.client, transaction.response, transaction.verdict
    fields = [
        f"client={client.address}" + (" (TLS)" if client.tls else ""),
        f"helo=<{client.helo}>" if client.helo else "",
        f"from=<{transaction.sender}>",
        "to=" + ",".join(f"<{address}>" for address in transaction.recipients) if transaction.recipients else "",
        *(f"refused=<{one.address}> ({one.code} {one.text})" for one in transaction.refused),
        f"size={transaction.size}" if transaction.size else "",
        f"delay={transaction.ms / 1000:.3g}",
        f"relay={transaction.upstream}" if transaction.upstream else "",
        f"control={verdict.control}" if verdict.control else "",
        f"status={transaction.type}"
        + (f" ({response.code} {response.enhanced} {response.text})" if response.code else ""),
        f"why: {verdict.says}" if verdict.says else "",
        *_scan_for_people(transaction.scan),
    ]
    at = transaction.at.astimezone(UTC)
    line = f"{at:%Y-%m-%d %H:%M:%S}Z {transaction.id or '-'}: " + ", ".join(field for field in fields if field)
    # What strangers wrote must not move the cursor of who reads it.
    return "".join(character if character.isprintable() else "?" for character in line)
