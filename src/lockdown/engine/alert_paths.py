"""Tell people over one path: mail through a relay of somebody else's, a webhook, or whatever Apprise knows.

Mail never goes through this server: what is broken cannot tell that it is. Redirects are not followed, and whatever is
said of a failure holds no part of the URL: it may be a password.

Fails as: `NotTold(why, try_this)`. Never raises for what a server answers. Bounded in time, as a whole by its caller.
"""

from __future__ import annotations

import base64
import http.client
import importlib.util
import ipaddress
import json
import re
import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import TypeAlias, assert_never

from lockdown.config import Settings, upstreams
from lockdown.engine.alerts import Words
from lockdown.engine.targets import Mailbox, target_of
from lockdown.model.alert_path import MailPath, OtherPath, WebPath, read_path
from lockdown.model.finding import Severity
from lockdown.model.unknown import Unknown

SECONDS = 20.0
_MOST_ANSWER = 64 * 1024
_TO_INSTALL = "pip install 'mail-lockdown[notify]'     (Apprise; mailto:// and https:// work without it)"
_AGAIN = "lockdown alert test     (tries each path, and says what happens)"


@dataclass(frozen=True, slots=True)
class Told:
    """It was taken; `says` is how."""

    says: str


@dataclass(frozen=True, slots=True)
class NotTold:
    """It was not, or nobody can know."""

    why: str
    try_this: str = _AGAIN


Outcome: TypeAlias = Told | NotTold
Sender: TypeAlias = Callable[[str, Words, str], Outcome]


def tell(url: str, words: Words, host: str) -> Outcome:
    """One message over the path of this URL; `host` is this machine's name."""
    path = read_path(url)
    match path:
        case Unknown(why):
            return NotTold(f"it cannot be used: {why}", "lockdown config explain alerts.to")
        case MailPath():
            return _guarded(lambda: _by_mail(path, words, host))
        case WebPath():
            return _guarded(lambda: _by_web(path, words, host))
        case OtherPath():
            return _by_apprise(path, words)
        case _:
            assert_never(path)


def beat(url: str) -> Outcome:
    """Ask for the heartbeat's address, so that whoever waits for it there knows that we live."""
    path = read_path(url)
    if not isinstance(path, WebPath):
        return NotTold("it is not an https:// address", "lockdown config explain alerts.heartbeat")
    return _guarded(lambda: _asked(path, "GET", None))


def _guarded(deed: Callable[[], Outcome]) -> Outcome:
    try:
        return deed()
    except (OSError, http.client.HTTPException, smtplib.SMTPException, UnicodeError, ValueError) as error:
        return NotTold(_why(error))


def _why(error: Exception) -> str:
    """In words that cannot hold the URL."""
    match error:
        case smtplib.SMTPAuthenticationError():
            return f"the relay does not let us sign in ({error.smtp_code})"
        case smtplib.SMTPRecipientsRefused():
            codes = sorted({code for code, _ in error.recipients.values()})
            return f"the relay refuses the recipient ({', '.join(map(str, codes))})"
        case smtplib.SMTPResponseException():
            return f"the relay answers {error.smtp_code}"
        case TimeoutError():
            return f"no answer in {SECONDS:.0f} s"
        case ssl.SSLCertVerificationError():
            return f"its certificate does not hold: {error.verify_message}"
        case socket.gaierror():
            return "its name cannot be resolved"
        case OSError(strerror=str(text)) if text:
            return text.lower()
        case _:
            return f"it broke off ({type(error).__name__})"


# ── mail ──


def _by_mail(path: MailPath, words: Words, host: str) -> Outcome:
    context = ssl.create_default_context()
    opened = (
        smtplib.SMTP_SSL(path.host, path.port, timeout=SECONDS, context=context)
        if path.tls
        else smtplib.SMTP(path.host, path.port, timeout=SECONDS)
    )
    with opened as relay:
        if not path.tls and (no := _encrypted(relay, path, context)):
            return no
        if path.user:
            relay.login(path.user, path.password)
        refused = relay.send_message(letter(path, words, host))
    return NotTold("the relay refuses some of the recipients") if refused else Told("the relay has taken it")


def _encrypted(relay: smtplib.SMTP, path: MailPath, context: ssl.SSLContext) -> NotTold | None:
    """A password is sent encrypted to who proves his name, or not at all; without one, as well as the relay can."""
    relay.ehlo_or_helo_if_needed()
    offers = relay.has_extn("starttls")
    if path.user:
        if not offers:
            return NotTold("the relay offers no STARTTLS, and a password is not sent in the clear")
        relay.starttls(context=context)
    elif offers:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        relay.starttls(context=context)
    return None


