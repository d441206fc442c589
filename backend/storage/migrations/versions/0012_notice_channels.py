"""Where people have their notices sent, and what is still to be sent

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op


revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)

    def of(table: str) -> sa.ForeignKey:
        return sa.ForeignKey(f"{table}.id", ondelete="CASCADE")

    op.create_table(
        "notice_channels",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("person_id", sa.Integer(), of("people"), nullable=False),
        sa.Column("label", sa.String(100), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("shown", sa.String(300), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("sent_at", moment),
        sa.Column("trouble", sa.String(500)),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("not_before", moment),
        sa.Column("paused", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("calm_at", moment),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notice_channels_person_id", "notice_channels", ["person_id"])
    op.create_table(
        "notices_to_send",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("channel_id", sa.Integer(), of("notice_channels"), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("subject", sa.String(120), nullable=False),
        sa.Column("experiment_id", sa.Integer(), of("experiments")),
        sa.Column("comment_id", sa.Integer(), of("comments")),
        sa.Column("text", sa.String(1000), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("due", moment, nullable=False),
        sa.Column("claim", sa.String(32)),
        sa.Column("claimed_until", moment),
    )
    op.create_index("ix_notices_to_send_due", "notices_to_send", ["channel_id", "due"])
    for column in ("experiment_id", "comment_id"):
        op.create_index(f"ix_notices_to_send_{column}", "notices_to_send", [column])
