"""Sign in to a service with the drill's own account, rightly or wrongly; and hear which ways into ssh there are.

Answers of IMAP and ssh are told in the numbers of SMTP (RFC 4954 6): 235 signed in, 535 refused, 0 with the reason.
Fails as: `Heard` with code 0. Never raises for what a server says.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from lockdown.engine.stranger import Vantage
from lockdown.engine.wire import Lost, Overhear, Wire, printed
from lockdown.model.trial import Heard, SignIn, WaysIn, Who

_SECONDS = 30.0
"""Servers let who was wrong wait for some seconds."""
_SIGNED_IN, _REFUSED = 235, 535
_CONTINUE = re.compile(rb"Authentications that can continue: ([a-z0-9,@.-]+)")


@dataclass(frozen=True, slots=True)
class Account:
    """The drill's own."""

    user: str
    password: str = field(repr=False)


def sign_in(vantage: Vantage, move: SignIn, account: Account, number: int, overhear: Overhear) -> Heard:
    """One try, on a connection of its own."""
    began = time.monotonic()
    password = account.password if move.right else f"wrong-{number}-{secrets.token_hex(6)}"
    way = _WAYS.get(move.service)
    if way is None:
        return Heard(lost=f"{move.service} is no service that a drill signs in to")
    overhear("C", f"signs in to {move.service} with {'the right' if move.right else 'a wrong'} password")
    try:
        heard = way(vantage, move.who, Account(account.user, password), move.port or _PORTS[move.service])
    except Lost as lost:
        heard = Heard(lost=str(lost))
    except OSError as error:
        heard = Heard(lost=f"no connection: {error.strerror or error}")
    overhear("S", f"{heard.code} {heard.text or heard.lost}")
    return replace(heard, seconds=time.monotonic() - began)


# ── imap ──


def _imap(vantage: Vantage, who: Who, account: Account, port: int) -> Heard:
    wire = _wire(vantage, who, port)
    try:
        greeting = wire.raw(_SECONDS)
        if not greeting.startswith(b"* OK"):
            return Heard(lost=f"it greets with {printed(greeting)}")
        if _tagged(wire, b"a STARTTLS").startswith(b"a OK"):
            wire.secure(_SECONDS)
        return _logged_in(wire, account)
    finally:
        wire.close()


def _imaps(vantage: Vantage, who: Who, account: Account, port: int) -> Heard:
    wire = _wire(vantage, who, port)
    try:
        wire.secure(_SECONDS)
        wire.raw(_SECONDS)
        return _logged_in(wire, account)
    finally:
        wire.close()


def _logged_in(wire: Wire, account: Account) -> Heard:
    said = _tagged(wire, b"b LOGIN " + _quoted(account.user) + b" " + _quoted(account.password))
    words = printed(said)
    if said.startswith(b"b OK"):
        return Heard(_SIGNED_IN, words)
    # RFC 5530 3: only this says that it is about name and password; UNAVAILABLE and LIMIT are not.
    return Heard(_REFUSED, words) if b"[UNAVAILABLE]" not in said else Heard(lost=words)


def _tagged(wire: Wire, line: bytes) -> bytes:
    """The line that ends the answer."""
    tag = line[:2]
    wire.send(line + b"\r\n", _SECONDS)
    said = b""
    while len(said) < 1 << 16:
        said += wire.raw(_SECONDS)
        for one in said.splitlines():
            if one.startswith(tag):
                return one
            if one.startswith(b"* BYE"):
                raise Lost(f"it took leave: {printed(one)}")
    raise Lost("an answer without bounds")


def _quoted(text: str) -> bytes:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return b'"' + escaped.encode() + b'"'


# ── submission ──


def _submission(vantage: Vantage, who: Who, account: Account, port: int) -> Heard:
    wire = _wire(vantage, who, port)
    secret = b64encode(f"\0{account.user}\0{account.password}".encode()).decode()
    try:
        greeting = wire.hear(_SECONDS)
        if greeting.code >= 300:
            return Heard(greeting.code, greeting.text)
        wire.ask("EHLO drill.example", _SECONDS)
        if wire.ask("STARTTLS", _SECONDS).code == 220:
            wire.secure(_SECONDS)
            wire.ask("EHLO drill.example", _SECONDS)
        said = wire.ask(f"AUTH PLAIN {secret}", _SECONDS)
        return Heard(said.code, said.text)
    finally:
        wire.leave()


# ── ssh ──


def _ssh(vantage: Vantage, who: Who, account: Account, port: int) -> Heard:
    """By OpenSSH's own client, which gets the password from a program of ours that reads it from its environment."""
    with tempfile.TemporaryDirectory(prefix="lockdown-drill-") as folder:
        asking = Path(folder) / "ask"
        asking.write_text('#!/bin/sh\nprintf "%s\\n" "$LOCKDOWN_DRILL_PASSWORD"\n')
        asking.chmod(0o700)
        extra = {
            "SSH_ASKPASS": str(asking), "SSH_ASKPASS_REQUIRE": "force", "LOCKDOWN_DRILL_PASSWORD": account.password,
        }  # fmt: skip
        said = _client(vantage, who, account.user, port, "password,keyboard-interactive", extra)
    if b"Authenticated to" in said:
        return Heard(_SIGNED_IN, "signed in")
    if b"Permission denied" in said or b"Too many authentication failures" in said:
        return Heard(_REFUSED, "Permission denied")
    return Heard(lost=_last_line(said))


def ways_in(vantage: Vantage, move: WaysIn, overhear: Overhear) -> Heard:
    """What sshd offers to who tries nothing."""
    overhear("C", f"asks sshd at port {move.port} how {move.user} may sign in")
    said = _client(vantage, move.who, move.user, move.port, "none", {})
    found = _CONTINUE.search(said)
    if b"Authenticated to" in said:
        heard = Heard(text="none")
    else:
        heard = Heard(text=found[1].decode()) if found else Heard(lost=_last_line(said))
    overhear("S", heard.text or heard.lost)
    return heard


def _client(vantage: Vantage, who: Who, user: str, port: int, ways: str, extra: dict[str, str]) -> bytes:
    """What ssh itself tells of the conversation; nothing of ours is read or remembered by it."""
    server = vantage.server if who is not Who.HERE else "127.0.0.1"
    argv = vantage.command(
        who, "ssh", "-v", "-F", "none", "-b", vantage.address(who), "-p", str(port), "-l", user,
        *_options(ways), "--", server, "exit",
    )  # fmt: skip
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", **extra}
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False, env=environment,
            start_new_session=True, cwd=os.sep,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return b"no answer in time"
    return done.stderr


def _options(ways: str) -> list[str]:
    options = (
        f"PreferredAuthentications={ways}", "PubkeyAuthentication=no", "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null", "GlobalKnownHostsFile=/dev/null", "NumberOfPasswordPrompts=1",
        "ConnectTimeout=10", "ControlPath=none", "IdentityAgent=none",
    )  # fmt: skip
    return [word for option in options for word in ("-o", option)]


def _last_line(said: bytes) -> str:
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith(b"debug1")]
    return printed(lines[-1]) if lines else "ssh said nothing"


def _wire(vantage: Vantage, who: Who, port: int) -> Wire:
    """Its words are told by `sign_in`: here a password would be overheard."""
    return Wire(vantage.connect(who, port, _SECONDS), lambda side, line: None)


_WAYS: dict[str, Callable[[Vantage, Who, Account, int], Heard]] = {
    "imap": _imap,
    "imaps": _imaps,
    "submission": _submission,
    "ssh": _ssh,
}
_PORTS = {"imap": 143, "imaps": 993, "submission": 587, "ssh": 22}
