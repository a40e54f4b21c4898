"""The first tables: held messages, blocks, audits and findings, waivers."""

import sqlalchemy as sa
from alembic import op

from lockdown.state.sql.tables import Utc

revision = "0001"
down_revision = None

_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_host = sa.String(255)


def upgrade() -> None:
    """Make them."""
    _make_held()
    _make_blocks()
    _make_audits()
    _make_waivers()
    op.create_table(
        "versions",
        sa.Column("host_id", _host, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
    )


def _make_held() -> None:
    op.create_table(
        "held",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("host_id", _host, nullable=False),
        sa.Column("at", Utc, nullable=False),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("helo", sa.Text, nullable=False),
        sa.Column("sender", sa.Text, nullable=False),
        sa.Column("recipients", sa.JSON, nullable=False),
        sa.Column("control", sa.Text, nullable=False),
        sa.Column("says", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("parameters", sa.JSON, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("changed_at", Utc),
        sa.Column("changed_by", sa.Text, nullable=False),
    )
    op.create_index("held_by_state", "held", ["host_id", "state", "at"])
    op.create_index("held_by_key", "held", ["host_id", "key"])


def _make_blocks() -> None:
    op.create_table(
        "blocks",
        sa.Column("number", _number, primary_key=True, autoincrement=True),
        sa.Column("host_id", _host, nullable=False),
        sa.Column("network", sa.String(64), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("since", Utc, nullable=False),
        sa.Column("until", Utc),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("ended_at", Utc),
        sa.Column("ended_by", sa.Text, nullable=False),
    )
    op.create_index("blocks_by_network", "blocks", ["host_id", "network"])


def _make_audits() -> None:
    op.create_table(
        "audits",
        sa.Column("number", _number, primary_key=True, autoincrement=True),
        sa.Column("host_id", _host, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("taken_at", Utc, nullable=False),
    )
    op.create_index("audits_by_host", "audits", ["host_id", "host", "taken_at"])
    op.create_table(
        "findings",
        sa.Column("audit", _number, sa.ForeignKey("audits.number", ondelete="CASCADE"), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("host_id", _host, nullable=False),
        sa.Column("control", sa.String(255), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("says", sa.Text, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.Column("next_command", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
    )


def _make_waivers() -> None:
    op.create_table(
        "waivers",
        sa.Column("host_id", _host, primary_key=True),
        sa.Column("control", sa.String(255), primary_key=True),
        sa.Column("target", sa.String(255), primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("until", Utc, nullable=False),
    )
