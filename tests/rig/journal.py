"""A real systemd-journald in a machine of its own, without systemd: all that writes to syslog there, writes to it.

Fails as: `AssertionError` where journald does not begin to listen.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.rig.machine import Machine
from tests.rig.network import eventually

JOURNALD = Path("/lib/systemd/systemd-journald")
_CONF = "[Journal]\nStorage=persistent\nReadKMsg=no\nAudit=no\nRateLimitIntervalSec=0\n"
# The devices of the machine are those of the real one: a folder of its own stands before them, so that /dev/log is its.
_DEV = """
set -e
mkdir /tmp/dev && mount -t tmpfs -o mode=755 tmpfs /tmp/dev
for one in null zero full random urandom tty; do touch /tmp/dev/$one; mount --bind /dev/$one /tmp/dev/$one; done
mkdir /tmp/dev/shm /tmp/dev/pts && mount --rbind /dev/pts /tmp/dev/pts && chmod 1777 /tmp/dev/shm
ln -s /proc/self/fd /tmp/dev/fd
ln -s /run/systemd/journal/dev-log /tmp/dev/log
mount --rbind /tmp/dev /dev
mkdir -p /run/systemd/journal /var/log/journal/$(cat /etc/machine-id)
chgrp -R systemd-journal /var/log/journal && chmod -R 2755 /var/log/journal
touch /run/systemd/journal/flushed  # the disk is there: it need not begin in memory
"""


def journald(machine: Machine) -> subprocess.Popen[bytes]:
    """Start it there; what it writes lies on the disk of that machine, as on one that keeps its journal."""
    machine.write("/etc/systemd/journald.conf", _CONF)
    machine.run("sh", "-c", _DEV)
    child = machine.start(str(JOURNALD))
    eventually(lambda: machine.path("/run/systemd/journal/dev-log").exists(), "journald listens")
    return child
