"""Messages a second through the whole gate: read, identified, weighed and judged before the 250, beside its peers.

In a network of our own, so that the client has a stranger's address and SPF, DKIM and DMARC are asked, of a DNS stub
that knows the senders and has been asked about each of them once. Every letter of the corpus is sent before the first
comes again, and no cache of bodies holds so many: no leg measures one, but the one that is meant to. Marks are out of
reach, so that what would be held or refused goes all the way; the few that are refused nevertheless (a virus) are
counted as work done, in every leg alike.

Fails as: `Unmeasurable` without root or the corpus; peers that are not installed are named and left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import own_network
from benchmarks.figures import Figure, Leg, RefusedMessages, Sign, Target
from benchmarks.legs import Rounds, alternate, rates, spread
from benchmarks.letters import Letters, all_letters, one_letter, zone_of
from benchmarks.load import SESSIONS
from benchmarks.machine import memory_kib
from benchmarks.peers.company import Company, start_clamd, start_dns
from benchmarks.peers.whole_gates import Amavis, Rspamd, WholeGate
from benchmarks.session import Measured, Setup, Started, start_all
from benchmarks.sink import Sink
from benchmarks.stands import Direct, Lockdown, ProcessStand, Stand
from benchmarks.training import CASES, CorpusMessage, corpus

AT_LEAST_A_SECOND = Target(Sign.AT_LEAST, 1500)
MOST_CPU = Target(Sign.AT_MOST, 1000)
OVER = {Rspamd.name: Target(Sign.AT_LEAST, 5), Amavis.name: Target(Sign.AT_LEAST, 50)}
_TRAINED_WITH = 250
"""Of each kind; the peers' Bayes needs two hundred."""
_DRAIN_SECONDS = 60.0
_FAR = 100000.0
_BUILTIN = "builtin"
WITH_CLAMD, WHOLE = "whole gate + clamd, 2 workers", "whole gate, 2 workers"


@dataclass(slots=True)
class LetterLoad:
    """Our own client, with letters that go on where each stand's last leg has stopped."""

    name: str
    letters: Letters
    sessions: int = SESSIONS
    address: str = own_network.STRANGER
    next_letter: dict[int, int] = field(default_factory=dict)

    @property
    def how(self) -> str:
        return f"{self.sessions} sessions, a connection each, no pipelining; {self.letters.origin}"

    @property
    def length(self) -> int:
        return self.letters.octets // self.letters.count

    def send(self, port: int, messages: int) -> tuple[dict[str, int], float]:
        """What became of them, and the seconds that it took."""
        first = self.next_letter.get(port, 0)
        self.next_letter[port] = first + messages
        asked = [str(self.letters.file), str(port), str(self.sessions), str(first), str(messages), self.address]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.scan_client", *asked], capture_output=True, check=False, timeout=900
        )
        if done.returncode:
            raise RefusedMessages(done.stderr.decode(errors="replace").strip()[-300:])
        endings = json.loads(done.stdout)
        return endings, endings.pop("seconds")


def run_leg(stand: Stand, sink: Sink, load: LetterLoad, messages: int) -> Leg:
    """What was neither refused nor held must be at the sink, once. A letter that was deferred voids the leg."""
    counted, used = sink.count(), stand.cpu()
    try:
        endings, seconds = load.send(stand.port, messages)
    except RefusedMessages as refused:
        raise RefusedMessages(f"{stand.name}: {refused}") from None
    delivered, judged = endings.pop("delivered", 0), endings.pop("held", 0) + endings.pop("refused", 0)
    if endings:
        raise RefusedMessages(f"{stand.name}: {sum(endings.values())} deferred: {next(iter(endings))}")
    patience = _DRAIN_SECONDS if isinstance(stand, WholeGate) else 3.0
    arrived = sink.count_of(delivered, counted, patience)
    return Leg(
        stand.name, messages, arrived + judged, seconds, messages * load.length, stand.cpu() - used
    ).checked()  # fmt: skip


class Gate(Lockdown):
    """Ours, with engines."""

    def __init__(
        self, folder: Path, sink: Sink, workers: int, name: str, company: Company, zone: Mapping[str, Any],
        antivirus: Sequence[str] = (_BUILTIN,), antispam: Sequence[str] = (_BUILTIN,),
    ) -> None:  # fmt: skip
        super().__init__(folder, sink, workers, name=name)
        self._antivirus, self._antispam = antivirus, antispam
        self._resolver = start_dns(company, zone) if antispam else ""

    def _engines(self) -> str:
        resolvers = json.dumps([self._resolver] if self._resolver else [])
        return f"""
[antivirus]
engines = {json.dumps(list(self._antivirus))}
forbidden = "accept-and-mark"
macros = "accept-and-mark"
encrypted = "accept-and-mark"
unread = "accept-and-mark"
ambiguous = "accept-and-mark"

[antispam]
engines = {json.dumps(list(self._antispam))}
resolvers = {resolvers}
tag = {_FAR}
hold = {_FAR + 1}
refuse = {_FAR + 2}
dmarc = "mark"
forged = "accept-and-mark"
"""


