"""Lanes, when a lost run may begin again, and how long a run kept lanes busy

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op


revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("not_before", sa.DateTime(timezone=True), nullable=True))
    busy = sa.Column("busy_seconds", sa.Float(), nullable=False, server_default="0")
    op.add_column("runs", busy)
    large = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "lanes",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("mode", sa.String(length=20), nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.Column("memory", large, nullable=True),
        sa.Column("temperature", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    if op.get_bind().dialect.name != "sqlite":  # whose whole numbers have 64 bits anyway
        op.alter_column("metrics", "tokens", type_=sa.BigInteger())
        op.alter_column("artifacts", "bytes", type_=sa.BigInteger())
