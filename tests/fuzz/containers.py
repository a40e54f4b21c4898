"""Containers. The first octet chooses who opens them, the rest is the file; then the engine reads it as a whole."""

from lockdown.config import Antivirus
from lockdown.model.units import ByteSize
from lockdown.scan.containers import OPENS
from lockdown.scan.containers.member import Allowance, Flaw, Member, Spent
from lockdown.scan.examination import Examination, Piece, Tools
from lockdown.scan.inspect import Inspected

KINDS = tuple(sorted(OPENS))
OCTETS, MEMBERS = 1024 * 1024, 100
POLICY = Antivirus(max_unpacked=ByteSize(OCTETS), max_members=MEMBERS, max_depth=4)
# Neither rules nor inspectors: they have targets of their own.
TOOLS = Tools(POLICY, {}, lambda data: (), lambda kind, data, path, budget: Inspected(), lambda match: False, False)


def one_input(octets: bytes) -> None:
    """An opener keeps to its allowance and answers in words; the examination never breaks on it."""
    kind, data = KINDS[(octets[:1] or b"\0")[0] % len(KINDS)], octets[1:]
    allowance, given = Allowance(MEMBERS, OCTETS), 0
    try:
        for one in OPENS[kind](data, "file.bin", allowance):
            if isinstance(one, Member):
                given += len(one.data)
            elif isinstance(one, Flaw):
                assert one.why
    except Spent:
        assert allowance.spent
    # What stands behind the end of a stream is given as it is.
    assert given <= OCTETS + len(data)
    _examine(data)


def _examine(data: bytes) -> None:
    examination = Examination(TOOLS)
    examination._file(Piece(data, "file.bin", "file.bin"))
    content = examination._content(1)
    assert content.files and all(file.depth <= POLICY.max_depth for file in content.files)
    assert not [unread for unread in content.unread if "its reader broke" in unread.why], content.unread
