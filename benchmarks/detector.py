"""What it costs to see a flood, in time of the processor: for each message, to count it and to say what it is like; the
memory of a full window of messages that have nothing in common; and one look.

Fails as: Unmeasurable when the flood in it is not seen.
"""

from __future__ import annotations

import gc
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure, Sign, Target, Unmeasurable
from benchmarks.session import Measured, Setup
from lockdown.checklist.monitoring.watch import watch
from lockdown.config import Settings
from lockdown.engine.traffic import MOST_SEEN, TrafficCounter
from lockdown.gateway.likeness import bodies, files, hosts
from lockdown.gateway.nature import is_confirmation
from lockdown.mime.texture import texture
from lockdown.model.restraint import subject_shape
from lockdown.model.window import Window
from lockdown.scan.builtin import built
from lockdown.state.transactions import LoggedClient, LoggedLikeness, LoggedScan, Transaction

MICROSECONDS, MEBIBYTES = 50.0, 64.0
_ROOT = Path(__file__).parents[1]
_START = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
_MEMORY = """
import json, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from benchmarks.detector import filled
def told(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])
before = told("VmRSS")
counter = filled(Path(sys.argv[1]), weeks=True)
counter.look()
print(json.dumps((told("VmHWM") - before) / 1024))
"""


def measure(setup: Setup) -> Measured:
    """Time and memory, each of messages that differ in everything: the dearest there are."""
    place = setup.place("detector")
    rounds = max(3, setup.rounds)
    how = f"median of {rounds} runs, {MOST_SEEN:,} messages that differ in everything"
    strange = list(transactions(MOST_SEEN))
    counted = median(_microseconds(lambda: filled(place, strange), len(strange)) for _ in range(rounds))
    yield Figure("detector", "count one message", counted, "us", how)
    same = [strange[0]] * MOST_SEEN
    flood = median(_microseconds(lambda: filled(place, same), len(same)) for _ in range(rounds))
    yield Figure("detector", "count one of a flood", flood, "us", f"median of {rounds} runs, all the same")
    likeness = median(_likeness() for _ in range(rounds))
    yield Figure("detector", "likeness of one message", likeness, "us", "a text of 4,000 characters, ten links")
    yield Figure("detector", "all of it for one message", counted + likeness, "us", "the sum of both",
                 Target(Sign.AT_MOST, MICROSECONDS))  # fmt: skip
    memory = json.loads(_run([sys.executable, "-P", "-c", _MEMORY, str(place), str(_ROOT)]))
    yield Figure("detector", "memory", memory, "MiB", f"{MOST_SEEN:,} such messages and a full memory of good mail",
                 Target(Sign.AT_MOST, MEBIBYTES))  # fmt: skip
    yield Figure("detector", "one look", _look(place) / 1000, "ms", f"{MOST_SEEN:,} messages, a botnet among them")


def transactions(number: int, begin: int = 0) -> Iterator[Transaction]:
    """No two have anything in common but the time."""
    for index in range(begin, begin + number):
        like = LoggedLikeness(
            dkim=f"d{index}.example", spf=f"s{index}.example", author=f"d{index}.example",
            body=[f"{index:016x}", f"{index:015x}x"], subject=f"subject of number {index}",
            hosts=[f"h{index}.example", f"g{index}.example"], files=[f"{index:020x}"],
        )  # fmt: skip
        yield (
            Transaction(
                type="accepted",
                id=f"ID{index}",
                at=_START,
                client=LoggedClient(
                    f"{11 + index % 200}.{index // 200 % 250}.{index // 50000}.9", f"mx{index}.example"
                ),
                sender=f"sender{index}@x{index}.example",
                recipients=[f"user{index}@example.org"],
                size=4000,
                scan=LoggedScan(antispam={"builtin": "1/5"}),
                like=like,
            )
        )


def filled(place: Path, given: Iterable[Transaction] | None = None, *, weeks: bool = False) -> TrafficCounter:
    """A counter that has taken all of them; `weeks`: and has forgotten as many into its memory, four times."""
    counter = TrafficCounter(Settings(), place)
    now = _START
    counter.advance(now)
    if weeks:
        for turn in range(4):
            for one in transactions(MOST_SEEN, begin=(turn + 1) * MOST_SEEN):
                counter.take(one)
            counter._memory.generations.insert(0, {})
    for one in given if given is not None else transactions(MOST_SEEN):
        counter.take(one)
    return counter


def _microseconds(deed: Callable[[], object], number: int) -> float:
    gc.collect()
    begun = time.process_time()
    deed()
    return (time.process_time() - begun) * 1e6 / number


def _likeness() -> float:
    chance = random.Random(1)
    words = "".join(chance.choice(("offer ", "letter 17 ", "the ", "minutes.\n", "und so weiter ")) for _ in range(600))
    links = "".join(f'<a href="http://h{number}.example/x">x</a>' for number in range(10))
    content = (
        "From: a@sender.example\r\nTo: anna@example.org\r\nSubject: Invoice 4711 of 3.2.2026\r\nMIME-Version: 1.0\r\n"
        f"Message-ID: <1@x.example>\r\nContent-Type: text/html\r\n\r\n<p>{words}</p>{links}\r\n"
    ).encode()
    reading = built(Settings().antivirus).at_once(content)
    if reading is None:
        raise Unmeasurable("the letter is not read at once")
    letter, number = reading.letter, 2000

    def deed() -> None:
        for _ in range(number):
            bodies(letter.text, ["anna"]), subject_shape(letter.subject), hosts(letter), files(reading)
            is_confirmation(letter), texture(letter.text)

    return _microseconds(deed, number)


def _look(place: Path) -> float:
    """With the judgement of the room."""
    botnet = [
        Transaction(
            type="accepted", id=f"B{index}", at=_START, client=LoggedClient(f"{11 + index % 200}.7.{index % 250}.9"),
            sender=f"x{index}@forged{index}.example", recipients=[f"user{index % 200}@example.org"],
            like=LoggedLikeness(body=["b"], subject="offer # for you"),
        )
        for index in range(MOST_SEEN // 2)
    ]  # fmt: skip
    counter = filled(place, [*transactions(MOST_SEEN // 2), *botnet])
    now = _START + timedelta(seconds=1)
    counter.advance(now)
    begun = time.process_time()
    alarms = list(watch(Window(now, now, (), (), traffic=counter.look()), Settings()))
    taken = (time.process_time() - begun) * 1e6
    if "monitoring.forged-flood" not in {alarm.name for alarm in alarms}:
        raise Unmeasurable("the botnet was not seen")
    return taken


def _run(argv: list[str]) -> str:
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
    if ended.returncode:
        raise Unmeasurable(f"it ended with {ended.returncode}: {ended.stderr[-200:]}")
    return ended.stdout
