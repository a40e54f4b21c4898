"""What a systemd unit lets its process do, without systemd: its own mounts, and no more capabilities than it names.

Enforced are ProtectSystem=strict with ReadWritePaths, PrivateTmp, CapabilityBoundingSet and NoNewPrivileges; what a
unit asks of seccomp is not.

Fails as: `AssertionError` for a unit that is not strict: then this would prove nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_ENTER = """
set -e
# What may be written is a mount of its own; everything else can then be made read-only.
for path in $0; do [ ! -e "$path" ] || mount --bind "$path" "$path"; done
for place in / /run; do mount -o remount,bind,ro "$place"; done
# A checkout may lie in /tmp, too: its own stays to be seen, as what is installed would.
exec 3<"$1"
mount -t tmpfs tmpfs /tmp
case $1 in /tmp/*) mkdir -p "$1"; mount --no-canonicalize --bind /proc/self/fd/3 "$1" ;; esac
exec 3<&-
shift
exec "$@"
"""


def sandboxed(properties: Iterable[tuple[str, str]], *argv: str) -> list[str]:
    """The command that runs `argv` as such a unit would; to be run as root, in a machine that is thrown away."""
    told = list(properties)
    assert ("ProtectSystem", "strict") in told
    writable = " ".join(value.replace("-/", "/") for name, value in told if name == "ReadWritePaths")
    sets = [value.split() for name, value in told if name == "CapabilityBoundingSet"]
    bounding = ",".join(["-all", *(f"+{one.removeprefix('CAP_').lower()}" for values in sets for one in values)])
    limited = ["setpriv", "--no-new-privs", "--inh-caps=-all", f"--bounding-set={bounding}"]
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", _ENTER, writable, str(_ROOT), *limited, *argv]


def properties_of(unit: Path) -> list[tuple[str, str]]:
    """All `Name=value` of a unit file, in their order; a name may stand there more than once."""
    lines = (line.strip() for line in unit.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith(("#", "[")))
    return [(name, value) for name, _, value in pairs]
