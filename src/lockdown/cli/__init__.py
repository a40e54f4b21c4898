"""The command `lockdown`: one file per command, imported only when that command is typed.

Fails as: exit 2 with a sentence that says what, why and what to type; 130 after Ctrl-C. A traceback is always a bug.
"""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Sequence

import click

from lockdown import __version__
from lockdown.cli.problems import in_words
from lockdown.model.errors import OperatorError

COMMANDS = {
    "up": "gateway, agent and console on this machine, in the foreground",
    "init": "look at this machine and write a lockdown.toml to start from",
    "gateway": "the SMTP gateway alone",
    "agent": "the agent alone",
    "console": "the console alone",
    "audit": "how this machine stands against the checklist",
    "probe": "what a mail server tells a stranger, and lets him do",
    "drill": "is what is bad stopped, and does what is wanted arrive",
    "plan": "what would mend this machine, as a diff; changes nothing",
    "apply": "do what a plan says, prove it, or take it back",
    "confirm": "let an apply on probation stay",
    "rollback": "take an apply back",
    "history": "what was changed on this machine, by whom, and how it stands",
    "explain": "what a control means, why, and how to mend it",
    "snapshot": "take the readings of this machine, judge nothing",
    "send": "send a message through the gateway and show the dialogue",
    "trace": "the whole story of a message or an address",
    "quarantine": "messages held for a person: list, show, release, delete, learn",
    "queue": "mail that waits: who clogs it; hold, release, delete, undo",
    "senders": "who sends most: top; the mail server's log in one picture: log",
    "incident": "what is wrong now, and what was done about it: list, show, close",
    "alert": "who is told of incidents, over which paths: status, test",
    "user": "accounts and who is held: list, show, hold, lock, release",
    "block": "networks shut out, and floods restrained: list, add, remove, why",
    "password": "is a password strong, for somebody who knows this company",
    "config": "settings: show, check, explain",
    "doctor": "is Lockdown itself well",
}
"""Every command with its one line; each lives in `lockdown.cli.<name>` as `command`. `--help` imports none of them."""

EXIT_OK, EXIT_FINDINGS, EXIT_USAGE, EXIT_UNKNOWN, EXIT_INTERRUPTED = 0, 1, 2, 3, 130


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table, which is the order of a day's work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself; a name that is not in the table is never imported."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"lockdown.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but an unknown word names the near miss."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise click.UsageError(_no_such_command(args[0]), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table as it stands: no import, so `lockdown --help` answers at once."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _no_such_command(word: str) -> str:
    near = difflib.get_close_matches(word, COMMANDS, n=1, cutoff=0.5)
    hint = f"Did you mean `lockdown {near[0]}`?" if near else f"Commands: {', '.join(COMMANDS)}."
    return f"There is no command {word!r}. {hint}"


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Example:  lockdown up     then, in another terminal:  lockdown send",
)
@click.version_option(__version__, message="lockdown %(version)s")
def lockdown() -> None:
    """Locks down a business email server and keeps it locked."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is the answer (0 holds, 1 findings, 2 usage, 3 could not tell)."""
    try:
        code = lockdown.main(arguments, prog_name="lockdown", standalone_mode=False)
    except click.exceptions.Abort:
        return _interrupted()
    except KeyboardInterrupt:
        return _interrupted()
    except click.ClickException as problem:
        problem.show()
        return EXIT_USAGE
    except OperatorError as problem:
        return _tell(problem)
    except OSError as problem:
        return _tell(in_words(problem))
    return code if isinstance(code, int) else EXIT_OK


def _tell(problem: OperatorError) -> int:
    sys.stdout.flush()
    print(f"lockdown: {problem}", file=sys.stderr)
    return EXIT_USAGE


def _interrupted() -> int:
    print("lockdown: interrupted", file=sys.stderr)
    return EXIT_INTERRUPTED
