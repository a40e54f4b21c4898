"""Labelled floods within wanted mail, against three defences at the same time: ours, Postfix's anvil, fail2ban.

Each attack meets a whole mail server of its own (`flood_world`), with nothing learned before: real Postfix, real time,
real addresses. What the clients heard decides: a letter was let through if it was taken and not held; the first answer
is the first letter of the attack that was not; wanted mail was harmed if it was refused, put off, held or kept waiting.

Fails as: `Unmeasurable` without root, corpus or network namespaces; a defence that does not start is named.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, NotMeasured, Sign, Target, Unmeasurable
from benchmarks.flood_mail import NEWSLETTER, WANTED, Letter, Mail
from benchmarks.flood_world import Defence, FloodWorld
from benchmarks.session import Measured, Setup

DELAYED_SECONDS = 4.5
"""Who is slowed waits for five."""
HELD = "Held for review"
_ANSWERS = re.compile(r"of this kind|: held$|: \d+ s late$")
"""How an answer to a flood is heard; what else is refused, a fixed limit or another check has refused."""
_LEFT_OVER_SECONDS = 90.0
_QUICK = 0.35
_QUICK_ROUNDS = 2

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Attack:
    """One of the labelled attacks, and what is promised of our answer to it."""

    name: str
    letters: Callable[[Mail, float], Iterator[Letter]]
    seconds: float
    most_delivered: int = 0
    """0: nothing is promised."""
    most_seconds: float = 0.0
    newsletter: int = 500


ATTACKS = (
    Attack("bomb", Mail.bomb, 30.0, most_delivered=100, most_seconds=10.0),
    Attack("botnet", Mail.botnet, 200.0, most_seconds=180.0, newsletter=NEWSLETTER),
    Attack("list bomb", Mail.list_bomb, 60.0),
    Attack("backscatter", Mail.backscatter, 60.0),
)


_NOT_REPLAYED = (
    (
        "hijacked account, fast and slow",
        "not replayed yet: the grip needs the agent and an enforced Postfix in the rig",
    ),
    ("password spraying, 1 in 10 min", "not replayed yet: a day of log lines with their times"),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the letters of one run."""

    sent: int
    through: int
    """Of the attack, over the whole run."""
    before: int
    """Of the attack, let through before the first answer; all that were, where there was none."""
    first: float | None
    """Seconds from the first letter of the attack to the first answer; None: there was none."""
    wanted: int
    harmed: tuple[str, ...]
    """Of each wanted letter that was harmed: its kind and what it heard."""


def judge(rows: Sequence[Row]) -> Outcome:
    """From what the clients heard."""
    attack = sorted((row for row in rows if row["label"] != WANTED), key=lambda row: row["began"] + row["took"])
    wanted = [row for row in rows if row["label"] == WANTED]
    begins = min((row["began"] for row in attack), default=0.0)
    answered = next((place for place, row in enumerate(attack) if not _is_let_through(row)), None)
    first = None if answered is None else attack[answered]["began"] + attack[answered]["took"] - begins
    return Outcome(
        sent=len(attack),
        through=sum(map(_is_let_through, attack)),
        before=len(attack) if answered is None else answered,
        first=first,
        wanted=len(wanted),
        harmed=tuple(f"{row['kind']}: {_heard(row)}" for row in wanted if not _is_let_through(row)),
    )


def _is_let_through(row: Row) -> bool:
    """Slowed is not let through: it comes, but as slowly as whoever answers wants it to."""
    return row["code"] == 250 and HELD not in row["text"] and row["took"] < DELAYED_SECONDS


def _heard(row: Row) -> str:
    if row["code"] == 250:
        return "held" if HELD in row["text"] else f"{row['took']:.0f} s late"
    return f"{row['code']} {row['text']}".strip()


