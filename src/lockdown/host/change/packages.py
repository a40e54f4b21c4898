"""A Debian package installed or removed; its settings stay, and no other package goes with it.

Fails as: `OperatorError` with apt's own words, or where other packages would be removed with it.
"""

from __future__ import annotations

import re
from typing import Any

from lockdown.host.change.programs import ask, is_installed, must
from lockdown.model.change import SetPackage
from lockdown.model.errors import OperatorError

_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_APT = (
    "apt-get", "-y", "-q", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confdef",
    "-o", "Dpkg::Options::=--force-confold", "-o", "DPkg::Lock::Timeout=60",
)  # fmt: skip
_SECONDS = 900.0


def refuse(change: SetPackage) -> None:
    """Not Debian, no name of a package, or more than this one would go."""
    if not _NAME.fullmatch(change.name):
        raise _refused(change, "that is no name of a package", "this is a mistake of ours: please report it")
    if not is_installed("apt-get"):
        raise _refused(change, "there is no apt-get here", "use the package manager of this system by hand")
    if change.present == is_present(change.name):
        return
    verb = "install" if change.present else "remove"
    others = [name for name in _would(verb, change.name)["Remv"] if name != change.name]
    if others:
        raise _refused(
            change, f"{', '.join(others)} would be removed with it", f"apt-get -s {verb} {change.name}; decide"
        )


def is_present(name: str) -> bool:
    """Is it installed, whole?"""
    return _status(name)[0] == "installed"


def state(name: str) -> dict[str, Any]:
    """Its status, version, and whether apt installed it for another's sake."""
    status, version = _status(name)
    return {"status": status, "version": version, "automatic": status == "installed" and _is_automatic(name)}


def do(change: SetPackage) -> None:
    """Install it or remove it."""
    if is_present(change.name) == change.present:
        return
    verb = "install" if change.present else "remove"
    said = ask(*_APT, verb, change.name, seconds=_SECONDS)
    if said.code:
        raise _refused(change, said.words, f"apt-get {verb} {change.name}     (by hand, then plan again)")


def fetch(change: SetPackage) -> None:
    """The files of a package that is to come, and of all that comes with it, are on this host when this returns."""
    if not change.present or is_present(change.name):
        return
    said = ask(*_APT, "--download-only", "install", change.name, seconds=_SECONDS)
    if said.code:
        raise _refused(change, f"it cannot be fetched: {said.words}", f"apt-get update; apt-get install {change.name}")


def undo(change: SetPackage, held: dict[str, Any]) -> str:
    """Remove what was not there; install the same version of what was."""
    was_there = held["status"] == "installed"
    if was_there == is_present(change.name):
        return ""
    if was_there:
        return _back(change.name, held)
    others = [name for name in _would("remove", change.name)["Remv"] if name != change.name]
    if others:
        return f"{change.name} stays: {', '.join(others)} would be removed with it"
    must(*_APT, "remove", change.name, seconds=_SECONDS)
    return ""


def _back(name: str, held: dict[str, Any]) -> str:
    said = ask(*_APT, "--allow-downgrades", "install", f"{name}={held['version']}", seconds=_SECONDS)
    if said.code:
        return f"{name} {held['version']} could not be installed again: {said.words}"
    if held["automatic"]:
        must("apt-mark", "auto", name)
    return ""


def _would(verb: str, name: str) -> dict[str, list[str]]:
    """What apt would install and remove."""
    said = must("apt-get", "-s", "-q", "--no-install-recommends", verb, name, seconds=_SECONDS)
    lines = [line.split() for line in said.splitlines()]
    return {word: [line[1] for line in lines if len(line) > 1 and line[0] == word] for word in ("Inst", "Remv")}


def _status(name: str) -> tuple[str, str]:
    said = ask("dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", "--", name)
    status, _, version = said.out.strip().partition(" ")
    return ("not-installed", "") if said.code else (status, version)


def _is_automatic(name: str) -> bool:
    return name in ask("apt-mark", "showauto", name).out.split()


def _refused(change: SetPackage, why: str, try_this: str) -> OperatorError:
    verb = "installed" if change.present else "removed"
    return OperatorError("package-not-changed", what=f"{change.name} was not {verb}", why=why, try_this=try_this)
