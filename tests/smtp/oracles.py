"""The slow, plain versions of what the core does fast: one octet after the other, as the RFC says it."""

from dataclasses import dataclass

from lockdown.smtp import DataFlaw


@dataclass
class Body:
    content: bytes
    wire: bytes
    flaw: DataFlaw | None
    rest: bytes


OVERRUN = Body(b"", b"", DataFlaw.OVERRUN, b"")


def slow_body(received: bytes, max_size: int, max_line: int, overrun: int = 4) -> Body | None:
    """The body at the beginning of these bytes, or None where its end is not among them."""
    bound = overrun * max_size if max_size else len(received)
    wire, content, line = bytearray(), bytearray(), bytearray()
    first_bare: DataFlaw | None = None
    long_line = False
    for at, octet in enumerate(received):
        line.append(octet)
        first_bare = first_bare or _bare(line, received[at + 1 : at + 2])
        if not line.endswith(b"\r\n"):
            continue
        if line == b".\r\n":
            flaw = _gravest(first_bare, long_line, bool(max_size) and len(content) > max_size)
            return OVERRUN if len(wire) > bound else Body(bytes(content), bytes(wire), flaw, received[at + 1 :])
        wire += line
        content += line[1:] if line.startswith(b".") else line
        long_line = long_line or any(len(part) >= max_line for part in line.split(b"\n"))
        line.clear()
    return OVERRUN if len(received) - _undecided(received) > bound else None


def _bare(line: bytes, following: bytes) -> DataFlaw | None:
    if line.endswith(b"\n") and not line.endswith(b"\r\n"):
        return DataFlaw.BARE_LF
    # At the end of what came so far nobody knows yet.
    return DataFlaw.BARE_CR if line.endswith(b"\r") and following not in (b"\n", b"") else None


def _gravest(first_bare: DataFlaw | None, long_line: bool, too_big: bool) -> DataFlaw | None:
    return first_bare or (DataFlaw.LINE_TOO_LONG if long_line else DataFlaw.TOO_BIG if too_big else None)


def _undecided(received: bytes) -> int:
    """How many of the last octets may still turn out to belong to the end."""
    from_command = b"\r\n" + received
    longest = max(length for length in range(5) if from_command.endswith(b"\r\n.\r\n"[:length]))
    return min(longest, len(received))


def slow_unstuff(wire: bytes) -> bytes:
    lines = wire.split(b"\r\n")
    return b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)
