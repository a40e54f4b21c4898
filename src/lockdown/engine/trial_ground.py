"""Prepare the ground for trials: the stranger's address, the sink, the readings, and what is missing.

Fails as: `NoStranger` where this machine cannot be talked to as a stranger would.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lockdown.config import Loaded
from lockdown.engine.apply_record import End, records
from lockdown.engine.canary import Canary
from lockdown.engine.drill_queue import DrilledQueue, drilled_queue
from lockdown.engine.own_folder import bring_over
from lockdown.engine.signing_in import Account
from lockdown.engine.sink import Sink
from lockdown.engine.stranger import FromHere, Namespace, NoStranger
from lockdown.engine.trials import Ground
from lockdown.host.read import take_snapshot
from lockdown.model.errors import OperatorError
from lockdown.model.snapshot import Snapshot
from lockdown.model.trial import Need
from lockdown.model.unknown import Unknown
from lockdown.state.layout import StateDirectory
from lockdown.state.spool import Spool
from lockdown.state.store import Store

_SMTP = 25
_NOT_HERE = Unknown("it is another machine's")
_STANDS = (End.PROBATION, End.APPLIED, End.CONFIRMED)


@dataclass(frozen=True, slots=True)
class Orders:
    """What the person at the keyboard has named."""

    recipient: str
    mailbox: str = ""
    """A URL; empty: the embedded one."""
    server: str = ""
    """A host; empty: this machine."""
    as_stranger: bool = False
    """This machine is a stranger to that server: somebody has said so."""
    account: Account | None = None
    has_named_recipient: bool = False
    wait_seconds: float = 30.0


@contextmanager
def prepared(
    orders: Orders, loaded: Loaded, canary: Canary, store: Store | None, spool: Spool | None
) -> Iterator[Ground]:
    """The ground, for as long as the trials last."""
    is_here = not orders.server or is_ours(orders.server)
    with ExitStack() as stack:
        sink = None
        vantage: Namespace | FromHere
        if is_here:
            vantage = stack.enter_context(Namespace())
            sink = stack.enter_context(Sink(vantage.listen(_SMTP)))
        else:
            vantage = _elsewhere(orders)
        queue = drilled_queue(StateDirectory(Path(loaded.settings.state.directory)).path) if is_here else _NOT_HERE
        yield Ground(
            vantage, orders.recipient, canary, store, spool, orders.account, _readings(loaded) if is_here else None,
            sink, dict(_unmet(orders, sink, queue)), is_here, orders.wait_seconds,
            stopped=stopped_by_applies(loaded) if is_here else (),
            queue=queue if isinstance(queue, DrilledQueue) else None,
        )  # fmt: skip


def _elsewhere(orders: Orders) -> FromHere:
    if orders.as_stranger:
        return FromHere(orders.server)
    raise NoStranger(
        f"{orders.server} may trust this machine, so nothing would be proved. Type: sudo lockdown drill, on "
        f"{orders.server} itself; or --as-stranger, if this machine's address is surely not trusted there"
    )


def is_ours(host: str) -> bool:
    """Whether a host is this machine: an address that a socket can be bound to."""
    with contextlib.suppress(OSError):
        for family, kind, proto, _, where in socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM):
            with contextlib.suppress(OSError), socket.socket(family, kind, proto) as probe:
                probe.bind(where)
                return True
    return False


def account_of(user: str, password: str, mailbox: str, password_of_mailbox: str) -> Account | None:
    """The account that was named; else the one that the mailbox is opened with."""
    if user:
        return Account(user, password)
    parts = urlsplit(mailbox)
    if parts.scheme in ("imap", "imaps") and parts.username and password_of_mailbox:
        return Account(unquote(parts.username), password_of_mailbox)
    return None


def _unmet(orders: Orders, sink: Sink | None, queue: DrilledQueue | Unknown) -> Iterator[tuple[Need, str]]:
    account = "--user canary@YOUR.DOMAIN --user-password-file FILE"
    if orders.account is None:
        yield Need.ACCOUNT, f"no account of the drill's own is named. Type: lockdown drill … {account}"
    if not (orders.mailbox and orders.has_named_recipient and orders.account):
        named = f"--to canary@YOUR.DOMAIN --mailbox imap://canary@localhost {account}"
        yield Need.MAILBOX, f"no mailbox is named that may be filled. Type: lockdown drill … {named}"
    if sink is None:
        yield Need.PROOF, "relayed mail cannot be received here. Type: sudo lockdown drill, on the server itself"
    if isinstance(queue, Unknown):
        yield Need.QUEUE, f"its queue cannot be held: {queue.why}. Type: sudo lockdown drill, on the server itself"


def _readings(loaded: Loaded) -> Snapshot:
    return take_snapshot(loaded, datetime.now(UTC))


def stopped_by_applies(loaded: Loaded) -> tuple[str, ...]:
    """What item 6 has had stopped, by the journals of the applies that were not taken back."""
    directory = StateDirectory(Path(loaded.settings.state.directory))
    try:
        bring_over(directory)
        found = records(directory.applies)
    except OperatorError:
        return ()  # who may not know what was stopped has no means to try it either
    standing = [record for record in found if record.state in _STANDS]
    purposes = [purpose for record in standing for purpose in record.purposes]
    return tuple(sorted({one.target for one in purposes if one.control.startswith("services.")}))
