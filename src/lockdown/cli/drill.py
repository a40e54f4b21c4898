"""`lockdown drill`: harmless letters through the live gateway to a canary mailbox: is what is bad stopped, and what is
wanted delivered? Harmless attacks on the mail server itself, from a stranger's address. Then every engine fails, on a
gateway that is started for this alone.

Fails as: exit 1 when something bad got through or something wanted did not; 2 for usage, settings and a mailbox that
cannot be opened; 3 when nothing can be told, as with a server that passes nothing at all.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lockdown.cli.durations import DurationType
from lockdown.cli.options import common_options, paint, print_json, print_table, printable
from lockdown.model.units import show_duration

if TYPE_CHECKING:
    from lockdown.config import Loaded, Settings
    from lockdown.engine.canary import Canary
    from lockdown.engine.drill import Sitting
    from lockdown.engine.drill_report import Report, Result, TrialResult
    from lockdown.engine.trial_ground import Orders
    from lockdown.model.step import Step
    from lockdown.model.trial import Trial
    from lockdown.state.spool import Spool
    from lockdown.state.store import Store

_SHOWN_FAILURES = 50
_LINE = 100


@click.command(
    name="drill",
    epilog="Example:  lockdown drill antivirus antispam     sudo lockdown drill relaying attachments "
    "--to canary@example.org --mailbox maildir:/home/canary/Maildir     lockdown drill --last",
)
@click.argument("items", metavar="[ITEM…]", nargs=-1)
@click.option("--to", metavar="ADDR", help="The canary: who receives it all [postmaster@first domain].")
@click.option("--server", metavar="HOST:PORT", help="Whom to talk to [the gateway of the settings].")
@click.option(
    "--mailbox", metavar="URL", default="", help="Where it arrives: maildir:PATH, imaps://USER@HOST [the embedded one]."
)
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Has the mailbox's password [the variable LOCKDOWN_CANARY_PASSWORD].",
)
@click.option("--repeat", type=click.IntRange(1, 100), default=1, help="Send each letter so many times.")
@click.option("--wait", type=DurationType(), default="30s", show_default=True, help="For letters to arrive.")
@click.option("--only", type=click.Choice(["letters", "trials", "failures"]), help="A part of the drill.")
@click.option("--user", metavar="NAME", default="", help="The drill's own account, for what only a user can do.")
@click.option(
    "--user-password-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Has that account's password.",
)
@click.option("--as-stranger", is_flag=True, help="This machine is surely not trusted by --server: attack from here.")
@click.option("--last", is_flag=True, help="Hold none: show the signed result of the last one.")
@click.option(
    "--verify",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Hold none: is this signed result whole, and whose is it?",
)
@common_options
def command(
    items: tuple[str, ...], to: str | None, server: str | None, mailbox: str, password_file: Path | None,
    repeat: int, wait: timedelta, only: str | None, user: str, user_password_file: Path | None, as_stranger: bool,
    last: bool, verify: Path | None, config: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """Prove it live: harmless letters and attacks that must be stopped, beside plain mail that must arrive."""
    from lockdown.engine.drill import drills, parted
    from lockdown.engine.settings_files import load_settings

    loaded = load_settings(config)
    settings = loaded.settings
    if last or verify:
        return _shown_evidence(verify, settings, as_json)
    found = drills(items)
    steps, trials = parted(found, settings)
    recipient = to or f"postmaster@{(*settings.site.domains, 'example.org')[0]}"
    tell = _silent if as_json else _Teller().told
    report: Report | None = None
    if only != "failures":
        with ExitStack() as stack:
            place = _place(stack, settings, mailbox, password_file)
            if steps and only != "trials":
                report = _letters(steps, _sitting(place, settings, recipient, server, wait), settings, repeat, tell)
            if trials and only != "letters":
                account = (user, user_password_file, mailbox, password_file)
                orders = _orders(recipient, to is not None, mailbox, server, as_stranger, account, wait)
                report = _joined(report, _trials(trials, orders, loaded, place, tell))
    if only in (None, "failures"):
        report = _joined(report, _failures(steps, settings, recipient, tell))
    if report is None:
        raise click.UsageError(f"{', '.join(items)} has no {only}.")
    file = _keep(report, found.keys(), settings)
    if as_json:
        print_json("drill", **_fields(report), evidence=str(file) if file else None)
    else:
        _print(report, config, file)
    return report.exit_code


def _joined(report: Report | None, other: Report) -> Report:
    return other if report is None else report.joined(other)


def _letters(
    steps: dict[str, list[Step]], sitting: Sitting, settings: Settings, repeat: int, tell: Callable[[Result], None]
) -> Report:
    from lockdown.engine.drill import hold_drill
    from lockdown.engine.drill_report import as_a_stranger

    every = [(item, step) for item, some in steps.items() for step in some]
    rest = _rest_of(settings) if repeat > 1 else None
    return as_a_stranger(hold_drill(every, sitting, tell, repeat=repeat, rest=rest), sitting.target, settings)


def _rest_of(settings: Settings) -> Callable[[], None]:
    """Who asks for many rounds has the time for them: until the gateway has forgotten what was sent."""
    window = settings.attachments.window

    def rest() -> None:
        click.echo(
            f"\nthe gateway takes no more from one client for now; going on in {show_duration(window)}", err=True
        )
        time.sleep(window.total_seconds())

    return rest


def _failures(
    steps: dict[str, list[Step]], settings: Settings, recipient: str, tell: Callable[[Result], None]
) -> Report:
    from lockdown.engine.failures import failure_drill

    return failure_drill(steps, settings, recipient, tell)


def _trials(
    trials: list[tuple[str, Trial]], orders: Orders, loaded: Loaded, place: _Place,
    tell: Callable[[Result | TrialResult], None],
) -> Report:  # fmt: skip
    from lockdown.engine.stranger import NoStranger
    from lockdown.engine.trial_ground import prepared
    from lockdown.engine.trials import hold_trials, not_held

    try:
        with prepared(orders, loaded, place.canary, place.store, place.spool) as ground:
            return hold_trials(trials, ground, tell)
    except NoStranger as reason:
        return not_held(trials, str(reason))


def _orders(
    recipient: str, is_named: bool, mailbox: str, server: str | None, as_stranger: bool,
    account: tuple[str, Path | None, str, Path | None], wait: timedelta,
) -> Orders:  # fmt: skip
    from lockdown.engine.trial_ground import Orders, account_of

    user, file, url, url_file = account
    own = account_of(user, _first_line(file), url, _first_line(url_file))
    host = (server or "").rpartition(":")[0].strip("[]")
    return Orders(recipient, mailbox, host, as_stranger, own, is_named, wait.total_seconds())


def _first_line(file: Path | None) -> str:
    return file.read_text(encoding="utf-8").strip("\r\n") if file else ""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where it is looked what became of mail."""

    canary: Canary
    store: Store | None
    spool: Spool | None


