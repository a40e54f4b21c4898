"""Send labelled mail as many strangers would: each letter at its time, from its own address, in its own conversation.

Run as: python -m benchmarks.flood_client HOST PORT PLAN RESULTS. The plan has one JSON object a line, see `flood_mail`;
`RESULTS` gets a line for each letter as soon as it is answered. Letters of one conversation follow each other; one that
was cut off begins anew with the next letter. Nothing is tried again: what is put off was delayed.

Fails as: a line with code 0 and the reason, for a letter that had no answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from base64 import b64encode
from collections import defaultdict
from pathlib import Path
from typing import Any, TextIO

_SECONDS = 60.0
"""For one answer: longer than any delay that is meant as one."""


class Refused(Exception):
    """An answer that ends the letter."""

    def __init__(self, verb: str, code: int, text: str) -> None:
        super().__init__(text)
        self.verb, self.code, self.text = verb, code, text


class Talk:
    """One conversation, opened when it is needed and again when it was cut off."""

    def __init__(self, host: str, port: int) -> None:
        self._where = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, letter: dict[str, Any]) -> str:
        """A whole transaction; the last answer, or `Refused`."""
        if self._streams is None:
            await self._open(letter)
        verb, size = "MAIL", len(letter["content"])
        await self._say(verb, f"MAIL FROM:<{letter['sender']}> SIZE={size}")
        for recipient in letter["recipients"]:
            await self._say("RCPT", f"RCPT TO:<{recipient}>")
        await self._say("DATA", "DATA", 354)
        return await self._say("DOT", letter["content"].rstrip("\r\n") + "\r\n.")

    async def _open(self, letter: dict[str, Any]) -> None:
        host, port = self._where
        opened = asyncio.open_connection(host, port, local_addr=(letter["client"], 0), limit=1 << 20)
        self._streams = await asyncio.wait_for(opened, _SECONDS)
        await self._hear("CONNECT", 220)
        await self._say("EHLO", f"EHLO {letter['helo']}")
        if letter.get("user"):
            secret = b64encode(f"\0{letter['user']}\0{letter['password']}".encode()).decode()
            await self._say("AUTH", f"AUTH PLAIN {secret}", 235)

    async def _say(self, verb: str, line: str, wanted: int = 250) -> str:
        assert self._streams is not None
        self._streams[1].write(line.encode("latin-1", "replace") + b"\r\n")
        return await self._hear(verb, wanted)

    async def _hear(self, verb: str, wanted: int) -> str:
        assert self._streams is not None
        while True:
            line = (await asyncio.wait_for(self._streams[0].readline(), _SECONDS)).decode("latin-1")
            if not line:
                raise ConnectionError(f"closed after {verb}")
            if line[3:4] != "-":
                break
        if not line.startswith(str(wanted)):
            raise Refused(verb, int(line[:3]) if line[:3].isdigit() else 0, line[4:].strip())
        return line[4:].strip()

    async def end(self, *, politely: bool) -> None:
        """QUIT, or just go."""
        streams, self._streams = self._streams, None
        if streams is None:
            return
        if politely:
            streams[1].write(b"QUIT\r\n")
        streams[1].close()


async def converse(talk: Talk, letters: list[dict[str, Any]], began: float, results: TextIO) -> None:
    """The letters of one conversation, each at its time or as soon after as the one before it is answered."""
    for letter in letters:
        await asyncio.sleep(max(0.0, began + letter["at"] - time.monotonic()))
        start = time.monotonic()
        code, verb, text = 250, "DOT", ""
        try:
            text = await talk.send(letter)
        except Refused as refused:
            code, verb, text = refused.code, refused.verb, refused.text
        except (TimeoutError, OSError, ConnectionError) as error:
            code, verb, text = 0, "LOST", f"{type(error).__name__}: {error}"
        if code != 250 or letter["is_last"]:
            await talk.end(politely=code == 250)
        now = time.monotonic()
        told = {key: letter[key] for key in ("number", "label", "kind", "client", "recipients")}
        told |= {"began": start - began, "took": now - start, "code": code, "verb": verb, "text": text[:200]}
        results.write(json.dumps(told) + "\n")
        results.flush()


async def main(host: str, port: int, plan: Path, into: Path) -> None:
    """All of it; returns when the last letter is answered."""
    talks: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with plan.open() as lines:
        for line in lines:
            letter = json.loads(line)
            talks[letter["talk"]].append(letter)
    for letters in talks.values():
        letters.sort(key=lambda letter: letter["at"])
        for place, letter in enumerate(letters):
            letter["is_last"] = place == len(letters) - 1
    with into.open("w") as results:
        results.write(json.dumps({"began": time.time()}) + "\n")
        results.flush()
        began = time.monotonic()
        await asyncio.gather(*(converse(Talk(host, port), letters, began, results) for letters in talks.values()))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])))
