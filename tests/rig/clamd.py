"""A private clamd with signatures of our own: the EICAR test virus, and the test program of ClamAV's test files.

Fails as: `TookTooLong` with clamd's own log when it does not come up.
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from lockdown.scan.proof import EICAR
from tests.rig.daemon import Daemon
from tests.rig.network import LOOPBACK, free_port

_CLAMD = Path("/usr/sbin/clamd")
TEST_FILES = Path("/usr/share/clamav-testfiles")
_NONE: Mapping[str, str] = MappingProxyType({})


def why_clamd_cannot_run() -> str:
    """The reason to skip; empty when it can."""
    return "" if _CLAMD.exists() else "clamd is not installed (apt-get install clamav-daemon)"


class RealClamd:
    """On a unix socket and a loopback port. `signatures`: without any it knows no virus, not even the test virus."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str] = _NONE, signatures: bool = True) -> None:
        self._folder = folder
        self._signatures = signatures
        self.port = free_port()
        self.path = folder / "clamd.ctl"
        self.url = f"clamd://{self.path}"
        self.tcp_url = f"clamd://{LOOPBACK}:{self.port}"
        self._settings = {**self._base_settings(), **settings}
        configuration = folder / "clamd.conf"
        command = [str(_CLAMD), "--foreground", f"--config-file={configuration}"]
        self._daemon = Daemon(command, folder / "clamd.out", self._answers)
        self.start, self.stop, self.kill = self._daemon.start, self._daemon.stop, self._daemon.kill
        self.freeze, self.thaw = self._daemon.freeze, self._daemon.thaw

    def _base_settings(self) -> dict[str, str]:
        settings = {
            "DatabaseDirectory": f"{self._folder}/signatures",
            "TemporaryDirectory": str(self._folder),
            "LocalSocket": str(self.path),
            "TCPAddr": LOOPBACK,
            "TCPSocket": str(self.port),
            "Foreground": "yes",
            "StreamMaxLength": "2M",
            "MaxThreads": "4",
            "SelfCheck": "0",
        }
        # As root it would want to become the user of its configuration; our folder is root's.
        return settings | ({"User": "root"} if os.geteuid() == 0 else {})

    def __enter__(self) -> RealClamd:
        (self._folder / "signatures").mkdir(parents=True)
        self._write_signatures(self._folder / "signatures")
        lines = "".join(f"{name} {value}\n" for name, value in self._settings.items())
        (self._folder / "clamd.conf").write_text(lines)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _write_signatures(self, folder: Path) -> None:
        """In ClamAV's text formats: digest:size:name, and name:type:offset:hexadecimal."""
        other = hashlib.sha256(b"something else").hexdigest()
        (folder / "own.hsb").write_text(f"{other}:14:Something.Else\n")
        if not self._signatures:
            return
        (folder / "own.ndb").write_text(f"Eicar-Test-Signature:0:*:{EICAR.hex()}\n")
        program = TEST_FILES / "clam.exe"
        if program.exists():
            octets = program.read_bytes()
            (folder / "clam.hsb").write_text(f"{hashlib.sha256(octets).hexdigest()}:{len(octets)}:Clam.Test\n")

    def _answers(self) -> bool:
        with socket.socket() as line:
            line.settimeout(2)
            if line.connect_ex((LOOPBACK, self.port)) or not self.path.exists():
                return False
            try:
                line.sendall(b"zPING\0")
                return line.recv(16) == b"PONG\0"
            except OSError:
                return False

    def log(self) -> str:
        """What it has said."""
        return (self._folder / "clamd.out").read_text(errors="replace")
