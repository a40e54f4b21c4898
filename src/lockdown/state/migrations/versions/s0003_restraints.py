"""Restraints: how messages with something in common are treated for a while."""

import sqlalchemy as sa
from alembic import op

from lockdown.state.sql.tables import Utc

revision = "0003"
down_revision = "0002"

_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """A table more; what is in the others stays as it is."""
    op.create_table(
        "restraints",
        sa.Column("number", _number, primary_key=True, autoincrement=True),
        sa.Column("host_id", sa.String(255), nullable=False),
        sa.Column("match", sa.Text, nullable=False),
        sa.Column("rung", sa.Integer, nullable=False),
        sa.Column("since", Utc, nullable=False),
        sa.Column("until", Utc, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("incident", _number, nullable=False),
        sa.Column("shadow", sa.Integer, nullable=False),
        sa.Column("doors", sa.String(32), nullable=False),
        sa.Column("hits", sa.BigInteger, nullable=False),
        sa.Column("ended_at", Utc),
        sa.Column("ended_by", sa.Text, nullable=False),
    )
    op.create_index("restraints_by_end", "restraints", ["host_id", "until"])
