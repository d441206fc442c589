"""Alembic's entry point; see :meth:`backend.storage.database.Database.migrate`."""

from alembic import context

from backend.storage.tables import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
