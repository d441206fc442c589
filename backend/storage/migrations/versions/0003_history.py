"""What the history filters by: task, model, data, author, stars, archive, tags, notes, views

Revision ID: 0003
Revises: 0002
"""

import json

import sqlalchemy as sa
from alembic import op


revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not in a batch: that would copy the table and drop the old one, and every run with it.
    for name, length in (("task", 100), ("model", 500), ("data", 500), ("author", 100)):
        column = sa.Column(name, sa.String(length=length), nullable=False, server_default="")
        op.add_column("experiments", column)
    for name in ("starred", "archived"):
        column = sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
        op.add_column("experiments", column)
    op.create_index(op.f("ix_experiments_archived"), "experiments", ["archived"], unique=False)
    op.create_table(
        "tags",
        sa.Column("experiment_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["experiment_id"], ["experiments.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("experiment_id", "name"),
    )
    with op.batch_alter_table("tags", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tags_name"), ["name"], unique=False)
    op.create_table(
        "notes",
        sa.Column("experiment_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["experiment_id"], ["experiments.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("experiment_id", "version"),
    )
    op.create_table(
        "saved_views",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("query", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    connection = op.get_bind()
    for key, text in connection.execute(sa.text("SELECT id, spec FROM experiments")).all():
        spec = text if isinstance(text, dict) else json.loads(text)
        connection.execute(
            sa.text("UPDATE experiments SET task = :task, model = :model, data = :data WHERE id = :id"),
            {
                "id": key,
                "task": spec.get("task", "sequence-classification"),
                "model": spec.get("model", {}).get("id", ""),
                "data": spec.get("data", {}).get("source", ""),
            },
        )
