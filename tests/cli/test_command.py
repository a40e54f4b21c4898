"""The command itself: help, unknown words, exit codes, no traceback for what an operator can mend."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import click
import pytest

from lockdown.cli import COMMANDS, lockdown, main


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_help_names_every_command_and_imports_none_of_them(capfd: pytest.CaptureFixture[str]) -> None:
    script = "import sys, lockdown.cli as c; c.main(['--help']); print(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    for name, line in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(line)}", output, re.MULTILINE)
    loaded = set(output.splitlines()[-1].split())
    assert not loaded & {"sqlalchemy", "starlette", "uvicorn", "uvloop", "jinja2", "msgspec", "psutil", "cryptography"}
    assert not [
        module for module in loaded if module.startswith(("lockdown.state", "lockdown.engine", "lockdown.gateway"))
    ]


def _leaves(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    found: list[tuple[tuple[str, ...], click.Command]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        here = (*path, name)
        found += _leaves(command, here) if isinstance(command, click.Group) else [(here, command)]
    return found


def test_every_command_has_config_json_an_example_and_one_line_of_help() -> None:
    for path, command in _leaves(lockdown):
        options = {option for parameter in command.params for option in parameter.opts}
        assert {"--config", "--json"} <= options, path
        assert (command.epilog or "").startswith("Example:"), path
        assert command.help, path


def test_an_unknown_command_names_the_near_miss(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quarntine"]) == 2
    assert "Did you mean `lockdown quarantine`?" in capsys.readouterr().err


def test_a_word_that_is_near_to_nothing_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zzzz"]) == 2
    assert "doctor" in capsys.readouterr().err


def test_an_unknown_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", "--orgin"]) == 2
    assert "--origin" in capsys.readouterr().err


def test_an_operators_mistake_is_three_lines_on_stderr_and_exit_2() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "lockdown", "config", "check", "missing.toml"], capture_output=True, text=True
    )
    assert ran.returncode == 2
    assert ran.stdout == ""
    what, why, try_this = ran.stderr.splitlines()
    assert what == "lockdown: the settings file missing.toml cannot be read"
    assert why == "  why: there is no such file"
    assert try_this.startswith("  try: ")


def test_an_error_of_the_system_is_told_in_words_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["send", "--attach", str(tmp_path / "nowhere.pdf")]) == 2
    error = capsys.readouterr().err
    assert "No such file" in error
    assert "Traceback" not in error


def test_nothing_is_said_when_the_reader_goes_away() -> None:
    """`lockdown config show | head -1`."""
    ran = subprocess.Popen(
        [sys.executable, "-m", "lockdown", "config", "show"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert ran.stdout is not None
    assert ran.stderr is not None
    ran.stdout.close()
    assert ran.stderr.read() == b""
    ran.wait()


def test_no_color_is_obeyed_and_a_pipe_gets_plain_text() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "lockdown", "config", "show"],
        capture_output=True,
        env={**os.environ, "NO_COLOR": "1"},
        check=True,
    )
    assert b"\x1b" not in ran.stdout


def test_ctrl_c_is_130_without_a_traceback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        ran = subprocess.Popen(
            [sys.executable, "-m", "lockdown", "send", "--server", place], stderr=subprocess.PIPE, text=True
        )
        connection, _ = silent.accept()
        with connection:
            ran.send_signal(signal.SIGINT)
            _, error = ran.communicate(timeout=20)
    assert ran.returncode == 130
    assert error.strip() == "lockdown: interrupted"
