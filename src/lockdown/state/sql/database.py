"""The connection to the store's engine: opened, migrated, read on the calling thread, written by one thread.

Writes that wait together are committed together, so that they share the disk's fsync; each caller's future resolves
after COMMIT and not before. A write that fails takes its group back, and then each of them is tried alone: it fails
only its own caller. SQLite runs in WAL with synchronous=FULL: what is committed is on the disk.

To be opened by the process that uses it, after any fork.
Fails as: OperatorError "store-…" for an engine that is locked, full, damaged, unreadable or newer than we are, from
opening, from reading and from a write's future. A statement's own error is handed to its own caller as it is.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from lockdown.model.errors import OperatorError
from lockdown.state.keyfile import alone_in
from lockdown.state.layout import cannot_use, make_folder
from lockdown.state.sql.tables import SCHEMA

T = TypeVar("T")

LOCK_PATIENCE = timedelta(seconds=5)
"""How long another process may keep the engine locked."""
_MOST_IN_A_GROUP = 256

_LOCKED = ("store-locked", "another process keeps it locked", "fuser -v {place}     (end what holds it)")
_NOT_OURS = ("store-unwritable", "this user may not write it", "ls -ld {place}*     (chown it to who runs lockdown)")
_RECOVER = "sqlite3 {place} .recover | sqlite3 {place}.recovered     (then put that in its place)"
_TROUBLES = {
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_READONLY": _NOT_OURS,
    "SQLITE_CANTOPEN": _NOT_OURS,
    "SQLITE_PERM": _NOT_OURS,
    "SQLITE_FULL": ("store-full", "the disk is full", "df -h {place}     (make room)"),
    "SQLITE_IOERR": ("store-unreadable", "the disk gave an error", "dmesg | tail; df -h {place}"),
    "SQLITE_CORRUPT": ("store-damaged", "its content is damaged", _RECOVER),
    "SQLITE_NOTADB": ("store-damaged", "it is not a database", "mv {place} {place}.damaged     (a new one is made)"),
}


class Database:
    """One engine, seen twice: by the writer thread, and by whoever reads."""

    def __init__(self, url: str, *, lock_patience: timedelta = LOCK_PATIENCE) -> None:
        self.url = make_url(url)
        self.place = self.url.database or self.url.render_as_string()
        # A writer takes the lock as it begins, so that it cannot fail halfway for it.
        self._reader = _engine(self.url, "BEGIN", lock_patience)
        self._writer = _engine(self.url, "BEGIN IMMEDIATE", lock_patience)
        try:
            self._prepare()
        except BaseException:
            self._dispose()
            raise
        self._waiting: queue.SimpleQueue[_Write[Any] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_groups, name="store-writer", daemon=True)
        self._thread.start()

    def ask(self, question: Callable[[Connection], T]) -> T:
        """Read, on this thread."""
        with self._troubles_told(), self._reader.connect() as link:
            return question(link)

    def write(self, deed: Callable[[Connection], T]) -> Future[T]:
        """Write, on the writer's thread; the future has the deed's value once it is committed."""
        if not self._thread.is_alive():
            raise RuntimeError("the store is closed")
        wish = _Write(deed)
        self._waiting.put(wish)
        return wish.future

    def close(self) -> None:
        """Commit what waits, and let go."""
        self._waiting.put(None)
        self._thread.join()
        self._dispose()

    def _dispose(self) -> None:
        self._reader.dispose()
        self._writer.dispose()

    def _prepare(self) -> None:
        folder = Path(self.place).parent if self.url.get_backend_name() == "sqlite" else None
        if folder:
            _make_private(Path(self.place))
        # Of several processes that open a new store at once one makes it, the others find it made.
        with alone_in(folder) if folder else nullcontext(), self._troubles_told(), self._writer.connect() as link:
            if folder:
                link.connection.driver_connection.execute("PRAGMA journal_mode=WAL").close()  # type: ignore[union-attr]
            with link.begin():
                self._migrate(link)

    def _migrate(self, link: Connection) -> None:
        stands_at = _revision(link)
        if stands_at == SCHEMA:
            return
        if stands_at > SCHEMA:
            raise OperatorError(
                "store-newer", what=f"{self.place} was written by a newer Lockdown",
                why=f"its tables are of step {stands_at} and this version knows {SCHEMA}",
                try_this="install the newer version again, or restore the backup from before it",
            )  # fmt: skip
        _run_alembic(link)

    def _write_groups(self) -> None:
        while (first := self._waiting.get()) is not None:
            group, last = [first], False
            while len(group) < _MOST_IN_A_GROUP and not last:
                try:
                    wish = self._waiting.get_nowait()
                except queue.Empty:
                    break
                last = wish is None
                group += [wish] if wish is not None else []
            self._commit([wish for wish in group if wish.future.set_running_or_notify_cancel()])
            if last:
                return

    def _commit(self, group: list[_Write[Any]]) -> None:
        try:
            with self._troubles_told(), self._writer.begin() as link:
                values = [wish.deed(link) for wish in group]
        except Exception as error:
            if len(group) == 1 or isinstance(error, OperatorError):
                for wish in group:
                    wish.future.set_exception(error)
                return
            for wish in group:
                self._commit([wish])
        else:
            for wish, value in zip(group, values, strict=True):
                wish.future.set_result(value)

    @contextmanager
    def _troubles_told(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, sqlite3.Error) as error:
            trouble = _trouble(error.orig if isinstance(error, DBAPIError) else error, self.place)
            if trouble is None:
                raise
            raise trouble from error


class _Write(Generic[T]):
    """A deed that waits for the writer, and the future that its caller holds."""

    __slots__ = ("deed", "future")

    def __init__(self, deed: Callable[[Connection], T]) -> None:
        self.deed, self.future = deed, Future[T]()


def _engine(url: URL, begin: str, lock_patience: timedelta) -> Engine:
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", partial(_set_up_sqlite, lock_patience))
        # The driver would begin by rules of its own.
        event.listen(engine, "begin", lambda link: link.exec_driver_sql(begin))
    return engine


def _set_up_sqlite(lock_patience: timedelta, driver: Any, entry: ConnectionPoolEntry) -> None:
    driver.isolation_level = None
    patience = int(lock_patience.total_seconds() * 1000)
    for pragma in (f"busy_timeout={patience}", "synchronous=FULL", "foreign_keys=ON"):
        driver.execute(f"PRAGMA {pragma}").close()


def _make_private(path: Path) -> None:
    """The file is ours alone before it holds anything; SQLite gives its WAL the same mode."""
    make_folder(path.parent)
    try:
        path.touch(mode=0o600)
    except OSError as error:
        raise cannot_use(path, error) from None


def _revision(link: Connection) -> str:
    if not inspect(link).has_table("alembic_version"):
        return ""
    return link.scalar(text("SELECT version_num FROM alembic_version")) or ""


def _run_alembic(link: Connection) -> None:
    # Here and not above: only a new or an old store needs it, and its import costs 200 ms.
    from alembic import command
    from alembic.config import Config

    steps = Config()
    steps.set_main_option("script_location", str(Path(__file__).parent.parent / "migrations").replace("%", "%%"))
    steps.attributes["connection"] = link
    command.upgrade(steps, "head")


def _trouble(error: BaseException | None, place: str) -> OperatorError | None:
    """What the operator can mend, as a sentence; None for an error of the statement itself."""
    # Extended names lengthen the plain ones: SQLITE_IOERR_FSYNC, SQLITE_BUSY_SNAPSHOT.
    plain = "_".join(str(getattr(error, "sqlite_errorname", "")).split("_")[:2])
    if plain not in _TROUBLES:
        return None
    name, why, try_this = _TROUBLES[plain]
    return OperatorError(
        name, what=f"the store {place} cannot be used", why=f"{why} ({error})", try_this=try_this.format(place=place)
    )
