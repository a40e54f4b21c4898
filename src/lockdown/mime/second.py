"""A second parser's opinion of a message, for what two of them see differently is what an attacker looks for.

The other is fast-mail-parser (Rust, memory-safe). It is asked only where it is quick: it is quadratic in encoded words.
Fails as: the message as it was, where the other parser gives up. Never raises.
"""

from __future__ import annotations

from lockdown.mime.parts import DEFAULT_LIMITS, KIB, NO_PARAMETERS, Message, Part, ReadLimits
from lockdown.model.scan import Ambiguity, Unread

MOST_OCTETS = 512 * KIB
MOST_HEADER = 16 * KIB
_LINE_END = b"\r\n \t"


def with_second_opinion(message: Message, content: bytes, limits: ReadLimits = DEFAULT_LIMITS) -> Message:
    """The message, with the attachments that the other parser sees and we do not; then the two disagree."""
    if len(message.parts) < 2 or len(content) > MOST_OCTETS or len(message.header) > MOST_HEADER:
        return message
    found = _attachments(content)
    if not found:
        return message
    seen = {_trimmed(octets) for part in message.parts for octets in (part.data(), part.raw())}
    unseen = [one for one in found if _trimmed(one[2]) and _trimmed(one[2]) not in seen]
    if not unseen:
        return message
    room = max(0, limits.max_parts - len(message.parts))
    parts = tuple(_part(number, *one) for number, one in enumerate(unseen[:room], 1))
    unread = (Unread("~other", f"more than {limits.max_parts} parts", too_big=True),) if len(unseen) > room else ()
    ambiguities = dict.fromkeys((*message.ambiguities, Ambiguity.TWO_PARSERS_DISAGREE))
    return message._replace(parts=message.parts + parts, ambiguities=tuple(ambiguities), unread=message.unread + unread)


def _attachments(content: bytes) -> list[tuple[str, str, bytes]]:
    """Type, name and content of what the other parser takes for attachments; none where it has no opinion."""
    from fast_mail_parser import parse_email

    try:
        found = parse_email(content).attachments
        return [(one.mimetype.lower(), one.filename or "", bytes(one.content)) for one in found]
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # a panic of Rust is no Exception; no opinion is an answer here, the first reading stands
        return []


def _part(number: int, kind: str, name: str, data: bytes) -> Part:
    path, size = f"~other{number}", len(data)
    return Part(path, kind, NO_PARAMETERS, "", name, (), "attachment", "binary", "", 1, 0, size, False, data, [data])


def _trimmed(octets: bytes) -> bytes:
    return octets.rstrip(_LINE_END)
