"""Alembic's entry point; the connection comes from :meth:`backend.db.Database.migrate`."""

from alembic import context

from backend.tables import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
