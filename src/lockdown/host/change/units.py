"""A service of the machine stopped and kept from starting, or started for good; with systemd and without.

What starts it is a set of links: its mask, the `.wants` of its targets, the S and K of the runlevels. The whole set
before is what an undo brings back, so nothing has to be guessed from a state's name. Its .socket and .timer of the
same name go with it: a stopped service with a living socket starts at the next knock.

Fails as: `OperatorError` for a unit that is not there, one whose own file stands where the mask has to, or a stop
that did not stop.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from lockdown.host.change.files import FileImage, image_of, put
from lockdown.host.change.programs import ask, is_installed, must
from lockdown.host.change.services import SYSTEMD
from lockdown.model.change import SetUnit, Unit
from lockdown.model.errors import OperatorError

ETC = Path("/etc/systemd/system")
_SHIPPED = (Path("/lib/systemd/system"), Path("/usr/lib/systemd/system"), ETC, Path("/run/systemd/system"))
_INIT = Path("/etc/init.d")
_KINDS = (".service", ".socket", ".timer")
_NOWHERE = "/dev/null"
_SETTLES_SECONDS = 10.0
_STOPS_SECONDS = 150.0
"""systemd itself waits 90 s before it kills."""


def _family(unit: str) -> list[str]:
    """The unit, and its socket and timer where there are such."""
    stem, dot, kind = unit.rpartition(".")
    if not dot or f".{kind}" not in _KINDS:
        return [unit]
    others = [f"{stem}{other}" for other in _KINDS if other != f".{kind}"]
    return [unit, *(other for other in others if _file(other))]


def _file(unit: str) -> Path | None:
    """Its unit file; of `name@x.service`, the template's."""
    name, at, rest = unit.partition("@")
    names = [unit, f"{name}@.{rest.rpartition('.')[2]}"] if at else [unit]
    places = [folder / one for one in names for folder in _SHIPPED]
    return next((place for place in places if place.exists() or place.is_symlink()), None)


def _script(unit: str) -> Path | None:
    path = _INIT / unit.removesuffix(".service")
    return path if path.is_file() else None


def refuse_unknown(unit: str) -> None:
    """Neither a unit file nor an init script: nothing of that name can be meant."""
    if not _file(unit) and not _script(unit):
        raise _refused(unit, "there is neither a unit nor an init script of that name", "systemctl list-unit-files")
    for own in (ETC / one for one in _family(unit)):
        if own.exists() and not own.is_symlink():
            why = f"{own} is a file of the administrator's own, where the mask has to stand"
            raise _refused(unit, why, f"cat {own}; then decide: systemctl disable --now {own.name}")


def state(unit: str) -> dict[str, Any]:
    """Which of its units run, and every link that starts one."""
    family = _family(unit)
    return {"running": sorted(one for one in family if _is_running(one)), "links": _links(family)}


def holds(change: SetUnit) -> bool:
    """Is it so already, its socket and timer included?"""
    family = _family(change.unit)
    if change.state is Unit.MASKED:
        return all(_is_masked(one) and not _is_running(one) for one in family)
    return _is_running(change.unit) and _is_enabled(change.unit, family)


def do(change: SetUnit) -> None:
    """Stop and mask, or unmask, enable and start."""
    family = _family(change.unit)
    if change.state is Unit.MASKED:
        for one in family:
            put(FileImage(str(ETC / one), b"", 0o777, link=_NOWHERE))
        _boot(change.unit, "disable")
        _reread()
        for one in reversed(family):
            _stop(one)
        return
    for one in family:
        if _is_masked(one):
            put(FileImage(str(ETC / one), None))
    _reread()
    _boot(change.unit, "defaults", "enable")
    if is_installed("systemctl") and _file(change.unit):
        must("systemctl", "enable", "--", change.unit)
    _start(change.unit)


