"""Names of models and data: what no file system has is refused by its field, never a crash."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from loraone.errors import LoraOneError, ModelError
from loraone.inputs.models.location import model_location
from loraone.inputs.models.paths import preflight
from loraone.spec.data import DataSpec
from loraone.spec.experiment import ExperimentSpec
from loraone.spec.model import ModelSpec

STRANGE = ["./a\0b", "a" * 300, "~nobody-of-this-name/a", "./" + "b" * 300]


def wrong(roots: list[Path] | None, **parts: object) -> list[LoraOneError]:
    return preflight(ExperimentSpec().model_copy(update=parts), roots)


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("suffix", ["", ".csv", ".jsonl.gz"])
@pytest.mark.parametrize("rooted", [True, False])
def test_a_name_that_no_file_can_have_is_refused_by_its_field(
    tmp_path: Path, name: str, suffix: str, rooted: bool
) -> None:
    roots = [tmp_path] if rooted else None
    # As a spec that was stored before NUL was refused in it.
    data = DataSpec().model_copy(update={"source": name + suffix})
    errors = wrong(roots, data=data)
    assert [error.field for error in errors] == ["data.source"]


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("rooted", [True, False])
def test_so_is_that_of_a_model(tmp_path: Path, name: str, rooted: bool) -> None:
    model = ModelSpec().model_copy(update={"id": name})
    errors = wrong([tmp_path] if rooted else None, model=model)
    expected = [] if name.isalpha() else ["model.id"]
    assert [error.field for error in errors] == expected


def test_a_table_that_cannot_be_used_is_found_before_a_worker_starts(tmp_path: Path) -> None:
    for name, content, field in (
        ("a.csv", "text,label,label\na,b,c\n", "data.label_column"),
        ("b.csv", 'text,"label\n', "data.source"),
        ("c.jsonl", '{"text": "a"}\n{"text": "b"}\n', "data.label_column"),
        ("d.json", "{}]", "data.source"),
        ("e.csv.gz", "text,label\n", "data.source"),
        ("f.jsonl", '{"text": ["a"], "label": "b"}', "data.text_column"),
        ("g.csv", "text,label\na,x\nb\n", "data.source"),
        ("h.csv", "text,label\na,x\nb,None\n", "data.missing_labels"),
        ("i.csv", b"text,label\nun caf\xe9,x\n", "data.encoding"),
    ):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        (error,) = wrong(None, data=DataSpec(source=str(file)))
        assert error.field == field, name


@pytest.mark.parametrize("name", ["org/model", "org/model@main", "model", "model@v1", "./model",
                                  "../there/model"])  # fmt: skip
def test_a_folder_in_the_working_folder_is_read_under_no_name_of_the_hub(
    name: str, tmp_path: Path, tiny_models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """transformers would prefer the folder to the hub, whatever the revision."""
    for folder in ("model", "org/model"):
        shutil.copytree(tiny_models["llama"], tmp_path / "there" / folder)
    monkeypatch.chdir(tmp_path / "there")
    (error,) = wrong([tmp_path / "home"], model=ModelSpec(id=name), task="causal-lm")
    assert error.field == "model.id"
    if "@" in name:
        with pytest.raises(ModelError, match="neither a local folder nor a hub id"):
            model_location(ModelSpec(id=name))


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json",
                                  "additional_chat_templates/a.jinja"])  # fmt: skip
def test_a_link_in_a_models_folder_is_held_to_the_allowed_folders(
    file: str, tmp_path: Path, tiny_models: dict[str, Path]
) -> None:
    folder = shutil.copytree(tiny_models["llama"], tmp_path / "allowed" / "model")
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).unlink(missing_ok=True)
    secret = tmp_path / "secret"
    secret.write_text('{"weight_map": "a secret"}')
    (folder / file).symlink_to(secret)
    spec = ModelSpec(id=str(folder))
    (error,) = wrong([tmp_path / "allowed"], model=spec, task="causal-lm")
    assert (error.field, "is a link to a file outside" in error.message) == ("model.id", True)
    assert "a secret" not in error.message
    whole = shutil.copytree(tiny_models["llama"], tmp_path / "allowed" / "blobs")
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(whole / name)  # as the hub's cache does
    shutil.rmtree(folder / "additional_chat_templates", ignore_errors=True)
    assert wrong([tmp_path / "allowed"], model=spec, task="causal-lm") == []
