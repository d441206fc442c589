"""What a method may be applied to is one set of rules, for a grid, for one run, and for layers."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import loraone
from loraone.catalog import METHODS
from loraone.errors import SpecError
from loraone.spec import applicability, full_precision
from loraone.spec.experiment import ExperimentSpec, RunSpec, expand

LAB: dict[str, Any] = {"task": "teacher-student"}

# What needs a base in full precision, and why.
NEED_FULL_PRECISION: list[tuple[str, dict[str, Any], str]] = [
    ("full", {}, "quantised ones have no gradient"),
    ("pissa", {}, "which so few bits round away"),
    ("milora", {}, "which so few bits round away"),
    ("olora", {}, "which so few bits round away"),
    ("corda", {}, "which so few bits round away"),
    ("lora_ga", {}, "which so few bits round away"),
    ("lora_ga_paper", {}, "which so few bits round away"),
    ("init_ab", {"base": "offset"}, "which so few bits round away"),
    ("mica", {}, "computed by PEFT, for base weights in full precision alone"),
    ("orthogonal", {}, "computed by PEFT, for base weights in full precision alone"),
    ("loftq", {}, "quantises the base in every round"),
]

# What makes no sense, with the field that a grid and a single run name for it.
REFUSED: list[tuple[dict[str, Any], dict[str, Any], str, str, str]] = [
    ({"name": "full", "optimizer": "loraplus"}, {}, "methods.0.optimizer", "method.optimizer",
     "two trained factors"),
    ({"name": "mica"}, {"training": {"optimizer": "lorafa"}}, "training.optimizer",
     "training.optimizer", "two trained factors"),
    ({"name": "lora_sb"}, {"gradient": {"strategy": "sketch"}}, "gradient.strategy",
     "gradient.strategy", "every entry of G"),
    ({"name": "lora_xs"}, {"adapter": {"dora": True}}, "adapter.dora", "adapter.dora",
     "nothing for DoRA"),
    ({"name": "lora", "optimizer": "lorafa"}, {"adapter": {"dora": True}}, "methods.0.optimizer",
     "method.optimizer", "magnitudes"),
    ({"name": "pissa"}, LAB, "methods.0.name", "method.name", "computed by PEFT"),
    ({"name": "lora"}, {**LAB, "training": {"optimizer": "lorafa"}}, "training.optimizer",
     "training.optimizer", "LoRA-FA is PEFT's"),
    ({"name": "lora"}, {**LAB, "adapter": {"dora": True}}, "adapter.dora", "adapter.dora",
     "no DoRA"),
    ({"name": "lora_ga"}, {**LAB, "problem": {"outputs": 10, "true_rank": 2}}, "grid.ranks.1",
     "rank", "2r singular directions"),
    ({"name": "orthogonal"}, {}, "methods.0.name", "method.name", "even rank"),
    ({"name": "lora"}, {"model": {"quantization": "int8"}, "adapter": {"dora": True}},
     "adapter.dora", "adapter.dora", "loses the scales of a base in int8"),
    *(({"name": name, "params": params}, {"model": {"quantization": kind}}, "methods.0.name",
       "method.name", why)
      for kind in ("int8", "nf4")
      for name, params, why in NEED_FULL_PRECISION),
]  # fmt: skip


def refusal(kind: Any, document: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(ValidationError) as caught:
        kind.model_validate(document)
    (error,) = caught.value.errors()
    return error["ctx"]["at"], error["msg"]


@pytest.mark.parametrize(("method", "changes", "grid_at", "run_at", "why"), REFUSED)
def test_a_grid_and_a_run_made_by_hand_are_refused_alike(
    method: dict[str, Any], changes: dict[str, Any], grid_at: str, run_at: str, why: str
) -> None:
    rank = 7
    experiment = {"methods": [method], "grid": {"ranks": [2, rank]}, **changes}
    at, said = refusal(ExperimentSpec, experiment)
    assert (at, why in said) == (grid_at, True)
    one = {"method": method, "rank": rank, "learning_rate": 0.1, "seed": 0, **changes}
    at, again = refusal(RunSpec, one)
    assert (at, again) == (run_at, said)


@pytest.mark.parametrize("method", METHODS)
def test_what_a_grid_allows_its_runs_allow(method: str) -> None:
    for changes in ({}, LAB) if METHODS[method].synthetic else ({},):
        for run in expand(ExperimentSpec.model_validate({"methods": [method], **changes})):
            assert RunSpec.model_validate(run.model_dump()) == run


def test_a_sweep_needs_a_problem() -> None:
    sweep = {"parameter": "condition", "values": [1.0]}
    at, said = refusal(ExperimentSpec, {"sweep": sweep})
    assert (at, "only the teacher–student task" in said) == ("sweep", True)


@dataclass(frozen=True)
class PlainLayer:
    name: str = "block.0.query"
    shape: tuple[int, int] = (8, 12)
    embedding: bool = False
    conv1d: bool = False
    tied_to: str | None = None
    quantised: bool = False


TIED = PlainLayer("embed", (8, 30), embedding=True, tied_to="lm_head")


@pytest.mark.parametrize(
    ("method", "layer", "rank", "params", "why"),
    [
        ("lora", PlainLayer(), 9, {}, r"rank 9 is above min\(m, n\) = 8 of layer block\.0\.query"),
        ("lora_ga", PlainLayer(), 5, {}, r"above min\(m, n\)/2 = 4"),
        ("lora_sb", PlainLayer("embed", embedding=True), 4, {}, "embed, an embedding"),
        ("olora", PlainLayer(conv1d=True), 4, {}, "a Conv1D"),
        ("full", TIED, 4, {}, "which is that of lm_head too"),
        ("milora", TIED, 4, {}, "which is that of lm_head too"),
        ("init_ab", TIED, 4, {"base": "offset"}, "which is that of lm_head too"),
        *(
            (name, PlainLayer(quantised=True), 4, params, f"block.0.query is quantised.*{why}")
            for name, params, why in NEED_FULL_PRECISION
        ),
    ],
)
def test_layers_are_refused_by_name(
    method: str, layer: PlainLayer, rank: int, params: dict[str, Any], why: str
) -> None:
    with pytest.raises(SpecError, match=why):
        applicability.check_layers(
            (PlainLayer("other", (50, 50)), layer), METHODS[method], rank, params
        )


@pytest.mark.parametrize("method", ["lora", "lora_one", "init_ab"])
def test_a_tied_layer_is_allowed_where_the_base_is_kept(method: str) -> None:
    applicability.check_layers((TIED,), METHODS[method], 8)


def test_what_is_allowed_on_a_quantised_base_is_all_that_is_not_refused() -> None:
    refused = {name for name, params, _ in NEED_FULL_PRECISION if not params}
    allowed = full_precision.allowed().split(", ")
    assert {*refused, *allowed} - {"loftq with iterations = 1"} == set(METHODS)
    for name in set(METHODS) - refused:
        spec = {"methods": [name], "model": {"quantization": "nf4"}}
        assert ExperimentSpec.model_validate(spec).model.quantization == "nf4"
        applicability.check_layers((PlainLayer(quantised=True),), METHODS[name], 4)


def test_loftq_begins_beside_a_base_that_stays_as_it_was_quantised_in_one_round() -> None:
    once = {"name": "loftq", "params": {"iterations": 1}}
    ExperimentSpec.model_validate({"methods": [once], "model": {"quantization": "nf4"}})
    assert full_precision.reason(METHODS["loftq"], once["params"]) is None
    stored = full_precision.reason(METHODS["loftq"], once["params"], original=False)
    assert stored is not None and "the weights before it are gone" in stored


def test_a_problem_that_is_drawn_has_no_base_to_quantise() -> None:
    for method in ("full", "lora_ga"):
        spec = {"methods": [method], "model": {"quantization": "nf4"}, **LAB}
        ExperimentSpec.model_validate(spec)


def test_a_method_that_reads_all_of_g_needs_the_strategy_that_keeps_it() -> None:
    for row in METHODS.values():
        applicability.check_strategy(row, "accumulate", "it fits")
        if row.whole_gradient:
            with pytest.raises(SpecError, match="memory is short"):
                applicability.check_strategy(row, "sketch", "memory is short")
        else:
            applicability.check_strategy(row, "sketch", "memory is short")


def test_more_directions_than_inputs_or_tokens_are_refused() -> None:
    row, layers = METHODS["eva"], (PlainLayer(),)
    applicability.check_inputs(row, {"rho": 3.0}, 4, layers, 12)
    with pytest.raises(SpecError, match=r"ρ·r = 16 directions.*12 inputs.*20 tokens") as caught:
        applicability.check_inputs(row, {"rho": 4.0}, 4, layers, 20)
    assert caught.value.field == "rank"
    with pytest.raises(SpecError) as caught:
        applicability.check_inputs(row, {"rho": 2.0}, 4, layers, 7)
    assert caught.value.field == "gradient.samples"
    applicability.check_inputs(METHODS["lora"], {}, 4, layers, 1)


def test_no_code_outside_a_methods_folder_asks_for_its_name() -> None:
    """Comparisons with a method's name: what is particular about a method is in its row."""
    folder = Path(loraone.__file__).parent
    for room in (folder, folder.parent / "backend"):
        for file in room.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if not isinstance(node, ast.Compare):
                    continue
                texts = {ast.unparse(part) for part in (node.left, *node.comparators)}
                names = {repr(name) for name in METHODS}
                asks = any("method" in text or text == "row.name" for text in texts)
                assert not (asks and names & texts), f"{file}:{node.lineno}"