def undo(change: SetUnit, held: dict[str, Any]) -> str:
    """The links as they were, then running what ran, and only that."""
    family = _family(change.unit)
    if change.state is Unit.MASKED and not any(_is_masked(one) for one in family):
        if _links(family) == held["links"] and set(held["running"]) <= {one for one in family if _is_running(one)}:
            return ""
        return f"{change.unit} is not masked any more: somebody has changed that since, and it is left so"
    before, now = held["links"], _links(family)
    for path in now.keys() - before.keys():
        put(FileImage(path, None))
    for path, target in before.items():
        if now.get(path) != target:
            put(FileImage(path, b"", 0o777, link=target))
    _reread()
    for one in family:
        if one in held["running"] and not _is_running(one):
            _start(one)
        elif one not in held["running"] and _is_running(one):
            _stop(one)
    return ""


def _links(family: list[str]) -> dict[str, str]:
    """Each link that starts one of them, keeps it from starting, or gives it another name, and where it leads."""
    names = [name for one in family if (name := one.removesuffix(".service")) and _script(one)]
    places = [ETC / one for one in family]
    for one in family:
        places += [*ETC.glob(f"*.wants/{one}"), *ETC.glob(f"*.requires/{one}")]
    places += [link for link in ETC.glob("*.*") if link.is_symlink() and link.readlink().name in family]
    places += [link for name in names for link in Path("/etc").glob(f"rc[0-9S].d/[SK][0-9][0-9]{name}")]
    return {str(place): str(place.readlink()) for place in sorted(set(places)) if place.is_symlink()}


def _is_masked(unit: str) -> bool:
    link = image_of(str(ETC / unit)).link
    return link == _NOWHERE


def _is_enabled(unit: str, family: list[str]) -> bool:
    links = [Path(path) for path in _links(family)]
    if _is_masked(unit):
        return False
    if _file(unit) and is_installed("systemctl"):
        return ask("systemctl", "is-enabled", "--", unit).code == 0
    return any(link.name.startswith("S") for link in links if link.parent.name.startswith("rc"))


def _is_running(unit: str) -> bool:
    if SYSTEMD.is_dir():
        return ask("systemctl", "is-active", "--", unit).out.strip() in ("active", "activating", "reloading")
    script = _script(unit)
    return bool(script) and unit.endswith(".service") and ask(str(script), "status").code == 0


def _stop(unit: str) -> None:
    if not _is_running(unit):
        return
    if SYSTEMD.is_dir():
        must("systemctl", "stop", "--", unit, seconds=_STOPS_SECONDS)
    else:
        must(str(_script(unit)), "stop", seconds=_STOPS_SECONDS)
    if not _becomes(unit, running=False):
        raise _refused(unit, "it still runs after it was stopped", f"systemctl status {unit}; ps aux")


def _start(unit: str) -> None:
    script = _script(unit)
    if SYSTEMD.is_dir():
        must("systemctl", "start", "--", unit, seconds=_STOPS_SECONDS)
    elif script:
        must(str(script), "start", seconds=_STOPS_SECONDS)
    else:
        raise _refused(
            unit, "systemd does not run here, and there is no init script to start it with", "start it by hand"
        )
    # A daemon is started before it has written down its process id: who stopped it right now would not find it.
    if not _becomes(unit, running=True):
        raise _refused(unit, "it does not run after it was started", f"systemctl status {unit}; look at its log")


def _becomes(unit: str, running: bool) -> bool:
    """Is it so within a while?"""
    deadline = time.monotonic() + _SETTLES_SECONDS
    while _is_running(unit) != running:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _boot(unit: str, *verbs: str) -> None:
    """The runlevels' links, for who starts without systemd. One that has none is not started there: nothing to take."""
    if not _script(unit) or not is_installed("update-rc.d"):
        return
    has_links = any(Path(path).parent.name.startswith("rc") for path in _links([unit]))
    for verb in verbs:
        if has_links or verb == "defaults":
            must("update-rc.d", unit.removesuffix(".service"), verb)
            has_links = True


def _reread() -> None:
    if SYSTEMD.is_dir():
        must("systemctl", "daemon-reload")


def _refused(unit: str, why: str, try_this: str) -> OperatorError:
    return OperatorError("unit-not-changed", what=f"{unit} was not changed", why=why, try_this=try_this)
