"""Checkpoints that are damaged, foreign, or have no space: the run goes on all the same."""

from __future__ import annotations

import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from loraone.events import Finished, Metric, Note
from loraone.linalg.packed import Packed
from loraone.runs import checkpoints
from loraone.runs.checkpoints import Checkpoints
from loraone.runs.interruption import Interruption
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from loraone.training import micro_batches
from tests.conftest import tiny_run
from tests.loraone.runs.interrupted import (
    a_run,
    killed,
    notes,
    rest,
    result,
    resumed_at,
    told_otherwise,
    until,
)
from tests.loraone.runs.told import fresh

Damage = Callable[[Path], None]
ONE: Packed = ({"weight": torch.ones(2)}, None)


def nothing() -> Packed:
    return {}, None


def some(folder: Path) -> Checkpoints:
    return Checkpoints(folder, tiny_run(Path("model"), Path("texts.csv")), "", "a machine")


def bit_flipped(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 10] ^= 1
    file.write_bytes(data)


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def of_other_form(file: Path) -> None:
    """As a release to come may write it."""

    def change(about: dict[str, Any]) -> None:
        about["identity"]["checkpoint format"] = "99"

    told_otherwise(file, change)


def without_notes(said: list[object]) -> list[object]:
    return [event for event in said if isinstance(event, dict) and event["kind"] != repr("note")]