def _place(stack: ExitStack, settings: Settings, mailbox: str, password_file: Path | None) -> _Place:
    from lockdown.engine.canary import open_canary
    from lockdown.state.layout import StateDirectory
    from lockdown.state.spool import Spool
    from lockdown.state.store import open_store

    canary = open_canary(settings, mailbox, password_file)
    directory = StateDirectory(Path(settings.state.directory))
    store = stack.enter_context(closing(open_store(directory.path))) if directory.database.exists() else None
    return _Place(canary, store, Spool(directory.quarantine) if store else None)


def _sitting(place: _Place, settings: Settings, recipient: str, server: str | None, wait: timedelta) -> Sitting:
    from lockdown.engine.drill import Sitting
    from lockdown.engine.targets import gateway_target

    listen = server or settings.gateway.listen[0]
    if not listen.rpartition(":")[2].isdigit():
        raise click.UsageError(f"{server!r} is not HOST:PORT, like 127.0.0.1:2525.")
    return Sitting(gateway_target(listen), recipient, place.canary, place.store, place.spool, wait.total_seconds())


def _keep(report: Report, items: Collection[str], settings: Settings) -> Path | None:
    """For the console and the metrics, and signed; a drill of another machine's gateway has no state here."""
    from lockdown.engine.drill_report import write_results
    from lockdown.engine.evidence import of_this_machine, write_evidence
    from lockdown.model.errors import OperatorError
    from lockdown.state.layout import StateDirectory

    directory = StateDirectory(Path(settings.state.directory))
    if not directory.path.is_dir():
        return None
    try:
        write_results(report, items, directory)
        return write_evidence({**of_this_machine(settings), **_fields(report, whole=True)}, directory)
    except (OSError, OperatorError) as problem:
        # What was found out in minutes is shown all the same.
        click.echo(f"the result could not be kept in {directory.path}: {problem}", err=True)
        return None


