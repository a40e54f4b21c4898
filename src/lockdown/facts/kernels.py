"""The kernel that runs, those that are installed, and whether a package asked for a restart.

Fails as: Absent where no kernel is installed (a container), Unknown with the reason. Never raises.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockdown.facts.debian_version import Version
from lockdown.facts.listings import entries
from lockdown.facts.scanner_files import Absent
from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.unknown import Unknown

RUNNING, BOOT, REBOOT = "kernel/running", "kernel/boot", "kernel/reboot-required"
_IMAGE = "/boot/vmlinuz-"


@dataclass(frozen=True, slots=True)
class Kernels:
    """What runs and what would run after a restart; `asking` are the packages that asked for one."""

    running: str
    newest: str
    asking: tuple[str, ...]

    @property
    def is_old(self) -> bool:
        """A newer kernel of the same flavour is installed than the one that runs."""
        return _flavour(self.running) == _flavour(self.newest) and Version(self.running) < Version(self.newest)


def kernels(snapshot: Snapshot) -> Kernels | Absent | Unknown:
    """The kernels of the machine."""
    running, boot = snapshot.reading(RUNNING), entries(snapshot, BOOT)
    if isinstance(boot, Unknown):
        return boot
    asked = snapshot.reading(REBOOT)
    asking = tuple(sorted(set(asked.split()))) if isinstance(asked, str) and not absent(asked) else ()
    if not asking and any(entry.path.endswith("reboot-required") for entry in boot):
        asking = ("a package",)
    images = [entry.path.removeprefix(_IMAGE) for entry in boot if entry.path.startswith(_IMAGE)]
    if not images and not asking:
        return Absent("no kernel is installed here: another machine's runs, as in a container")
    if isinstance(running, Unknown):
        return Kernels("", "", asking) if asking else running
    release = running.strip()
    same = [image for image in images if _flavour(image) == _flavour(release)]
    return Kernels(release, max(same, key=Version, default=release), asking)


def _flavour(release: str) -> str:
    """`6.1.0-18-amd64` → `amd64`; a cloud kernel is not the successor of another one."""
    return "-".join(part for part in release.split("-")[1:] if not part[:1].isdigit())