def measure(setup: Setup) -> Measured:
    """Every attack against every defence."""
    place = setup.place("flood")
    scale = _QUICK if setup.rounds <= _QUICK_ROUNDS else 1.0
    packages = fetched(place / "packages")
    for attack in ATTACKS:
        yield from _side_by_side(attack, place, attack.seconds * scale, int(attack.newsletter * scale), packages)
    for name, why in _NOT_REPLAYED:
        yield NotMeasured("flood", name, why)


def _side_by_side(
    attack: Attack, place: Path, seconds: float, newsletter: int, packages: Sequence[Path]
) -> Iterator[Figure | NotMeasured]:
    with ThreadPoolExecutor(len(Defence)) as pool:
        runs = [
            (defence, pool.submit(run, attack, defence, place, seconds, newsletter, packages)) for defence in Defence
        ]
    for defence, future in runs:
        try:
            outcome = future.result()
        except Unmeasurable as reason:
            yield NotMeasured("flood", f"{attack.name}, {defence}", str(reason))
            continue
        yield from _figures(attack, defence, outcome, seconds, newsletter)


def run(
    attack: Attack, defence: Defence, place: Path, seconds: float, newsletter: int, packages: Sequence[Path] = ()
) -> Outcome:
    """One attack against one defence, in real time."""
    mail = Mail()
    plan = [*mail.wanted(seconds, newsletter), *attack.letters(mail, seconds)]
    folder = place / f"{attack.name}-{defence.name}".replace(" ", "-")
    with FloodWorld(folder, defence, mail.zone, packages=packages) as world:
        rows = world.send(plan, seconds + _LEFT_OVER_SECONDS)[1:]
    if len(rows) < len(plan):
        raise Unmeasurable(f"of {len(plan)} letters only {len(rows)} were answered in time")
    return judge(rows)


def _figures(
    attack: Attack, defence: Defence, outcome: Outcome, seconds: float, newsletter: int
) -> Iterator[Figure | NotMeasured]:
    ours = defence is Defence.LOCKDOWN
    name = f"{attack.name}, {defence}"
    how = f"{outcome.sent} letters in {seconds:.0f} s of real time, {outcome.through} let through in all"
    if outcome.first is None:
        yield NotMeasured("flood", f"{name}: the first answer", f"there was none: {how}")
    else:
        most = Target(Sign.AT_MOST, attack.most_delivered) if ours and attack.most_delivered else None
        yield Figure("flood", f"{name}: let through before the answer", outcome.before, "letters", how, most)
        latest = Target(Sign.AT_MOST, attack.most_seconds) if ours and attack.most_seconds else None
        yield Figure("flood", f"{name}: the first answer", outcome.first, "s", "by itself, no click", latest)
    by_answer = list(filter(is_by_an_answer, outcome.harmed))
    by_limit = [harm for harm in outcome.harmed if harm not in by_answer]
    yield _harm(f"{name}: wanted mail harmed by an answer", by_answer, outcome.wanted, newsletter, is_promised=ours)
    yield _harm(f"{name}: wanted mail harmed by fixed limits", by_limit, outcome.wanted, newsletter, is_promised=False)


def is_by_an_answer(harm: str) -> bool:
    """Whether an answer to a flood did it, and no fixed limit. What is late or held is held against the answer."""
    return _ANSWERS.search(harm) is not None


def _harm(name: str, harmed: Sequence[str], wanted: int, newsletter: int, *, is_promised: bool) -> Figure:
    harms = Counter(harmed).most_common(3)
    words = "; ".join(f"{count} × {harm}" for harm, count in harms)
    return Figure(
        "flood", name, len(harmed), "letters",
        f"of {wanted}, a newsletter to {newsletter} among them{': ' if words else ''}{words}",
        Target(Sign.AT_MOST, 0) if is_promised else None,
    )  # fmt: skip


def fetched(folder: Path) -> list[Path]:
    """fail2ban's packages, to be installed in the throw-away machine alone; none where apt cannot give them."""
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run(
            ["apt-get", "download", "fail2ban", "python3-systemd"], cwd=folder, capture_output=True, timeout=120,
            check=False,
        )  # fmt: skip
    return sorted(folder.glob("*.deb"))
