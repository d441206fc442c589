"""The schema: made by migrations from any release, and never from a newer one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import MetaData

from backend.results import queries
from backend.storage.database import Database, NewerSchemaError
from backend.storage.store import experiments
from backend.storage.tables import Base
from loraone.spec.experiment import ExperimentSpec
from tests.conftest import DatabaseUrl

SPEC = ExperimentSpec.model_validate(
    {"methods": ["lora", "full"], "grid": {"learning_rates": [1e-3, 1e-2]}}
)


@pytest.fixture
def database(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[Database]:
    made = Database(database_url(tmp_path))
    made.migrate()
    yield made
    made.close()


def test_the_migrations_make_exactly_the_tables_of_the_code(
    tmp_path: Path, empty_url: DatabaseUrl
) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    database = Database(empty_url(tmp_path))
    database.migrate()
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    database.migrate()
    database.close()


def test_a_database_of_the_first_release_keeps_its_results(
    tmp_path: Path, empty_url: DatabaseUrl
) -> None:
    from alembic import command
    from alembic.config import Config

    from backend.storage.database import MIGRATIONS

    database = Database(empty_url(tmp_path))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    old = MetaData()
    old.reflect(database.engine)
    body = SPEC.model_dump(mode="json", exclude={"problem", "sweep"})
    at = datetime(2026, 11, 24, tzinfo=UTC)
    with database.engine.begin() as connection:
        for table, row in (
            ("experiments", {"name": "Old", "description": "", "spec": body, "search_text": "old"}),
            ("runs", {"experiment_id": 1, "spec": {}, "method": "lora", "label": "LoRA"}),
            ("init_columns", {"run_id": 1, "name": "relative"}),
        ):
            fill = {"created_at": at, "queued_at": at, "learning_rate": 1e-3, "seed": 0}
            fill |= {"status": "queued", "priority": 0, "attempt": 0, "lost": 0, "last_seq": -1}
            fill |= {
                "done": 0,
                "total": 0,
                "notes": [],
                "values": np.array([1, 2], "<f4").tobytes(),
            }
            known = {name: value for name, value in fill.items() if name in old.tables[table].c}
            connection.execute(old.tables[table].insert().values(**known, **row))
    database.migrate()
    with database.read() as session:
        assert queries.layer_columns(session, [1], "relative") == {1: [1.0, 2.0]}
        (row, total) = experiments.search(session, "model:minilm", 10, 0)
        assert (total, row[0].experiment.name) == (1, "Old")
        assert row[0].experiment.task == "sequence-classification"
    database.close()


def test_a_newer_schema_is_refused_by_name(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(NewerSchemaError, match="9999"):
        database.migrate()