def letter(path: MailPath, words: Words, host: str) -> EmailMessage:
    """As a program's mail should look (RFC 3834), so that no holiday notice answers it."""
    message = EmailMessage()
    message["From"] = path.sender or f"lockdown@{host if '.' in host else f'{host}.invalid'}"
    message["To"] = ", ".join(path.to)
    message["Subject"] = words.title
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain=host)
    message["Auto-Submitted"] = "auto-generated"
    if words.severity in (Severity.CRITICAL, Severity.HIGH):
        message["Importance"] = "high"
    message.set_content(words.body + "\n")
    return message


# ── web ──


def _by_web(path: WebPath, words: Words, host: str) -> Outcome:
    # "text" is what Slack, Mattermost and Rocket.Chat read, "content" Discord; the rest is for programs.
    told = {
        "text": _for_chat(words, host),
        "content": _for_chat(words, host, _MOST_CONTENT),
        "schema": "lockdown.alert/1",
        "host": host,
        "severity": words.severity.value,
        "title": words.title,
        "body": words.body,
    }
    return _asked(path, "POST", json.dumps(told, ensure_ascii=False).encode("utf-8", "replace"))


_MOST_CONTENT = 1900
_CALLS = re.compile(r"<(?=[!@#]|[a-z]+:)", re.IGNORECASE)


def _for_chat(words: Words, host: str, most: int | None = None) -> str:
    """All of a stranger's words stand in a block that is shown as it is: they end it, link and call nobody."""
    plain = _CALLS.sub("\u2039", words.body.replace("```", "\u02cb\u02cb\u02cb"))[:most]
    return f"Lockdown {host} [{words.severity}]\n```\n{plain}\n```"


def _asked(path: WebPath, verb: str, body: bytes | None) -> Outcome:
    headers = {"User-Agent": "lockdown", "Connection": "close"}
    if body is not None:
        headers["Content-Type"] = "application/json; charset=utf-8"
    if path.user:
        basic = base64.b64encode(f"{path.user}:{path.password}".encode()).decode()
        headers["Authorization"] = f"Basic {basic}"
    kind = http.client.HTTPSConnection if path.tls else http.client.HTTPConnection
    connection = kind(path.host, path.port, timeout=SECONDS)
    try:
        connection.request(verb, path.target, body, headers)
        answer = connection.getresponse()
        answer.read(_MOST_ANSWER)
    finally:
        connection.close()
    if 200 <= answer.status < 300:
        return Told(f"it answers {answer.status}")
    return NotTold(f"it answers {answer.status}")


# ── whatever else ──


def has_apprise() -> bool:
    """Whether the extra `notify` is installed."""
    return importlib.util.find_spec("apprise") is not None


_KINDS = {Severity.CRITICAL: "failure", Severity.HIGH: "failure", Severity.MEDIUM: "warning", Severity.LOW: "info"}


def _by_apprise(path: OtherPath, words: Words) -> Outcome:
    if not has_apprise():
        return NotTold(f"{path.scheme}:// needs Apprise, which is not installed", _TO_INSTALL)
    import logging

    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would write URLs into our log
    service = apprise.Apprise()
    if not service.add(path.url):
        return NotTold(f"Apprise knows no {path.scheme}:// like this", "https://github.com/caronc/apprise/wiki")
    try:
        # As text: a service that shows HTML or Markdown must not obey a stranger's.
        taken = service.notify(
            title=words.title,
            body=words.body,
            notify_type=_KINDS[words.severity],
            body_format=apprise.NotifyFormat.TEXT,
        )
    except Exception as error:  # of a hundred services, each with a library of its own
        return NotTold(f"Apprise broke: {type(error).__name__}")
    return (
        Told("Apprise has handed it over")
        if taken
        else NotTold(f"the service behind {path.scheme}:// has not taken it")
    )


# ── would it ride on what is broken? ──


def rides_on_us(url: str, settings: Settings) -> str:
    """Why this path ends when our own mail does; "" where it does not."""
    path = read_path(url)
    if not isinstance(path, MailPath):
        return ""
    host = path.host.lower()
    if host in _own_names() or _is_loopback(host):
        return f"{path.host} is this machine: mail that tells of its trouble would wait in the same queue"
    for upstream in (*upstreams(settings.gateway), *filter(None, (settings.gateway.outbound,))):
        match target_of(upstream, settings):
            case Mailbox():
                continue
            case behind if behind.host.lower() == host:
                return f"{path.host} is the server behind the gateway: what stops it stops the alert too"
    return ""


def _own_names() -> frozenset[str]:
    name = socket.gethostname().lower()
    return frozenset({"localhost", name, name.partition(".")[0]})


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
