"""Write down what became of every transaction: one line in the log, the metrics, the memory of good clients.

Fails as: never towards the conversation; a full disk costs log lines, which are counted, and no mail.
"""

from __future__ import annotations

from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING

from lockdown.gateway.likeness import likeness
from lockdown.gateway.scanned import logged as scan_logged
from lockdown.model.mail import Client
from lockdown.model.verdict import Verdict
from lockdown.smtp.reply import Reply
from lockdown.state.transactions import (
    Kind,
    LoggedClient,
    LoggedLikeness,
    LoggedReply,
    LoggedScan,
    LoggedVerdict,
    Refused,
    TransactionLog,
)
from lockdown.state.transactions import Transaction as Line

if TYPE_CHECKING:
    from lockdown.gateway.transaction import Transaction
    from lockdown.gateway.worker import Worker

# Under load many lines go out in one write; a killed worker takes so much of its log with it, and no mail.
_FLUSH_SECONDS = 0.02
_at = datetime.fromtimestamp
_NO_VERDICT = LoggedVerdict()
_NO_REPLY = LoggedReply()
_NO_SCAN = LoggedScan()
_LIKE_NOTHING = LoggedLikeness()


class Recorder:
    """Records for one worker; the lines of a moment go out in one write."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._settings = worker.settings
        self._number, self._metrics, self._good = worker.number, worker.metrics, worker.counts.good
        self._log = TransactionLog(worker.state.path, worker.settings.log)
        self._awaits_flush = False
        self._lost = 0

    def ended(
        self,
        transaction: Transaction,
        kind: Kind,
        reply: Reply | None,
        verdict: Verdict | None,
        says: str,
        upstream: str,
    ) -> None:
        """A transaction has ended, however it ended."""
        client, body, refused = transaction.client, transaction.body, transaction.refused
        size = body.size if body is not None else 0
        self._log.record(
            Line(
                type=kind,
                id=transaction.id,
                at=_at(transaction.at, UTC),
                # To a tenth; `round` would cost three times as much.
                ms=int((perf_counter() - transaction.started) * 10000 + 0.5) / 10,
                worker=self._number,
                client=LoggedClient(client.address, transaction.stranger.helo, transaction.secure),
                sender=transaction.sender.raw,
                recipients=[event.address.raw for event in transaction.accepted],
                refused=[Refused(path, said.code, said.lines[0]) for path, said in refused] if refused else [],
                size=size,
                verdict=_logged(verdict, says) if verdict is not None or says else _NO_VERDICT,
                scan=scan_logged(transaction.scanned, self._settings) if transaction.scanned is not None else _NO_SCAN,
                response=LoggedReply(reply.code, reply.enhanced, reply.lines[0]) if reply is not None else _NO_REPLY,
                upstream=upstream,
                digest=body.digest()[:16].hex() if body is not None and size else "",
                like=_like(transaction) if transaction.scanned is not None else _LIKE_NOTHING,
            )
        )
        if not self._awaits_flush:
            self._flush_soon()
        if kind == "accepted":
            self._good.add(client.prefix)
        self._metrics.message(kind, verdict.control if verdict is not None else "", size)

    def turned_away(self, client: Client, verdict: Verdict, reply: Reply) -> None:
        """A connection was refused before a word was said."""
        self._log.record(
            Line(
                type="turned-away",
                id=self._worker.next_id(),
                at=datetime.now(UTC),
                worker=self._number,
                client=LoggedClient(client.address),
                verdict=_logged(verdict, ""),
                response=LoggedReply(reply.code, reply.enhanced, reply.lines[0]),
            )
        )
        if not self._awaits_flush:
            self._flush_soon()

    def _flush_soon(self) -> None:
        self._awaits_flush = True
        self._worker.loop.call_later(_FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Bring to the file what waits."""
        self._awaits_flush = False
        self._log.flush()
        if self._log.lost > self._lost:
            self._metrics.log_lines_lost(self._log.lost - self._lost)
            self._lost = self._log.lost

    def remove_old(self) -> None:
        """Files past their time."""
        self._log.remove_old(datetime.now(UTC))


def _like(transaction: Transaction) -> LoggedLikeness:
    assert transaction.scanned is not None
    return likeness(transaction.scanned, transaction.nature())


def _logged(verdict: Verdict | None, says: str) -> LoggedVerdict:
    if verdict is None:
        return LoggedVerdict(says=says)
    return LoggedVerdict(verdict.kind.name, verdict.control, says or verdict.says)
