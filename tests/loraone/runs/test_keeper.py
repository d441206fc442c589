"""What an earlier attempt left is gone on from, or is kept for another time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from loraone.events import Failed, Finished, Metric
from loraone.linalg.packed import Packed
from loraone.runs import keeper
from loraone.runs.checkpoints import BEGIN, JOURNAL
from loraone.training.course import Course
from tests.loraone.runs.interrupted import a_run, killed, notes, rest, resumed_at, told_otherwise


@pytest.mark.parametrize(("unfit", "after"), [(1, [1]), (2, [])])
@pytest.mark.parametrize("error", [RuntimeError("a kernel failed"), ValueError("no such state")])
def test_what_cannot_be_put_up_gives_way_to_the_one_before_it_and_then_to_a_new_beginning(
    error: Exception,
    unfit: int,
    after: list[int],
    tiny_models: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec, real, tried = a_run(tiny_models, texts_csv), Course.unpack, []
    killed(spec, tmp_path / "kept", 3)

    def unpack(course: Course, packed: Packed) -> None:
        tried.append(course)
        real(course, packed)
        if len(tried) <= unfit:
            raise error

    monkeypatch.setattr(Course, "unpack", unpack)
    said = rest(spec, tmp_path / "kept")
    assert notes(said).count(f": {error}") == unfit
    assert "a checkpoint was not used: step-000000002" in notes(said)
    assert resumed_at(said) == after
    assert isinstance(said[-1], Finished)
    assert [event.step for event in said if isinstance(event, Metric)] == [0, 1, 2, 3, 4]


def test_memory_that_runs_out_while_one_is_put_up_fails_the_run_and_keeps_it(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = a_run(tiny_models, texts_csv)
    killed(spec, tmp_path / "kept", 3)

    def unpack(course: Course, packed: Packed) -> None:
        raise torch.OutOfMemoryError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(Course, "unpack", unpack)
        assert isinstance(rest(spec, tmp_path / "kept")[-1], Failed)
    assert resumed_at(rest(spec, tmp_path / "kept")) == [2]


@pytest.mark.parametrize("name", [BEGIN, JOURNAL, "step-000000002.safetensors"])
def test_what_cannot_be_read_now_fails_the_run_and_is_gone_on_from_when_it_can(
    name: str, tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    spec, folder = a_run(tiny_models, texts_csv), tmp_path / "kept"
    killed(spec, folder, 3)
    (folder / "step-000000001.safetensors").unlink()
    away = (folder / name).rename(tmp_path / "away")
    (folder / name).symlink_to(folder / name)  # an error of the system: too many levels
    failed = rest(spec, folder)[-1]
    assert isinstance(failed, Failed)
    assert failed.code == "checkpoint-not-readable"
    assert "Too many levels" in failed.message
    away.rename(folder / name)
    said = rest(spec, folder)
    assert resumed_at(said) == [2]
    assert isinstance(said[-1], Finished)


def test_a_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    (tmp_path / "kept").symlink_to(tmp_path / "kept")
    failed = rest(a_run(tiny_models, texts_csv), tmp_path / "kept")[-1]
    assert isinstance(failed, Failed)
    assert failed.code == "checkpoint-not-readable"


def test_a_field_that_an_earlier_release_did_not_know_makes_no_other_spec(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    spec, folder = a_run(tiny_models, texts_csv), tmp_path / "kept"
    killed(spec, folder, 3)

    def shorten(about: dict[str, Any]) -> None:
        del about["spec"]["training"]["halve_on_oom"], about["spec"]["measure"]["hessian"]

    for file in folder.glob("step-*"):
        told_otherwise(file, shorten)
    assert resumed_at(rest(spec, folder)) == [2]


def test_a_field_that_only_a_later_release_knows_makes_another(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    spec, folder = a_run(tiny_models, texts_csv), tmp_path / "kept"
    killed(spec, folder, 3)
    for file in folder.glob("step-*"):
        told_otherwise(file, lambda about: about["spec"].update(unknown=1))
    said = rest(spec, folder)
    assert "it is of another spec" in notes(said)
    assert not resumed_at(said)


def test_what_was_computed_on_two_machines_says_so_however_often_it_goes_on(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, folder, said = a_run(tiny_models, texts_csv), tmp_path / "kept", []
    for step, machine in [(1, "one"), (2, "one"), (3, "two"), (4, "two"), (4, "one")]:
        monkeypatch.setattr(keeper, "arithmetic", lambda _, machine=machine: [machine])
        said.append("another device" in notes(killed(spec, folder, step)))
    assert said == [False, False, True, True, True]
