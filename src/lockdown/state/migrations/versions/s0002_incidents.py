"""Incidents: what the watch has seen, and what was done about it."""

import sqlalchemy as sa
from alembic import op

from lockdown.state.sql.tables import Utc

revision = "0002"
down_revision = "0001"

_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """A table more; what is in the others stays as it is."""
    op.create_table(
        "incidents",
        sa.Column("number", _number, primary_key=True, autoincrement=True),
        sa.Column("host_id", sa.String(255), nullable=False),
        sa.Column("key", sa.String(1000), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("control", sa.String(255), nullable=False),
        sa.Column("severity", sa.String(32), nullable=False),
        sa.Column("says", sa.Text, nullable=False),
        sa.Column("meanwhile", sa.Text, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.Column("next_command", sa.Text, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("returned", sa.Integer, nullable=False),
        sa.Column("opened_at", Utc, nullable=False),
        sa.Column("last_seen", Utc, nullable=False),
        sa.Column("closed_at", Utc),
        sa.Column("closed_by", sa.Text, nullable=False),
        sa.Column("answers", sa.JSON, nullable=False),
    )
    op.create_index("incidents_by_key", "incidents", ["host_id", "key", "number"])
    op.create_index("incidents_by_end", "incidents", ["host_id", "closed_at"])
