"""Labelled floods within wanted mail, against three defences at the same time: ours, Postfix's anvil, fail2ban.

Each attack meets a whole mail server of its own (`flood_world`), which knows no more than what its log tells of the
week before: real Postfix, real time, real addresses. What reached the mailboxes decides, as Postfix tells it, and what
the clients heard: a letter of the attack was let through if it was delivered at once, not if it was refused, put off,
held in quarantine or kept waiting; the first of those is the first answer. Wanted mail was harmed if it was refused or
held, or if it was late. Who sends it tries again, so what was put off comes in the end: that is told apart.

Fails as: `Unmeasurable` without root, corpus or network namespaces, or where a letter was taken and is nowhere; a
defence that does not start is named.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import flood_accounts
from benchmarks.figures import Figure, NotMeasured, Sign, Target, Unmeasurable
from benchmarks.flood_mail import NEWSLETTER, WANTED, Letter, Mail
from benchmarks.flood_world import STATE, Defence, FloodWorld
from benchmarks.session import Measured, Setup

DELAYED_SECONDS = 4.5
"""Who is slowed waits for five; where nobody was slowed, whoever waited so long did so because the machine was busy."""
_OVERLOAD = "Too busy for new clients"
"""What our gateway says to anybody, where the machine cannot do more: no answer to an attack."""
_SLOWED = " is slowed"
"""In the words of an incident."""
HELD = "Held for review"
_ANSWERS = re.compile(r"of this kind|^held$")
"""How an answer to a flood is heard; what else is refused, a fixed limit or another check has refused."""
_LEFT_OVER_SECONDS = 90.0
_HARMS = (
    (True, False, "refused or held by an answer"),
    (True, True, "put off by an answer"),
    (False, False, "refused by fixed limits"),
    (False, True, "put off by fixed limits or a busy machine"),
)
_OF_OTHERS = ((False, "refused"), (True, "put off, and sent again"))
"""Their limits are their answers."""
_PROMISED = f", {Defence.LOCKDOWN}: wanted "
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
    Attack("botnet", Mail.botnet, 190.0, most_seconds=180.0, newsletter=NEWSLETTER),
    Attack("list bomb", Mail.list_bomb, 60.0),
    Attack("backscatter", Mail.backscatter, 60.0),
    Attack("varied botnet", Mail.varied, 60.0),
)


@dataclass(frozen=True, slots=True)
class Harm:
    """What befell a wanted letter."""

    kind: str
    heard: str
    late: bool
    """It came or will come, but later; else it was refused for good or held."""
    by_answer: bool
    """An answer to a flood did it, and no fixed limit and no busy machine."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the letters of one run."""

    sent: int
    through: int
    """Of the attack, over the whole run."""
    held: int
    """Of the attack, in quarantine."""
    before: int
    """Of the attack, let through before the first answer; all that were, where there was none."""
    first: float | None
    """Seconds from the first letter of the attack to the first answer; None: there was none."""
    wanted: int
    harms: tuple[Harm, ...]


def judge(rows: Sequence[Row], delivered: Collection[str], *, slowed: bool = False) -> Outcome:
    """From what the clients heard, the Message-IDs of what reached the mailboxes, and whether somebody was slowed."""
    lost = [row for row in rows if row["code"] == 250 and not _is_held(row) and row["ident"] not in delivered]
    if lost:
        raise Unmeasurable(f"{len(lost)} letters were taken and are neither delivered nor held: {lost[0]}")
    attack = sorted((row for row in rows if row["label"] != WANTED), key=_ended)
    wanted = [row for row in rows if row["label"] == WANTED]
    begins = min((row["began"] for row in attack), default=0.0)
    through = [row["ident"] in delivered and not (slowed and row["took"] >= DELAYED_SECONDS) for row in attack]
    met = (place for place, row in enumerate(attack) if not through[place] and _OVERLOAD not in row["text"])
    answered = next(met, None)
    return Outcome(
        sent=len(attack),
        through=sum(through),
        held=sum(map(_is_held, attack)),
        before=sum(through[:answered]),
        first=None if answered is None else _ended(attack[answered]) - begins,
        wanted=len(wanted),
        harms=tuple(harm for row in wanted if (harm := _harm_of(row, slowed=slowed)) is not None),
    )


def _ended(row: Row) -> float:
    return float(row["began"] + row["took"])


def _is_held(row: Row) -> bool:
    return row["code"] == 250 and HELD in row["text"]


def _harm_of(row: Row, *, slowed: bool) -> Harm | None:
    if row["code"] == 0 or row["code"] >= 500:
        heard, late = f"{row['code']} {row['text']}".strip(), False
    elif _is_held(row):
        heard, late = "held", False
    elif row["put_off"]:
        heard, late = row["put_off"], True
    elif row["took"] >= DELAYED_SECONDS:
        return Harm(row["kind"], f"{row['took']:.0f} s late", late=True, by_answer=slowed)
    else:
        return None
    return Harm(row["kind"], heard, late, by_answer=_ANSWERS.search(heard) is not None)


def measure(setup: Setup) -> Measured:
    """Every attack against every defence."""
    place = setup.place("flood")
    scale = _QUICK if setup.rounds <= _QUICK_ROUNDS else 1.0
    packages = fetched(place / "packages")
    harmed: list[Figure] = []
    for together in _AT_ONCE:
        with ThreadPoolExecutor(len(together)) as pool:
            for entries in pool.map(lambda one: list(one(place, scale, packages)), together):
                yield from entries
                harmed += [one for one in entries if isinstance(one, Figure) and _PROMISED in one.name and one.target]
    yield _sum(harmed)


