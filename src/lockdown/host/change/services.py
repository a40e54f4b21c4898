"""The mail and log-in services of a host: is one running, does it accept its files, let it read them again.

With systemd or without: each is told by its own command or by a signal, never started where it does not run. The
program that a process id names has to be the service's own, and root's where the service is: anyone can call his so.

Fails as: `OperatorError` with the service's own words.
"""

from __future__ import annotations

import os
import re
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache
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
    """Empty: a signal to its main process."""
    restart: tuple[tuple[str, ...], ...] = ()
    """Empty: only systemd can."""
    unit: str = ""
    signal: signal.Signals = signal.SIGHUP
    is_roots: bool = True
    """Its main process stays root's."""


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
    "exim": Service(
        "exim4", ("/run/exim4/exim.pid", "/run/exim.pid"), ("exim4", "-bV"), is_roots=False,
    ),
    "nginx": Service("nginx", ("/run/nginx.pid", "/var/run/nginx.pid"), ("nginx", "-t", "-q"), unit="nginx.service"),
    "apache2": Service(
        "apache2", ("/run/apache2/apache2.pid",), ("apache2ctl", "-t"), unit="apache2.service", signal=signal.SIGUSR1,
    ),
    # It has no checker that only looks; what it is told by is its signatures, and its settings at a start alone.
    "clamd": Service(
        "clamd", ("/run/clamav/clamd.pid",), (), unit="clamav-daemon.service", signal=signal.SIGUSR2, is_roots=False,
    ),
}  # fmt: skip
_PHP = re.compile(r"php(\d+\.\d+)-fpm")


@cache
def service_named(name: str) -> Service:
    """One of the above, or the PHP of a version: `php8.2-fpm`."""
    if not (found := _PHP.fullmatch(name)):
        return SERVICES[name]
    program = f"php-fpm{found[1]}"
    return Service(program, (f"/run/php/{name}.pid",), (program, "-t"), unit=f"{name}.service", signal=signal.SIGUSR2)


_MAIL = frozenset({"postfix", "dovecot", "ssh", "exim"})
EXIM, EXIM_GENERATOR = "/etc/exim4", "update-exim4.conf"
"""Debian makes the file that Exim reads out of this folder."""
RESTARTED_FOR = frozenset({"inet_interfaces", "inet_protocols", "queue_directory"})
"""postconf(5): a reload of Postfix does not take these in."""


def check(service: str) -> str:
    """What the service's own checker says against its live files; empty: nothing."""
    known = service_named(service)
    if not known.check:
        return ""
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


def is_there(service: str) -> bool:
    """Is there one whom its files could concern? Of those that only serve the web or the scanner, where installed."""
    return service in _MAIL or is_installed(service_named(service).program)


def takes_a_reload(service: str) -> bool:
    """Does it run? Or is there a file to be made of the others, which is read by whatever starts next?"""
    return is_running(service) or _generates(service)


def _generates(service: str) -> bool:
    return service == "exim" and is_installed(EXIM_GENERATOR)


def reload(service: str, restart: bool = False) -> None:
    """Let a running service read its files again; one that does not run is left so (`is_running` tells).

    Its checker is heard first: sshd ends on SIGHUP when it cannot read its file. `restart` for what a reload does not
    take in (`Staged.restarts`).
    """
    known = service_named(service)
    process = _main_process(service)
    generates = _generates(service)
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
    if restart and not known.restart and not (known.unit and SYSTEMD.is_dir()):
        raise OperatorError(
            "restart-by-hand", what=f"{known.program} goes on with its old settings",
            why="it reads them only when it starts, and how it is started here is not known",
            try_this=f"restart {known.program} by hand",
        )  # fmt: skip
    if restart:
        for argv in (("systemctl", "restart", "--", known.unit),) if SYSTEMD.is_dir() else known.restart:
            must(*argv)
    elif known.reload:
        must(*known.reload)
    else:
        os.kill(process, known.signal)


def _main_process(service: str) -> int:
    """Its process id; 0 where none lives under the id that is written down."""
    known = service_named(service)
    for pattern in known.pid_files:
        path = Path(pattern.replace("{queue_directory}", _queue_directory() if "{" in pattern else ""))
        number = _number(path)
        is_its_own = _program_of(number) in {known.program, known.program.removesuffix("4")} if number else False
        if is_its_own and (not known.is_roots or _is_roots(number)):
            return number
    return _listener() if service == "ssh" else 0


def _listener() -> int:
    """The sshd that waits for connections, where no file says which it is: by its title, and no other container's."""
    own = _link("/proc/self/ns/pid")
    for entry in Path("/proc").glob("[0-9]*"):
        number = int(entry.name)
        if _program_of(number) != "sshd" or not _is_roots(number) or _link(f"{entry}/ns/pid") != own:
            continue
        with suppress(OSError):
            if b"[listener]" in (entry / "cmdline").read_bytes():
                return number
    return 0


def _is_roots(process: int) -> bool:
    """Does it run as root? Any user may run a program of that name."""
    try:
        return Path(f"/proc/{process}").stat().st_uid == os.geteuid() == 0
    except OSError:
        return False


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
