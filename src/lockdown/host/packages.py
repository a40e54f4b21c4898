"""What is asked about packages and patches: what is installed, what is offered, and how updates come in.

Lists of packages are reduced while reading to a line for each package: the rest is large and says nothing more here.
"""

from __future__ import annotations

import re

from lockdown.facts import apt_conf, apt_sources, automatic_updates, kernels, old_code, outside_apps, packages, release
from lockdown.host.asked import Command, File, Files, Listing, Script, Sources

_LARGE = 64 * 1024 * 1024

# apt can keep its lists packed; it brings the program that unpacks each kind.
_PACKED = r"""
for list in /var/lib/apt/lists/*security*_Packages.*; do
    [ -r "$list" ] || continue
    printf '# %s\n' "${list%.*}"
    /usr/lib/apt/apt-helper cat-file "$list" | awk '
        function put() { if (p) print p, v, a, (s ? s : p); p = s = v = a = "" }
        /^Package: /{p = $2} /^Version: /{v = $2} /^Architecture: /{a = $2} /^Source: /{s = $2} /^$/{put()}
        END {put()}'
done
"""
# Only programs and libraries of the system: what programs make for themselves in memory or /tmp is theirs.
_OLD_CODE = r"""
gone=' /(usr/)?(local/)?(lib|lib64|libexec|bin|sbin)/[^ ]* \(deleted\)$'
printf 'user %s\n' "$(id -u)"
grep -lsE "$gone" /proc/[0-9]*/maps | head -n 200 | while read -r maps; do
    process=${maps%/maps}
    file=$(grep -m1 -oE "$gone" "$maps" 2>/dev/null) || continue
    file=${file# }
    printf '%s\t%s\t%s\n' "${process#/proc/}" "$(cat "$process/comm" 2>/dev/null)" "${file% (deleted)}"
done
"""
_VERSION_LINE = re.compile(r"version", re.IGNORECASE)


def sources() -> Sources:
    """Each reading, and how it is taken."""
    return {
        packages.STATUS: File("/var/lib/dpkg/status", _LARGE, reduce=packages.reduce_stanzas),
        packages.SECURITY: Files(
            ("/var/lib/apt/lists/*security*_Packages",), 20, _LARGE, reduce=packages.reduce_stanzas
        ),
        packages.SECURITY_PACKED: Script(_PACKED),
        packages.LISTS: Listing(
            (
                "/var/lib/apt/lists/*_Packages*",
                "/var/lib/apt/lists/*Release",
                "/var/lib/apt/lists/partial",
                "/var/lib/apt/periodic/*",
            )
        ),
        apt_conf.CONF: Files(("/etc/apt/apt.conf", "/etc/apt/apt.conf.d/*")),
        apt_sources.SOURCES: Files(
            ("/etc/apt/sources.list", "/etc/apt/sources.list.d/*.list", "/etc/apt/sources.list.d/*.sources")
        ),
        packages.PINS: Files(("/etc/apt/preferences", "/etc/apt/preferences.d/*")),
        automatic_updates.LOG: File(automatic_updates.LOG_PATH, 256 * 1024, tail=True),
        automatic_updates.TIMERS: Listing(("/etc/systemd/system/apt-daily*",)),
        release.OS_RELEASE: Files(release.PLACES),
        kernels.RUNNING: Command(("uname", "-r")),
        kernels.BOOT: Listing(("/boot/vmlinuz-*", "/run/reboot-required*")),
        kernels.REBOOT: File("/run/reboot-required.pkgs"),
        old_code.SOURCE: Script(_OLD_CODE),
        outside_apps.FILES: Files(outside_apps.PATTERNS, most=256 * 1024, reduce=_only_versions),
    }


def _only_versions(text: str) -> str:
    """The lines that tell a version; the rest of a program is none of our business."""
    return "".join(f"{line.strip()}\n" for line in text.splitlines() if _VERSION_LINE.search(line))[:4096]
