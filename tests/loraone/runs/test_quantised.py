"""Runs on a quantised base: the base is kept, and plain PEFT has the same model from the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peft
import pytest
import torch

from loraone.events import Artifact, Failed, Finished, Note
from loraone.inputs.models import loading
from loraone.inputs.models.originals import OriginalWeights
from loraone.measure.evaluator import CHECKED_TEXTS
from loraone.methods.base import InitProblem
from loraone.methods.loftq import factors as loftq
from loraone.methods.loftq.row import LoftqParams
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import RunSpec
from loraone.spec.model import ModelSpec
from loraone.training import evaluation
from tests.conftest import tiny_run
from tests.loraone.inputs.models import quantised
from tests.loraone.methods.tiny import CPU, trained_and_reloaded

LOFTQ: dict[str, Any] = {"name": "loftq", "params": {"iterations": 1}}


def run_of(folder: Path, texts: Path, method: Any, kind: str, **changes: Any) -> RunSpec:
    model = {"id": str(folder), "quantization": kind, **changes.pop("model", {})}
    return tiny_run(folder, texts, method, model=model, **changes)


@pytest.mark.parametrize("arch", ["bert", "gpt2", "llama", "t5"])
@pytest.mark.parametrize(
    ("method", "kind", "dtype"),
    [
        ("lora", "nf4", "bfloat16"),
        ("lora_one", "nf4", "float32"),
        ("lora_one", "int8", "bfloat16"),
        (LOFTQ, "nf4", "float32"),
        ("lora_sb", "int8", "float32"),
        ("eva", "nf4", "float32"),
    ],
)
def test_the_adapter_reads_back_on_a_fresh_quantised_base(
    wide_models: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arch: str,
    method: Any,
    kind: str,
    dtype: str,
) -> None:
    spec = run_of(wide_models[arch], texts_csv, method, kind, model={"dtype": dtype})
    events, trained, fresh = trained_and_reloaded(spec, tmp_path, monkeypatch)
    # The same bits and the same arithmetic: EVA's and LoRA-SB's factors are multiplied out, so that
    # the last digits differ; measured: 4e-7.
    assert float((fresh - trained).abs().max()) <= 1e-5
    notes = [event.message for event in events if isinstance(event, Note)]
    assert any(note.startswith("the base is quantised: W in spectra") for note in notes)


@pytest.mark.parametrize("dora", [False, True])
def test_merged_into_what_the_base_stands_for_it_is_the_trained_model(
    wide_models: dict[str, Path], texts_csv: Path, tmp_path: Path, dora: bool
) -> None:
    """Merged into the quantised base itself it would be rounded to 4 bits again."""
    spec = run_of(wide_models["llama"], texts_csv, "lora_one", "nf4", adapter={"dora": dora})
    workspace = Workspace("cpu")
    events = list(run(spec, workspace=workspace, output=tmp_path))
    (artifact,) = (e for e in events if isinstance(e, Artifact) and e.name == "adapter")
    assert artifact.verified
    rows, data = workspace.start.held_out_rows[:CHECKED_TEXTS], workspace.prepared.train

    def logits(model: Any) -> torch.Tensor:
        size = evaluation.evaluation_batch(spec.training)
        return evaluation.logits(model, data, rows, size, CPU)

    found = loading.load(spec.model, spec.task, 0, CPU)
    beside = logits(peft.PeftModel.from_pretrained(found.model, artifact.path).eval())
    found = loading.load(spec.model, spec.task, 0, CPU)
    before = logits(found.model)
    base, _ = quantised.stands_for(found)
    base.is_loaded_in_4bit = False
    merged = peft.PeftModel.from_pretrained(base, artifact.path).merge_and_unload()
    assert float((logits(merged.eval()) - beside).abs().max()) < 1e-5
    assert float((beside - before).abs().max()) > 1e-3


@pytest.mark.parametrize("kind", ["int8", "nf4"])
def test_loftq_makes_up_for_what_the_base_lost_and_leaves_the_base_as_it_is(
    wide_models: dict[str, Path], kind: str
) -> None:
    found = quantised.loaded(wide_models["llama"], "llama", quantization=kind)
    spec = ModelSpec(id=str(wide_models["llama"]), quantization=kind)
    problem = InitProblem(
        gradients={},
        rank=16,
        scaling=2.0,
        generator=torch.Generator().manual_seed(0),
        held_out_loss=lambda factors: 0.0,
        weights={layer.name: layer.weight for layer in found.layers},
        originals=OriginalWeights(found, spec),
    )
    initialisation = loftq.initialise(problem, LoftqParams(iterations=1))
    assert not initialisation.bases and not initialisation.offset_base
    for layer in quantised.loaded(wide_models["llama"], "llama").layers:
        lost = layer.weight - problem.weights[layer.name]
        pair = initialisation.factors[layer.name]
        values = torch.linalg.svdvals(lost)
        left = float((lost - 2.0 * pair.B @ pair.A).norm())
        assert left == pytest.approx(float(values[16:].norm()), rel=1e-3)


def test_a_run_on_a_checkpoint_that_is_quantised_already_is_that_of_one_quantised_here(
    wide_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    folder = quantised.saved_quantised(
        wide_models["llama"], tmp_path / "llama-nf4", "nf4", "AutoModelForCausalLM"
    )
    last = []
    for place, kind in ((folder, "none"), (wide_models["llama"], "nf4")):
        events = list(run(run_of(place, texts_csv, "lora_one", kind), workspace=Workspace("cpu")))
        assert isinstance(events[-1], Finished), events[-1]
        last.append(events[-1].summary["eval_loss"])
    assert last[0] == last[1]


def test_a_method_that_changes_the_base_ends_by_name_before_the_gradient(
    wide_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    folder = quantised.saved_quantised(
        wide_models["llama"], tmp_path / "llama-8", "int8", "AutoModelForCausalLM"
    )
    (ended,) = run(run_of(folder, texts_csv, "pissa", "none"), workspace=Workspace("cpu"))
    assert isinstance(ended, Failed)
    assert (ended.field, ended.value) == ("method.name", "pissa")
    assert "is quantised (int8), and PiSSA takes" in ended.message


@pytest.mark.parametrize("kind", ["int8", "nf4"])
def test_a_curvature_a_recomputed_block_and_groups_of_layers_go_as_well(
    wide_models: dict[str, Path], texts_csv: Path, kind: str
) -> None:
    spec = run_of(
        wide_models["llama"],
        texts_csv,
        "lora_one",
        kind,
        measure={"held_out_samples": 8, "hessian": True, "intruders": True},
        training={"steps": 2, "batch_size": 8, "checkpointing": True},
        gradient={"samples": 16, "micro_batch": 8, "strategy": "layerwise", "checkpointing": True},
    )
    events = list(run(spec, workspace=Workspace("cpu")))
    assert isinstance(events[-1], Finished), events[-1]
    assert not [event for event in events if isinstance(event, Note) and event.warning]


def test_runs_of_another_quantisation_share_no_start(texts_csv: Path) -> None:
    asked = [
        {"quantization": "none"},
        {"quantization": "int8"},
        {"quantization": "nf4"},
        {"quantization": "nf4", "double_quantization": False},
    ]
    keys = {tiny_run(Path("llama"), texts_csv, model=model).start.key for model in asked}
    assert len(keys) == len(asked)
