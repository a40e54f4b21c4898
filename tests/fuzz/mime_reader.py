"""A whole message of a stranger. The first octet chooses the limits."""

from lockdown.mime.parts import Message, ReadLimits
from lockdown.mime.reader import read_message

TIGHT = ReadLimits(max_parts=5, max_depth=2, max_header=200, max_part_header=50, max_decoded=500, max_searched=500)
LIMITS = (ReadLimits(), TIGHT)
MOST_REPEATED = 255 // 3


def one_input(octets: bytes) -> None:
    """Nothing raises, no limit is passed without a word, and a part lies where it says."""
    limits, content = LIMITS[(octets[:1] or b"\0")[0] % 2], octets[1:]
    message = read_message(content, limits)
    _within(message, limits, content)
    assert read_message(content, limits).ambiguities == message.ambiguities


def _within(message: Message, limits: ReadLimits, content: bytes) -> None:
    assert len(message.parts) <= limits.max_parts
    assert len(message.header) <= limits.max_header
    assert len(set(message.ambiguities)) == len(message.ambiguities)
    assert all(one.why and one.path for one in message.unread)
    for part in message.parts:
        assert 0 <= part.start <= part.end <= len(part.octets)
        assert part.depth <= limits.max_depth
        assert part.content_type == part.content_type.lower()
        assert part.is_container or len(part.data()) <= max(len(part.raw()), MOST_REPEATED * len(content)) + 2
        assert part.path