def _side_by_side(
    attack: Attack, place: Path, scale: float, packages: Sequence[Path]
) -> Iterator[Figure | NotMeasured]:
    seconds, newsletter = attack.seconds * scale, int(attack.newsletter * scale)
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
    attack: Attack,
    defence: Defence,
    place: Path,
    seconds: float,
    newsletter: int,
    packages: Sequence[Path] = (),
    *,
    seed: int | None = None,
    workers: int = 1,
) -> Outcome:
    """One attack against one defence, in real time."""
    mail = Mail() if seed is None else Mail(seed)
    plan = [*mail.wanted(seconds, newsletter), *attack.letters(mail, seconds)]
    folder = place / f"{attack.name}-{defence.name}".replace(" ", "-")
    with FloodWorld(
        folder, defence, mail.zone, packages=packages, sent_before=mail.sent_before, workers=workers
    ) as world:
        rows = world.send(plan, seconds + _LEFT_OVER_SECONDS)[1:]
        delivered = world.delivered({row["ident"] for row in rows if row["code"] == 250 and not _is_held(row)})
        incidents = _keep(world, rows)
    if len(rows) < len(plan):
        raise Unmeasurable(f"of {len(plan)} letters only {len(rows)} were answered in time")
    return judge(rows, delivered, slowed=_SLOWED in incidents)


def _keep(world: FloodWorld, rows: Sequence[Row]) -> str:
    """What ours tells of it. Beside the machine's folder, who wonders afterwards reads that and all that was heard."""
    (world.folder / "heard.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    if world.defence is not Defence.LOCKDOWN:
        return ""
    shutil.copytree(world.machine.path(f"{STATE}/log"), world.folder / "log")
    incidents = world.lockdown("incident", "list")
    (world.folder / "incidents").write_text(incidents)
    return incidents


_BOMB, _BOTNET, _LIST_BOMB, _BACKSCATTER, _VARIED = (partial(_side_by_side, attack) for attack in ATTACKS)
_AT_ONCE: tuple[tuple[Callable[[Path, float, Sequence[Path]], Measured], ...], ...] = (
    (_BOMB,), (_BOTNET,), (_VARIED, _LIST_BOMB, _BACKSCATTER, flood_accounts.measured)
)  # fmt: skip
"""What runs beside each other: attacks of many letters have the machine for themselves."""


def _figures(
    attack: Attack, defence: Defence, outcome: Outcome, seconds: float, newsletter: int
) -> Iterator[Figure | NotMeasured]:
    ours = defence is Defence.LOCKDOWN
    name = f"{attack.name}, {defence}"
    how = (
        f"{outcome.sent} letters in {seconds:.0f} s of real time; {outcome.through} reached the mailboxes at once, "
        f"{outcome.held} lie in quarantine"
    )
    if outcome.first is None:
        yield NotMeasured("flood", f"{name}: the first answer", f"there was none: {how}")
    else:
        most = Target(Sign.AT_MOST, attack.most_delivered) if ours and attack.most_delivered else None
        yield Figure("flood", f"{name}: let through before the answer", outcome.before, "letters", how, most)
        latest = Target(Sign.AT_MOST, attack.most_seconds) if ours and attack.most_seconds else None
        yield Figure("flood", f"{name}: the first answer", outcome.first, "s", "by itself, no click", latest)
    yield from _harms(name, outcome, newsletter, ours=ours)


def _harms(name: str, outcome: Outcome, newsletter: int, *, ours: bool) -> Iterator[Figure]:
    if ours:
        for by_answer, late, words in _HARMS:
            harms = [one for one in outcome.harms if (one.by_answer, one.late) == (by_answer, late)]
            target = Target(Sign.AT_MOST, 0) if by_answer else None
            yield _harm(f"{name}: wanted mail {words}", harms, outcome, newsletter, target)
        return
    for late, words in _OF_OTHERS:
        harms = [one for one in outcome.harms if one.late is late]
        yield _harm(f"{name}: wanted mail {words}", harms, outcome, newsletter)


def _harm(name: str, harms: Sequence[Harm], outcome: Outcome, newsletter: int, target: Target | None = None) -> Figure:
    words = Counter(f"{one.kind}: {one.heard}" for one in harms).most_common(3)
    most = "; ".join(f"{count} × {harm}" for harm, count in words)
    how = f"of {outcome.wanted}, a newsletter to {newsletter} among them{': ' if most else ''}{most}"
    return Figure("flood", name, len(harms), "letters", how, target)


def _sum(harmed: Sequence[Figure]) -> Figure:
    """What is promised of all of them."""
    how = (
        f"the sum of {len(harmed)} figures, by what each sender of wanted mail heard at each try, and what Postfix "
        "delivered: a refusal, a 4xx, quarantine, 4.5 s of waiting where somebody was slowed"
    )
    number = sum(one.value for one in harmed)
    return Figure("flood", "all attacks, Lockdown: wanted mail harmed by an answer", number, "letters", how,
                  Target(Sign.AT_MOST, 0))  # fmt: skip


def fetched(folder: Path) -> list[Path]:
    """fail2ban's packages, to be installed in the throw-away machine alone; none where apt cannot give them."""
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run(
            ["apt-get", "download", "fail2ban", "python3-systemd"], cwd=folder, capture_output=True, timeout=120,
            check=False,
        )  # fmt: skip
    return sorted(folder.glob("*.deb"))
