"""A private Dovecot that takes mail by LMTP on loopback into Maildirs; root is needed.

Fails as: `TookTooLong` with Dovecot's own log when it does not accept connections.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from tests.rig.network import LOOPBACK, TookTooLong, eventually, free_port, wait_until_accepting

_NOBODY = 65534
_CONFIGURATION = """\
protocols = lmtp
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
listen = {loopback}
ssl = no
default_internal_user = dovecot
default_login_user = dovenull
first_valid_uid = 1
mail_location = maildir:{folder}/mailboxes/%n
auth_username_format = %Lu
passdb {{
  driver = passwd-file
  args = {folder}/etc/users
}}
userdb {{
  driver = passwd-file
  args = {folder}/etc/users
}}
service lmtp {{
  inet_listener lmtp {{
    address = {loopback}
    port = {port}
  }}
}}
service stats {{
  client_limit = 10000
}}
protocol lmtp {{
  postmaster_address = postmaster@example.org
}}
"""


def why_dovecot_cannot_run() -> str:
    """The reason to skip; empty when it can."""
    if os.geteuid() != 0:
        return "a private Dovecot needs root, to drop to its own users"
    if not Path("/usr/sbin/dovecot").exists() or not Path("/usr/lib/dovecot/lmtp").exists():
        return "Dovecot is not installed (apt-get install dovecot-core dovecot-lmtpd)"
    return ""


class RealDovecot:
    """Knows bob and carol at example.org, and refuses everybody else."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self.url = f"lmtp://{LOOPBACK}:{self.port}"
        self._mail = folder / "mailboxes"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> RealDovecot:
        self._write_configuration()
        self._process = subprocess.Popen(
            ["/usr/sbin/dovecot", "-F", "-c", str(self._folder / "etc" / "dovecot.conf")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            wait_until_accepting(self.port, "Dovecot")
        except TookTooLong as late:
            self.stop()
            raise TookTooLong(f"{late}\n{self.log()}") from None
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """The master ends its children on SIGTERM."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(10)

    def _write_configuration(self) -> None:
        for name in ("etc", "run", "state", "mailboxes"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        etc = self._folder / "etc"
        text = _CONFIGURATION.format(folder=self._folder, port=self.port, loopback=LOOPBACK)
        (etc / "dovecot.conf").write_text(text)
        line = "{user}@example.org:{{PLAIN}}unused:{uid}:{uid}::{home}::\n"
        users = [line.format(user=user, uid=_NOBODY, home=self._mail / user) for user in ("bob", "carol")]
        (etc / "users").write_text("".join(users))
        os.chown(self._mail, _NOBODY, _NOBODY)
        shutil.chown(etc / "users", "root", "dovecot")
        (etc / "users").chmod(0o640)

    def log(self) -> str:
        path = self._folder / "dovecot.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def delivered(self, user: str = "bob") -> list[bytes]:
        """The messages in a mailbox, with the line ends of the wire."""
        return [path.read_bytes().replace(b"\n", b"\r\n") for path in sorted((self._mail / user / "new").glob("*"))]

    def count(self, user: str = "bob") -> int:
        """How many messages lie in a mailbox."""
        new = self._mail / user / "new"
        return sum(1 for _ in new.iterdir()) if new.exists() else 0

    def wait_for_mail(self, count: int, user: str = "bob", seconds: float = 30.0) -> list[bytes]:
        """Until so many messages lie in the mailbox."""
        eventually(lambda: self.count(user) >= count, f"{count} messages in the mailbox of {user}", seconds)
        return self.delivered(user)
