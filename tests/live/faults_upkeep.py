"""Faults planted in a machine that is kept well: each must be found by the control that stands for it."""

from __future__ import annotations

from datetime import timedelta

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
from lockdown.model.finding import State
from lockdown.model.snapshot import Reading
from tests.recordings.upkeep import BORGMATIC, DEBIAN_LISTS, NOW, PATCHED, files_of, listed

Fault = tuple[str, dict[str, Reading], str, State]

WARN, FAIL, UNKNOWN = State.WARN, State.FAIL, State.UNKNOWN
_STATUS = str(PATCHED[packages.STATUS])
_UNATTENDED = f"{apt_conf.CONF}/etc/apt/apt.conf.d/50unattended-upgrades"
_PERIODIC = f"{apt_conf.CONF}/etc/apt/apt.conf.d/20auto-upgrades"
_DAILY = 'APT::Periodic::Update-Package-Lists "1";\n'


def _offered(line: str, days: int = 3) -> dict[str, Reading]:
    made = listed(DEBIAN_LISTS, NOW - timedelta(days=days)) + listed(automatic_updates.STAMP)
    return {**files_of(packages.SECURITY, {DEBIAN_LISTS: line}), packages.LISTS: made}


def _system(version: str) -> dict[str, Reading]:
    return files_of(
        release.OS_RELEASE, {"/etc/os-release": f'PRETTY_NAME="Debian"\nID=debian\nVERSION_ID="{version}"\n'}
    )


PATCH_FAULTS: tuple[Fault, ...] = (
    ("openssl waits", _offered("openssl 3.0.18-1~deb12u1 amd64 openssl -\n"), "patches.exposed-updates", FAIL),
    ("vim waits", _offered("vim-common 2:9.0.1378-2+deb12u1 all vim -\n"), "patches.other-updates", WARN),
    (
        "openssl waits, in a packed list",
        {
            packages.SECURITY: "not installed: no lists\n",
            packages.SECURITY_PACKED: f"# {DEBIAN_LISTS}\nopenssl 3.0.99-1 amd64 openssl\n",
        },
        "patches.exposed-updates",
        WARN,
    ),
    (
        "no list of fixes",
        {packages.SECURITY: "not installed: no lists\n"},
        "patches.exposed-updates",
        UNKNOWN,
    ),
    ("old lists", {packages.LISTS: listed(DEBIAN_LISTS, NOW - timedelta(days=60))}, "patches.lists-are-fresh", FAIL),
    (
        "no security suite",
        files_of(apt_sources.SOURCES, {"/etc/apt/sources.list": "deb http://deb.debian.org/debian bookworm main\n"}),
        "patches.security-source",
        FAIL,
    ),
    ("a release after its end", _system("10"), "patches.release-supported", FAIL),
    ("an unknown release", _system("99"), "patches.release-supported", UNKNOWN),
    ("old code", {old_code.SOURCE: "user 0\n812\tdovecot\t/usr/lib/libssl.so.3\n"}, "patches.fixes-in-use", WARN),
    ("an old kernel", {kernels.RUNNING: "6.1.0-9-amd64\n"}, "patches.kernel-in-use", WARN),
    ("a restart is due", {kernels.REBOOT: "libc6\n"}, "patches.kernel-in-use", WARN),
    ("switched off", {_PERIODIC: _DAILY + 'APT::Periodic::Unattended-Upgrade "0";\n'}, "patches.automatic", FAIL),
    ("never fetched", {_PERIODIC: 'APT::Periodic::Unattended-Upgrade "1";\n'}, "patches.automatic", FAIL),
    ("no apt.conf at all", files_of(apt_conf.CONF, {}), "patches.automatic", FAIL),
    (
        "the wrong origin",
        {_UNATTENDED: 'Unattended-Upgrade::Allowed-Origins { "Google, Inc.:stable"; };\n'},
        "patches.automatic",
        FAIL,
    ),
    (
        "a masked timer",
        {automatic_updates.TIMERS: listed("/etc/systemd/system/apt-daily.timer", NOW, "l", "/dev/null")},
        "patches.automatic",
        FAIL,
    ),
    (
        "not installed",
        {packages.STATUS: _STATUS.replace("unattended-upgrades", "something-else")},
        "patches.automatic",
        FAIL,
    ),
    (
        "the last run broke",
        {automatic_updates.LOG: "2026-01-15 06:10:01,500 ERROR Cache has broken packages, exiting\n"},
        "patches.automatic-ran",
        FAIL,
    ),
    (
        "it ran weeks ago",
        {
            automatic_updates.LOG: "2025-12-15 06:10:01,500 INFO Starting unattended upgrades script\n",
            packages.LISTS: listed(DEBIAN_LISTS),
        },
        "patches.automatic-ran",
        FAIL,
    ),
    (
        "nobody is told",
        {_UNATTENDED: 'Unattended-Upgrade::Allowed-Origins { "${distro_id}:${distro_codename}-security"; };\n'},
        "patches.automatic-told",
        WARN,
    ),
    ("a hold", {packages.STATUS: _STATUS + "exim4 4.96 amd64 exim4 hold ok installed\n"}, "patches.exceptions", WARN),
    (
        "a pin",
        files_of(packages.PINS, {"/etc/apt/preferences.d/x": "Package: x\nPin: version 1.0*\nPin-Priority: 1001\n"}),
        "patches.exceptions",
        WARN,
    ),
    (
        "half installed",
        {packages.STATUS: _STATUS + "dovecot-core 2.3 amd64 dovecot install ok half-configured\n"},
        "patches.installations-whole",
        FAIL,
    ),
    (
        "a webmail by hand",
        files_of(
            outside_apps.FILES,
            {"/var/www/mail/program/include/iniset.php": "define('RCMAIL_VERSION', '1.4.3');\n"},
        ),
        "patches.by-hand",
        UNKNOWN,
    ),
)

