"""Do the processes of Lockdown, and the server behind, answer as they should?

Each question opens a connection as anybody would and closes it politely. Fails as: a `Symptom` that says so.
"""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lockdown.config import Settings, upstreams
from lockdown.engine.symptom import Symptom, doubtful, ill, well
from lockdown.engine.targets import Mailbox, gateway_target, target_of
from lockdown.model.unknown import Unknown
from lockdown.probe.smtp import Caller, Deadlines, Greeted, NotSent, Refused, Target, look

_CALLER = Caller(name="lockdown-doctor.invalid", deadlines=Deadlines(connect=5.0, command=10.0))


def gateway_answers(settings: Settings) -> Iterator[Symptom]:
    """Each listener greets, and says what it offers."""
    for listen in settings.gateway.listen:
        yield _gateway_on(listen)


def _gateway_on(listen: str) -> Symptom:
    match look(gateway_target(listen), _CALLER):
        case Greeted(_, extensions, _):
            return well("gateway", f"answers on {listen}, offers {_names(extensions.names)}")
        case Refused(verb, reply):
            why = " ".join(reply.lines)
            return doubtful(
                "gateway", f"{listen} answers {reply.code} to {verb}: {why}", "lockdown block why 127.0.0.1"
            )
        case NotSent(why):
            return ill("gateway", why, "lockdown up     (or: systemctl start lockdown-gateway)")


@dataclass(frozen=True, slots=True)
class Processes:
    """The gateway's processes as it wrote them down itself: those that live, and those that do not."""

    alive: tuple[int, ...]
    dead: tuple[int, ...]


def gateway_processes(state: Path) -> Processes | Unknown:
    """Which of them live, without talking to it."""
    try:
        told = json.loads((state / "run" / "gateway.json").read_text(encoding="ascii"))
        pids = [int(pid) for pid in (told["master"], *told["workers"])]
    except FileNotFoundError:
        return Unknown("no gateway has been started on this state directory")
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Unknown(f"the gateway's list of its processes cannot be read: {error}")
    alive = tuple(pid for pid in pids if Path(f"/proc/{pid}").exists())
    return Processes(alive, tuple(pid for pid in pids if pid not in alive))


def _names(names: frozenset[str]) -> str:
    return " ".join(sorted(names)) or "nothing"


def console_answers(settings: Settings) -> Symptom:
    """The page serves, and what it says of its own health."""
    target = gateway_target(settings.console.listen)
    connection = http.client.HTTPConnection(target.host, target.port, timeout=10)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        return _health(settings.console.listen, answer.status, answer.read(64 * 1024))
    except (OSError, http.client.HTTPException) as error:
        says = f"{settings.console.listen} does not answer: {getattr(error, 'strerror', None) or error}"
        return ill("console", says, "lockdown up     (or: systemctl start lockdown-console)")
    finally:
        connection.close()


def _health(listen: str, status: int, body: bytes) -> Symptom:
    if status == 200:
        return well("console", f"answers on http://{listen}/")
    try:
        reasons = "; ".join(json.loads(body)["reasons"])
    except (ValueError, KeyError, TypeError):
        return ill("console", f"{listen} answers {status} and is not our console", "ss -ltnp     (shows who listens)")
    return doubtful("console", f"answers on {listen}, but not well: {reasons}", f"open http://{listen}/")


def upstreams_answer(settings: Settings) -> Iterator[Symptom]:
    """Each server behind: is it there, what does it offer, can it be told who the client is?"""
    for url in upstreams(settings.gateway):
        match target_of(url, settings):
            case Mailbox() as mailbox:
                yield _mailbox(mailbox)
            case Target() as target:
                yield _upstream(url, target)


def _mailbox(mailbox: Mailbox) -> Symptom:
    nearest = next(folder for folder in (mailbox.path, *mailbox.path.parents) if folder.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        return ill("upstream", f"the mailbox {mailbox} cannot be written", f"ls -ld {nearest}")
    return well("upstream", f"mail is kept in the Maildir {mailbox}")


def _upstream(url: str, target: Target) -> Symptom:
    match look(target, _CALLER):
        case Greeted(_, extensions, _) if target.lmtp or target.proxy or extensions.xclient:
            return well("upstream", f"{url} answers, offers {_names(extensions.names)}")
        case Greeted():
            return doubtful(
                "upstream",
                f"{url} answers, but is not told who the client is: it sees the gateway for every message",
                "postconf -e smtpd_authorized_xclient_hosts=ADDRESS-OF-THE-GATEWAY     (on the server behind)",
            )
        case Refused(verb, reply):
            return ill(
                "upstream", f"{url} answers {reply.code} to {verb}: {' '.join(reply.lines)}", _look_there(target)
            )
        case NotSent(why):
            return ill("upstream", f"{why}; mail is deferred (450) until it does", _look_there(target))


def _look_there(target: Target) -> str:
    return f"nc {target.host} {target.port}" if target.host else f"ls -l {target.path}"
