"""A private Postfix: own configuration, queue and mailboxes, on loopback, as a child process; root is needed.

Fails as: `TookTooLong` with Postfix's own log when it does not accept connections.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from tests.rig.network import LOOPBACK, TookTooLong, eventually, free_port, wait_until_accepting

_LIBEXEC = Path("/usr/lib/postfix/sbin")
_QUEUE_FOLDERS = (
    "incoming", "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "saved", "trace",
)  # fmt: skip
_NONE: Mapping[str, str] = MappingProxyType({})


def why_postfix_cannot_run() -> str:
    """The reason to skip; empty when it can."""
    if os.geteuid() != 0:
        return "a private Postfix needs root, to give its queue to the user postfix"
    if not (_LIBEXEC / "master").exists():
        return "Postfix is not installed (apt-get install postfix)"
    return ""


class RealPostfix:
    """Accepts mail for bob and carol at example.org. The gateway is not in its `mynetworks`, and may use XCLIENT."""

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, str] = _NONE,
        smtpd_options: Mapping[str, str] = _NONE,
        deliver: str = "virtual",
        certificate: Path | None = None,
    ) -> None:
        self._folder = folder
        self.port = free_port()
        self.url = f"smtp://{LOOPBACK}:{self.port}"
        self._mail = folder / "mailboxes"
        self._log = folder / "postfix.log"
        self._settings = {**self._base_settings(deliver), **_tls_settings(certificate), **settings}
        self._smtpd_options = smtpd_options
        self._process: subprocess.Popen[bytes] | None = None

    def _base_settings(self, deliver: str) -> dict[str, str]:
        folder = self._folder
        return {
            "compatibility_level": "3.6",
            "queue_directory": f"{folder}/queue",
            "data_directory": f"{folder}/data",
            "command_directory": "/usr/sbin",
            "daemon_directory": str(_LIBEXEC),
            "mail_owner": "postfix",
            "setgid_group": "postdrop",
            "maillog_file": str(self._log),
            "maillog_file_prefixes": str(folder),
            "inet_interfaces": LOOPBACK,
            "inet_protocols": "ipv4",
            "myhostname": "mx.example.org",
            "myorigin": "example.org",
            "mydestination": "",
            "mynetworks": "192.0.2.1/32",
            "smtpd_relay_restrictions": "reject_unauth_destination",
            "smtpd_authorized_xclient_hosts": LOOPBACK,
            "virtual_mailbox_domains": "example.org",
            "virtual_mailbox_maps": f"texthash:{folder}/etc/mailboxes",
            "virtual_mailbox_base": str(self._mail),
            "virtual_minimum_uid": "1",
            "virtual_uid_maps": f"static:{self._folder_owner()}",
            "virtual_gid_maps": f"static:{self._folder_owner()}",
            "virtual_mailbox_limit": "0",
            "mailbox_size_limit": "0",
            "virtual_transport": deliver,
            "message_size_limit": "104857600",
            "default_process_limit": "100",
            "alias_maps": "",
            "alias_database": "",
            # No message may leave this machine, whatever a test sends.
            "default_transport": "error:5.1.2 nothing leaves this machine",
            "relay_transport": "error:5.1.2 nothing leaves this machine",
        }

    @staticmethod
    def _folder_owner() -> int:
        return 65534

    def __enter__(self) -> RealPostfix:
        self._make_folders()
        self._write_configuration()
        with (self._folder / "master.out").open("wb") as output:
            self._process = subprocess.Popen(
                [str(_LIBEXEC / "master"), "-c", str(self._folder / "etc"), "-d"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        try:
            wait_until_accepting(self.port, "Postfix")
        except TookTooLong as late:
            self.stop()
            raise TookTooLong(f"{late}\n{self.log()}\n{(self._folder / 'master.out').read_text()}") from None
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """The master ends its children on SIGTERM."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(10)

    def _make_folders(self) -> None:
        queue = self._folder / "queue"
        for path in (self._folder / "etc", queue, self._folder / "data", self._mail, queue / "pid"):
            path.mkdir(parents=True, exist_ok=True)
        for name in (*_QUEUE_FOLDERS, "private"):
            (queue / name).mkdir(mode=0o700)
            shutil.chown(queue / name, "postfix")
        for name, mode in (("public", 0o710), ("maildrop", 0o730)):
            (queue / name).mkdir()
            shutil.chown(queue / name, "postfix", "postdrop")
            (queue / name).chmod(mode)
        shutil.chown(self._folder / "data", "postfix")
        os.chown(self._mail, self._folder_owner(), self._folder_owner())

    def _write_configuration(self) -> None:
        etc = self._folder / "etc"
        etc.joinpath("main.cf").write_text("".join(f"{name} = {value}\n" for name, value in self._settings.items()))
        etc.joinpath("master.cf").write_text(self._services())
        etc.joinpath("mailboxes").write_text("".join(f"{user}@example.org {user}/\n" for user in ("bob", "carol")))

    def _services(self) -> str:
        options = "".join(f"  -o {name}={value}\n" for name, value in self._smtpd_options.items())
        return f"{LOOPBACK}:{self.port} inet n - n - - smtpd\n{options}" + _SERVICES

    def log(self) -> str:
        """What Postfix has logged."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def wait_for_log(self, pattern: str) -> re.Match[str]:
        """The first place in the log that matches."""
        return eventually(lambda: re.search(pattern, self.log()), f"Postfix logs {pattern}")

    def delivered(self, user: str = "bob") -> list[bytes]:
        """The messages in a mailbox, with the line ends of the wire."""
        new = self._mail / user / "new"
        return [path.read_bytes().replace(b"\n", b"\r\n") for path in sorted(new.glob("*"))]

    def count(self, user: str = "bob") -> int:
        """How many messages lie in a mailbox."""
        new = self._mail / user / "new"
        return sum(1 for _ in new.iterdir()) if new.exists() else 0

    def wait_for_mail(self, count: int, user: str = "bob", seconds: float = 30.0) -> list[bytes]:
        """Until so many messages lie in the mailbox."""
        eventually(lambda: self.count(user) >= count, f"{count} messages in the mailbox of {user}", seconds)
        return self.delivered(user)

    def queued(self) -> list[Path]:
        """What it has accepted and not yet delivered."""
        folders = ("incoming", "active", "deferred", "hold")
        return [path for name in folders for path in (self._folder / "queue" / name).rglob("*") if path.is_file()]


def _tls_settings(certificate: Path | None) -> dict[str, str]:
    if certificate is None:
        return {}
    return {
        "smtpd_tls_security_level": "may",
        "smtpd_tls_cert_file": str(certificate),
        "smtpd_tls_key_file": str(certificate),
        "smtpd_tls_loglevel": "1",
        "smtpd_tls_received_header": "yes",
        "tls_random_source": "dev:/dev/urandom",
    }


_SERVICES = """\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
