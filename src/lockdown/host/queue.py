"""What is asked about the mail that waits, the logs, the disks below them, the clock, and who watches.

Of the queue a line for each message is kept; of a log its end. Nothing here changes a queue.
"""

from __future__ import annotations

from lockdown.facts import clock, queue, watchers
from lockdown.facts.mail_log.place import WRITERS
from lockdown.host.asked import Command, Files, Listing, Script, Sources

# How it ended is said behind the answer: a queue that could not be read must not look like an empty one.
_POSTQUEUE = r"""
command -v postqueue >/dev/null 2>&1 || { echo 'not installed: no postqueue'; exit 0; }
{ postqueue -j 2>/dev/null; echo "# ended $?"; } | head -c 8000000
"""
_EXIM = r"""
for exim in exim4 exim; do
    command -v "$exim" >/dev/null 2>&1 && exec "$exim" -bpc
done
echo 'not installed: no exim4 and no exim'
"""
_DISKS = r"""
for place in /var/spool /var/log /var/mail /var/vmail /; do [ -d "$place" ] && set -- "$@" "$place"; done
df -P -k "$@"; df -P -i "$@"
"""
# The end of the log: syslog's file while it is written, else the journal. A log is not text to the last octet.
MAIL_LOG = r"""
journals=$(ls -d /var/log/journal/*/system.journal /run/log/journal/*/system.journal 2>/dev/null)
for log in /var/log/mail.log /var/log/maillog; do
    [ -e "$log" ] && { [ -z "$journals" ] || [ -n "$(find "$log" -mtime -2)" ]; } || continue
    [ -r "$log" ] || { echo "$log: Permission denied" >&2; exit 1; }
    tail -c 1048576 "$log" | LC_ALL=C tr -c '\11\12\40-\176' '?'
    exit
done
[ -n "$journals" ] || { echo 'not installed: neither /var/log/mail.log nor a journal is here'; exit 0; }
journalctl --quiet --no-pager --lines=1 >/dev/null || exit 1
for user in WRITERS; do
    id=$(id -u "$user" 2>/dev/null) && set -- "$@" "_UID=$id"
done
journalctl --quiet --no-pager --all --lines=5000 SYSLOG_FACILITY=2 "$@" | LC_ALL=C tr -c '\11\12\40-\176' '?'
""".replace("WRITERS", " ".join(WRITERS))


def sources() -> Sources:
    """Each reading, and how it is taken."""
    return {
        queue.POSTFIX: Script(_POSTQUEUE, reduce=queue.reduce_postqueue),
        queue.EXIM: Script(_EXIM),
        clock.TIMEDATECTL: Command(("timedatectl", "show"), seconds=3),
        clock.CHRONY: Command(("chronyc", "-n", "tracking"), seconds=3),
        watchers.FAIL2BAN: Files(
            ("/etc/fail2ban/jail.conf", "/etc/fail2ban/jail.local", "/etc/fail2ban/jail.d/*.conf",
             "/etc/fail2ban/jail.d/*.local")
        ),
        watchers.CROWDSEC: Files(("/etc/crowdsec/acquis.yaml", "/etc/crowdsec/acquis.d/*.yaml")),
        watchers.LOG: Script(MAIL_LOG, seconds=10, reduce=_signs),
        watchers.LOGS: Listing(
            ("/var/log/mail.log", "/var/log/maillog", "/var/log/syslog", "/var/log/exim4/mainlog", "/var/log/messages",
             "/var/log/journal/*/system.journal", "/run/log/journal/*/system.journal")
        ),
        watchers.ROTATION: Files(("/etc/logrotate.conf", "/etc/logrotate.d/*")),
        watchers.DISKS: Script(_DISKS, seconds=3),
    }  # fmt: skip


def _signs(log: str) -> str:
    """Only lines that tell of trouble: the others name people, and say nothing here."""
    lines = (line for line in log.splitlines() if any(sign in line for sign in SIGNS))
    return "".join(f"{line[:300]}\n" for line in list(lines)[-200:]) or "# no sign of trouble\n"


SIGNS = (
    "has reached its process limit", "loops back to myself", "No space left on device", "queue file write error",
    "too many connections", "insufficient system storage", "fatal: ", "panic: ", "Internal error occurred",
    "too many hops",
)  # fmt: skip
"""Words of Postfix and Dovecot for a server that no longer copes."""
