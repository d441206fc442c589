"""Experts are adapted one by one, by every method that can; what is exported is plain PEFT's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from loraone.adapters import experts
from loraone.adapters.adapted import Adapted
from loraone.adapters.verification import responses, worst_layer
from loraone.catalog import METHODS, OPTIMIZERS
from loraone.events import Artifact, Finished, InitReport, Layers, Note, Spectra
from loraone.methods.base import Factors, Initialisation, InitProblem
from loraone.methods.lora_one.factors import initialise as lora_one
from loraone.methods.lora_one.row import LoraOneParams
from loraone.progress import finish
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import ExperimentSpec, RunSpec
from loraone.spec.experts import why_not
from tests.conftest import tiny_experiment, tiny_run
from tests.loraone import mixtures
from tests.loraone.methods.tiny import trained_and_reloaded

CAN = [name for name, row in METHODS.items() if not why_not(row)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("mixtures")
    return {name: mixtures.saved(name, root / name) for name in mixtures.MIXTURES}


def spec_of(folder: Path, data: Path, method: Any, **changes: Any) -> RunSpec:
    model = {"id": str(folder), "target_parameters": "experts"} | changes.pop("model", {})
    return tiny_run(folder, data, method, model=model, task="causal-lm", **changes)


def prepared(spec: RunSpec) -> Workspace:
    workspace = Workspace("cpu")
    finish(workspace.prepare(spec))
    return workspace


@pytest.mark.parametrize("method", CAN)
@pytest.mark.parametrize("name", mixtures.MIXTURES)
def test_a_run_from_its_gradient_to_the_adapter_that_plain_peft_loads(
    name: str,
    method: str,
    folders: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = spec_of(folders[name], texts_csv, method)
    events, trained, reloaded = trained_and_reloaded(spec, tmp_path, monkeypatch)
    assert torch.allclose(trained, reloaded, atol=1e-4)
    layers = next(e for e in events if isinstance(e, Layers))
    of_experts = [each for each in layers.names if each.endswith("]")]
    assert len(of_experts) == 2 * 2 * mixtures.EXPERTS
    measured = {e.layer for e in events if isinstance(e, Spectra) and e.quantity == "update"}
    assert measured == set(layers.names)
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert sorted(config["target_parameters"]) == sorted(
        {each.rpartition("[")[0] for each in of_experts}
    )


@pytest.mark.parametrize("name", mixtures.MIXTURES)
def test_each_expert_has_the_factors_that_were_given_for_it(
    name: str, folders: dict[str, Path], texts_csv: Path
) -> None:
    spec = spec_of(folders[name], texts_csv, "lora_one")
    workspace = prepared(spec)
    ready = workspace.prepared
    adapted = Adapted(ready.loaded, spec, ready.pretrained, lambda size: iter(()))
    draw = torch.Generator().manual_seed(3)
    given = {
        layer.name: Factors(
            torch.randn(spec.rank, layer.shape[1], generator=draw),
            torch.randn(layer.shape[0], spec.rank, generator=draw),
        )
        for layer in ready.loaded.layers
    }
    adapted.install(Initialisation(given))
    for layer in ready.loaded.layers:
        pair = adapted.factors(layer.name)
        assert pair is not None
        torch.testing.assert_close(pair.A, given[layer.name].A)
        torch.testing.assert_close(pair.B, given[layer.name].B)
    before = {layer.name: layer.weight.clone() for layer in ready.loaded.layers}
    adapted.model.merge_adapter()
    for layer in ready.loaded.layers:
        pair = given[layer.name]
        expected = before[layer.name] + adapted.scaling * pair.B @ pair.A
        torch.testing.assert_close(layer.weight, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", ["pissa", "olora", "orthogonal"])
def test_an_expert_begins_as_peft_begins_a_linear_layer(
    method: str, folders: dict[str, Path], texts_csv: Path
) -> None:
    spec = spec_of(folders["gpt_oss"], texts_csv, method)
    workspace = prepared(spec)
    ready = workspace.prepared
    ready.pretrained.may_change()
    adapted = Adapted(ready.loaded, spec, ready.pretrained, lambda size: iter(()))
    for layer in ready.loaded.layers:
        pair = adapted.factors(layer.name)
        assert pair is not None
        whole = layer.weight + adapted.scaling * pair.B @ pair.A
        torch.testing.assert_close(whole, ready.pretrained[layer.name], rtol=1e-4, atol=1e-5)
        assert float(pair.A.norm()) > 0
    if method == "pissa":
        layer = ready.loaded.layers[-1]
        S = torch.linalg.svdvals(ready.pretrained[layer.name])
        left = torch.linalg.svdvals(layer.weight)
        torch.testing.assert_close(left[: -spec.rank], S[spec.rank :], rtol=1e-3, atol=1e-4)
    adapted.remove()


def test_lora_one_starts_each_expert_in_the_subspace_of_its_own_gradient(
    folders: dict[str, Path], texts_csv: Path
) -> None:
    spec = spec_of(folders["mixtral"], texts_csv, "lora_one")
    workspace = prepared(spec)
    finish(workspace.take_gradient(spec))
    finish(workspace.decompose(spec, spec.rank))
    start = workspace.start
    problem = InitProblem(
        start.decompositions[spec.rank],
        spec.rank,
        1.0,
        torch.Generator().manual_seed(0),
        lambda factors: 0.0,
    )
    found = lora_one(problem, LoraOneParams(scale="gradient", gamma=1.0)).factors
    for layer in workspace.prepared.loaded.layers:
        if layer.expert is None:
            continue
        U, S, Vh = torch.linalg.svd(start.gradients[layer.name], full_matrices=False)
        r = start.decompositions[spec.rank][layer.name].rank()
        best = U[:, :r] * S[:r] @ Vh[:r]
        pair = found[layer.name]
        torch.testing.assert_close(pair.B @ pair.A, -best, rtol=1e-2, atol=1e-3 * float(S[0]))


def one_word_csv(folder: Path) -> Path:
    file = folder / "one_word.csv"
    file.write_text("text\n" + "cat cat cat cat cat\n" * 90)
    return file


@pytest.mark.parametrize("strategy", ["accumulate", "layerwise", "sketch"])
def test_an_expert_without_a_token_starts_as_in_lora_and_is_named(
    strategy: str, folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(
        folders["qwen2_moe"],
        one_word_csv(tmp_path),
        "lora_one",
        gradient={"samples": 16, "micro_batch": 8, "strategy": strategy},
    )
    events, trained, reloaded = trained_and_reloaded(spec, tmp_path, monkeypatch)
    assert torch.allclose(trained, reloaded, atol=1e-4)
    (said,) = (e.message for e in events if isinstance(e, Note) and "no token" in e.message)
    assert said.startswith("4 of 8 experts got no token of the gradient batch")
    report = next(e for e in events if isinstance(e, InitReport))
    layers = next(e for e in events if isinstance(e, Layers))
    gradients = [e for e in events if isinstance(e, Spectra) and e.quantity == "gradient"]
    unused = {e.layer for e in gradients if not e.values.any()}
    assert len(unused) == 8, "of two parameters in two layers, two experts each"
    assert all(each.endswith("]") for each in unused)
    sizes = dict(zip(layers.names, report.layers["norm"], strict=True))
    assert all((size == 0) == (name in unused) for name, size in sizes.items())


def test_recomputed_blocks_train_the_same_experts(
    folders: dict[str, Path], texts_csv: Path
) -> None:
    training = {"steps": 3, "batch_size": 8, "warmup_steps": 1, "eval_every": 3}
    last = []
    for recomputed in (False, True):
        given = training | {"checkpointing": recomputed}
        spec = spec_of(folders["qwen2_moe"], texts_csv, "lora_one", training=given)
        (*_, end) = run(spec)
        assert isinstance(end, Finished), end
        last.append(end.summary["eval_loss"])
    assert last[0] == pytest.approx(last[1], rel=1e-5)


def test_what_all_linear_leaves_out_is_a_note_of_the_run(
    folders: dict[str, Path], texts_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(folders["mixtral"], texts_csv, "lora", model={"target_parameters": "none"})
    events, *_ = trained_and_reloaded(spec, tmp_path, monkeypatch)
    (said,) = (e.message for e in events if isinstance(e, Note))
    assert said.startswith("the experts hold ")


def test_an_adapter_of_experts_in_bfloat16_reads_back(
    folders: dict[str, Path], texts_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(folders["qwen2_moe"], texts_csv, "lora_one", model={"dtype": "bfloat16"})
    events, *_ = trained_and_reloaded(spec, tmp_path, monkeypatch)
    (artifact,) = (e for e in events if isinstance(e, Artifact) and e.name == "adapter")
    assert artifact.verified


def test_an_adapter_whose_experts_were_swapped_is_not_verified(
    folders: dict[str, Path], texts_csv: Path
) -> None:
    spec = spec_of(folders["mixtral"], texts_csv, "lora_one")
    ready = prepared(spec).prepared
    adapted = Adapted(ready.loaded, spec, ready.pretrained, lambda size: iter(()))
    draw = torch.Generator().manual_seed(3)
    given = {
        layer.name: Factors(
            torch.randn(spec.rank, layer.shape[1], generator=draw),
            torch.randn(layer.shape[0], spec.rank, generator=draw),
        )
        for layer in ready.loaded.layers
    }
    adapted.install(Initialisation(given))
    trained = responses(adapted, ready.loaded.layers)
    assert worst_layer(adapted.model, ready.loaded.layers, trained).excess <= 1
    name = "model.layers.1.mlp.experts.down_proj"
    A, _ = experts.factors(experts.wrappers(adapted.model.base_model.model)[name], "default", 1)
    with torch.no_grad():
        A += 1e-2
    worst = worst_layer(adapted.model, ready.loaded.layers, trained)
    assert worst.name == f"{name}[1]"
    assert worst.excess > 1


REFUSED = [
    ({"methods": ["eva"]}, "methods.0.name", "looks at the inputs"),
    ({"methods": ["corda"]}, "methods.0.name", "looks at the inputs"),
    ({"methods": ["mica"]}, "methods.0.name", "trains lora_A alone"),
    ({"methods": ["lora_sb"]}, "methods.0.name", "r × r core"),
    ({"methods": ["lora_xs"]}, "methods.0.name", "r × r core"),
    ({"adapter": {"dora": True}}, "adapter.dora", "no DoRA"),
    ({"adapter": {"dropout": 0.1}}, "adapter.dropout", "allowed with"),
    *(
        ({"training": {"optimizer": name}}, "training.optimizer", "two tensors")
        for name, row in OPTIMIZERS.items()
        if not row.experts
    ),
]


@pytest.mark.parametrize(("change", "field", "words"), REFUSED, ids=str)
def test_what_cannot_be_done_with_experts_is_refused_by_name(
    change: dict[str, Any],
    field: str,
    words: str,
    folders: dict[str, Path],
    texts_csv: Path,
) -> None:
    model = {"id": str(folders["mixtral"])}
    spec = tiny_experiment(folders["mixtral"], texts_csv, model=model, task="causal-lm") | change
    ExperimentSpec.model_validate(spec)
    spec["model"] = model | {"target_parameters": "experts"}
    with pytest.raises(ValidationError, match=words) as refused:
        ExperimentSpec.model_validate(spec)
    (error,) = refused.value.errors()
    assert error["ctx"]["at"] == field
