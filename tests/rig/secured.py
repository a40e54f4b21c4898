"""Servers that secure connections in one particular way: an authority of our own, its certificates, and their servers.

`TlsServer` is OpenSSL's `s_server` with the arguments of a test; `Front` says what comes before TLS (SMTP, IMAP, POP3)
and then hands the octets on; `PolicyServer` answers HTTPS. All on loopback, ended by whoever started them.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tests.rig.network import LOOPBACK, free_port, wait_until_accepting

_PEM, _PLAIN = serialization.Encoding.PEM, serialization.NoEncryption()


class Authority:
    """Issues certificates; `file` is what one must trust."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the tests")])
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        self.certificate = (
            self._builder(self._name, self._key.public_key(), timedelta(days=-1), timedelta(days=3650))
            .add_extension(constraints, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = folder / "authority.pem"
        self.file.write_bytes(self.certificate.public_bytes(_PEM))

    def _builder(self, subject: x509.Name, key: Any, begins: timedelta, ends: timedelta) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins)
            .not_valid_after(now + ends)
        )

    def issue(
        self,
        *names: str,
        begins: timedelta = timedelta(days=-10),
        ends: timedelta = timedelta(days=80),
        rsa_bits: int = 0,
    ) -> Path:
        """Key, certificate and the authority's own in one PEM file; of RSA where `rsa_bits` says so."""
        key = rsa.generate_private_key(65537, rsa_bits) if rsa_bits else ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        made = (
            self._builder(subject, key.public_key(), begins, ends)
            .add_extension(alternative, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        path = self._folder / f"{names[0]}-{made.serial_number:x}.pem"
        private = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, _PLAIN)
        path.write_bytes(private + made.public_bytes(_PEM) + self.certificate.public_bytes(_PEM))
        return path


class TlsServer:
    """OpenSSL on a free port, with a certificate and any of its own arguments."""

    def __init__(self, certificate: Path, *arguments: str) -> None:
        self.port = free_port()
        self._command = [
            "openssl", "s_server", "-accept", f"{LOOPBACK}:{self.port}", "-quiet", "-cert", str(certificate),
            "-key", str(certificate), "-cert_chain", str(certificate), *arguments,
        ]  # fmt: skip

    def __enter__(self) -> TlsServer:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until_accepting(self.port, "openssl s_server")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(10)
        assert self._process.stdin is not None
        self._process.stdin.close()


SMTP = ("S: 220 mx ESMTP", "C", "S: 250-mx", "S: 250 STARTTLS", "C", "S: 220 go ahead", "TLS")
IMAP = ("S: * OK ready", "C", "S: * CAPABILITY IMAP4rev1 STARTTLS", "S: a1 OK", "C", "S: a2 OK begin", "TLS")
POP3 = ("S: +OK ready", "C", "S: +OK", "S: STLS", "S: .", "C", "S: +OK begin", "TLS")


class Front:
    """Says its lines, reads one for each "C", and at "TLS" hands all octets to and from a port behind."""

    def __init__(self, lines: Sequence[str], behind: int = 0) -> None:
        self._lines, self._behind = lines, behind
        self.connections = 0
        self._stop = threading.Event()

    def __enter__(self) -> Front:
        self._socket = socket.create_server((LOOPBACK, 0), backlog=64)
        self._socket.settimeout(0.1)
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                client, _ = self._socket.accept()
                self.connections += 1
                threading.Thread(target=self._speak, args=(client,), daemon=True).start()

    def _speak(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(5)
            for line in self._lines:
                if line == "C":
                    while not client.recv(4096).endswith(b"\n"):
                        pass
                elif line == "TLS":
                    self._pipe(client)
                elif line == "WAIT":
                    self._stop.wait(20)
                else:
                    client.sendall(line.removeprefix("S: ").encode("latin-1") + b"\r\n")

    def _pipe(self, client: socket.socket) -> None:
        with socket.create_connection((LOOPBACK, self._behind)) as behind:
            back = threading.Thread(target=_copy, args=(behind, client), daemon=True)
            back.start()
            _copy(client, behind)
            back.join(5)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        source.settimeout(5)
        while octets := source.recv(65536):
            target.sendall(octets)
    with contextlib.suppress(OSError):  # whoever leaves with unread octets leaves by a reset: pass that on too
        target.shutdown(socket.SHUT_WR)


class PolicyServer:
    """HTTPS that gives one answer to everybody."""

    def __init__(self, certificate: Path, text: str, *, head: str = "200 OK") -> None:
        body = text.encode()
        kind = "text/plain"
        self._answer = f"HTTP/1.1 {head}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self.asked: list[bytes] = []
        self._stop = threading.Event()

    def __enter__(self) -> PolicyServer:
        self._socket = socket.create_server((LOOPBACK, 0))
        self._socket.settimeout(0.1)
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(OSError):
                client, _ = self._socket.accept()
                client.settimeout(2)
                with client, self._context.wrap_socket(client, server_side=True) as secured:
                    self.asked.append(secured.recv(4096))
                    secured.sendall(self._answer)
