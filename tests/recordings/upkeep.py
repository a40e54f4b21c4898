"""A machine that is kept well, as readings: patched, backed up, watched. A test changes what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lockdown.facts import (
    aliases,
    apt_conf,
    apt_sources,
    automatic_updates,
    backups,
    clock,
    kernels,
    old_code,
    outside_apps,
    packages,
    queue,
    release,
    watchers,
)
from lockdown.model.snapshot import Reading, Snapshot
from tests.recordings.literal import HEALTHY

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
DEBIAN_LISTS = (
    "/var/lib/apt/lists/security.debian.org_debian-security_dists_bookworm-security_main_binary-amd64_Packages"
)


def listed(path: str, when: datetime = NOW, kind: str = "f", target: str = "", size: int = 100) -> str:
    """A line of a listing."""
    return f"{kind}\t644\troot\troot\t{size}\t{when.timestamp():.6f}\t{path}\t{target}\n"


def files(source: str, **texts: str) -> dict[str, Reading]:
    """Readings of files asked for by pattern; the names are paths with `__` for a slash."""
    return files_of(source, {path.replace("__", "/"): text for path, text in texts.items()})


def files_of(source: str, texts: Mapping[str, Reading]) -> dict[str, Reading]:
    listing = "".join(f"{path}\n" for path in texts) or "not installed: no such files\n"
    return {source: listing, **{f"{source}{path}": text for path, text in texts.items()}}


PATCHED: dict[str, Reading] = {
    packages.STATUS: (
        "postfix 3.7.11-0+deb12u1 amd64 postfix install ok installed\n"
        "openssl 3.0.17-1~deb12u2 amd64 openssl install ok installed\n"
        "vim-common 2:9.0.1378-2 all vim install ok installed\n"
        "old-thing 1.0 all old-thing deinstall ok config-files\n"
        "unattended-upgrades 2.9.1+nmu3 all unattended-upgrades install ok installed\n"
    ),
    **files_of(packages.SECURITY, {DEBIAN_LISTS: "openssl 3.0.17-1~deb12u2 amd64 openssl -\n"}),
    packages.SECURITY_PACKED: "",
    packages.LISTS: listed(DEBIAN_LISTS) + listed(automatic_updates.STAMP),
    **files_of(
        apt_conf.CONF,
        {
            "/etc/apt/apt.conf.d/20auto-upgrades": (
                'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n'
            ),
            "/etc/apt/apt.conf.d/50unattended-upgrades": (
                "Unattended-Upgrade::Origins-Pattern {\n"
                '        // "origin=Debian,codename=${distro_codename}-updates";\n'
                '        "origin=Debian,codename=${distro_codename},label=Debian-Security";\n'
                "};\n"
                'Unattended-Upgrade::Package-Blacklist {\n//  "linux-";\n};\n'
                'Unattended-Upgrade::Mail "root";\n'
            ),
        },
    ),
    **files_of(
        apt_sources.SOURCES,
        {"/etc/apt/sources.list": "deb http://security.debian.org/debian-security bookworm-security main\n"},
    ),
    packages.PINS: "not installed: no /etc/apt/preferences\n",
    automatic_updates.LOG: (
        "2026-01-15 06:10:01,500 INFO Starting unattended upgrades script\n"
        "2026-01-15 06:10:09,900 INFO No packages found that can be upgraded unattended\n"
    ),
    automatic_updates.TIMERS: "",
    **files_of(
        release.OS_RELEASE,
        {"/etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'},
    ),
    kernels.RUNNING: "6.1.0-40-amd64\n",
    kernels.BOOT: listed("/boot/vmlinuz-6.1.0-40-amd64") + listed("/boot/vmlinuz-6.1.0-9-amd64"),
    kernels.REBOOT: "not installed: no /run/reboot-required.pkgs\n",
    old_code.SOURCE: "user 0\n",
    outside_apps.FILES: "not installed: no /var/www/*/version.php\n",
}


BORGMATIC = """source_directories:
    - /etc
    - /var/mail
    - /root
repositories:
    - path: ssh://u1@backup.example.org:23/./mail
      label: away
keep_daily: 14
keep_monthly: 12
checks:
    - name: repository
healthchecks:
    ping_url: https://hc-ping.com/***
"""
BACKED_UP: dict[str, Reading] = {
    **files_of(backups.SETTINGS, {"/etc/borgmatic/config.yaml": BORGMATIC}),
    **files_of(backups.ROOT_SETTINGS, {}),
    **files_of(backups.SCHEDULES, {"/etc/systemd/system/timers.target.wants/borgmatic.timer": "\nOnCalendar=daily\n"}),
    **files_of(backups.ROOT_SCHEDULES, {}),
    backups.TRACES: "",
    backups.ROOT_TRACES: listed("/root/.config/borg/security/ab/manifest-timestamp", NOW - timedelta(hours=6)),
}


JAILS = "[DEFAULT]\nignoreip = 127.0.0.1/8\n\n[postfix-sasl]\nenabled = true\n\n[dovecot]\nenabled = true\n"
WATCHED: dict[str, Reading] = {
    queue.POSTFIX: f"deferred\t{int(NOW.timestamp()) - 7200}\t4000\t1\ta@example.org\ttimed out\n# ended 0\n",
    queue.EXIM: "not installed: no exim4 and no exim\n",
    clock.TIMEDATECTL: "Timezone=Etc/UTC\nNTP=yes\nNTPSynchronized=yes\n",
    clock.CHRONY: "not installed: no chronyc\n",
    **files_of(watchers.FAIL2BAN, {"/etc/fail2ban/jail.local": JAILS}),
    **files_of(watchers.CROWDSEC, {}),
    watchers.LOG: "# no sign of trouble\n",
    watchers.LOGS: listed("/var/log/mail.log", NOW - timedelta(minutes=5)),
    **files_of(watchers.ROTATION, {"/etc/logrotate.d/rsyslog": "/var/log/mail.log {\n weekly\n}\n"}),
    watchers.DISKS: (
        "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda 1000 230 770 23% /\n"
        "Filesystem Inodes IUsed IFree IUse% Mounted on\n/dev/vda 1000 50 950 5% /\n"
    ),
    aliases.ALIASES: "postmaster: root\nroot: someone@example.org\n",
}


def kept(*changes: Mapping[str, Reading]) -> Snapshot:
    """The machine with some of its readings changed."""
    readings: dict[str, Reading] = {**HEALTHY.readings, **PATCHED, **BACKED_UP, **WATCHED}
    for change in changes:
        readings |= change
    return replace(HEALTHY, taken_at=NOW, readings=readings)


def without(snapshot: Snapshot, *starts: str) -> Snapshot:
    """The machine, where some readings were never taken."""
    gone = tuple(starts)
    return replace(snapshot, readings={name: it for name, it in snapshot.readings.items() if not name.startswith(gone)})