def _shown_evidence(file: Path | None, settings: Settings, as_json: bool) -> int:
    """Exit 0 for a file that is whole and of this machine's key; 1 for one that was changed; 3 for a strange key."""
    from lockdown.engine.evidence import last_evidence, read_evidence
    from lockdown.model.errors import OperatorError
    from lockdown.state.layout import StateDirectory

    directory = StateDirectory(Path(settings.state.directory))
    found = file or last_evidence(directory)
    if found is None:
        raise OperatorError(
            "no-drill-yet", what="no drill has left a signed result here",
            why=f"there is none in {directory.drills}", try_this="sudo lockdown drill",
        )  # fmt: skip
    seen = read_evidence(found, directory)
    whose = "this machine's key" if seen.is_ours else "a key that is not this machine's"
    words = f"signed with {whose} ({seen.key})"
    if as_json:
        print_json("drill-evidence", file=str(found), is_whole=seen.is_whole, key=seen.key, is_ours=seen.is_ours,
                   results=seen.results)  # fmt: skip
    else:
        _print_evidence(seen.results, found)
        click.echo(
            paint(f"whole, {words}", fg="green") if seen.is_whole else paint(f"CHANGED since it was {words}", fg="red")
        )
    return 1 if not seen.is_whole else 0 if seen.is_ours else 3


def _print_evidence(results: Mapping[str, Any], file: Path) -> None:
    click.echo(printable(f"{file}: {results.get('host')}, {results.get('began')}, Lockdown {results.get('version')}"))
    counts = results.get("counts")
    if isinstance(counts, dict):
        click.echo(printable(", ".join(f"{count} {state}" for state, count in counts.items())))
    for one in (*results.get("trials", ()), *results.get("results", ())):
        if isinstance(one, dict) and one.get("state") != "pass":
            words = ": ".join(str(one.get(key)) for key in ("item", "set", "name", "says"))
            click.echo(f"{one.get('state')}  {printable(words)}")


# ── on the screen ──


def _silent(_: Result | TrialResult) -> None:
    """With --json, nothing but the document is printed."""


class _Teller:
    """One line that changes, for a person at a terminal; else a line for each letter."""

    def __init__(self) -> None:
        self._count = 0
        self._live = sys.stderr.isatty()

    def told(self, result: Result | TrialResult) -> None:
        """A letter has been answered, or a trial is over."""
        self._count += 1
        what = result.what
        line = printable(f"{self._count:4} {result.item}: {what.set}: {what.name}")
        if self._live:
            click.echo(f"\r{line[:_LINE]:<{_LINE}}", err=True, nl=False)
        else:
            click.echo(f"{line}: {result.says}", err=True)


def _print(report: Report, config: Path | None, file: Path | None) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{'':<{_LINE}}\r", err=True, nl=False)
    print_table(list(_rows(report)), ("item", "set", "tried", "as expected", "not", "not told"))
    named = f" --config {config}" if config else ""
    wrong = [result for result in report.every() if result.state != "pass"]
    # What was not held for want of something is one note, not a page.
    wrong = [result for result in wrong if getattr(result, "was_held", True)]
    for result in sorted(wrong, key=lambda result: result.state != "fail")[:_SHOWN_FAILURES]:
        _print_wrong(result, named)
    if len(wrong) > _SHOWN_FAILURES:
        click.echo(f"… and {len(wrong) - _SHOWN_FAILURES} more: --json has them all")
    for note in (*report.notes, *_not_held(report)):
        click.echo(f"\n{paint('note', fg='yellow')}  {printable(note)}")
    click.echo(f"\n{_sum(report)}")
    if file:
        click.echo(f"signed result: {file}     (lockdown drill --verify FILE)")


