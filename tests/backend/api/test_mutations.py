"""Whatever an export or a spec is changed to: it is refused with a reason, or all of it is shown.

``LORAONE_MUTATIONS`` is how many are tried (``make fuzz``), ``LORAONE_FUZZ_SEED`` the first.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.backend.every_view import broken
from tests.backend.mutation import mutated

ARCHIVE = Path(__file__).parents[2] / "archive"
COUNT = int(os.environ.get("LORAONE_MUTATIONS", "90"))
SEED = int(os.environ.get("LORAONE_FUZZ_SEED", "1"))


@pytest.fixture
def seeds(request: pytest.FixtureRequest) -> range:
    """Of the mutations of one test; PostgreSQL, which is stricter than SQLite, takes a sample."""
    count = COUNT // (9 if request.config.getoption("postgresql") else 3)
    return range(SEED, SEED + max(count, 1))


def export(number: int) -> dict[str, Any]:
    """A small one of every kind: two runs, and of each table of results a few rows."""
    whole: dict[str, Any] = json.loads(
        (ARCHIVE / "schema-0004" / f"experiment-{number}.json").read_text()
    )
    runs = [run for run in whole["runs"] if run["status"] == "succeeded"][:1]
    runs += [run for run in whole["runs"] if run["status"] == "failed"][:1]
    for run in runs:
        run["results"] = {name: rows[-3:] for name, rows in run["results"].items()}
    return whole | {"runs": runs}


def posted(client: TestClient, path: str, document: Any) -> tuple[int, Any]:
    """Also what is no JSON by the letter, as Python's own writer has it."""
    headers = {"content-type": "application/json"}
    answer = client.post(path, content=json.dumps(document), headers=headers)
    return answer.status_code, answer.json()


@pytest.mark.parametrize("number", [1, 2, 6])
def test_a_changed_export_is_refused_with_a_reason_or_every_view_of_it_answers(
    number: int, client: TestClient, seeds: range
) -> None:
    document = export(number)
    assert posted(client, "/api/experiments/import", document)[0] == 201
    taken = 0
    for seed in seeds:
        changed, how = mutated(document, random.Random(f"{number} {seed}"))
        said = f"seed {seed} of export {number}: {how}"
        status, answer = posted(client, "/api/experiments/import", changed)
        if status != 201:
            assert status in (400, 422), f"{said}: {status} {answer}"
            assert answer["detail"] and len(json.dumps(answer)) < 20_000, said
            continue
        taken += 1
        failed = broken(client, answer["id"])
        assert not failed, f"{said}:\n" + "\n".join(failed)
        assert client.get("/api/experiments?q=is:any").status_code == 200
    print(f"export {number}, seeds {SEED} to {seed}: {taken} taken in and shown")
    assert 0 < taken < len(seeds)


@pytest.mark.parametrize("path", ["/api/plan", "/api/experiments"])
def test_a_changed_spec_is_refused_with_a_reason_or_taken(
    path: str, client: TestClient, seeds: range
) -> None:
    documents = [
        example["experiment"]
        for file in sorted((ARCHIVE / "specs").glob("*.json"))
        for example in json.loads(file.read_text())["specs"]
    ]
    for seed in seeds:
        draw = random.Random(f"{path} {seed}")
        changed, how = mutated(draw.choice(documents), draw)
        status, answer = posted(client, path, changed)
        said = f"seed {seed}: {how}: {status} {str(answer)[:300]}"
        assert status in (200, 201, 400, 422), said
        if status >= 400:
            assert answer["detail"] and len(json.dumps(answer)) < 200_000, said
    assert not broken(client, 1) if path == "/api/experiments" else True