def measure(setup: Setup) -> Measured:
    """All of it, within a network of our own."""
    folder = setup.place("scan")
    letters = all_letters(folder)
    zone = zone_of(letters.domains)
    with own_network.entered(), ExitStack() as stack:
        sink = stack.enter_context(Sink(folder))
        company = Company(folder / "company")
        stack.callback(company.end)
        clamd = Company(folder / "clamd-company")
        stack.callback(clamd.end)
        started = start_all(stack, "scan", [*_ours(folder, sink, company, clamd, zone), *_peers(folder, sink, zone)])
        yield from started.down
        load = LetterLoad("scan, different letters", letters)
        _meet_everybody(started, sink, load)
        started_with = clamd.cpu()
        rounds = _alternated(setup, sink, load, started.up)
        yield from _figures(rounds, started, clamd.cpu() - started_with, load)
        yield from _repeated(setup, sink, folder, started)
        yield from _memory(started)


def _ours(folder: Path, sink: Sink, company: Company, clamd: Company, zone: Mapping[str, Any]) -> list[ProcessStand]:
    engine = f"clamd://{start_clamd(clamd)}"
    return [
        Gate(folder / "off", sink, 2, "no engines, 2 workers", company, zone, (), ()),
        Gate(folder / "one", sink, 1, "whole gate, 1 worker", company, zone),
        Gate(folder / "two", sink, 2, WHOLE, company, zone),
        Gate(folder / "clamd", sink, 2, WITH_CLAMD, company, zone, (_BUILTIN, engine)),
    ]


def _peers(folder: Path, sink: Sink, zone: Mapping[str, Any]) -> list[ProcessStand]:
    training = list(_training())
    return [
        Rspamd(folder / "rspamd", sink, zone, training),
        Amavis(folder / "amavis", sink, zone, training),
    ]


def _training() -> Iterator[CorpusMessage]:
    room = {True: _TRAINED_WITH, False: _TRAINED_WITH}
    for message in corpus(Path(os.environ.get("LOCKDOWN_CASES", CASES))):
        if room[message.is_spam]:
            room[message.is_spam] -= 1
            yield message


def _meet_everybody(started: Started, sink: Sink, load: LetterLoad) -> None:
    """Each letter once: most mail comes from domains that have written lately, whose DNS answers are still known."""
    for stand in started.up:
        if not isinstance(stand, Amavis):  # which asks nobody
            run_leg(stand, sink, load, load.letters.count)


def _alternated(setup: Setup, sink: Sink, load: LetterLoad, stands: Sequence[ProcessStand]) -> Rounds:
    return alternate(
        Direct(sink), stands, sink, load,  # type: ignore[arg-type]
        rounds=setup.rounds, seconds=setup.leg_seconds, run=run_leg,
    )  # fmt: skip


def _repeated(setup: Setup, sink: Sink, folder: Path, started: Started) -> Measured:
    load = LetterLoad("scan, one letter over and over", one_letter(folder))
    gates = [stand for stand in started.up if isinstance(stand, Gate) and "clamd" not in stand.name]
    rounds = _alternated(setup, sink, load, gates)
    for stand in gates:
        yield from _of_stand(rounds, stand, {})


def _figures(rounds: Rounds, started: Started, clamd_seconds: float, load: LetterLoad) -> Measured:
    group = rounds.load.name
    direct = [leg.rate for legs in rounds.before.values() for leg in legs]
    how = f"{rounds.load.how}; straight to smtp-sink; median of {spread(direct)}"
    yield Figure(group, "direct", median(direct), "msg/s", how)
    targets = {WHOLE: AT_LEAST_A_SECOND}
    for stand in started.up:
        yield from _of_stand(rounds, stand, targets, MOST_CPU if stand.name.startswith("whole gate, ") else None)
    ours = next((stand.name for stand in started.up if stand.name == WHOLE), "")
    for peer in (stand.name for stand in started.up if stand.name in OVER and ours):
        yield Figure(
            group, f"whole gate / {peer}", rounds.ratio_to(ours, peer), "x",
            "rates of the same round, median of the rounds; 2 workers", OVER[peer],
        )  # fmt: skip
    for stand in (stand for stand in started.up if stand.name == WITH_CLAMD):
        share = clamd_seconds * 1e6 / (load.next_letter[stand.port] - load.letters.count)
        yield Figure(
            group, "clamd itself: CPU", share, "us/msg", "user + system; with two signatures, not the millions"
        )


def _of_stand(
    rounds: Rounds, stand: ProcessStand, targets: Mapping[str, Target], cpu: Target | None = None
) -> Measured:
    group, legs = rounds.load.name, rounds.legs[stand.name]
    how = f"median of {spread(rates(legs))}"
    yield Figure(group, stand.name, median(rates(legs)), "msg/s", how, targets.get(stand.name))
    cost = median(leg.cpu_microseconds for leg in legs)
    yield Figure(
        group, f"{stand.name}: CPU", cost, "us/msg", "user + system time of its processes, readers included", cpu
    )


def _memory(started: Started) -> Measured:
    for stand in started.up:
        pss = memory_kib(stand.pids(), "Pss") / 1024
        yield Figure("scan, memory after the load", stand.name, pss, "MiB", "PSS of its own processes")
