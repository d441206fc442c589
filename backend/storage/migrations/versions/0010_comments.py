"""Comments on experiments, their runs and views

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op


revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "comments",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column(
            "experiment_id",
            sa.Integer(),
            sa.ForeignKey("experiments.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("run_id", sa.Integer(), sa.ForeignKey("runs.id", ondelete="CASCADE")),
        sa.Column("view", sa.String(2000)),
        sa.Column("figure", sa.String(200)),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author", sa.String(100), nullable=False),
        sa.Column("person_id", sa.Integer()),
        sa.Column("mentions", sa.JSON(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("edited_at", moment),
    )
    op.create_index("ix_comments_experiment", "comments", ["experiment_id", "id"])
    op.create_index("ix_comments_run_id", "comments", ["run_id"])
