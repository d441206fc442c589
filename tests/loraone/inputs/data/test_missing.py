"""Rows without a text or a label: refused or left out as the spec says, and counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from loraone.errors import DataError
from loraone.inputs.data.texts import TextData, load
from loraone.spec.data import DataSpec
from tests.loraone.inputs.data.written import FORMATS, written


def data_of(
    folder: Path,
    labels: list[Any],
    suffix: str = "csv",
    texts: list[Any] | None = None,
    **spec: Any,
) -> TextData:
    """40 rows of two classes after ``labels``."""
    given = texts or [f"text {i}" for i in range(len(labels))]
    table = {
        "text": [*given, *(f"more {i}" for i in range(40))],
        "label": [*labels, *(["x", "y"] * 20)],
    }
    file = written(folder / f"rows.{suffix}", table)
    return load(DataSpec(source=str(file), **spec), labelled=True)


WORDS = ["NA", "nan", "NaN", "N/A", "#N/A", "null", "NULL", "None", "<NA>", " NA "]


@pytest.mark.parametrize("suffix", FORMATS)
def test_missing_labels_are_refused_with_their_number_kind_and_rows(
    tmp_path: Path, suffix: str
) -> None:
    labels = ["x", "", "NA", None, "y", "nan", " ", "NA"]
    if suffix == "csv":
        labels[3] = ""  # CSV has no null
    with pytest.raises(DataError) as caught:
        data_of(tmp_path, labels, suffix)
    error = caught.value
    assert "column 'label': 6 of 48 rows have no label" in error.message
    assert "2 'NA' (rows 3" in error.message
    assert "1 'nan' (row 6" in error.message
    assert ("3 empty (rows 2" if suffix == "csv" else "1 null (row 4") in error.message
    assert ("(line 4)" if suffix == "csv" else "row") in error.message
    assert error.field == "data.missing_labels"
    assert "drop" in str(error.hint) and "'NA' or 'nan'" in str(error.hint)


@pytest.mark.parametrize("suffix", FORMATS)
def test_missing_labels_are_left_out_and_counted_where_the_spec_says_so(
    tmp_path: Path, suffix: str
) -> None:
    labels = [*WORDS, "", "  ", "x", "Nan's"]
    data = data_of(tmp_path, labels, suffix, missing_labels="drop", eval_samples=4)
    assert data.label_names == ("Nan's", "x", "y")
    assert len(data.train_texts) + len(data.eval_texts) == 42
    (note,) = data.notes
    assert note.startswith("12 of 54 rows have no label and are left out: 1 'NA' (row 1")
    assert "2 empty (rows 11" in note


def test_null_and_a_number_that_is_none_are_missing_whatever_words_are_listed(
    tmp_path: Path,
) -> None:
    rows = [{"text": f"text {i}", "label": "xy"[i % 2]} for i in range(40)]
    lines = [json.dumps(row) for row in rows]
    lines += ['{"text": "a", "label": null}', '{"text": "b", "label": NaN}', '{"text": "c"}']
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"3 of 43 rows .*3 null \(rows 41 \(line 41\), 42"):
        load(DataSpec(source=str(file), missing_words=()), labelled=True)


def test_a_class_can_have_the_name_of_a_missing_label(tmp_path: Path) -> None:
    labels = ["NA", "NA", "None", "n/a"]
    kept = data_of(tmp_path, labels, missing_words=())
    assert kept.label_names == ("NA", "None", "n/a", "x", "y")
    assert kept.notes == ()
    # Namibia is a class, what has no country is left out.
    spec: dict[str, Any] = {"missing_words": ("None", "n/a"), "missing_labels": "drop"}
    assert data_of(tmp_path, labels, **spec).label_names == ("NA", "x", "y")


def test_a_class_in_lower_case_is_none_of_the_words(tmp_path: Path) -> None:
    """As the stances none, favor and against."""
    data = data_of(tmp_path, ["none", "none", "na"])
    assert data.label_names == ("na", "none", "x", "y")


def test_words_of_ones_own_can_mean_a_missing_label(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"2 '-999' \(rows 2 \(line 3\), 3 \(line 4\)\)"):
        data_of(tmp_path, ["NA", "-999", "-999"], missing_words=("-999",))


@pytest.mark.parametrize("suffix", FORMATS)
def test_texts_that_are_empty_are_left_out_and_counted(tmp_path: Path, suffix: str) -> None:
    texts = ["", "NA", " \n\t\u00a0", "null", "00"]
    data = data_of(tmp_path, ["x"] * 5, suffix, texts, eval_samples=4)
    assert {"NA", "null", "00"} < set(data.train_texts) | set(data.eval_texts)
    (note,) = data.notes
    assert note.startswith("2 of 45 rows have no text and are left out: rows 1")


def test_the_label_of_a_row_without_a_text_does_not_matter(tmp_path: Path) -> None:
    data = data_of(tmp_path, ["", "NA", "x"], texts=["", " ", "a"])
    assert data.label_names == ("x", "y")


def test_nothing_is_said_of_labels_that_are_not_read(tmp_path: Path) -> None:
    table = {"text": [f"text {i}" for i in range(40)], "label": ["NA"] * 40}
    file = written(tmp_path / "rows.csv", table)
    assert load(DataSpec(source=str(file)), labelled=False).notes == ()


def test_too_few_texts_are_said_with_what_was_left_out(tmp_path: Path) -> None:
    table = {"text": ["a"] * 10 + [""] * 30, "label": ["x", "y"] * 20}
    file = written(tmp_path / "rows.csv", table)
    with pytest.raises(DataError, match="10 texts that are not empty") as caught:
        load(DataSpec(source=str(file)), labelled=True)
    assert "30 of 40 rows have no text" in str(caught.value.hint)
