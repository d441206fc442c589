"""Spectra of which the smaller values are estimates

All that were stored before are exact.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op


revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("spectra", sa.Column("known", sa.Integer()))
    op.add_column("spectra", sa.Column("effective_rank_error", sa.Double()))
