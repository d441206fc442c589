"""What lists and searches read, in columns and indexes of its own

Revision ID: 0006
Revises: 0005
"""

import json
from hashlib import blake2b

import sqlalchemy as sa
from alembic import op


revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_experiments_listed": ("experiments", ["archived", "id", "group_key"]),
    **{
        f"ix_experiments_by_{name}": ("experiments", [name, "id", "archived", "group_key"])
        for name in ("name", "model", "data", "author", "run_count", "best_value", "starred")
    },
    "ix_experiments_model": ("experiments", ["task", "model"]),
    "ix_tags_name": ("tags", ["name", "experiment_id"]),
    "ix_runs_queue": ("runs", ["status", "priority", "id", "experiment_id", "not_before"]),
    "ix_runs_ended": ("runs", ["status", "finished_at", "experiment_id", "busy_seconds"]),
    "ix_runs_times": ("runs", ["experiment_id", "status", "device", "finished_at", "started_at"]),
    "ix_runs_grid": ("runs", ["experiment_id", "rank", "learning_rate", "seed"]),
}


def upgrade() -> None:
    large = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    for column in (
        sa.Column("methods", sa.Text(), nullable=False, server_default=""),
        sa.Column("labels", sa.Text(), nullable=False, server_default=""),
        sa.Column("run_count", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("group_key", large, nullable=False, server_default="0"),
        # The server settles what is not, when it starts.
        sa.Column("settled", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("best", sa.JSON(), nullable=True),
        sa.Column("best_value", sa.Float(), nullable=True),
    ):
        op.add_column("experiments", column)
    op.add_column("runs", sa.Column("device", sa.String(length=200), nullable=True))
    connection = op.get_bind()
    lite = connection.dialect.name == "sqlite"
    # What an earlier release took in need not be JSON by the letter, such as NaN.
    device = (
        "CASE WHEN json_valid(environment) THEN json_extract(environment, '$.device') END"
        if lite
        else "environment ->> 'device'"
    )
    connection.execute(
        sa.text(f"UPDATE runs SET device = substr({device}, 1, 200) WHERE {device} IS NOT NULL")
    )
    for name in ("ix_runs_queue", "ix_tags_name", "ix_experiments_archived"):
        op.drop_index(name)
    for name, (table, columns) in INDEXES.items():
        op.create_index(name, table, columns)
    _summarise(connection)


def _summarise(connection: sa.Connection) -> None:
    """As :mod:`backend.storage.store.summaries` does for experiments that are new."""
    made: dict[int, tuple[set[str], set[str], int]] = {}
    for key, method, label, count in connection.execute(
        sa.text(
            "SELECT experiment_id, method, label, count(*) FROM runs "
            "GROUP BY experiment_id, method, label"
        )
    ):
        methods, labels, runs = made.get(key, (set(), set(), 0))
        made[key] = methods | {method}, labels | {label.lower()}, runs + count
    rows = []
    experiments = sa.text("SELECT id, task, model, author FROM experiments")
    for key, *values in connection.execute(experiments).all():
        methods, labels, runs = made.get(key, (set(), set(), 0))
        named = json.dumps(sorted(methods))
        digest = blake2b(json.dumps([*values, named]).encode(), digest_size=8).digest()
        rows.append(
            {
                "id": key,
                "methods": named,
                "labels": "\n".join(sorted(labels)),
                "run_count": runs,
                "group_key": int.from_bytes(digest, "big", signed=True),
            }
        )
    if rows:
        connection.execute(
            sa.text(
                "UPDATE experiments SET methods = :methods, labels = :labels, "
                "run_count = :run_count, group_key = :group_key WHERE id = :id"
            ),
            rows,
        )
