"""A whole conversation of a stranger with the server session. Groups are parted by the octet 1E."""

from tests.smtp.talk import Cut, Host, every_byte, new_host, whole

GROUP_END = b"\x1e"


def one_input(octets: bytes) -> None:
    """Nothing raises, and cutting everywhere changes neither an event nor an answer."""
    groups = octets.split(GROUP_END)[:20]
    one, other = _conversation(groups, whole), _conversation(groups, every_byte)
    assert one.settled == other.settled
    assert one.said == other.said


def _conversation(groups: list[bytes], cut: Cut) -> Host:
    host = new_host({"max_size": "400", "data_line": "100", "recipients": "2"})
    host.session.greeted()
    for group in groups:
        host.hears(group, cut)
        if host.session.awaits_handshake:
            host.session.secured()
    return host
