"""Everything that comes in has a bound: in the schemas, and tried with what is far beyond."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.settings import Settings
from backend.web.app import create_app
from loraone.catalog import METHODS
from loraone.spec.base import Spec
from loraone.spec.experiment import ExperimentSpec, RunSpec
from loraone.spec.start import InputsSpec, StartSpec, TeacherSpec
from tests.busy import busy
from tests.conftest import DatabaseUrl

SPEC: dict[str, Any] = {"task": "teacher-student", "methods": ["lora"]}


@pytest.fixture(scope="module")
def client(
    tmp_path_factory: pytest.TempPathFactory, database_url: DatabaseUrl
) -> Iterator[TestClient]:
    """Of one server for all that is refused here; its experiment is number 1."""
    home = tmp_path_factory.mktemp("home")
    app = create_app(Settings(home=home, database_url=database_url(home)))
    app.state.feed.stop()  # streams end
    client = TestClient(app, base_url="http://127.0.0.1:8111")
    assert client.post("/api/experiments", json=SPEC).status_code == 201
    yield client
    app.state.database.close()


def unbounded(schema: Any, where: str) -> Iterator[str]:
    """Every part of a JSON schema that a value of any size would fit into."""
    if isinstance(schema, list):
        for i, each in enumerate(schema):
            yield from unbounded(each, f"{where}[{i}]")
    if not isinstance(schema, dict):
        return
    if isinstance(kind := schema.get("type"), str) and not {"enum", "const"} & schema.keys():
        wanted = {
            "string": [("maxLength",)],
            "array": [("maxItems",)],
            "integer": [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")],
            "number": [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")],
        }.get(kind, [])
        if kind == "object" and "properties" not in schema:
            wanted = [("maxProperties",), ("propertyNames",)]
        for names in wanted:
            if not any(name in schema for name in names):
                yield f"{where}: a {kind} without {' or '.join(names)}"
        if kind == "object" and "properties" not in schema and "additionalProperties" not in schema:
            yield f"{where}: an object of anything"
    for name, part in schema.items():
        if name not in ("default", "examples", "enum", "x-form", "x-sections"):
            yield from unbounded(part, f"{where}.{name}")


def test_the_walk_finds_what_has_no_bound() -> None:
    free = {"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}]}}}
    assert [*unbounded(free, "x")] == ["x.properties.a.anyOf[0]: a string without maxLength"]
    assert len([*unbounded({"type": "integer", "minimum": 0}, "x")]) == 1
    assert len([*unbounded({"type": "object", "additionalProperties": True}, "x")]) == 2


@pytest.mark.parametrize("kind", [ExperimentSpec, RunSpec, InputsSpec, StartSpec, TeacherSpec])
def test_every_field_of_every_spec_has_a_bound(kind: type[Spec]) -> None:
    assert [*unbounded(kind.model_json_schema(), kind.__name__)] == []


@pytest.mark.parametrize("name", METHODS)
def test_every_parameter_of_every_method_has_a_bound(name: str) -> None:
    assert [*unbounded(METHODS[name].params.model_json_schema(), name)] == []


# What an export holds is looked at by its own models, not by the schema of its body.
OPEN = {"/api/experiments/import"}


def test_every_parameter_and_body_of_every_route_has_a_bound(client: TestClient) -> None:
    document = client.get("/api/openapi.json").json()
    found, asked = [], set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", []):
                at = f"{method} {path} {parameter['name']}"
                found += [*unbounded(parameter["schema"], at)]
            body = operation.get("requestBody", {}).get("content", {})
            asked |= {path} if body else set()
            if path not in OPEN:
                names = [*_references(body)]
                for name in names:
                    names += [n for n in _references(_schema(document, name)) if n not in names]
                found += [line for n in names for line in unbounded(_schema(document, n), n)]
    assert found == []
    assert {"/api/plan", "/api/experiments/bulk", "/api/tables/parquet"} <= asked


def _schema(document: dict[str, Any], name: str) -> Any:
    return document["components"]["schemas"][name]


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(name := part.get("$ref"), str):
            yield name.rsplit("/", 1)[-1]
        part = list(part.values())
    for each in part if isinstance(part, list) else ():
        yield from _references(each)


HUGE = {
    "a column's name": {"data": {"text_column": "x" * 400_000}},
    "a label's column": {"data": {"label_column": "x" * 201}},
    "a missing word": {"data": {"missing_words": ["x" * 400_000]}},
    "many missing words": {"data": {"missing_words": ["x"] * 101}},
    "a target": {"model": {"targets": ["x" * 400_000]}},
    "targets together": {"model": {"targets": [f"{i:0150d}" for i in range(1999)]}},
    "many targets": {"model": {"targets": [str(i) for i in range(50_000)]}},
    "a parameter": {"methods": [{"name": "lora", "params": {"x" * 400_000: 1}}]},
    "a parameter's value": {"methods": [{"name": "lora_one", "params": {"gamma": "x" * 400_000}}]},
    "a method's name": {"methods": ["x" * 400_000]},
    "many methods": {"methods": ["lora"] * 100_000},
    "a method's rates": {"methods": [{"name": "lora", "learning_rates": [0.1] * 100_000}]},
    "a task": {"task": "x" * 400_000},
    "a version": {"version": "9" * 400_000},
    "a version that is no number": {"version": {"a": ["x" * 400_000]}},
    "swept values": {"sweep": {"parameter": "noise", "values": [1] * 100_000}},
    "wrong seeds": {"grid": {"seeds": ["x"] * 300_000}},
    "seeds below zero": {"grid": {"seeds": [-1] * 300_000}},
    "fields": {f"field{i}": 1 for i in range(100_000)},
    "fields of a section": {"data": {f"field{i}": 1 for i in range(100_000)}},
    "a field's name": {"x" * 1_000_000: 1},
    "a whole number": {"data": {"max_length": 10**4000}},
    "a number": {"adapter": {"alpha": 10**4000}},
}


@pytest.mark.cases(50)
@pytest.mark.parametrize("route", ["/api/plan", "/api/experiments", "/api/theory"])
@pytest.mark.parametrize("name", HUGE)
def test_what_is_beyond_every_bound_is_refused_in_few_words(
    client: TestClient, route: str, name: str
) -> None:
    body = json.dumps({**SPEC, **HUGE[name]}).encode()
    began = time.process_time()
    answer = client.post(route, content=body, headers={"content-type": "application/json"})
    assert time.process_time() - began < 2 * busy()  # without bounds: half a minute and more
    assert answer.status_code == 422
    assert len(answer.content) < 30_000
    assert 0 < len(answer.json()["errors"]) <= 100


def test_a_problem_names_a_hundred_fields_and_counts_the_others(client: TestClient) -> None:
    answer = client.post("/api/plan", json={**SPEC, "grid": {"seeds": [-1] * 4000}})
    assert len(answer.json()["errors"]) == 100
    assert "(and 3999 more)" in answer.json()["detail"]
    few = client.post("/api/plan", json={**SPEC, "grid": {"seeds": [-1, 0, -2]}}).json()
    assert [error["path"] for error in few["errors"]] == ["grid.seeds.0", "grid.seeds.2"]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "a\0b"},
        {"description": "\0"},
        {"data": {"source": "org/\0"}},
        {"data": {"text_column": "\0text"}},
        {"data": {"missing_words": ["\0"]}},
        {"model": {"id": "/tmp/\0"}},
        {"model": {"targets": ["q\0"]}},
        {"methods": [{"name": "lora_one", "params": {"gamma": "\0"}}]},
    ],
)
def test_a_nul_is_refused_in_every_text_of_a_spec(
    client: TestClient, change: dict[str, Any]
) -> None:
    answer = client.post("/api/experiments", json={**SPEC, **change})
    assert answer.status_code == 422, answer.text
    assert "\0" not in answer.text


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("/api/experiments/1/notes", {"text": "a\0", "base": 0}),
        ("/api/experiments/1/notes", {"text": "a", "base": 2**63}),
        ("/api/views", {"name": "a\0", "query": ""}),
        ("/api/views", {"name": "a", "query": "\0"}),
        ("/api/views", {"name": " ", "query": ""}),
        ("/api/experiments/1/comments", {"text": "a\0"}),
        ("/api/experiments/1/comments", {"text": " \n"}),
        ("/api/experiments/bulk", {"ids": [2**63]}),
        ("/api/experiments/bulk", {"ids": [1], "add_tag": "a\0"}),
        ("/api/experiments/bulk", {"ids": [-1] * 300_000}),
        ("/api/tables/parquet", {"columns": ["a"], "data": [[{}] * 900] * 500}),
        ("/api/tables/parquet", {"columns": ["a"], "data": [[10**400]]}),
        ("/api/tables/parquet", {"columns": ["a\0"], "data": [[1]]}),
    ],
)
def test_other_bodies_have_bounds_too(client: TestClient, route: str, body: Any) -> None:
    answer = client.post(route, json=body)
    assert answer.status_code == 422, answer.text
    assert len(answer.content) < 30_000


@pytest.mark.parametrize("key", [2**63, 10**30, 10**400, -1, 0])
@pytest.mark.parametrize(
    "path",
    ["/api/experiments/{}", "/api/runs/{}", "/api/runs/{}/log", "/api/queue?x={}",
     "/api/figures/spectra?of=e1&layer={}", "/api/experiments?offset={}", "/api/changes?after={}",
     "/api/figures/alignment-layers?of=e1&step={}", "/api/overview?of=e{}"],
)  # fmt: skip
def test_numbers_of_any_length_are_no_mistake_of_the_server(
    client: TestClient, path: str, key: int
) -> None:
    assert client.post("/api/experiments", json=SPEC).status_code == 201
    answer = client.get(path.format(key))
    assert answer.status_code in (200, 404, 422), answer.text


def test_a_plan_of_the_largest_spec_is_small_enough_to_be_shown(client: TestClient) -> None:
    methods = [{"name": "lora_one", "params": {"gamma": 1 + i}} for i in range(500)]
    model = {"targets": ["q" * 190 + str(i) for i in range(250)]}
    answer = client.post("/api/plan", json={**SPEC, "methods": methods, "model": model})
    assert answer.status_code == 200, answer.text
    assert len(answer.content) < 10e6
