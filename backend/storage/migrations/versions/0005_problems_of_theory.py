"""Theory experiments that 0003 took for experiments with a model and texts

Before 0003 no column said what an experiment was about, and 0003 filled them from parts of the
spec that a teacher–student problem does not read.

Revision ID: 0005
Revises: 0004
"""

import json

import sqlalchemy as sa
from alembic import op


revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    rows = connection.execute(
        sa.text("SELECT id, spec FROM experiments WHERE task = 'teacher-student'")
    ).all()
    for key, text in rows:
        spec = text if isinstance(text, dict) else json.loads(text)
        problem = {
            "activation": "linear",
            "inputs": 64,
            "outputs": 48,
            "samples": 1024,
            "true_rank": 4,
            **spec.get("problem", {}),
        }
        summary = "{activation}, d {inputs}, k {outputs}, N {samples}, r* {true_rank}"
        connection.execute(
            sa.text("UPDATE experiments SET model = :model, data = :data WHERE id = :id"),
            {"id": key, "model": "teacher–student", "data": summary.format(**problem)},
        )
