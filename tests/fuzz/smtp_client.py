"""What a hostile server says to our client. The first octet says which conversation it answers."""

from lockdown.smtp import NEED_DATA, Answered, ClientSession, Nonsense
from lockdown.smtp.events import Signal


def one_input(octets: bytes) -> None:
    """Nothing raises, cutting everywhere changes no event, and what is told is printable and bounded."""
    seed, said = octets[:1], octets[1:4000]
    one, other = _events(seed, [said]), _events(seed, [said[at : at + 1] for at in range(len(said))])
    assert one == other
    for event in one:
        if isinstance(event, Answered):
            assert all(line.isprintable() and line.isascii() for line in event.reply.lines)
            assert len(event.reply.wire) <= 20 * 512


def _events(seed: bytes, pieces: list[bytes]) -> list[Answered | Nonsense | Signal]:
    session = _asked(ClientSession(lmtp=seed > b"\x80"))
    found = []
    for piece in pieces:
        session.receive(piece)
        while (event := session.next_event()) is not NEED_DATA:
            found.append(event)
            if isinstance(event, Answered) and event.verb == "DATA" and event.reply.is_intermediate:
                session.end(True)
    return found


def _asked(session: ClientSession) -> ClientSession:
    session.hello("gw.example")
    session.mail("a@b.example")
    session.recipient("c@d.example")
    session.recipient("e@f.example")
    session.data()
    return session
