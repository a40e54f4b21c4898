"""`lockdown drill`: harmless letters through the live gateway to a canary mailbox: is what is bad stopped, and what is
wanted delivered? Then every engine fails, on a gateway that is started for this alone.

Fails as: exit 1 when something bad got through or something wanted did not; 2 for usage, settings and a mailbox that
cannot be opened; 3 when nothing can be told, as with a server that passes nothing at all.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lockdown.cli.durations import DurationType
from lockdown.cli.options import common_options, paint, print_json, print_table, printable
from lockdown.model.units import show_duration

if TYPE_CHECKING:
    from lockdown.config import Settings
    from lockdown.engine.drill import Sitting
    from lockdown.engine.drill_report import Report, Result
    from lockdown.model.step import Step

_SHOWN_FAILURES = 50
_LINE = 100


@click.command(
    name="drill",
    epilog="Example:  lockdown drill antivirus antispam     lockdown drill --to canary@example.org "
    "--mailbox imaps://canary@mail.example.org",
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
@click.option("--only", type=click.Choice(["letters", "failures"]), help="Half of the drill.")
@common_options
def command(
    items: tuple[str, ...], to: str | None, server: str | None, mailbox: str, password_file: Path | None,
    repeat: int, wait: timedelta, only: str | None, config: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """Prove it live: harmless letters that must be stopped, each beside a plain one that must arrive."""
    from lockdown.engine.drill import drills
    from lockdown.engine.settings_files import load_settings

    settings = load_settings(config).settings
    steps = {item: list(drill(settings)) for item, drill in drills(items).items()}
    recipient = to or f"postmaster@{(*settings.site.domains, 'example.org')[0]}"
    tell = _silent if as_json else _Teller().told
    report = None
    if only != "failures":
        with ExitStack() as stack:
            sitting = _sitting(stack, settings, recipient, server, mailbox, password_file, wait)
            report = _letters(steps, sitting, settings, repeat, tell)
    if only != "letters":
        report = _failures(report, steps, settings, recipient, tell)
    assert report is not None
    _keep(report, steps, settings)
    if as_json:
        print_json("drill", **_fields(report))
    else:
        _print(report, config)
    return report.exit_code


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
    report: Report | None,
    steps: dict[str, list[Step]],
    settings: Settings,
    recipient: str,
    tell: Callable[[Result], None],
) -> Report:
    from lockdown.engine.failures import failure_drill

    failures = failure_drill(steps, settings, recipient, tell)
    return failures if report is None else report.joined(failures)


def _sitting(
    stack: ExitStack, settings: Settings, recipient: str, server: str | None, mailbox: str, password_file: Path | None,
    wait: timedelta,
) -> Sitting:  # fmt: skip
    from lockdown.engine.canary import open_canary
    from lockdown.engine.drill import Sitting
    from lockdown.engine.targets import gateway_target
    from lockdown.state.layout import StateDirectory
    from lockdown.state.spool import Spool
    from lockdown.state.store import open_store

    listen = server or settings.gateway.listen[0]
    if not listen.rpartition(":")[2].isdigit():
        raise click.UsageError(f"{server!r} is not HOST:PORT, like 127.0.0.1:2525.")
    canary = open_canary(settings, mailbox, password_file)
    directory = StateDirectory(Path(settings.state.directory))
    store = stack.enter_context(closing(open_store(directory.path))) if directory.database.exists() else None
    spool = Spool(directory.quarantine) if store else None
    return Sitting(gateway_target(listen), recipient, canary, store, spool, wait.total_seconds())


def _keep(report: Report, steps: dict[str, list[Step]], settings: Settings) -> None:
    """For the console and the metrics; a drill of another machine's gateway has no state here."""
    from lockdown.engine.drill_report import write_results
    from lockdown.state.layout import StateDirectory

    directory = StateDirectory(Path(settings.state.directory))
    if directory.path.is_dir():
        write_results(report, steps.keys(), directory)


# ── on the screen ──


def _silent(_: Result) -> None:
    """With --json, nothing but the document is printed."""


class _Teller:
    """One line that changes, for a person at a terminal; else a line for each letter."""

    def __init__(self) -> None:
        self._count = 0
        self._live = sys.stderr.isatty()

    def told(self, result: Result) -> None:
        """A letter has been answered."""
        self._count += 1
        line = f"{self._count:4} {result.item}: {result.step.set}: {result.step.name}"
        if self._live:
            click.echo(f"\r{line[:_LINE]:<{_LINE}}", err=True, nl=False)
        else:
            click.echo(f"{line}: {result.says}", err=True)


def _print(report: Report, config: Path | None) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{'':<{_LINE}}\r", err=True, nl=False)
    print_table(list(_rows(report)), ("item", "set", "letters", "as expected", "not", "not told"))
    named = f" --config {config}" if config else ""
    wrong = [result for result in report.results if result.state != "pass"]
    for result in wrong[:_SHOWN_FAILURES]:
        _print_wrong(result, named)
    if len(wrong) > _SHOWN_FAILURES:
        click.echo(f"… and {len(wrong) - _SHOWN_FAILURES} more: --json has them all")
    for note in report.notes:
        click.echo(f"\n{paint('note', fg='yellow')}  {note}")
    click.echo(f"\n{_sum(report)}")


def _rows(report: Report) -> Iterator[tuple[str, ...]]:
    from lockdown.model.finding import State

    sets = dict.fromkeys((result.item, result.step.set) for result in report.results)
    for item, name in sets:
        states = [result.state for result in report.results if (result.item, result.step.set) == (item, name)]
        counts = (states.count(state) for state in (State.PASS, State.FAIL, State.UNKNOWN))
        yield item, name, str(len(states)), *(str(count) if count else "-" for count in counts)


def _print_wrong(result: Result, named: str) -> None:
    word = paint("FAIL", fg="red") if result.state == "fail" else paint("UNKNOWN", fg="yellow")
    step = result.step
    click.echo(f"\n{word}  {result.item}: {step.set}: {printable(step.name)}")
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
    return (
        f"{words[report.exit_code]}: {len(report.results)} letters, {counts[State.PASS]} as expected, "
        f"{counts[State.FAIL]} not, {counts[State.UNKNOWN]} not told{unsent}; "
        f"{report.plain_arrived} of {report.plain_sent} plain letters arrived; {report.seconds:.0f} s"
    )


def _fields(report: Report) -> dict[str, object]:
    return {
        "began": report.began.isoformat(),
        "seconds": round(report.seconds, 1),
        "exit_code": report.exit_code,
        "plain": {"sent": report.plain_sent, "arrived": report.plain_arrived},
        "unsent": report.unsent,
        "notes": list(report.notes),
        "counts": {str(state): count for state, count in sorted(report.counts().items())},
        "results": [
            {
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
            for result in report.results
        ],
    }