_CONFIG = f"{backups.SETTINGS}/etc/borgmatic/config.yaml"
_NO_SETTINGS = files_of(backups.SETTINGS, {})


def _less(start: str, end: str = "\n") -> dict[str, Reading]:
    head, _, rest = BORGMATIC.partition(start)
    return {_CONFIG: head + rest.partition(end)[2]}


def _ran(days: int) -> dict[str, Reading]:
    return {backups.ROOT_TRACES: listed("/root/.cache/borg/a/files", NOW - timedelta(days=days))}


BACKUP_FAULTS: tuple[Fault, ...] = (
    ("no backup", {**_NO_SETTINGS, **files_of(backups.SCHEDULES, {})}, "backups.exist", FAIL),
    ("no timer", files_of(backups.SCHEDULES, {}), "backups.scheduled", WARN),
    (
        "dpkg's own copy is no schedule",
        {
            **files_of(backups.SCHEDULES, {"/etc/cron.daily/dpkg": "/usr/libexec/dpkg/dpkg-db-backup\n"}),
            f"{backups.SCHEDULES}/etc/systemd/system/timers.target.wants/borgmatic.timer": "",
        },
        "backups.scheduled",
        WARN,
    ),
    (
        "two days old",
        {backups.ROOT_TRACES: listed("/root/.cache/borg/a/files", NOW - timedelta(days=2))},
        "backups.recent",
        WARN,
    ),
    (
        "a month old",
        {backups.ROOT_TRACES: listed("/root/.cache/borg/a/files", NOW - timedelta(days=30))},
        "backups.recent",
        FAIL,
    ),
    ("no trace of a run", {backups.ROOT_TRACES: ""}, "backups.recent", UNKNOWN),
    ("without the settings", {_CONFIG: BORGMATIC.replace("    - /etc\n", "")}, "backups.complete", WARN),
    ("without the mail", {_CONFIG: BORGMATIC.replace("    - /var/mail\n", "")}, "backups.complete", WARN),
    (
        "beside the original",
        {_CONFIG: BORGMATIC.replace("ssh://u1@backup.example.org:23/./mail", "/var/backups/borg")},
        "backups.off-host",
        WARN,
    ),
    ("kept for nobody knows how long", {_CONFIG: BORGMATIC.replace("keep_", "x_")}, "backups.retention", WARN),
    ("silent", _less("healthchecks:", "***\n"), "backups.missed-run-told", WARN),
    (
        "never checked",
        {
            **_NO_SETTINGS,
            **files_of(backups.SCHEDULES, {"/etc/cron.d/b": "0 1 * * * root restic -r sftp:b:/r backup /etc /home\n"}),
        },
        "backups.checked",
        WARN,
    ),
    (
        "a database that is not dumped",
        {packages.STATUS: _STATUS + "mariadb-server 1:10.11 all mariadb install ok installed\n"},
        "backups.databases",
        WARN,
    ),
)


