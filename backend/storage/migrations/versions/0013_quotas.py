"""What people use and may, and names that read alike

Sizes of runs that there are already are measured by and by. People whose names read alike stay two:
each is found by exactly their own name, the older one by any other spelling of it, and nobody new
is given either.

Revision ID: 0013
Revises: 0012
"""

import unicodedata

import sqlalchemy as sa
from alembic import op


revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lane_time",
        sa.Column(
            "person_id",
            sa.Integer(),
            sa.ForeignKey("people.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("hour", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("seconds", sa.Float(), nullable=False),
    )
    op.create_table(
        "run_sizes",
        sa.Column(
            "run_id",
            sa.Integer(),
            sa.ForeignKey("runs.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("experiment_id", sa.Integer(), nullable=False),
        sa.Column(
            "bytes", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("due", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_run_sizes_of", "run_sizes", ["experiment_id", "bytes"])
    due = sa.text("due")
    op.create_index(
        "ix_run_sizes_due", "run_sizes", ["run_id"], sqlite_where=due, postgresql_where=due
    )
    op.create_index("ix_experiments_owned", "experiments", ["owner_id", "settled"])
    op.add_column("people", sa.Column("quota_runs", sa.Integer()))
    op.add_column("people", sa.Column("quota_disk_gb", sa.Float()))
    op.add_column("people", sa.Column("quota_lane_hours", sa.Float()))
    op.add_column(
        "people", sa.Column("name_key", sa.Text(), nullable=False, server_default="")
    )
    op.create_index("ix_people_name_key", "people", ["name_key", "id"])
    _key_names(op.get_bind())
    op.execute(
        sa.text(
            "INSERT INTO run_sizes (run_id, experiment_id, bytes, due) "
            "SELECT id, experiment_id, 0, :due FROM runs "
            "WHERE status IN ('succeeded', 'failed', 'cancelled')"
        ).bindparams(due=True)
    )


def _key_names(connection: sa.Connection) -> None:
    people = sa.table("people", sa.column("id"), sa.column("name"), sa.column("name_key"))
    for key, name in connection.execute(sa.select(people.c.id, people.c.name)).all():
        plain = " ".join(unicodedata.normalize("NFKC", name).split())
        under = unicodedata.normalize("NFKC", plain.casefold())
        connection.execute(people.update().where(people.c.id == key).values(name_key=under))
