"""What a run says of data that it does not use, or cannot learn from."""

from __future__ import annotations

from pathlib import Path

from loraone.events import Failed, Finished, Note
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from tests.conftest import tiny_run
from tests.loraone.inputs.data.written import written


def rows(count: int) -> tuple[list[str], list[str]]:
    animals = ["cat", "dog"]
    texts = [f"the big {animals[i % 2]} runs {'in ' * (i % 7)}" for i in range(count)]
    return texts, [animals[i % 2] for i in range(count)]


def test_rows_left_out_are_noted_in_every_run_that_uses_them(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    texts, labels = rows(80)
    texts[3], labels[5] = " ", "NA"
    file = written(tmp_path / "rows.csv", {"text": texts, "label": labels})
    spec = tiny_run(tiny_models["bert"], file)
    refused = list(run(spec, workspace=Workspace("cpu")))[-1]
    assert isinstance(refused, Failed)
    assert (refused.code, refused.field) == ("data-not-usable", "data.missing_labels")
    data = spec.data.model_copy(update={"missing_labels": "drop"})
    spec = spec.model_copy(update={"data": data})
    workspace = Workspace("cpu")
    for _ in range(2):
        found = list(run(spec, workspace=workspace))
        assert isinstance(found[-1], Finished)
        notes = [event.message for event in found if isinstance(event, Note)]
        assert notes[:2] == [
            "1 of 80 rows have no text and are left out: row 4 (line 5)",
            "1 of 80 rows have no label and are left out: 1 'NA' (row 6 (line 7))",
        ]


def test_labels_that_training_never_sees_are_noted(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    texts, _ = rows(60)
    labels = [f"answer {i}" for i in range(60)]
    file = written(tmp_path / "rows.csv", {"text": texts, "label": labels})
    notes = [
        event.message
        for event in run(tiny_run(tiny_models["bert"], file), workspace=Workspace("cpu"))
        if isinstance(event, Note)
    ]
    assert any(
        note.startswith("15 of 15 evaluation texts have a label that no training text has")
        for note in notes
    ), notes


def test_texts_without_enough_tokens_are_noted_and_nothing_else_is_refused(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    texts, labels = rows(80)
    file = written(
        tmp_path / "rows.csv",
        {"text": [*texts, *["cat"] * 20], "label": [*labels] * 1 + ["x"] * 20},
    )
    found = list(run(tiny_run(tiny_models["llama"], file), workspace=Workspace("cpu")))
    assert isinstance(found[-1], Finished)
    notes = [event.message for event in found if isinstance(event, Note)]
    assert sum("too few tokens" in note for note in notes) == 2, notes
    file = written(tmp_path / "words.csv", {"text": ["cat", "dog"] * 20, "label": ["x"] * 40})
    failed = list(run(tiny_run(tiny_models["llama"], file), workspace=Workspace("cpu")))[-1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.field) == ("data-not-usable", "data.text_column")
