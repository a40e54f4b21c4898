"""A private rspamd: one "normal" worker on loopback, rules of its package, no network, no Redis.

Fails as: `TookTooLong` with rspamd's own log when it does not come up.
"""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

from tests.rig.daemon import Daemon
from tests.rig.network import LOOPBACK, free_port

_RSPAMD = Path("/usr/bin/rspamd")
_USER = "_rspamd"


def why_rspamd_cannot_run() -> str:
    """The reason to skip; empty when it can."""
    return "" if _RSPAMD.exists() else "rspamd is not installed (apt-get install rspamd)"


class RealRspamd:
    """Its rules are the regular expressions and MIME checks of its package, and the test spam that it always knows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._run = folder / "run"
        self.port = free_port()
        self.url = f"rspamd://{LOOPBACK}:{self.port}"
        command = [str(_RSPAMD), "--no-fork", "--config", str(folder / "rspamd.conf")]
        if os.geteuid() == 0:  # it will not work as root
            command += ["--user", _USER, "--group", _USER]
        self._daemon = Daemon(command, folder / "rspamd.out", self._answers)
        self.start, self.stop, self.kill = self._daemon.start, self._daemon.stop, self._daemon.kill
        self.freeze, self.thaw = self._daemon.freeze, self._daemon.thaw

    def __enter__(self) -> RealRspamd:
        self._run.mkdir(parents=True)
        if os.geteuid() == 0:
            shutil.chown(self._run, _USER, _USER)
        # The package's list of 9,600 suffixes takes ten seconds to compile.
        (self._folder / "suffixes").write_text("com\norg\nnet\ntest\nexample\ninvalid\n")
        (self._folder / "rspamd.conf").write_text(self._configuration())
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _configuration(self) -> str:
        return f"""\
lua = "/usr/share/rspamd/rules/rspamd.lua";
.include "/etc/rspamd/metrics.conf"
.include "/etc/rspamd/actions.conf"
.include "/etc/rspamd/groups.conf"
modules {{ path = "/usr/share/rspamd/plugins"; }}
.include "/etc/rspamd/modules.d/regexp.conf"
.include "/etc/rspamd/modules.d/mime_types.conf"
options {{
  filters = "regexp";
  url_tld = "{self._folder}/suffixes";
  # Nobody listens there: nothing may be asked of a real resolver.
  dns {{ nameserver = "{LOOPBACK}:9"; timeout = 0.1s; retransmits = 1; }}
  pidfile = "{self._run}/pid"; tempdir = "{self._run}"; hs_cache_dir = "{self._run}/"; local_addrs = [];
  cache_file = "{self._run}/symbols"; dynamic_conf = "{self._run}/dynamic"; history_file = "{self._run}/history";
  stats_file = "{self._run}/stats"; rrd = "{self._run}/rrd"; control_socket = "{self._run}/control mode=0600";
  explicit_modules = ["settings"];
}}
logging {{ type = "file"; filename = "{self._run}/log"; level = "notice"; }}
worker "normal" {{ bind_socket = "{LOOPBACK}:{self.port}"; count = 1; mime = true; }}
"""

    def _answers(self) -> bool:
        with socket.socket() as line:
            line.settimeout(5)
            if line.connect_ex((LOOPBACK, self.port)):
                return False
            try:
                line.sendall(b"GET /ping HTTP/1.0\r\n\r\n")
                return line.recv(64).startswith(b"HTTP/1.1 200")
            except OSError:
                return False

    def log(self) -> str:
        """What it has logged."""
        return (self._run / "log").read_text(errors="replace")
