"""`lockdown up`: gateway, agent and console on this machine, under one supervisor, in the foreground.

Fails as: exit 2 with one sentence (port in use, unwritable directory, a second `up` on the same state directory, a full
disk, a broken certificate); everything that was started is stopped again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from lockdown import __version__
from lockdown.cli.doctor import agent_answers
from lockdown.cli.options import common_options, paint, print_json
from lockdown.cli.supervisor import Part, Patience, Supervisor
from lockdown.config import Loaded, Settings, upstreams
from lockdown.engine.answering import console_answers, gateway_answers
from lockdown.engine.settings_files import load_settings
from lockdown.engine.symptom import Symptom
from lockdown.model.errors import OperatorError
from lockdown.model.finding import State
from lockdown.state.layout import StateDirectory

_AFTER_DRAIN = 30.0
"""Seconds that a process may take beyond `gateway.drain` before it is ended."""


@click.command(name="up", epilog="Example:  lockdown up     then, in another terminal:  lockdown send")
@common_options
def command(config: Path | None, as_json: bool) -> int:
    """Run the whole of Lockdown here. Ctrl-C lets open work finish; a second Ctrl-C stops at once."""
    loaded = load_settings(config)
    settings = loaded.settings
    directory = StateDirectory(Path(settings.state.directory)).prepare()
    with _alone(directory):
        _say_where_we_are(loaded, as_json)
        supervisor = Supervisor(
            _parts(loaded, as_json),
            say=lambda line: _say(as_json, "note", line),
            verify=lambda: _verify(settings),
            announce=lambda: _announce(loaded, as_json),
            patience=Patience(stop=settings.gateway.drain.total_seconds() + _AFTER_DRAIN),
        )
        return supervisor.run()


def _parts(loaded: Loaded, as_json: bool) -> list[Part]:
    ours = [sys.executable, "-I", "-m", "lockdown"]
    config = ["--config", loaded.files[0]] if loaded.files else []
    config += ["--json"] if as_json else []
    return [Part(name, (*ours, name, *config), reloads=name == "gateway") for name in ("gateway", "agent", "console")]


@contextmanager
def _alone(directory: StateDirectory) -> Iterator[None]:
    """One supervisor for one state directory; the lock ends with the process, however it ends."""
    lock = os.open(directory.run / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        raise OperatorError(
            "already-up",
            what="Lockdown is not started a second time",
            why=f"another `lockdown up` (process {holder}) runs on {directory.path}",
            try_this=f"kill {holder}     (stops it), or set state.directory to another folder",
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    try:
        yield
    finally:
        os.close(lock)


def _verify(settings: Settings) -> None:
    """`ready` is a promise: it is given when all three really answer."""
    symptoms = [*gateway_answers(settings), agent_answers(settings), console_answers(settings)]
    for symptom in symptoms:
        if symptom.state is State.FAIL:
            raise _not_really_ready(symptom)


def _not_really_ready(symptom: Symptom) -> OperatorError:
    return OperatorError(
        "not-ready", what=f"the {symptom.part} started but does not answer", why=symptom.says, try_this=symptom.try_this
    )


def _say_where_we_are(loaded: Loaded, as_json: bool) -> None:
    files = ", ".join(loaded.files) or "no settings file: embedded defaults"
    _say(as_json, "starting", f"Lockdown {__version__}, {files}, state in {loaded.settings.state.directory}")


def _announce(loaded: Loaded, as_json: bool) -> None:
    settings = loaded.settings
    domain = (*settings.site.domains, "example.org")[0]
    config = f" --config {loaded.files[0]}" if loaded.files else ""
    goes_to = " then ".join(upstreams(settings.gateway))
    _say(as_json, "route", f"mail     for {', '.join(settings.site.domains) or 'nobody'} goes to {goes_to}")
    lockdown = _as_typed()
    _say(as_json, "try", f"try      {lockdown} send{config} --to postmaster@{domain}")
    _say(as_json, "try", f"         {lockdown} trace{config} postmaster@{domain}")
    _say(as_json, "try", f"         {lockdown} doctor{config}")
    _say(as_json, "ready", paint("ready", fg="green", bold=True) if not as_json else "ready")


def _as_typed() -> str:
    """How this command is called from here: by its name where the shell finds it, else by its place."""
    if shutil.which("lockdown"):
        return "lockdown"
    beside = Path(sys.executable).with_name("lockdown")
    return os.path.relpath(beside) if beside.exists() else f"{sys.executable} -P -m lockdown"


def _say(as_json: bool, event: str, line: str) -> None:
    if as_json:
        print_json("up", event=event, says=line)
    else:
        click.echo(line)
    sys.stdout.flush()
