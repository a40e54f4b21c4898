"""The mail and log-in services of a host: is one running, does it accept its files, let it read them again.

With systemd or without: each is told by its own command or by SIGHUP, never started where it does not run.

Fails as: `OperatorError` with the service's own words.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from lockdown.host.change.programs import ask, is_installed, must
from lockdown.model.errors import OperatorError

SYSTEMD = Path("/run/systemd/system")
"""There while systemd is process 1."""
_LIVES_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Service:
    """How one is told apart, checked and told to read its files again."""

    program: str
    """The name of its main process's program."""
    pid_files: tuple[str, ...]
    check: tuple[str, ...]
    reload: tuple[str, ...] = ()
    """Empty: SIGHUP to its main process."""
    restart: tuple[tuple[str, ...], ...] = ()
    unit: str = ""


SERVICES = {
    "postfix": Service(
        "master", ("{queue_directory}/pid/master.pid",), ("postfix", "check"), ("postfix", "reload"),
        (("postfix", "stop"), ("postfix", "start")), "postfix.service",
    ),
    "dovecot": Service(
        "dovecot", ("/run/dovecot/master.pid",), ("doveconf", "-n"), ("doveadm", "reload"),
        (("doveadm", "stop"), ("dovecot",)), "dovecot.service",
    ),
    "ssh": Service("sshd", ("/run/sshd.pid",), ("sshd", "-t")),
    "exim": Service("exim4", ("/run/exim4/exim.pid", "/run/exim.pid"), ("exim4", "-bV")),
}  # fmt: skip
EXIM, EXIM_GENERATOR = "/etc/exim4", "update-exim4.conf"
"""Debian makes the file that Exim reads out of this folder."""
RESTARTED_FOR = frozenset({"inet_interfaces", "inet_protocols", "queue_directory"})
"""postconf(5): a reload of Postfix does not take these in."""


def check(service: str) -> str:
    """What the service's own checker says against its live files; empty: nothing."""
    known = SERVICES[service]
    if not is_installed(known.check[0]):
        return f"{known.check[0]} is not installed"
    if service == "exim":
        return exim_says(EXIM)
    with privilege_folder() if service == "ssh" else nullcontext():
        said = ask(*known.check)
    return said.words if said.code else ""


def exim_says(folder: str) -> str:
    """What Exim says against the file that Debian would make of this folder, or against a file of its own in it."""
    own = f"{folder}/exim4.conf"
    if Path(own).exists():
        return exim_says_of(own)
    if not is_installed(EXIM_GENERATOR):
        said = ask("exim4", "-bV")
        return said.words if said.code else ""
    with tempfile.TemporaryDirectory(prefix="lockdown-stage-") as aside:
        file = f"{aside}/the-generated-file"
        made = ask(EXIM_GENERATOR, "-d", folder, "-o", file)
        return made.words if made.code else exim_says_of(file).replace(f"{aside}/", "")


def exim_says_of(file: str) -> str:
    """What Exim says against a whole file."""
    said = ask("exim4" if is_installed("exim4") else "exim", "-C", file, "-bV")
    return said.words if said.code else ""


def is_running(service: str) -> bool:
    """Does its main process live?"""
    return _main_process(service) > 0


def reload(service: str, restart: bool = False) -> None:
    """Let a running service read its files again; one that does not run is left so (`is_running` tells).

    Its checker is heard first: sshd ends on SIGHUP when it cannot read its file. `restart` for what a reload does not
    take in (`Staged.restarts`).
    """
    known = SERVICES[service]
    process = _main_process(service)
    generates = service == "exim" and is_installed(EXIM_GENERATOR)
    if not process and not generates:
        return
    if words := check(service):
        raise OperatorError(
            "service-refuses", what=f"{service} was not told to read its files again", why=words,
            try_this=f"put that right: {' '.join(known.check)}",
        )  # fmt: skip
    if generates:
        # Every Exim reads the file that is made of the others, also one that delivers without a daemon.
        must(EXIM_GENERATOR)
    if not process:
        return
    _tell(known, process, restart)
    # What a service only finds out by itself ends it a moment later.
    time.sleep(_LIVES_SECONDS)
    if not is_running(service):
        raise OperatorError(
            "service-ended", what=f"{service} ended when it read its files again", why="it does not run any more",
            try_this=f"look at its log, then start it: systemctl start {service}",
        )  # fmt: skip


def _tell(known: Service, process: int, restart: bool) -> None:
    if restart and known.restart:
        for argv in (("systemctl", "restart", "--", known.unit),) if SYSTEMD.is_dir() else known.restart:
            must(*argv)
    elif known.reload:
        must(*known.reload)
    else:
        os.kill(process, signal.SIGHUP)


def _main_process(service: str) -> int:
    """Its process id; 0 where none lives under the id that is written down."""
    known = SERVICES[service]
    for pattern in known.pid_files:
        path = Path(pattern.replace("{queue_directory}", _queue_directory() if "{" in pattern else ""))
        number = _number(path)
        if number and _program_of(number) in {known.program, known.program.rstrip("4")}:
            return number
    return _listener() if service == "ssh" else 0


def _listener() -> int:
    """The sshd that waits for connections, where no file says which it is: by its title, and no other container's."""
    own = _link("/proc/self/ns/pid")
    for entry in Path("/proc").glob("[0-9]*"):
        if _program_of(int(entry.name)) != "sshd" or _link(f"{entry}/ns/pid") != own:
            continue
        with suppress(OSError):
            if b"[listener]" in (entry / "cmdline").read_bytes():
                return int(entry.name)
    return 0


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""


def _queue_directory() -> str:
    said = ask("postconf", "-h", "queue_directory") if is_installed("postconf") else None
    return said.out.strip() if said and not said.code else "/var/spool/postfix"


def _number(path: Path) -> int:
    try:
        return int(path.read_text(errors="replace").strip())
    except (OSError, ValueError):
        return 0


def _program_of(process: int) -> str:
    """The name of what it runs; after an upgrade the old file is gone, and the name says so."""
    return Path(_link(f"/proc/{process}/exe")).name.removesuffix(" (deleted)")


@contextmanager
def privilege_folder() -> Iterator[None]:
    """sshd checks nothing where /run/sshd is missing, as it is until its service first ran: there for the moment."""
    folder = Path("/run/sshd")
    try:
        folder.mkdir(0o755)
    except OSError:
        yield
        return
    try:
        yield
    finally:
        folder.rmdir()
