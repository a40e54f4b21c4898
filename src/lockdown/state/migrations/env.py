"""Run by Alembic: applies the steps on the connection, and in the transaction, that the caller handed over."""

from alembic import context

from lockdown.state.sql.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
