"""The store's tables as they are now. How they came to be is in `migrations/`; a test holds both to be the same."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

SCHEMA = "0003"
"""The newest migration. A store that says so is opened without Alembic, whose import costs 200 ms."""


class Utc(TypeDecorator[datetime]):
    """An aware time, always UTC. SQLite keeps no zone, so it is put on again when read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive time: nobody could say later when it was."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC again."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# SQLite counts up by itself only what is exactly INTEGER.
_Number = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData()

held = Table(
    "held",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("host_id", String(255), nullable=False),
    Column("at", Utc, nullable=False),
    Column("client", Text, nullable=False),
    Column("helo", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("recipients", JSON, nullable=False),
    Column("control", Text, nullable=False),
    Column("says", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("key", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("state", String(32), nullable=False),
    Column("changed_at", Utc),
    Column("changed_by", Text, nullable=False),
    Index("held_by_state", "host_id", "state", "at"),
    Index("held_by_key", "host_id", "key"),
)

blocks = Table(
    "blocks",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("host_id", String(255), nullable=False),
    Column("network", String(64), nullable=False),
    Column("why", Text, nullable=False),
    Column("since", Utc, nullable=False),
    Column("until", Utc),
    Column("by", Text, nullable=False),
    Column("ended_at", Utc),
    Column("ended_by", Text, nullable=False),
    Index("blocks_by_network", "host_id", "network"),
)

audits = Table(
    "audits",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("host_id", String(255), nullable=False),
    Column("host", Text, nullable=False),
    Column("taken_at", Utc, nullable=False),
    Index("audits_by_host", "host_id", "host", "taken_at"),
)

findings = Table(
    "findings",
    metadata,
    Column("audit", _Number, ForeignKey("audits.number", ondelete="CASCADE"), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("host_id", String(255), nullable=False),
    Column("control", String(255), nullable=False),
    Column("state", String(32), nullable=False),
    Column("says", Text, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("next_command", Text, nullable=False),
    Column("target", Text, nullable=False),
)

waivers = Table(
    "waivers",
    metadata,
    Column("host_id", String(255), primary_key=True),
    Column("control", String(255), primary_key=True),
    Column("target", String(255), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("until", Utc, nullable=False),
)

versions = Table(
    "versions",
    metadata,
    Column("host_id", String(255), primary_key=True),
    Column("number", BigInteger, nullable=False),
)

incidents = Table(
    "incidents",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("host_id", String(255), nullable=False),
    Column("key", String(1000), nullable=False),
    Column("name", String(255), nullable=False),
    Column("object", Text, nullable=False),
    Column("control", String(255), nullable=False),
    Column("severity", String(32), nullable=False),
    Column("says", Text, nullable=False),
    Column("meanwhile", Text, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("next_command", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("returned", Integer, nullable=False),
    Column("opened_at", Utc, nullable=False),
    Column("last_seen", Utc, nullable=False),
    Column("closed_at", Utc),
    Column("closed_by", Text, nullable=False),
    Column("answers", JSON, nullable=False),
    Index("incidents_by_key", "host_id", "key", "number"),
    Index("incidents_by_end", "host_id", "closed_at"),
)

restraints = Table(
    "restraints",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("host_id", String(255), nullable=False),
    Column("match", Text, nullable=False),
    Column("rung", Integer, nullable=False),
    Column("since", Utc, nullable=False),
    Column("until", Utc, nullable=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("incident", _Number, nullable=False),
    Column("shadow", Integer, nullable=False),
    Column("doors", String(32), nullable=False),
    Column("hits", BigInteger, nullable=False),
    Column("ended_at", Utc),
    Column("ended_by", Text, nullable=False),
    Index("restraints_by_end", "host_id", "until"),
)
