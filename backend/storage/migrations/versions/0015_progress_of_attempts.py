"""How far attempts at a run came, and how often it was preempted since

Runs that there are already have come nowhere as far as is known.

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op


revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("reached", sa.Integer(), nullable=False, server_default="-1"))
    op.add_column("runs", sa.Column("preempted", sa.Integer(), nullable=False, server_default="0"))
