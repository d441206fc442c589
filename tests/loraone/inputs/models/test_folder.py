"""A folder whose files are not what their names say is refused by name, with the way out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from loraone.errors import ModelError
from loraone.inputs.models import checkpoint
from loraone.inputs.models.location import model_location
from loraone.inputs.models.paths import preflight
from loraone.spec.model import ModelSpec
from tests.conftest import tiny_run
from tests.loraone.inputs.models.checkpoints import (
    POINTER,
    WEIGHTS,
    copied,
    reconfigured,
)
from tests.loraone.methods.tiny import refused

INDEX = "model.safetensors.index.json"
Break = Callable[[Path], object]


def written(name: str, content: str | bytes) -> Break:
    data = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(data)


def cut(share: float) -> Break:
    def cut_off(folder: Path) -> None:
        data = (folder / WEIGHTS).read_bytes()
        (folder / WEIGHTS).write_bytes(data[: int(len(data) * share)])

    return cut_off


def sharded(names: list[str], present: list[str]) -> Break:
    def shard(folder: Path) -> None:
        weights = load_file(folder / WEIGHTS)
        (folder / WEIGHTS).unlink()
        keys = sorted(weights)
        where = {key: names[i % len(names)] for i, key in enumerate(keys)}
        for name in present:
            part = {key: weights[key] for key in keys if where[key] == name}
            save_file(part, folder / name, metadata={"format": "pt"})
        (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": where}))

    return shard


def no_tokenizer(folder: Path) -> None:
    for file in folder.glob("tokenizer*"):
        file.unlink()


def renamed(old: str, new: str) -> Break:
    return lambda folder: (folder / old).rename(folder / new)


def bare_adapter(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "org/base"}')


SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
PULL, AGAIN = "git lfs pull", "download or copy the model again"
# What is done to the folder, what the refusal says, and the way out of it.
BROKEN: dict[str, tuple[Break, list[str], str]] = {
    "weights are a pointer": (written(WEIGHTS, POINTER), [WEIGHTS, "git-lfs's pointer"], PULL),
    "config is a pointer": (written("config.json", POINTER), ["config.json", "git-lfs"], PULL),
    "tokenizer is a pointer": (
        written("tokenizer.json", POINTER),
        ["tokenizer.json", "git-lfs"],
        PULL,
    ),
    "cut in the weights": (cut(0.6), [WEIGHTS, "cut off"], AGAIN),
    "cut in the header": (cut(0.01), [WEIGHTS, "cut off"], AGAIN),
    "empty weights": (written(WEIGHTS, b""), [WEIGHTS, "is empty"], AGAIN),
    "a page of the web": (written(WEIGHTS, "<!doctype html><p>404"), [WEIGHTS, "no safe"], AGAIN),
    "zeros": (written(WEIGHTS, bytes(4096)), [WEIGHTS, "no safetensors file"], AGAIN),
    "empty config": (written("config.json", b""), ["config.json", "is empty"], AGAIN),
    "half a config": (written("config.json", '{"model_type": "ll'), ["is not JSON"], AGAIN),
    "config is a list": (written("config.json", "[]"), ["holds no JSON object"], AGAIN),
    "half a tokenizer": (written("tokenizer.json", '{"model": {'), ["tokenizer.json"], AGAIN),
    "another tokenizer.json": (written("tokenizer.json", "{}"), ["tokenizer.json"], AGAIN),
    "half a tokenizer_config": (written("tokenizer_config.json", '{"a'), ["is not JSON"], AGAIN),
    "no tokenizer": (no_tokenizer, ["no tokenizer"], "copy the tokenizer's files"),
    "base and adapter": (
        written("adapter_config.json", '{"base_model_name_or_path": "org/base"}'),
        ["a base model and an adapter of org/base", "adapter_config.json"],
        "merge_and_unload",
    ),
    "an adapter alone": (
        bare_adapter,
        ["is an adapter of org/base"],
        "use its base model org/base",
    ),
    "pickle alone": (
        renamed(WEIGHTS, "pytorch_model.bin"),
        ["pytorch_model.bin", "can run code"],
        "save_pretrained",
    ),
    "another name": (renamed(WEIGHTS, "llama.safetensors"), ["llama.safetensors"], "rename"),
    "a shard is missing": (sharded(SHARDS, SHARDS[:1]), ["incomplete", SHARDS[1]], AGAIN),
    "no index": (
        lambda folder: (sharded(SHARDS, SHARDS)(folder), (folder / INDEX).unlink()),
        [SHARDS[0], INDEX],
        f"download {INDEX} too",
    ),
    "a pointer among shards": (
        lambda folder: (
            sharded(SHARDS, SHARDS)(folder),
            (folder / SHARDS[1]).write_text(POINTER),
        ),
        [SHARDS[1], "git-lfs"],
        PULL,
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_folder_is_refused_by_name_with_the_way_out(
    name: str, tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    spoil, words, way_out = BROKEN[name]
    folder = copied(tiny_models["llama"], tmp_path / "broken-llama")
    spec = tiny_run(folder, texts_csv)
    assert preflight(spec, None) == []
    spoil(folder)
    (error,) = preflight(spec, None)
    failed = refused(spec)
    assert (failed.code, failed.field) == ("model-not-usable", "model.id")
    assert (error.message, error.hint) == (failed.message, failed.hint)
    assert all(word in failed.message for word in words), failed.message
    assert failed.hint is not None
    assert way_out in failed.hint
    assert str(folder) in f"{failed.value}"


def padded(file: Path, bytes_: int) -> None:
    """Spaces after what the file holds: the same JSON, in so many bytes."""
    with file.open("ab") as opened:
        opened.write(b" " * (bytes_ - file.stat().st_size))


@pytest.mark.parametrize(
    ("file", "most"),
    [("tokenizer.json", 64), ("config.json", 8), ("tokenizer_config.json", 8), (INDEX, 32)],
)
def test_a_json_file_may_be_as_large_as_its_kind_is(
    file: str, most: int, tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    folder = copied(tiny_models["llama"], tmp_path / "large-llama")
    if file == INDEX:
        sharded(SHARDS, SHARDS)(folder)
    spec = tiny_run(folder, texts_csv)
    padded(folder / file, most * 2**20)
    assert preflight(spec, None) == []
    padded(folder / file, most * 2**20 + 1)
    (error,) = preflight(spec, None)
    assert (error.field, error.hint) == ("model.id", AGAIN)
    assert f"{file} of {folder} has {most * 2**20 + 1} bytes; allowed: up to {most} MiB" in str(
        error
    )


@pytest.mark.parametrize("outside", ["../other/model.safetensors", "/etc/passwd", "..", ""])
def test_an_index_cannot_name_files_outside_the_folder(
    outside: str, tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    copied(tiny_models["llama"], tmp_path / "other")
    folder = copied(tiny_models["llama"], tmp_path / "inside")
    (folder / WEIGHTS).unlink()
    (folder / INDEX).write_text(json.dumps({"weight_map": {"lm_head.weight": outside}}))
    with pytest.raises(ModelError, match=r"outside the folder|is missing"):
        model_location(ModelSpec(id=str(folder)))
    copied(tiny_models["llama"], tmp_path / "named")
    named = reconfigured(tmp_path / "named", transformers_weights="../other/model.safetensors")
    with pytest.raises(ModelError, match="outside the folder"):
        model_location(ModelSpec(id=str(named)))


def test_shards_with_their_index_are_a_model(
    tiny_models: dict[str, Path], tmp_path: Path, texts_csv: Path
) -> None:
    folder = copied(tiny_models["llama"], tmp_path / "sharded")
    sharded(SHARDS, SHARDS)(folder)
    assert preflight(tiny_run(folder, texts_csv), None) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("/" + "a" * 400, "cannot be read"),
        ("~nobody-of-this-name/model", "nobody-of-this-name"),
        ("./nowhere", "config.json is missing"),
    ],
)
def test_a_name_that_no_file_can_have_is_refused_as_any_other(
    name: str, words: str, texts_csv: Path
) -> None:
    spec = tiny_run(Path("x"), texts_csv, model={"id": name})
    (error,) = preflight(spec, None)
    assert error.field == "model.id"
    assert words in error.message


@pytest.mark.parametrize("name", ["a" * 400, "org/two--dashes", "nobody/nothing"])
def test_a_name_that_the_hub_cannot_have_is_refused_by_the_run(name: str, texts_csv: Path) -> None:
    failed = refused(tiny_run(Path("x"), texts_csv, model={"id": name}))
    assert (failed.code, failed.field, failed.value) == ("model-not-usable", "model.id", name)
    assert "HF_HUB_OFFLINE" in str(failed.hint)


def test_a_file_in_place_of_the_folder_is_told_apart(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    file = tiny_models["llama"] / WEIGHTS
    (error,) = preflight(tiny_run(file, texts_csv), None)
    assert "it is a file" in error.message
    assert str(tiny_models["llama"]) in str(error.hint)


@pytest.mark.parametrize("name", ["cut in the header", "a pointer among shards", "half a config"])
def test_a_model_that_was_broken_after_its_launch_has_no_size_rather_than_an_error(
    name: str, tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    folder = copied(tiny_models["llama"], tmp_path / "broken-llama")
    assert checkpoint.read(ModelSpec(id=str(folder))) is not None
    BROKEN[name][0](folder)
    assert checkpoint.read(ModelSpec(id=str(folder))) is None
