"""A gateway with a fake upstream behind it, and the few things that most tests do with the pair."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tests.rig.gateway import GatewayProcess, Settings
from tests.rig.messages import Letter, only_our_fields_were_put_before
from tests.rig.sandbox import sandbox
from tests.rig.sender import Answer, Outcome, Sender, Wire
from tests.rig.upstream import Accepted, FakeUpstream

_NOTHING: Settings = MappingProxyType({})


@dataclass(slots=True)
class Scene:
    """A gateway and the server behind it."""

    gateway: GatewayProcess
    upstream: FakeUpstream

    def client(self, name: str = "client.example", **options: Any) -> Wire:
        """A client that is connected and has said EHLO."""
        return self.connect(self.gateway.port, name, **options)

    @staticmethod
    def connect(port: int, name: str = "client.example", **options: Any) -> Wire:
        """The same for a server on some port; one that is too busy to greet is asked again."""
        while (wire := Wire(port, **options)) and (greeting := wire.answer()).is_too_busy:
            wire.close()
            time.sleep(0.1)
        assert greeting.code == 220, greeting
        assert wire.ask(f"EHLO {name}").code == 250
        return wire

    def attempt(self, letter: Letter) -> Answer:
        """What a client hears that tries once."""
        return Sender(self.gateway.port).attempt(letter)

    def deliver(self, letter: Letter) -> Outcome:
        """What a client hears that tries until it has a final answer."""
        return Sender(self.gateway.port).deliver(letter)

    def copies(self, letter: Letter) -> int:
        """How often the upstream has accepted it."""
        return self.upstream.ids().count(letter.id)

    def arrived(self, letter: Letter) -> Accepted:
        """The one accepted copy; it is whole and unchanged behind our own fields."""
        (only,) = [message for message in self.upstream.accepted if letter.id.encode() in message.content]
        assert only_our_fields_were_put_before(only.content, letter.content)
        return only

    def body_seen(self, letter: Letter) -> bool:
        """Whether any octet that names the letter went upstream within a body."""
        return any(letter.id.encode() in talk.body for talk in self.upstream.conversations)

    def commands(self) -> list[str]:
        """Everything that the upstream was told, over all connections."""
        return [command for talk in self.upstream.conversations for command in talk.commands]

    def make_peace(self) -> None:
        """The upstream is kind from now on, and no kept connection remembers a quarrel."""
        self.upstream.be_kind()
        self.upstream.hang_up()


def envelope(wire: Wire, letter: Letter) -> Answer:
    """MAIL, every RCPT and DATA; the answer to DATA."""
    assert wire.ask(f"MAIL FROM:<{letter.sender}>{letter.mail_params}").code == 250
    for recipient in letter.recipients:
        assert wire.ask(f"RCPT TO:<{recipient}>").code == 250
    return wire.ask("DATA")


def transaction(wire: Wire, letter: Letter) -> Answer:
    """A whole transaction on an open connection; the answer to the final dot."""
    assert envelope(wire, letter).code == 354
    wire.send(letter.wire)
    return wire.answer()


@contextmanager
def scene(settings: Settings = _NOTHING, *, workers: int = 1, **upstream: Any) -> Iterator[Scene]:
    """Both, started; the options of the upstream are those of `FakeUpstream`."""
    with (
        sandbox("scene") as box,
        FakeUpstream(**upstream) as behind,
        GatewayProcess(box, settings, upstream=behind.url, workers=workers) as gateway,
    ):
        yield Scene(gateway, behind)