def _queued(count: int, sender: str, name: str = "deferred", hours: int = 2) -> dict[str, Reading]:
    arrived = int((NOW - timedelta(hours=hours)).timestamp())
    return {queue.POSTFIX: f"{name}\t{arrived}\t4000\t1\t{sender}\ttimed out\n" * count + "# ended 0\n"}


def _disks(room: int, inodes: int) -> dict[str, Reading]:
    head = "Filesystem 1024-blocks Used Available Capacity Mounted on"
    more = "Filesystem Inodes IUsed IFree IUse% Mounted on"
    return {watchers.DISKS: f"{head}\n/dev/vda 9 9 9 {room}% /\n{more}\n/dev/vda 9 9 9 {inodes}% /\n"}


_JAIL = f"{watchers.FAIL2BAN}/etc/fail2ban/jail.local"

MONITORING_FAULTS: tuple[Fault, ...] = (
    ("a large queue", _queued(1500, "a@example.org"), "monitoring.queue-size", WARN),
    ("a huge queue", _queued(12_000, "a@example.org"), "monitoring.queue-size", FAIL),
    ("Postfix is down", {queue.POSTFIX: "# ended 69\n"}, "monitoring.queue-size", UNKNOWN),
    ("it stands still", _queued(20, "a@example.org", "active"), "monitoring.queue-moves", WARN),
    ("one sender has it all", _queued(150, "a@example.org"), "monitoring.queue-dominance", WARN),
    ("full of bounces", _queued(150, ""), "monitoring.backscatter", WARN),
    ("a loop", {watchers.LOG: "mail for x.example loops back to myself\n"}, "monitoring.log-signs", WARN),
    ("no log", {watchers.LOGS: ""}, "monitoring.logs-are-written", FAIL),
    (
        "a journal in memory alone",
        {watchers.LOGS: listed("/run/log/journal/1/system.journal")},
        "monitoring.logs-are-written",
        FAIL,
    ),
    (
        "silence",
        {watchers.LOGS: listed("/var/log/mail.log", NOW - timedelta(days=9))},
        "monitoring.logs-are-written",
        FAIL,
    ),
    ("nothing rotates", files_of(watchers.ROTATION, {}), "monitoring.logs-rotate", WARN),
    ("a full disk", _disks(99, 5), "monitoring.disk-room", FAIL),
    ("no inodes", _disks(20, 93), "monitoring.disk-room", WARN),
    ("a clock of its own", {clock.TIMEDATECTL: "NTP=no\nNTPSynchronized=no\n"}, "monitoring.clock", WARN),
    ("no fail2ban", files_of(watchers.FAIL2BAN, {}), "monitoring.guessing-banned", WARN),
    ("jails that are off", {_JAIL: "[postfix]\nenabled = false\n"}, "monitoring.guessing-banned", WARN),
    (
        "everyone is spared",
        {_JAIL: "[DEFAULT]\nignoreip = 127.0.0.1 0.0.0.0/0\n[postfix]\nenabled = true\n"},
        "monitoring.bans-reach",
        FAIL,
    ),
    (
        "bans beside the packets",
        {"listeners": "tcp 0.0.0.0:25 77 docker-proxy\n"},
        "monitoring.bans-reach",
        WARN,
    ),
    ("root reads no mail", {aliases.ALIASES: "postmaster: root\n"}, "monitoring.somebody-told", WARN),
)
