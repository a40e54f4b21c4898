"""What is asked about backups: settings of the usual programs, schedules that name them, and the traces of their runs.

Passwords are left out while reading, and of schedules all lines but those that speak of a backup; line numbers stay.
"""

from __future__ import annotations

import re

from lockdown.facts import backups
from lockdown.host.asked import Files, Listing, Sources

_SETTINGS = (
    "/etc/borgmatic/*.yaml", "/etc/borgmatic.d/*.yaml",
    "/etc/rsnapshot.conf", "/etc/restic/*", "/etc/default/restic",
    "/etc/resticprofile/*", "/etc/autorestic.yml", "/etc/backup.d/*", "/etc/duply/*/conf", "/etc/bacula/bacula-fd.conf",
    "/etc/bareos/bareos-fd.d/client/*.conf", "/usr/local/bin/*backup*", "/usr/local/sbin/*backup*", "/opt/*backup*.sh",
    "/etc/backupninja.conf", "/etc/burp/burp.conf",
)  # fmt: skip
_SETTINGS_OF_ROOT = (
    "/root/.config/borgmatic/config.yaml", "/root/.config/borgmatic.d/*.yaml", "/root/.autorestic.yml",
    "/root/*backup*",
    "/root/bin/*backup*", "/root/.duply/*/conf",
)  # fmt: skip
_SCHEDULES = (
    "/etc/crontab", "/etc/cron.d/*", "/etc/cron.hourly/*", "/etc/cron.daily/*", "/etc/cron.weekly/*",
    "/etc/systemd/system/*.service", "/etc/systemd/system/*.timer",
    "/etc/systemd/system/timers.target.wants/*.timer",
)  # fmt: skip
_TRACES = (
    "/var/log/borgmatic*", "/var/log/restic*", "/var/log/rsnapshot*", "/var/log/*backup*.log", "/var/log/duplicity*",
    "/var/log/backupninja.log", "/var/cache/restic/*/snapshots/*", "/var/lib/bacula/*.state",
    "/var/lib/bareos/*.state",
    "/var/lib/systemd/timers/stamp-*backup*.timer", "/var/lib/systemd/timers/stamp-borg*.timer",
    "/var/lib/systemd/timers/stamp-restic*.timer",
)  # fmt: skip
# A run of restic leaves the new snapshot in its cache; one of borg, the time of the newest archive it knows.
_TRACES_OF_ROOT = (
    "/root/.cache/restic/*/snapshots/*", "/root/.cache/borg/*/files*",
    "/root/.config/borg/security/*/manifest-timestamp", "/root/.local/state/borgmatic/*", "/root/.cache/duplicity/*",
)  # fmt: skip

_SECRET = re.compile(
    r"(?i)(?P<name>[\w-]*(?:pass|secret|token|api_?key|access_?key|credential)[\w-]*[\"']?\s*[:=]\s*)(?P<value>\S.*)"
)
_ABOUT = re.compile(rf"(?i)backup|MAILTO|OnFailure|OnCalendar|{'|'.join(map(re.escape, backups.PROGRAMS))}")


def sources() -> Sources:
    """Each reading, and how it is taken."""
    return {
        backups.SETTINGS: Files(_SETTINGS, reduce=hide),
        backups.ROOT_SETTINGS: Files(_SETTINGS_OF_ROOT, reduce=hide),
        backups.SCHEDULES: Files(_SCHEDULES, 300, reduce=about_backups),
        backups.ROOT_SCHEDULES: Files(("/var/spool/cron/crontabs/root",), reduce=about_backups),
        backups.TRACES: Listing(_TRACES),
        backups.ROOT_TRACES: Listing(_TRACES_OF_ROOT),
    }


def hide(text: str) -> str:
    """The text without its passwords; where a file holds one, its path may stay."""
    return _SECRET.sub(_hidden, text)


def _hidden(found: re.Match[str]) -> str:
    value = found["value"].strip("\"' ")
    return found[0] if re.fullmatch(r"/[\w./-]+", value) else f"{found['name']}***"


def about_backups(text: str) -> str:
    """The lines that speak of a backup, each on its own number; nothing where none does."""
    lines = [hide(line) if _ABOUT.search(line) else "" for line in text.splitlines()]
    return "\n".join(lines).rstrip() + "\n" if any(lines) else ""
