"""A body and its end. The first octet chooses the limits, the second how it is cut."""

from lockdown.smtp import DataFlaw, Unstuffer, unstuff
from lockdown.smtp.data import DataReader
from tests.smtp.oracles import slow_body, slow_unstuff


def one_input(octets: bytes) -> None:
    """The fast reader is the slow reader, however the body is cut."""
    choice, step, received = octets[:1] or b"\0", max(1, octets[1] if len(octets) > 1 else 1), octets[2:]
    max_size, max_line = (0, 20, 100)[choice[0] % 3], (8, 40, 1000)[choice[0] // 3 % 3]
    reader, delivered, rest = DataReader(max_size, max_line), b"", b""
    for at in range(0, len(received), step):
        piece = received[at : at + step]
        if reader.ended:
            rest += piece
        else:
            chunk, rest = reader.feed(piece)
            delivered += chunk
    _compare(reader, delivered, rest, received, max_size, max_line)
    _compare_unstuffing(received, step)


def _compare(reader: DataReader, delivered: bytes, rest: bytes, received: bytes, max_size: int, max_line: int) -> None:
    expected = slow_body(received, max_size, max_line)
    assert reader.ended == (expected is not None)
    if expected is None:
        return
    assert reader.flaw == expected.flaw
    if expected.flaw is not DataFlaw.OVERRUN:
        assert (reader.size, reader.wire_size, rest) == (len(expected.content), len(expected.wire), expected.rest)
    if expected.flaw is None:
        assert delivered == expected.wire


def _compare_unstuffing(wire: bytes, step: int) -> None:
    unstuffer = Unstuffer()
    pieces = (unstuffer.feed(wire[at : at + step]) for at in range(0, len(wire), step))
    assert b"".join(pieces) == unstuff(wire) == slow_unstuff(wire)
