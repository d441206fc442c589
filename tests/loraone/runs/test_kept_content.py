"""What is kept warm or shared is what was asked for, whatever field of the spec is another."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from loraone.catalog import METHODS
from loraone.gradient.computation import GradientComputation
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import ExperimentSpec, RunSpec, expand
from loraone.spec.start import HeadTraining, StartSpec
from tests.loraone.runs.kept import (
    begun,
    content,
    four_columns,
    other_words,
    small_run,
    with_other_weights,
)
from tests.loraone.runs.told import finished, fresh, told
from tests.loraone.variations import variations
from tests.sampling import sample

# Of a run's other fields none is read before its adapter is there.
OF_THE_START = ("task", "model", "data", "gradient", "seed", "measure.held_out_samples",
                "measure.spectra", "measure.split_half_agreement",
                "training.batch_size")  # fmt: skip


@pytest.fixture
def spec(tiny_models: dict[str, Path], tmp_path: Path) -> RunSpec:
    return small_run(tiny_models["bert"], four_columns(tmp_path / "texts.csv"))


@pytest.fixture
def words(tiny_models: dict[str, Path], tmp_path: Path) -> Mapping[str, Sequence[Any]]:
    model = with_other_weights(Path(shutil.copytree(tiny_models["bert"], tmp_path / "bert")))
    return other_words(model, four_columns(tmp_path / "others.csv", animal="house"))


def unlike(
    spec: RunSpec, words: Mapping[str, Sequence[Any]], folder: Path, *, only: Sequence[str] = ()
) -> list[str]:
    """The fields for which another worker's start, or what is warm, is not what was asked for."""
    base, paths = content(begun(spec, folder), spec), []
    for path, options in variations(spec, words).items():
        for other in options[:1]:
            if (only and path not in only) or other.gradient_key() != spec.gradient_key():
                continue
            alone = content(begun(other), other)
            same = {name for name in base if name in alone and base[name] == alone[name]}
            # By the rank and the evaluation's batch they are kept apart under one start.
            apart = {name for name in alone if name.split("/")[0] in APART}
            if not set(alone) - apart <= same or content(begun(other, folder), other) != alone:
                paths.append(path)
    return paths


APART = ("U", "S", "V", "scalars", "agreements", "untouched", "held")


def test_of_equal_keys_the_start_is_equal_to_the_last_bit_whatever_field_is_another(
    spec: RunSpec, words: Mapping[str, Sequence[Any]], tmp_path: Path
) -> None:
    assert unlike(spec, words, tmp_path / "shared") == []
    assert len([*(tmp_path / "shared").glob("*.start.safetensors")]) == 1


def test_a_field_that_is_read_and_is_not_in_the_key_would_be_noticed(
    spec: RunSpec,
    words: Mapping[str, Sequence[Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = StartSpec.key

    def forgetful(start: StartSpec) -> str:
        kept = start.model_copy(update={"training": HeadTraining(batch_size=None)})
        return str(real.fget(kept))  # type: ignore[attr-defined]

    monkeypatch.setattr(StartSpec, "key", property(forgetful))
    only = ("training.batch_size", "training.steps", "learning_rate")
    found = unlike(spec, words, tmp_path / "shared", only=only)
    assert set(found) == {"training.batch_size"}


def test_a_warm_worker_says_what_a_fresh_one_says_whatever_field_is_another(
    spec: RunSpec, words: Mapping[str, Sequence[Any]]
) -> None:
    warm, at = Workspace("cpu"), ""
    different, failed = [], []
    some = sample(variations(spec, words).items(), 12)
    for noise, (path, options) in enumerate(some):
        for other in sample(options, 3) if path == "method.name" else options[:1]:
            if at != spec.gradient_key():
                assert finished(told(spec, warm, noise))
            at, said = other.gradient_key(), told(other, warm, noise)
            if said != fresh(other):
                different.append(path)
            if not finished(said):
                at = ""
                failed.append(path)
    assert different == []
    # The model has no experts.
    allowed = {"task", "model.target_parameters"}
    assert set(failed) <= allowed, "where nothing runs nothing is compared"


def test_the_key_has_the_fields_of_the_start_and_no_other(
    spec: RunSpec, words: Mapping[str, Sequence[Any]]
) -> None:
    changed = variations(spec, words)
    mattering = {
        path
        for path, options in changed.items()
        if any(other.gradient_key() != spec.gradient_key() for other in options)
    }
    expected = {path for path in changed if path.startswith(OF_THE_START)}
    assert mattering == expected
    assert {path for path, options in changed.items() if not options} <= {
        "method.params.lora_one.scale",  # hidden from a method that does not take it
    }


def test_a_grid_of_all_methods_and_rates_takes_one_gradient_for_all_its_workers(
    spec: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = [1e-3, 1e-2, 0.1]
    sections = spec.model_dump(include={"task", "model", "data", "gradient", "training", "measure"})
    grid = {"ranks": [2, 4], "learning_rates": rates}
    names = [name for name, row in METHODS.items() if not row.whole_gradient]
    everything = ExperimentSpec.model_validate({**sections, "methods": names, "grid": grid})
    assert len({each.gradient_key() for each in expand(everything)}) == 1
    named = {"name": "another", "description": "and why"}
    assert expand(everything.model_copy(update=named)) == expand(everything)
    taken = []
    real = GradientComputation.gradients

    def counted(self: GradientComputation, rows: Any, halves: Any = None) -> Any:
        taken.append(rows)
        return real(self, rows, halves)

    monkeypatch.setattr(GradientComputation, "gradients", counted)
    some = everything.model_copy(update={"methods": everything.methods[:3]})
    workers = [Workspace("cpu"), Workspace("cpu")]
    for i, each in enumerate(expand(some)):
        workers[i % 2].share(tmp_path / "shared")
        list(run(each, workspace=workers[i % 2]))
    assert len(taken) == 1


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("batch_size", [1, 8])
def test_a_head_warmed_up_with_another_batch_size_gives_another_gradient(
    spec: RunSpec, tmp_path: Path, shared: bool, batch_size: int
) -> None:
    training = spec.training.model_copy(update={"batch_size": batch_size})
    other = spec.model_copy(update={"training": training})
    workspace = begun(spec, tmp_path / "shared")
    if shared:
        workspace = Workspace("cpu")
        workspace.share(tmp_path / "shared")
    for steps in (workspace.prepare(other), workspace.take_gradient(other)):
        list(steps)
    alone, first = begun(other).start, begun(spec).start
    for name, G in workspace.start.gradients.items():
        assert G.equal(alone.gradients[name])
        assert not G.equal(first.gradients[name])


def test_without_a_head_to_warm_up_another_batch_size_shares_the_gradient(spec: RunSpec) -> None:
    plain = spec.model_copy(
        update={"gradient": spec.gradient.model_copy(update={"head_warmup_steps": 0})}
    )
    training = plain.training.model_copy(update={"batch_size": 8})
    assert plain.model_copy(update={"training": training}).start == plain.start
