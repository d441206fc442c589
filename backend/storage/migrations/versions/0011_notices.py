"""What people are told of, and which kinds of it they want

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op


revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)

    def of(table: str) -> sa.ForeignKey:
        return sa.ForeignKey(f"{table}.id", ondelete="CASCADE")

    op.create_table(
        "notices",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("person_id", sa.Integer(), of("people"), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("subject", sa.String(120), nullable=False),
        sa.Column("experiment_id", sa.Integer(), of("experiments")),
        sa.Column("comment_id", sa.Integer(), of("comments")),
        sa.Column("text", sa.String(1000), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("read_at", moment),
    )
    op.create_index(
        "ix_notices_once", "notices", ["person_id", "kind", "subject"], unique=True
    )
    op.create_index("ix_notices_listed", "notices", ["person_id", "at"])
    op.create_index("ix_notices_experiment_id", "notices", ["experiment_id"])
    op.create_index("ix_notices_comment_id", "notices", ["comment_id"])
    op.create_table(
        "notice_choices",
        sa.Column("person_id", sa.Integer(), of("people"), primary_key=True),
        sa.Column("kinds", sa.JSON(), nullable=False),
    )
