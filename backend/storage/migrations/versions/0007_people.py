"""People, what they sign in with, who owns what, and who did what

Everybody who launched or wrote something becomes a person by that name.

Revision ID: 0007
Revises: 0006
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op


revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "people",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False, unique=True),
        sa.Column("email", sa.String(320)),
        sa.Column("source", sa.String(10), nullable=False),
        sa.Column("subject", sa.String(500)),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("password", sa.String(500)),
        sa.Column("disabled", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("seen_at", moment),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_people_subject", "people", ["source", "subject"], unique=True)
    op.create_table(
        "sign_ins",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("person_id", sa.Integer(), sa.ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
        sa.Column("secret", sa.String(64), nullable=False, unique=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("used_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("address", sa.String(100), nullable=False),
        sa.Column("browser", sa.String(300), nullable=False),
    )
    op.create_index("ix_sign_ins_person_id", "sign_ins", ["person_id"])
    op.create_table(
        "access_tokens",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("person_id", sa.Integer(), sa.ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("scope", sa.String(20), nullable=False),
        sa.Column("secret", sa.String(64), nullable=False, unique=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("used_at", moment),
        sa.Column("expires_at", moment),
    )
    op.create_index("ix_access_tokens_person_id", "access_tokens", ["person_id"])
    op.create_table(
        "invitations",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("secret", sa.String(64), nullable=False, unique=True),
        sa.Column("role", sa.String(20)),
        sa.Column("person_id", sa.Integer(), sa.ForeignKey("people.id", ondelete="CASCADE")),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("used_at", moment),
    )
    op.create_table(
        "attempts",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last_at", moment, nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("at", moment, nullable=False),
        sa.Column("person_id", sa.Integer()),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("target", sa.String(200), nullable=False),
        sa.Column("address", sa.String(100), nullable=False),
        sa.Column("detail", sa.String(1000), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_person_id", "audit", ["person_id"])
    op.add_column("experiments", sa.Column("owner_id", sa.Integer()))
    op.add_column("saved_views", sa.Column("owner_id", sa.Integer()))
    op.add_column(
        "experiments",
        sa.Column("private", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_index("ix_experiments_private", "experiments", ["private", "owner_id"])
    _name_people(op.get_bind())


def _name_people(connection: sa.Connection) -> None:
    names = connection.scalars(
        sa.text(
            "SELECT DISTINCT author FROM experiments WHERE author != '' "
            "UNION SELECT DISTINCT author FROM notes WHERE author != '' ORDER BY 1"
        )
    ).all()
    if not names:
        return
    people = sa.table(
        "people",
        sa.column("name"),
        sa.column("source"),
        sa.column("role"),
        sa.column("created_at", sa.DateTime(timezone=True)),
    )
    at = datetime.now(UTC)
    connection.execute(
        people.insert(),
        [{"name": name, "source": "named", "role": "viewer", "created_at": at} for name in names],
    )
    connection.execute(
        sa.text(
            "UPDATE experiments SET owner_id = "
            "(SELECT people.id FROM people WHERE people.name = experiments.author)"
        )
    )
