"""Hold a message for a person: durable before its 250, or not held at all. Also the worker's view of the store.

Fails as: a 451 reply; the reason is logged. The sender keeps the message then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lockdown.mime.subject import subject_of
from lockdown.model.held import HeldMessage
from lockdown.model.verdict import Verdict
from lockdown.smtp.reply import Reply
from lockdown.state.spool import Spool, hold_durably, reconcile
from lockdown.state.store import Store, open_store

if TYPE_CHECKING:
    from lockdown.gateway.transaction import Transaction
    from lockdown.gateway.worker import Worker

log = logging.getLogger("lockdown.gateway")

HELD = "Held for review"
CANNOT_HOLD = Reply(451, "3.0", "Cannot be taken right now; try again later")
FULL = Reply(452, "3.1", "Cannot be taken right now; try again later")

_LOOK_SECONDS = 0.5
_HOUSEKEEPING_SECONDS = 3600.0
_RESTRAINTS_KEPT = timedelta(days=90)


class Quarantine:
    """One worker's hand on the quarantine and on the store's blocks and restraints."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._spool = Spool(worker.state.quarantine)
        self._store: Store | None = None
        self._version = -1

    # Both block: they are called in a thread.

    def open(self) -> None:
        """Open the store; after a crash, make its rows and the spool's files agree."""
        self._store = open_store(self._worker.state.path)
        if self._worker.number == 0:
            for missing in reconcile(self._store, self._spool, datetime.now(UTC)).missing:
                log.error("quarantine: the octets of held message %s are missing", missing)
        self._read_blocks()

    def close(self) -> None:
        """Give the store back."""
        if self._store is not None:
            self._store.close()

    async def hold(self, transaction: Transaction, verdict: Verdict, header: bytes, content: Iterable[bytes]) -> Reply:
        """250 only when the message's file, its directory and its row are on disk."""
        if self._store is None:
            return CANNOT_HOLD
        meta = HeldMessage(
            id=transaction.id,
            at=datetime.now(UTC),
            client=transaction.client.address,
            helo=transaction.stranger.helo,
            sender=transaction.sender.raw,
            recipients=tuple(event.address.raw for event in transaction.accepted),
            control=verdict.control,
            says=verdict.says,
            subject=subject_of(header),
            parameters=transaction.sender_words(),
            key=transaction.outcome_key().hex(),
        )
        try:
            return await asyncio.to_thread(self._hold, self._store, meta, content)
        except Exception:
            # No durable copy, no 250: whatever broke, the sender still has the message.
            log.exception("quarantine: %s could not be held", transaction.id)
            return CANNOT_HOLD

    def _hold(self, store: Store, meta: HeldMessage, content: Iterable[bytes]) -> Reply:
        before = store.held_of_key(meta.key)
        if before is not None:
            # Its 250 was lost on the way, or we were killed before we could say it (rule R17).
            return Reply(250, "0.0", f"{HELD} as {before.id}")
        if store.quarantine_totals().size_bytes >= self._worker.settings.quarantine.max_size:
            log.error("quarantine: full (quarantine.max_size); %s is deferred", meta.id)
            return FULL
        hold_durably(store, self._spool, meta, content)
        return Reply(250, "0.0", f"{HELD} as {meta.id}")

    # ── the store's changes ──

    async def watch_store(self) -> None:
        """Take over new blocks and restraints within half a second; once an hour, let go what is past its time."""
        housekeeping = 0.0
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await asyncio.to_thread(self._read_blocks)
                if self._worker.number == 0 and self._worker.loop.time() > housekeeping:
                    housekeeping = self._worker.loop.time() + _HOUSEKEEPING_SECONDS
                    await asyncio.to_thread(self._let_go)
            except Exception:
                # The blocks in force stay in force; the next look may succeed.
                log.exception("the store could not be read")

    def _read_blocks(self) -> None:
        store = self._store
        if store is None:
            return
        if hits := self._worker.restraints.take_hits():
            store.count_hits(hits)
        if (version := store.version()) == self._version:
            return
        self._worker.counts.blocks.replace(store.active_blocks(datetime.now(UTC)))
        self._worker.restraints.replace(store.active_restraints(datetime.now(UTC)))
        self._version = version

    def _let_go(self) -> None:
        """Held messages past `quarantine.keep`, log files past `log.keep`, restraints that are long over."""
        store, now = self._store, datetime.now(UTC)
        assert store is not None
        for message in store.expired_holds(now - self._worker.settings.quarantine.keep):
            store.deleted(message.id, "retention", now).result()
            self._spool.remove(message.id)
        store.forget_restraints(now - _RESTRAINTS_KEPT).result()
        self._worker.recorder.remove_old()
