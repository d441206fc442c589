"""A plan for a model that is half there: the answer names the file, or the runs that would fail."""

from __future__ import annotations

import json
import os
import shutil
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.settings import Settings
from backend.web.app import create_app
from tests.busy import busy
from tests.conftest import tiny_experiment

pytestmark = pytest.mark.sqlite

FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
CONTENTS = {
    "empty": b"",
    "a list": b"[]",
    "null": b"null",
    "bytes": bytes(range(256)),
    "objects in objects": b'{"a":' * 100_000,
    "lists in lists": b"[" * 5000 + b"]" * 5000,
    "UTF-16": '{"vocab_size": 3}'.encode("utf-16"),
    "too many digits": b'{"vocab_size":' + b"9" * 5000 + b"}",
}
ABSURD = [-1, 10**30, float("inf"), float("nan"), "x", [], {}, None, True, 1.5]
KEYS = ("vocab_size", "num_hidden_layers", "max_position_embeddings", "model_type", "is_decoder",
        "text_config", "quantization_config", "transformers_weights", "rope_scaling")  # fmt: skip
HEADERS = {
    "a scalar": {"embeddings.word_embeddings.weight": []},
    "no sides": {"bert.encoder.layer.0.attention.self.query.weight": [0, 0]},
    "a block far away": {"bert.encoder.layer.999999999.a.weight": [1, 1]},
    "a block of thirty digits": {f"bert.encoder.layer.{10**30}.a.weight": [1, 1]},
    "a block of five thousand digits": {f"bert.encoder.layer.{'9' * 5000}.a.weight": [1, 1]},
    "too many bytes": {"a.weight": [2**32, 2**32, 2**32]},
    "negative": {"a.weight": [-1]},
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bert-models")


@pytest.fixture(scope="module")
def client(base: Path, texts_csv: Path) -> Iterator[TestClient]:
    roots = f"{base}:{texts_csv.parent}"
    app = create_app(Settings(home=base / "home", allowed_roots=roots))
    yield TestClient(app, base_url="http://127.0.0.1:8111")
    app.state.database.close()


@pytest.fixture
def folder(base: Path, tiny_models: dict[str, Path]) -> Iterator[Path]:
    copy = base / "bert-copy"
    shutil.copytree(tiny_models["bert"], copy)
    yield copy
    shutil.rmtree(copy, ignore_errors=True)


def check(client: TestClient, folder: Path, data: Path) -> int:
    """The status of a plan; whatever it is, it comes soon and its problem names the model."""
    began = time.process_time()
    answer = client.post("/api/plan", json=tiny_experiment(folder, data))
    assert time.process_time() - began < 3 * busy()
    assert answer.status_code in (200, 422), answer.text
    assert len(answer.content) < 50_000
    if answer.status_code == 422:
        assert {error["path"] for error in answer.json()["errors"]} <= {
            "model.id", "model.targets", "data.max_length", "grid.ranks.0", "methods.0.name",
        }, answer.text  # fmt: skip
    return answer.status_code


def test_the_whole_model_is_planned(client: TestClient, folder: Path, texts_csv: Path) -> None:
    assert check(client, folder, texts_csv) == 200


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("name", FILES)
def test_a_file_of_any_content(
    client: TestClient, folder: Path, texts_csv: Path, name: str, content: str
) -> None:
    (folder / name).write_bytes(CONTENTS[content])
    status = check(client, folder, texts_csv)
    assert status == 422 or (name, content) in {
        ("config.json", "too many digits"), ("tokenizer_config.json", "too many digits"),
    }  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_none(client: TestClient, folder: Path, texts_csv: Path, name: str) -> None:
    file = folder / name
    whole = file.read_bytes()
    for cut in (1, len(whole) // 2, len(whole) - 3):
        file.write_bytes(whole[:cut])
        assert check(client, folder, texts_csv) == 422, cut
    file.unlink()
    check(client, folder, texts_csv)
    file.symlink_to(folder / "nowhere")
    check(client, folder, texts_csv)
    file.unlink()
    file.symlink_to(file)
    check(client, folder, texts_csv)
    file.unlink()
    file.mkdir()
    check(client, folder, texts_csv)
    file.rmdir()
    os.mkfifo(file)  # who reads it waits for ever
    check(client, folder, texts_csv)


@pytest.mark.parametrize("key", KEYS)
def test_a_configuration_with_any_number(
    client: TestClient, folder: Path, texts_csv: Path, key: str
) -> None:
    config = json.loads((folder / "config.json").read_text())
    for value in ABSURD:
        (folder / "config.json").write_text(json.dumps({**config, key: value}))
        check(client, folder, texts_csv)


@pytest.mark.parametrize("factor", ABSURD)
def test_positions_that_are_stretched_by_any_number(
    client: TestClient, folder: Path, texts_csv: Path, factor: Any
) -> None:
    config = json.loads((folder / "config.json").read_text())
    for original in (64, 10**30):
        rope = {"original_max_position_embeddings": original, "factor": factor}
        (folder / "config.json").write_text(json.dumps({**config, "rope_scaling": rope}))
        check(client, folder, texts_csv)


@pytest.mark.parametrize("name", HEADERS)
def test_weights_of_any_shape(client: TestClient, folder: Path, texts_csv: Path, name: str) -> None:
    tensors = {
        tensor: {"dtype": "F32", "shape": shape, "data_offsets": [0, 4 * all(shape)]}
        for tensor, shape in HEADERS[name].items()
    }
    header = json.dumps(tensors).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    assert check(client, folder, texts_csv) == 422


@pytest.mark.parametrize(
    "files", [["../x"], [None], ["\0"], ["x" * 300], ["."], [""], ["config.json"], 3, {}, []]
)
def test_an_index_that_names_anything(
    client: TestClient, folder: Path, texts_csv: Path, files: Any
) -> None:
    (folder / "model.safetensors").unlink()
    shards = {str(i): file for i, file in enumerate(files)} if isinstance(files, list) else files
    index = json.dumps({"weight_map": shards})
    (folder / "model.safetensors.index.json").write_text(index)
    assert check(client, folder, texts_csv) == 422


def test_a_folder_that_has_just_gone(client: TestClient, folder: Path, texts_csv: Path) -> None:
    assert check(client, folder, texts_csv) == 200
    shutil.rmtree(folder)
    assert check(client, folder, texts_csv) == 422
