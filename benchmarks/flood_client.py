"""Send labelled mail as many strangers would: each letter at its time, from its own address, in its own conversation.

Run as: python -m benchmarks.flood_client HOST PORT PLAN RESULTS. The plan has one JSON object a line, see `flood_mail`;
`RESULTS` gets a line for each letter when its last word is said. Letters of one conversation follow each other; one
that was cut off begins anew with the next letter.

Who is patient does as mail servers do: what was put off comes again in one more conversation, and a server that does
not greet is left alone until then. Only the time is pressed together: `RETRY_SECONDS` stand for Postfix's five minutes.
An attacker tries nothing again.

Fails as: a line with code 0 and the reason, for a letter that had no answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from base64 import b64encode
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

RETRY_SECONDS = 10.0
TRIES = 3
_SECONDS = 60.0
"""For one answer: longer than any delay that is meant as one."""
_TOLD = ("number", "label", "kind", "client", "recipients", "ident")

Letters = list[dict[str, Any]]


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
        self._refused = False

    async def send(self, letter: dict[str, Any]) -> str:
        """A whole transaction; the last answer, or `Refused`."""
        if self._refused and self._streams is not None:
            with suppress(ConnectionError, Refused):
                await self._say("RSET", "RSET")
                self._refused = False
        if self._refused or self._streams is None:
            await self.end(politely=False)
            await self._open(letter)
        self._refused = False
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
            self._refused = True
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


class Sender:
    """One conversation, and those that follow it for what was put off."""

    def __init__(self, where: tuple[str, int], began: float, results: TextIO) -> None:
        self._where, self._began, self._results = where, began, results

    async def send(self, letters: Letters) -> None:
        """Each at its time, or as soon after as the one before it is answered."""
        for tries in range(1, TRIES + 1):
            letters = await self._converse(letters, tries)
            if not letters:
                return
            # Each was put off since the first of them was: the last one waits its whole time.
            await asyncio.sleep(RETRY_SECONDS)

    async def _converse(self, letters: Letters, tries: int) -> Letters:
        """Those that are to come again."""
        talk, again, resting = Talk(*self._where), Letters(), ""
        for place, letter in enumerate(letters):
            await asyncio.sleep(max(0.0, self._began + letter["at"] - time.monotonic()))
            start = time.monotonic()
            code, verb, text = (421, "CONNECT", resting) if resting else await _sent(talk, letter)
            if place == len(letters) - 1 or code in (0, 421) or verb == "CONNECT":
                await talk.end(politely=code == 250)
            if verb == "CONNECT" and letter["patient"]:
                resting = text
            if code in range(400, 500) and not letter.get("put_off"):
                letter["put_off"] = f"{code} {text}"
            if code in range(400, 500) and letter["patient"] and tries < TRIES:
                again.append(letter)
                continue
            now = time.monotonic()
            told = {key: letter[key] for key in _TOLD} | {"put_off": letter.get("put_off", "")}
            told |= {"began": start - self._began, "took": now - start, "code": code, "verb": verb, "text": text[:200]}
            self._results.write(json.dumps(told) + "\n")
            self._results.flush()
        return again


async def _sent(talk: Talk, letter: dict[str, Any]) -> tuple[int, str, str]:
    """The answer that ended it: its code, after which verb, its text."""
    try:
        return 250, "DOT", await talk.send(letter)
    except Refused as refused:
        return refused.code, refused.verb, refused.text
    except (TimeoutError, OSError, ConnectionError) as error:
        return 0, "LOST", f"{type(error).__name__}: {error}"


async def main(host: str, port: int, plan: Path, into: Path) -> None:
    """All of it; returns when the last letter is answered."""
    talks: dict[str, Letters] = defaultdict(list)
    with plan.open() as lines:
        for line in lines:
            letter = json.loads(line)
            talks[letter["talk"]].append(letter)
    for letters in talks.values():
        letters.sort(key=lambda letter: letter["at"])
    with into.open("w") as results:
        results.write(json.dumps({"began": time.time()}) + "\n")
        results.flush()
        began = time.monotonic()
        await asyncio.gather(*(Sender((host, port), began, results).send(letters) for letters in talks.values()))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])))
