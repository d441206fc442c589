"""What is deleted stays in a bin for a while

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op


revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deletions",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column(
            "experiment_id",
            sa.Integer(),
            sa.ForeignKey("experiments.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("person_id", sa.Integer()),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("size", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("trouble", sa.Text()),
        sqlite_autoincrement=True,
    )
    for column in ("experiment_id", "at", "state"):
        op.create_index(f"ix_deletions_{column}", "deletions", [column])
    for table, key, others in (
        ("binned_experiments", "experiment_id", "experiments.id"),
        ("binned_runs", "run_id", "runs.id"),
    ):
        op.create_table(
            table,
            sa.Column(
                key,
                sa.Integer(),
                sa.ForeignKey(others, ondelete="CASCADE"),
                primary_key=True,
                autoincrement=False,
            ),
            sa.Column("deletion_id", sa.Integer(), sa.ForeignKey("deletions.id", ondelete="CASCADE"), nullable=False),
        )
        op.create_index(f"ix_{table}_deletion_id", table, ["deletion_id"])
    op.create_table(
        "binned_adapters",
        sa.Column("run_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("artifact", sa.String(40), nullable=False),
        sa.Column("deletion_id", sa.Integer(), sa.ForeignKey("deletions.id", ondelete="CASCADE"), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id", "artifact"], ["artifacts.run_id", "artifacts.name"], ondelete="CASCADE"
        ),
    )
    op.create_index("ix_binned_adapters_deletion_id", "binned_adapters", ["deletion_id"])
