"""What a drill has proved, kept as a file that is signed: every dialogue, every judgement, of which machine and when.

The signature (Ed25519, RFC 8032) covers the results in one canonical form; its key is made once in the state directory
and never leaves it. It shows that a file is whole and whose it is, not that root of that machine is honest.
Fails as: `OperatorError` for a file that is none of ours; a signature that does not fit is told, not raised.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from lockdown import __version__
from lockdown.config import Settings, as_toml
from lockdown.model.errors import OperatorError
from lockdown.state.keyfile import key_of
from lockdown.state.layout import StateDirectory, make_folder

SCHEMA = "lockdown.drill-evidence/1"
_KEY, _KEY_BYTES = "key", 32
_KEPT = 100
_MOST_OCTETS = 64 * 1024 * 1024
_NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}\.json")


@dataclass(frozen=True, slots=True)
class Evidence:
    """One file, read."""

    results: Mapping[str, Any]
    is_whole: bool
    """The signature fits: nothing was changed since."""
    key: str
    """The fingerprint of the key."""
    is_ours: bool
    """It is the key of this machine's state directory."""


def write_evidence(results: Mapping[str, Any], directory: StateDirectory) -> Path:
    """Sign and keep; the newest hundred remain."""
    folder = make_folder(directory.drills)
    key = _key(directory)
    body = canonical(results)
    text = json.dumps(
        {
            "schema": SCHEMA,
            "results": results,
            "key": b64encode(key.public_key().public_bytes_raw()).decode(),
            "signature": b64encode(key.sign(body)).decode(),
        },
        ensure_ascii=False, indent=1, allow_nan=False,
    )  # fmt: skip
    moment = re.sub(r"[-:]|\.\d+|\+00:00", "", str(results["began"]))
    file = folder / f"{moment}Z-{hashlib.sha256(body).hexdigest()[:8]}.json"
    _put(file, text + "\n")
    for old in _files(directory)[:-_KEPT]:
        old.unlink(missing_ok=True)
    return file


def canonical(results: Mapping[str, Any]) -> bytes:
    """The octets that are signed: the same whatever the order and the blanks of the file."""
    return json.dumps(
        results, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()  # fmt: skip


def read_evidence(file: Path, directory: StateDirectory) -> Evidence:
    """What the file says, and whether that is what was signed."""
    told = _json(file)
    try:
        results = dict(told["results"])
        key, signature = b64decode(told["key"], validate=True), b64decode(told["signature"], validate=True)
        public = Ed25519PublicKey.from_public_bytes(key)
        body = canonical(results)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _no_evidence(file, f"{type(error).__name__}: {error}") from None
    return Evidence(results, _fits(public, signature, body), fingerprint(key), key == _own(directory))


def of_this_machine(settings: Settings) -> dict[str, str]:
    """What a result is about: which machine, which version, under which settings."""
    digest = hashlib.sha256(as_toml(settings).encode()).hexdigest()
    return {"host": socket.gethostname(), "version": __version__, "settings_sha256": digest}


def last_evidence(directory: StateDirectory) -> Path | None:
    """The newest file."""
    files = _files(directory)
    return files[-1] if files else None


def fingerprint(key: bytes) -> str:
    """Short enough to be compared by eye."""
    digest = hashlib.sha256(key).hexdigest()[:32]
    return ":".join(digest[at : at + 4] for at in range(0, len(digest), 4))


def _files(directory: StateDirectory) -> list[Path]:
    folder = directory.drills
    return sorted(file for file in folder.glob("*.json") if _NAME.fullmatch(file.name)) if folder.is_dir() else []


def _key(directory: StateDirectory) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(key_of(directory.drills / _KEY, _KEY_BYTES))


def _own(directory: StateDirectory) -> bytes:
    """Looking at a file makes no key."""
    if not (directory.drills / _KEY).exists():
        return b""
    return _key(directory).public_key().public_bytes_raw()


def _fits(key: Ed25519PublicKey, signature: bytes, body: bytes) -> bool:
    try:
        key.verify(signature, body)
    except InvalidSignature:
        return False
    return True


def _json(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            told = json.loads(opened.read(_MOST_OCTETS))
    except (OSError, ValueError, RecursionError) as error:
        raise _no_evidence(file, str(error)) from None
    if not isinstance(told, dict) or told.get("schema") != SCHEMA:
        raise _no_evidence(file, f"its schema is not {SCHEMA}")
    return told


def _no_evidence(file: Path, why: str) -> OperatorError:
    return OperatorError(
        "no-evidence", what=f"{file} is no signed result of a drill", why=why,
        try_this="lockdown drill --last     (the newest one of this machine)",
    )  # fmt: skip


def _put(file: Path, text: str) -> None:
    aside = file.with_suffix(".new")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    aside.replace(file)
