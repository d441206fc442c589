"""All that a server shows of an experiment, from its own list of routes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi.testclient import TestClient

# Streams without end, and what is about the server alone.
_SKIPPED = ("/api/changes", "/api/server", "/api/health", "/api/ready", "/api/catalog")


def views(client: TestClient, key: int, *, every: bool = False) -> Iterator[str]:
    """The addresses of all GET routes for experiment ``key`` and its first two runs; ``every`` is
    with each choice of each parameter, otherwise with none but those that are needed."""
    runs = [run["id"] for run in client.get(f"/api/experiments/{key}").json()["runs"]][:2]
    for path, operations in client.app.openapi()["paths"].items():  # type: ignore[attr-defined]
        if "get" not in operations or path.startswith(_SKIPPED):
            continue
        parameters = operations["get"].get("parameters", [])
        names = {row["name"] for row in parameters}
        of = f"of=e{key}" if "of" in names else ""
        of += "&rates=all" if "rates" in names else ""
        queries = [of]
        if every:
            queries += [f"{of}&{choice}" for row in parameters for choice in _choices(row)]
        for run in runs if "{run_id}" in path else [0]:
            bare = path.format(experiment_id=key, run_id=run, person_id=1)
            yield from (f"{bare}?{query}" for query in queries)


def _choices(parameter: dict[str, Any]) -> list[str]:
    schema = parameter["schema"]
    options = [*schema.get("anyOf", []), schema]
    values: list[Any] = [value for option in options for value in option.get("enum", [])]
    if any(option.get("type") == "boolean" for option in options):
        values.append("true")
    if parameter["name"] == "layer":
        values += [0, 1]
    return [f"{parameter['name']}={value}" for value in values]


def broken(client: TestClient, key: int, *, every: bool = False) -> list[str]:
    """Those of them that the server itself fails at, with what it says."""
    found = []
    for path in ["/api/queue", "/api/experiments?q=is:any", *views(client, key, every=every)]:
        try:
            answer = client.get(path)
        except Exception as error:  # the client of tests raises what a server would log
            found.append(f"{path}: {type(error).__name__}: {error}")
            continue
        if answer.status_code >= 500:
            found.append(f"{path}: {answer.status_code} {answer.text[:200]}")
    return found
