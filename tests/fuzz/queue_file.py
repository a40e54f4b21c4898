"""A queue file of Postfix or of Exim as strangers may have shaped it. The first octet chooses what it is taken for."""

from lockdown.facts.exim_spool import spooled
from lockdown.facts.queue_file import NotWhole, fingerprint, first_reason, header_of, message, queued

_EXIM = "1abcde-000001-XY"


def one_input(octets: bytes) -> None:
    """Nothing raises, and a message that is read whole has the fingerprint that its head says."""
    kind, rest = (octets[:1] or b"\0")[0], octets[1:]
    if kind & 1:
        spooled(f"{_EXIM}-H\n".encode() + rest, _EXIM, 0)
        return
    short = fingerprint(rest, "9308B26C13E")
    read = queued(rest, "9308B26C13E", "deferred", is_whole=True)
    assert not isinstance(read, NotWhole)
    if read is not None and not isinstance(short, NotWhole) and short is not None:
        assert (read.fingerprint.id, read.size) == (short.id, short.size)
    assert len(message(rest)) <= 2 * len(rest) * 1001
    header_of(rest)
    first_reason(rest)
