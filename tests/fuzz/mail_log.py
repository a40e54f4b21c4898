"""A log, a journal or a queue as strangers may have shaped it. The first octet chooses what it is taken for."""

from datetime import UTC, datetime

from lockdown.facts.mail_log.blocks import BlockReader
from lockdown.facts.mail_log.events import LoginFailed, Refused
from lockdown.facts.mail_log.journal import entry
from lockdown.facts.mail_log.picture import Picture
from lockdown.facts.mail_log.prefix import when
from lockdown.facts.mail_log.reading import read
from lockdown.facts.queue_entries import exim_entries, postfix_entry
from lockdown.facts.queue_groups import grouped

_NOW = datetime(2026, 2, 13, tzinfo=UTC)


def one_input(octets: bytes) -> None:
    """Nothing raises, every line is counted once, and a client's address has no sign that an address has not."""
    kind, rest = (octets[:1] or b"\0")[0], octets[1:]
    match kind & 3:
        case 0 | 1:
            _log(rest)
        case 2:
            found = entry(rest, ("0",))
            assert found is None or len(found.line.splitlines()) <= 1
        case _:
            grouped(map(postfix_entry, rest.split(b"\n")), _NOW).all.recipients.bit_length()
            list(exim_entries(rest.decode("utf-8", "replace").split("\n"), _NOW))


def _log(text: bytes) -> None:
    lines = [line for line in text.split(b"\n") if line.strip()]
    picture = BlockReader().read(text)
    assert picture.lines + picture.others == len(lines)
    careful = Picture()
    for line in lines:
        if reading := read(line):
            careful.take(reading.line.daemon, reading.line.stamp, reading.event)
            when(reading.line.stamp, _NOW)
            _is_an_address(reading.event)
    assert careful.unread == picture.unread and careful.lines == picture.lines
    assert careful.refused == picture.refused and careful.failed_logins == picture.failed_logins


def _is_an_address(event: object) -> None:
    if isinstance(event, Refused | LoginFailed) and event.address:
        assert event.address == "unknown" or set(event.address) <= set("0123456789abcdefABCDEF:.")