def _not_held(report: Report) -> Iterator[str]:
    reasons = Counter(one.says for one in report.trials if not one.was_held)
    told = " ".join(report.notes)
    yield from (f"{count} trials were not held: {says}" for says, count in reasons.items() if says not in told)


def _rows(report: Report) -> Iterator[tuple[str, ...]]:
    from lockdown.model.finding import State

    every = [(result.item, result.what.set, result.state) for result in report.every()]
    for item, name in dict.fromkeys((item, name) for item, name, _ in every):
        states = [state for *where, state in every if where == [item, name]]
        counts = (states.count(state) for state in (State.PASS, State.FAIL, State.UNKNOWN))
        yield item, name, str(len(states)), *(str(count) if count else "-" for count in counts)


def _print_wrong(result: Result | TrialResult, named: str) -> None:
    from lockdown.engine.drill_report import TrialResult

    word = paint("FAIL", fg="red") if result.state == "fail" else paint("UNKNOWN", fg="yellow")
    what = result.what
    click.echo(f"\n{word}  {result.item}: {what.set}: {printable(what.name)}")
    if isinstance(result, TrialResult):
        click.echo(f"  {printable(result.says)}")
        if result.state == "fail":
            click.echo(f"  {what.why}\n  type: lockdown explain {what.control}")
        return
    step = result.step
    click.echo(f"  {result.fate}; it should be {step.expect.words}: {printable(result.says)}")
    if result.state == "fail" and step.why:
        click.echo(f"  {step.why}")
    if result.id:
        click.echo(f"  type: lockdown trace{named} {result.id}")


def _sum(report: Report) -> str:
    from lockdown.model.finding import State

    counts = report.counts()
    words = {
        0: paint("as expected", fg="green", bold=True),
        1: paint("not as expected", fg="red", bold=True),
        3: paint("could not be told", fg="yellow", bold=True),
    }
    unsent = f", {report.unsent} not sent" if report.unsent else ""
    parts = ((len(report.results), "letters"), (len(report.trials), "trials"))
    tried = ", ".join(f"{count} {what}" for count, what in parts if count) or "nothing tried"
    return (
        f"{words[report.exit_code]}: {tried}, {counts[State.PASS]} as expected, "
        f"{counts[State.FAIL]} not, {counts[State.UNKNOWN]} not told{unsent}; "
        f"{report.plain_arrived} of {report.plain_sent} plain letters arrived; {report.seconds:.0f} s"
    )


def _fields(report: Report, *, whole: bool = False) -> dict[str, object]:
    """`whole`: with every dialogue."""
    return {
        "began": report.began.isoformat(),
        "seconds": round(report.seconds, 1),
        "exit_code": report.exit_code,
        "plain": {"sent": report.plain_sent, "arrived": report.plain_arrived},
        "unsent": report.unsent,
        "notes": list(report.notes),
        "counts": {str(state): count for state, count in sorted(report.counts().items())},
        "results": list(_letter_fields(report)),
        "trials": list(_trial_fields(report, whole=whole)),
    }


def _trial_fields(report: Report, *, whole: bool) -> Iterator[dict[str, object]]:
    for one in report.trials:
        told = {
            "item": one.item,
            "control": one.trial.control,
            "set": one.trial.set,
            "name": one.trial.name,
            "state": str(one.state),
            "says": one.says,
            "why": one.trial.why,
            "was_held": one.was_held,
            "plain_arrived": one.plain_arrived,
            "seconds": round(one.seconds, 2),
        }
        yield {**told, "dialogue": list(one.dialogue)} if whole else told


def _letter_fields(report: Report) -> Iterator[dict[str, object]]:
    for result in report.results:
        yield {
            "item": result.item,
            "control": result.step.control,
            "set": result.step.set,
            "name": result.step.name,
            "round": result.round,
            "state": str(result.state),
            "fate": str(result.fate),
            "expected": result.step.expect.words,
            "says": result.says,
            "id": result.id or None,
        }