@pytest.mark.parametrize("damage", [bit_flipped, emptied, of_other_form])
def test_a_damaged_checkpoint_is_said_and_the_one_before_it_is_used(
    damage: Damage, tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    spec = a_run(tiny_models, texts_csv)
    killed(spec, tmp_path / "kept", 3)
    newest = sorted((tmp_path / "kept").glob("step-*"))[-1]
    damage(newest)
    said = rest(spec, tmp_path / "kept")
    assert f"a checkpoint was not used: {newest.name}" in notes(said)
    assert resumed_at(said) == [1]
    assert without_notes(result(said)) == without_notes(fresh(spec))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (checkpoints.BEGIN, bit_flipped),
        (checkpoints.BEGIN, Path.unlink),
        (checkpoints.JOURNAL, bit_flipped),
        (checkpoints.JOURNAL, cut_short),
        ("step-*", cut_short),
        ("step-*", Path.unlink),
    ],
)
def test_without_a_good_checkpoint_the_run_begins_anew(
    name: str, damage: Damage, tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    spec = a_run(tiny_models, texts_csv)
    killed(spec, tmp_path / "kept", 2)
    for file in (tmp_path / "kept").glob(name):
        damage(file)
    said = rest(spec, tmp_path / "kept")
    assert isinstance(said[-1], Finished)
    assert not resumed_at(said)
    assert ("a checkpoint was not used" in notes(said)) == (
        name != "step-*" or damage != Path.unlink
    )
    assert [event.step for event in said if isinstance(event, Metric)] == [0, 1, 2, 3, 4]


def test_one_of_another_spec_of_other_weights_or_of_other_data_is_refused(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    folder, model = tmp_path / "kept", Path(shutil.copytree(tiny_models["bert"], tmp_path / "bert"))
    spec = a_run({"bert": model}, texts_csv)
    killed(spec, folder, 2)
    kept = Path(shutil.copytree(folder, tmp_path / "copy"))
    said = rest(spec.model_copy(update={"learning_rate": 0.02}), folder)
    assert "it is of another spec" in notes(said)
    assert isinstance(said[-1], Finished)
    assert not resumed_at(said)
    with safe_open(model / "model.safetensors", framework="pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    name = next(name for name in tensors if name.endswith("query.weight"))
    tensors[name] = tensors[name] + 1
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    said = rest(spec, kept)
    assert "it is of another model or data" in notes(said)
    assert isinstance(said[-1], Finished)
    assert not resumed_at(said)


def test_a_full_disk_is_a_note_and_no_failure(
    tiny_models: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = a_run(tiny_models, texts_csv)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 0))
    said = rest(spec, tmp_path / "kept")
    assert isinstance(said[-1], Finished)
    assert notes(said).count("no checkpoint could be kept after step 0: ") == 1
    assert "No space left on device" in notes(said)
    assert without_notes(result(said)) == without_notes(fresh(spec))


def test_a_disk_that_fills_up_keeps_the_last_good_one(
    tiny_models: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec, real = a_run(tiny_models, texts_csv), checkpoints.save_file

    def full(tensors: dict[str, torch.Tensor], file: Path, **more: object) -> None:
        if file.name.startswith("step-000000002"):
            file.write_bytes(b"half of it")
            raise OSError(28, "No space left on device", str(file))
        real(tensors, file, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(checkpoints, "save_file", full)
    killed(spec, tmp_path / "kept", 3)
    assert not list((tmp_path / "kept").glob("*.new"))
    said = rest(spec, tmp_path / "kept")
    assert resumed_at(said) == [1]
    assert without_notes(result(said)) == without_notes(fresh(spec))


def test_two_are_kept_and_they_are_nobody_elses(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    killed(a_run(tiny_models, texts_csv), folder, 4)
    files = sorted(file.name for file in folder.iterdir())
    assert files == [
        "begin.safetensors", "events.jsonl", "step-000000002.safetensors",
        "step-000000003.safetensors",
    ]  # fmt: skip
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_half_of_a_checkpoint_goes_when_the_run_goes_on(tmp_path: Path) -> None:
    kept = some(tmp_path / "kept")
    kept.write(1, nothing, ONE)
    for name in ("begin.new", "step-000000002.new"):
        (tmp_path / "kept" / name).write_bytes(b"half of it")
    found, refused = kept.find()
    assert found is not None
    assert not refused
    assert not list((tmp_path / "kept").glob("*.new"))


def test_a_beginning_that_somebody_removed_is_written_again(tmp_path: Path) -> None:
    kept = some(tmp_path / "kept")
    kept.write(1, nothing, ONE)
    (tmp_path / "kept" / checkpoints.BEGIN).unlink()
    kept.write(2, nothing, ONE)
    found, refused = some(tmp_path / "kept").find()
    assert (found and found.name, refused) == ("step-000000002.safetensors", [])


@pytest.mark.parametrize("damage", [Path.unlink, cut_short])
def test_a_journal_that_somebody_shortened_is_not_filled_with_zeros(
    damage: Damage, tmp_path: Path
) -> None:
    kept, file = some(tmp_path / "kept"), tmp_path / "kept" / checkpoints.JOURNAL
    kept.journal.add(Note("said"))
    kept.write(1, nothing, ONE)
    damage(file)
    with pytest.raises(OSError, match="is gone"):
        kept.write(2, nothing, ONE)
    assert b"\0" not in file.read_bytes()


def test_the_end_of_a_run_removes_its_checkpoints_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    kept = some(folder)
    kept.write(1, nothing, ONE)
    (folder / "step-000000002.new").write_bytes(b"half of it")
    kept.clear()
    assert not folder.exists()
    kept.write(1, nothing, ONE)
    (folder / "adapter").mkdir()
    (folder / "directions.safetensors").write_bytes(b"of an export")
    kept.clear()
    assert sorted(path.name for path in folder.iterdir()) == ["adapter", "directions.safetensors"]


def test_none_is_kept_before_it_is_time_and_none_where_none_is_wanted(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    killed(a_run(tiny_models, texts_csv, minutes=10), tmp_path / "seldom", 4)
    assert not (tmp_path / "seldom").exists()
    never, interruption = a_run(tiny_models, texts_csv, minutes=0), Interruption()
    interruption.ask()
    events = run(
        never,
        workspace=Workspace("cpu"),
        checkpoints=tmp_path / "never",
        interruption=interruption,
    )
    said = []
    for event in events:
        said.append(event)
        assert not interruption.listening, "a signal is then for nobody"
        assert not (tmp_path / "never").exists()
    assert isinstance(said[-1], Finished)


def test_one_that_is_asked_for_is_kept_and_the_run_goes_on(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    interruption, seen = Interruption(), []
    spec = a_run(tiny_models, texts_csv, minutes=10)
    for event in run(
        spec,
        workspace=Workspace("cpu"),
        checkpoints=tmp_path / "kept",
        interruption=interruption,
    ):
        if isinstance(event, Metric):
            seen.append([file.stem for file in (tmp_path / "kept").glob("step-*")])
            if event.step == 1:
                interruption.ask()
    assert isinstance(event, Finished)
    assert seen == [[], [], ["step-000000001"], ["step-000000001"], ["step-000000001"]]


def test_it_goes_on_with_its_texts_in_parts_where_memory_had_run_out(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = a_run(tiny_models, texts_csv, minutes=10)
    spec = base.model_copy(
        update={"training": base.training.model_copy(update={"halve_on_oom": True})}
    )
    real = micro_batches.mean_loss

    def small(model: object, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        if model.training and len(batch["labels"]) > 4:  # type: ignore[attr-defined]
            raise MemoryError("out of memory")
        return real(model, batch)

    monkeypatch.setattr(micro_batches, "mean_loss", small)
    until(spec, tmp_path / "kept", 2)
    said = rest(spec, tmp_path / "kept")
    assert notes(said).count("did not fit") == 1
    assert result(said) == fresh(spec)
