"""A path or a name that holds something else than before: what is loaded is what is there now."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from loraone.events import Progress
from loraone.inputs.models import checkpoint, loading
from loraone.inputs.models.stamps import stamp
from loraone.progress import finish
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import RunSpec
from loraone.spec.model import ModelSpec
from tests.loraone.runs.kept import begun, content, four_columns, small_run, with_other_weights
from tests.loraone.runs.told import finished, fresh, told


@pytest.fixture
def model(tiny_models: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_models["bert"], tmp_path / "bert"))


@pytest.fixture
def spec(model: Path, tmp_path: Path) -> RunSpec:
    return small_run(model, four_columns(tmp_path / "texts.csv"))


def loads(workspace: Workspace, spec: RunSpec) -> bool:
    events = list(run(spec, workspace=workspace))
    return any(isinstance(event, Progress) and event.phase == "load" for event in events)


def other_text(model: Path, data: Path) -> None:
    """As many bytes as before."""
    data.write_text(data.read_text().replace("cat", "big"))


def other_weights(model: Path, data: Path) -> None:
    with_other_weights(model)


def other_activation(model: Path, data: Path) -> None:
    """The weights are the same."""
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "hidden_act": "relu"}))


def other_words(model: Path, data: Path) -> None:
    """Two words change places in the tokenizer."""
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["cat"], vocabulary["tree"] = vocabulary["tree"], vocabulary["cat"]
    (model / "tokenizer.json").write_text(json.dumps(tokenizer))


def with_its_time_put_back(model: Path, data: Path) -> None:
    """As ``cp -p`` and ``rsync -t`` do."""
    times = data.stat().st_atime_ns, data.stat().st_mtime_ns
    other_text(model, data)
    os.utime(data, ns=times)


@pytest.mark.parametrize(
    "change",
    [other_text, other_weights, other_activation, other_words, with_its_time_put_back],
    ids=lambda change: change.__name__,
)
def test_what_has_changed_on_the_disk_is_read_anew_and_not_taken_from_another_worker(
    change: Any, spec: RunSpec, model: Path, tmp_path: Path
) -> None:
    data, shared = Path(spec.data.source), tmp_path / "shared"
    before = content(begun(spec, shared), spec)
    warm = Workspace("cpu")
    assert loads(warm, spec)
    assert not loads(warm, spec), "nothing has changed yet"
    change(model, data)
    alone = content(begun(spec), spec)
    assert alone != before
    assert content(begun(spec, shared), spec) == alone
    said = told(spec, warm)
    assert finished(said)
    assert said == fresh(spec)


def test_two_workers_that_see_different_files_do_not_overwrite_each_others_start(
    spec: RunSpec, model: Path, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    begun(spec, shared)
    files = {file: file.stat().st_mtime_ns for file in shared.glob("*.start.safetensors")}
    other_activation(model, Path(spec.data.source))
    begun(spec, shared)
    assert {file: file.stat().st_mtime_ns for file in files} == files
    assert len([*shared.glob("*.start.safetensors")]) == 2


def test_a_worker_that_computes_on_more_threads_takes_a_start_of_its_own(
    spec: RunSpec, tmp_path: Path
) -> None:
    shared, threads = tmp_path / "shared", torch.get_num_threads()
    warm = begun(spec, shared)
    model = warm.prepared.loaded.model
    try:
        torch.set_num_threads(threads + 1)
        begun(spec, shared)
        assert len([*shared.glob("*.start.safetensors")]) == 2
        finish(warm.prepare(spec))
        assert warm.prepared.loaded.model is not model
    finally:
        torch.set_num_threads(threads)


def in_the_hubs_cache(cache: Path, model: Path, commit: str) -> None:
    """The model as a download leaves it, and the branch pointing to it."""
    repository = cache / "models--org--tiny"
    shutil.copytree(model, repository / "snapshots" / commit)
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / "main").write_text(commit)


def test_a_hub_name_that_stands_for_another_commit_is_loaded_anew(
    spec: RunSpec, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    named = spec.model_copy(update={"model": spec.model.model_copy(update={"id": "org/tiny"})})
    in_the_hubs_cache(cache, model, "a" * 40)
    warm = Workspace("cpu")
    assert loads(warm, named)
    assert warm.prepared.loaded.revision == "a" * 40
    assert not loads(warm, named)
    other_weights(model, Path(spec.data.source))
    in_the_hubs_cache(cache, model, "b" * 40)
    assert loads(warm, named)
    assert warm.prepared.loaded.revision == "b" * 40
    pinned = named.model_copy(
        update={"model": named.model.model_copy(update={"id": f"org/tiny@{'a' * 40}"})}
    )
    assert loads(warm, pinned)
    (cache / "models--org--tiny" / "refs" / "main").write_text("c" * 40)
    assert not loads(warm, pinned), "a commit is what it is"


def test_the_size_of_a_checkpoint_is_that_of_the_file_that_is_there_now(model: Path) -> None:
    spec, file = ModelSpec(id=str(model)), model / "model.safetensors"
    first, times = checkpoint.read(spec), file.stat()
    tensors = load_file(file)
    name = next(name for name in tensors if name.endswith("intermediate.dense.weight"))
    tensors[name] = tensors[name].T.contiguous()
    save_file(tensors, file, metadata={"format": "pt"})
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    second = checkpoint.read(spec)
    assert first is not None
    assert second is not None
    assert first.parameters == second.parameters
    assert first.layers != second.layers
    assert stamp(file)[2] == times.st_mtime_ns


def test_what_the_checkpoint_lacks_is_drawn_alike_in_every_process(
    spec: RunSpec, model: Path
) -> None:
    config = transformers.DistilBertConfig(
        vocab_size=21, dim=16, hidden_dim=24, n_layers=1, n_heads=2
    )
    transformers.DistilBertModel(config).save_pretrained(model)
    targets = spec.model.model_copy(update={"targets": ("q_lin",)})
    hashes = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        workspace = Workspace("cpu")
        finish(workspace.prepare(spec.model_copy(update={"model": targets})))
        loaded = workspace.prepared.loaded.model
        assert {"pre_classifier", "classifier"} <= {name for name, _ in loaded.named_children()}
        hashes.append(loading.weights_hash(loaded))
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize("kind", ["multi_label_classification", "regression"])
def test_the_loss_is_that_of_the_task_whatever_the_checkpoint_was_trained_for(
    spec: RunSpec, model: Path, kind: str
) -> None:
    expected = fresh(spec)
    assert finished(expected)
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "problem_type": kind}))
    assert fresh(spec) == expected
