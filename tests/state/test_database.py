"""The writer's promises: committed before the future is done, shared commits, each failure its own caller's."""

from __future__ import annotations

import sqlite3
import threading
from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from lockdown.model.errors import OperatorError
from lockdown.state import migrations
from lockdown.state.sql.database import Database
from lockdown.state.sql.tables import SCHEMA, metadata


@pytest.fixture
def database(tmp_path):
    opened = Database(f"sqlite:///{tmp_path}/lockdown.db", lock_patience=timedelta(milliseconds=50))
    opened.write(lambda link: link.execute(text("CREATE TABLE notes (id INTEGER PRIMARY KEY, body BLOB)"))).result()
    yield opened
    opened.close()


def note(number: int, size: int = 1):
    return lambda link: link.execute(text("INSERT INTO notes VALUES (:id, :body)"), {"id": number, "body": b"x" * size})


def notes(database: Database) -> list[int]:
    return database.ask(lambda link: list(link.scalars(text("SELECT id FROM notes ORDER BY id"))))


class Gate:
    """Holds the writer up, so that what comes meanwhile is one group."""

    def __init__(self, database: Database) -> None:
        self._open, entered = threading.Event(), threading.Event()

        def wait(link: object) -> None:
            entered.set()
            self._open.wait(10)

        self.passed = database.write(wait)
        assert entered.wait(10)

    def open(self) -> None:
        self._open.set()


def test_writes_that_wait_together_are_committed_together(database):
    gate = Gate(database)
    commits: list[int] = []
    futures = [database.write(note(number)) for number in range(10)]
    futures.append(database.write(lambda link: commits.append(link.scalar(text("SELECT count(*) FROM notes")))))
    gate.open()
    for future in futures:
        future.result()
    assert notes(database) == list(range(10))
    assert commits == [10]


def test_nothing_is_seen_by_others_before_its_future_is_done(database):
    gate = Gate(database)
    future = database.write(note(1))
    assert notes(database) == []
    assert not future.done()
    gate.open()
    future.result()
    assert notes(database) == [1]


def test_a_failing_write_fails_only_its_own_caller(database):
    database.write(note(5)).result()
    gate = Gate(database)
    futures = [database.write(note(number)) for number in (1, 2, 5, 3, 4)]
    gate.open()
    with pytest.raises(IntegrityError):
        futures.pop(2).result()
    for future in futures:
        future.result()
    assert notes(database) == [1, 2, 3, 4, 5]


def test_a_write_that_takes_the_whole_transaction_back_does_not_let_others_believe_in_it(database):
    """As SQLite itself does on some errors: what came before it in the group is gone, and must be written again."""
    gate = Gate(database)

    def takes_all_back(link):
        link.connection.driver_connection.execute("ROLLBACK")
        raise ValueError("and fails")

    futures = [database.write(note(1)), database.write(takes_all_back), database.write(note(2))]
    gate.open()
    futures[0].result()
    futures[2].result()
    with pytest.raises(ValueError, match="and fails"):
        futures[1].result()
    assert notes(database) == [1, 2]


def test_a_write_that_was_cancelled_while_it_waited_is_not_done(database):
    gate = Gate(database)
    kept, cancelled = database.write(note(1)), database.write(note(2))
    assert cancelled.cancel()
    gate.open()
    kept.result()
    assert notes(database) == [1]


def test_what_waits_is_committed_before_the_store_is_closed(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/lockdown.db")
    gate = Gate(database)
    future = database.write(lambda link: "done")
    threading.Timer(0.05, gate.open).start()
    database.close()
    assert future.result(0) == "done"
    with pytest.raises(RuntimeError, match="closed"):
        database.write(lambda link: None)


def test_a_lock_that_is_not_given_up_is_told_to_the_operator_and_mended_by_its_end(database, tmp_path):
    other = sqlite3.connect(tmp_path / "lockdown.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperatorError) as refused:
        database.write(note(1)).result()
    assert refused.value.name == "store-locked"
    other.close()
    database.write(note(2)).result()
    assert notes(database) == [2]


def test_a_full_disk_is_told_to_every_caller_and_nothing_half_is_kept(database):
    database.write(note(1)).result()
    database.write(lambda link: link.exec_driver_sql("PRAGMA max_page_count=60")).result()
    futures = [database.write(note(number, 50_000)) for number in range(2, 12)]
    failed = [future.exception() for future in futures]
    assert any(failed)
    assert {error.name for error in failed if error} == {"store-full"}
    assert notes(database) == [1, *(number for number, error in enumerate(failed, start=2) if not error)]


def test_commits_reach_the_disk(database):
    """FULL is 2: the write-ahead log is fsynced at each commit; NORMAL, which SQLAlchemy leaves, would be 1."""
    assert database.write(lambda link: link.scalar(text("PRAGMA synchronous"))).result() == 2
    assert database.write(lambda link: link.scalar(text("PRAGMA journal_mode"))).result() == "wal"


def test_what_is_not_a_database_is_said_to_be_none(tmp_path):
    (tmp_path / "lockdown.db").write_bytes(b"nonsense " * 1000)
    with pytest.raises(OperatorError) as refused:
        Database(f"sqlite:///{tmp_path}/lockdown.db")
    assert refused.value.name == "store-damaged"


def test_a_damaged_page_is_told_as_damage(database, tmp_path):
    for number in range(50):
        database.write(note(number, 4000)).result()
    database.close()
    content = bytearray((tmp_path / "lockdown.db").read_bytes())
    content[8192:] = b"\xa5" * (len(content) - 8192)
    (tmp_path / "lockdown.db").write_bytes(content)
    with pytest.raises(OperatorError) as refused:
        notes(Database(f"sqlite:///{tmp_path}/lockdown.db"))
    assert refused.value.name == "store-damaged"


def test_a_directory_in_its_place_is_told(tmp_path):
    (tmp_path / "lockdown.db").mkdir()
    with pytest.raises(OperatorError) as refused:
        Database(f"sqlite:///{tmp_path}/lockdown.db")
    assert refused.value.name == "store-unwritable"


def test_a_store_that_a_newer_version_wrote_is_left_alone(tmp_path):
    url = f"sqlite:///{tmp_path}/lockdown.db"
    database = Database(url)
    database.write(lambda link: link.execute(text("UPDATE alembic_version SET version_num = '9999'"))).result()
    database.close()
    with pytest.raises(OperatorError) as refused:
        Database(url)
    assert refused.value.name == "store-newer"


def test_the_migrations_make_the_tables_as_they_are_declared(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/lockdown.db")
    assert database.ask(lambda link: compare_metadata(MigrationContext.configure(link), metadata)) == []
    database.close()


def test_the_newest_migration_is_the_one_that_an_open_store_must_have():
    steps = Config()
    steps.set_main_option("script_location", next(iter(migrations.__path__)))
    assert ScriptDirectory.from_config(steps).get_current_head() == SCHEMA
