"""A private spamd of SpamAssassin on loopback: local tests only, two children.

Fails as: `TookTooLong` with spamd's own output when it does not come up.
"""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

from tests.rig.daemon import Daemon
from tests.rig.network import LOOPBACK, free_port

_SPAMD = Path("/usr/sbin/spamd")
_PLUGINS = Path("/etc/spamassassin")
_USER = "debian-spamd"
_ALL_RULES = Path("/usr/share/spamassassin")
_RULES = ("10_default_prefs.cf", "20_body_tests.cf", "20_head_tests.cf", "20_dnsbl_tests.cf", "50_scores.cf")
"""All of them take it two seconds to compile, and as long again in each child."""


def why_spamd_cannot_run() -> str:
    """The reason to skip; empty when it can."""
    return "" if _SPAMD.exists() else "spamd is not installed (apt-get install spamd)"


class RealSpamd:
    """With a few of its rules; without the network, Bayes, or the settings of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self.url = f"spamd://{LOOPBACK}:{self.port}"
        command = [
            str(_SPAMD), "--local", "--nouser-config", "--ipv4", f"--listen={LOOPBACK}", f"--port={self.port}",
            "--max-children=2", "--min-children=1", "--min-spare=1", "--syslog=stderr",
            f"--siteconfigpath={folder}/site", f"--helper-home-dir={folder}/home",
            f"--configpath={folder}/rules", "--cf=use_bayes 0",
        ]  # fmt: skip
        if os.geteuid() == 0:
            command += [f"--username={_USER}", f"--groupname={_USER}"]
        self._daemon = Daemon(command, folder / "spamd.out", self._answers, 60)
        self.start, self.stop, self.kill = self._daemon.start, self._daemon.stop, self._daemon.kill
        self.freeze, self.thaw = self._daemon.freeze, self._daemon.thaw

    def __enter__(self) -> RealSpamd:
        for name in ("site", "home", "rules"):
            (self._folder / name).mkdir(parents=True)
        if os.geteuid() == 0:
            shutil.chown(self._folder / "home", _USER, _USER)
        for path in _PLUGINS.glob("*.pre"):
            shutil.copy(path, self._folder / "site")
        for name in _RULES:
            shutil.copy(_ALL_RULES / name, self._folder / "rules")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answers(self) -> bool:
        with socket.socket() as line:
            line.settimeout(5)
            if line.connect_ex((LOOPBACK, self.port)):
                return False
            try:
                line.sendall(b"PING SPAMC/1.5\r\n\r\n")
                return b"PONG" in line.recv(64)
            except OSError:
                return False

    def log(self) -> str:
        """What it has said."""
        return (self._folder / "spamd.out").read_text(errors="replace")
