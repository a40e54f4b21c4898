"""Read a log a block at a time, as fast as Python can, to the picture that reading each line with care comes to.

The commonest lines of Postfix are told by the words at fixed places: a line is cut at its first spaces, and nothing
behind a stranger's text is looked at but what must stand at the very end. Whatever is not plainly one of them is read
with care by `reading`. The tests hold the one way of reading against the other.

Fails as: unread lines are counted by daemon. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from lockdown.facts.mail_log.dovecot import dovecot
from lockdown.facts.mail_log.picture import ONE, ROOM, Picture
from lockdown.facts.mail_log.postfix import postfix
from lockdown.facts.mail_log.prefix import LONGEST_STAMP, POSTFIX_DAEMONS
from lockdown.facts.mail_log.reading import LONGEST, events, read

# A name that is longer than those here is read with care, and kept clipped.
_CLIENT = rb"[^\s\[\]]{0,80}\[(?:[0-9A-Fa-f:.]{2,45}|unknown)\]"
_NUMBER = rb"\d{1,9}(?:\.\d{1,9})?"
_SESSION = {
    b"connect": re.compile(rb"from " + _CLIENT),
    b"disconnect": re.compile(rb"from " + _CLIENT + rb"(?: (?!auth=)[a-z]{1,12}=\d{1,9}(?:/\d{1,9})?){0,20}"),
    **dict.fromkeys(
        (b"Anonymous", b"Trusted", b"Untrusted", b"Verified"),
        re.compile(rb"TLS connection established (?:from|to) " + _CLIENT + (rb"(?::\d{1,5})?: TLSv[\d.]{1,8} with "
rb"cipher \S{1,80} [^:]{1,200}")),
    ),
}  # fmt: skip
_RECEIVED = re.compile(rb"client=(" + _CLIENT + rb"(?:, sasl_method=[A-Z0-9-]{1,40}, sasl_username=[^\s,]{1,76})?)")
_QUEUED = re.compile(rb"from=<([^<>]{0,120})>, size=(\d{1,15}), nrcpt=\d{1,9} \(queue \w{1,20}\)")
_SENT = re.compile(
    rb'to=<[^<>"@]{0,255}@([^<>"@]{0,120})>, (?:orig_to=<[^<>"]{0,400}>, )?relay=[^,]{0,400}, delay='
    + _NUMBER
    + rb", delays=("
    + b"/".join([_NUMBER] * 4)
    + rb"), dsn=\d\.\d{1,3}\.\d{1,3}, status=sent \("
)
_ISO = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_SHORT = re.compile(rb"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ")
_ODD = (b"\r", b"\t", b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e", b"\x1f")
_HOST = re.compile(rb"[\w.:-]{1,255}")
_TAG = re.compile(rb"[A-Za-z][\w.+-]*(?:/[\w.+-]+){0,3}/([\w.+-]+)\[\d+\]:")
_DOVECOT = re.compile(rb"dovecot(?:\[\d+\])?:")
_QUEUE_ID = re.compile(rb"(?!NOQUEUE)[0-9A-Za-z]{5,24}:")
_MOST_KNOWN = 4_000
_LONGEST_KNOWN = 300


_OTHER, _SMTPD, _QMGR, _CLEANUP, _DELIVERER, _DOVECOTS, _REST = range(7)
_KINDS = {
    "smtpd": _SMTPD, "qmgr": _QMGR, "cleanup": _CLEANUP,
    **dict.fromkeys(("smtp", "lmtp", "local", "virtual", "pipe"), _DELIVERER),
}  # fmt: skip


class BlockReader:
    """Reads blocks of whole lines into one picture."""

    def __init__(self, room: int = ROOM) -> None:
        self.picture = Picture(room=room)
        self._kinds: dict[bytes, int] = {}
        """What stands before the text, and what kind of daemon it names."""
        self._daemons: dict[bytes, str] = {}
        self._hosts: set[bytes] = set()
        self._sessions: dict[bytes, set[bytes]] = {word: set() for word in _SESSION}
        """Ends of lines that were seen to be plain: most are said again and again."""

    def read(self, block: bytes) -> Picture:
        """Count these lines; the last may lack its newline."""
        lines = block.split(b"\n")
        if not lines[-1]:
            lines.pop()
        is_odd = not block.isascii() or any(sign in block for sign in _ODD) or max(map(len, lines), default=0) > LONGEST
        picture = self.picture
        begun = picture.first
        self._common(lines, is_odd=is_odd)
        picture.first = begun or _edge(lines) or picture.first
        picture.last = _edge(reversed(lines)) or picture.last
        self._stay_small()
        return picture

    def _stay_small(self) -> None:
        self.picture.trim()
        if len(self._kinds) > _MOST_KNOWN:
            self._kinds.clear()
            self._daemons.clear()
        for known in (self._hosts, *self._sessions.values()):
            if len(known) > _MOST_KNOWN:
                known.clear()

    def _with_care(self, line: bytes) -> None:
        reading = read(line)
        if reading is None:
            self.picture.others += bool(line.strip())
            return
        event, *more = events(reading)
        self.picture.take(reading.line.daemon, reading.line.stamp, event)
        for other in more:
            self.picture.count(other)

    def _tell(self, stamp: bytes, tag: bytes, word: bytes, rest: bytes) -> None:
        """One of which only the text has to be read with care."""
        daemon, text = self._daemons[tag], f"{word.decode()} {rest.decode()}"
        event = postfix(daemon, text) if daemon else dovecot(text)
        self.picture.take(daemon, stamp.decode().rstrip(), event)

    def _is_host(self, host: bytes) -> bool:
        if not _HOST.fullmatch(host):
            return False
        self._hosts.add(host)
        return True

    def _kind(self, tag: bytes) -> int:
        """Of the words before the text, checked with care once."""
        if len(tag) > _LONGEST_KNOWN:
            return _OTHER
        found = _TAG.fullmatch(tag)
        daemon = found[1].decode() if found else ""
        kind = _KINDS.get(daemon, _REST) if daemon in POSTFIX_DAEMONS else _OTHER
        self._kinds[tag], self._daemons[tag] = (_DOVECOTS, "") if _DOVECOT.fullmatch(tag) else (kind, daemon)
        return self._kinds[tag]

    def _common(self, lines: list[bytes], *, is_odd: bool) -> None:
        """Count the lines in their order. A plain one without a call of ours: a call costs as much as a line may."""
        picture, kinds, hosts, sessions = self.picture, self._kinds, self._hosts, self._sessions
        opened, orphans, senders, origins = picture.open, picture.orphans, picture.senders.pairs, picture.origins.pairs
        sent = picture.sent.pairs
        is_queue_id, is_received, is_queued, is_sent = (
            _QUEUE_ID.fullmatch, _RECEIVED.fullmatch, _QUEUED.fullmatch, _SENT.match
        )  # fmt: skip
        care, tell, beside = self._with_care, self._tell, 0
        stages: list[bytes] = []
        is_short = any(map(_SHORT.match, lines[:50]))
        is_stamp, width = (_SHORT.match, 16) if is_short else (_ISO.match, 19)
        stamp = second = b""
        for line in lines:
            # Until it is counted below, it is one of those that are read with care.
            beside += 1
            if is_odd and _is_odd(line):
                care(line)
                continue
            if line[:width] != second:
                if not is_stamp(line):
                    care(line)
                    continue
                second = line[:width]
            try:
                if is_short:
                    stamp = second
                    host, tag, word, rest = line[16:].split(b" ", 3)
                else:
                    stamp, host, tag, word, rest = line.split(b" ", 4)
            except ValueError:
                care(line)
                continue
            if len(stamp) > LONGEST_STAMP:
                care(line)
                continue
            if host not in hosts and not self._is_host(host):
                care(line)
                continue
            kind = kinds.get(tag)
            if kind is None:
                kind = self._kind(tag)
            if kind == _SMTPD:
                if (known := sessions.get(word)) is not None:
                    if rest not in known:
                        if _SESSION[word].fullmatch(rest):
                            if len(rest) <= _LONGEST_KNOWN:
                                known.add(rest)
                        else:
                            tell(stamp, tag, word, rest)
                            continue
                elif (found := is_received(rest)) and is_queue_id(word):
                    opened[word] = found[1]
                else:
                    tell(stamp, tag, word, rest)
                    continue
            elif kind == _QMGR:
                before = opened.get(word)
                if before is None and not is_queue_id(word):
                    tell(stamp, tag, word, rest)
                    continue
                if rest == b"removed":
                    if opened.pop(word, None) is None:
                        picture.ended.append(word)
                elif not (found := is_queued(rest)):
                    tell(stamp, tag, word, rest)
                    continue
                elif type(before) is not int:
                    sender, size = found[1], int(found[2])
                    opened[word] = size
                    if type(before) is not bytes:
                        orphans[word] = (sender, size)
                    else:
                        senders[sender] = senders.get(sender, 0) + ONE + size
                        origins[before] = origins.get(before, 0) + ONE + size
            elif kind == _CLEANUP:
                if not rest.startswith(b"message-id=") or (word not in opened and not is_queue_id(word)):
                    tell(stamp, tag, word, rest)
                    continue
            elif kind == _DELIVERER:
                found = is_sent(rest)
                before = opened.get(word)
                if (
                    not found
                    or rest[-1:] != b")"
                    or rest.find(b", relay=", found.end()) > 0
                    or (before is None and not is_queue_id(word))
                ):
                    tell(stamp, tag, word, rest)
                    continue
                domain = found[1].lower()
                if type(before) is int:
                    sent[domain] = sent.get(domain, 0) + ONE + before
                else:
                    sent[domain] = sent.get(domain, 0) + ONE
                    picture.unsized.append((word, domain))
                stages.append(found[2])
            elif kind == _OTHER:
                care(line)
                continue
            else:
                tell(stamp, tag, word, rest)
                continue
            beside -= 1
        picture.lines += len(lines) - beside
        if stages:
            each = b"/".join(stages).split(b"/")
            for number, counter in enumerate(picture.stages):
                counter.update(each[number::4])


def _is_odd(line: bytes) -> bool:
    """It has signs that no mail server writes, or is too long."""
    return len(line) > LONGEST or not line.isascii() or any(sign in line for sign in _ODD)


def _edge(lines: Iterable[bytes]) -> str:
    """The stamp of the first of them that is of a mail server."""
    for line in islice(lines, 50):
        if (found := read(line)) and found.line.stamp:
            return found.line.stamp
    return ""
