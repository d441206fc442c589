"""CSV: the rows of Python's csv, or an error that names row, line and column."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from loraone.inputs.data.texts import load
from loraone.spec.data import DataSpec
from tests.loraone.inputs.data.written import ALL_FORMATS, as_csv, read, refused, written


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_breaks_in_quotes_are_text_however_long_the_file_is(tmp_path: Path, end: str) -> None:
    texts = [f'{i} a{end}"big house",{end}{end} ' + "x" * 80 for i in range(20_000)]
    file = tmp_path / "houses.csv"
    table = {"text": texts, "label": ["yes", "no"] * 10_000}
    file.write_bytes(as_csv(table, lineterminator=end).encode())
    assert file.stat().st_size > 2_000_000
    with file.open(newline="") as lines:
        expected = list(csv.DictReader(lines))
    read_texts, labels = read(file)
    assert read_texts == texts == [row["text"] for row in expected]
    assert labels == table["label"]


@pytest.mark.parametrize("suffix", ALL_FORMATS)
def test_numbers_and_truth_values_written_as_texts_stay_as_written(
    tmp_path: Path, suffix: str
) -> None:
    table = {
        "text": ["00007", "true", "1e5", "2024-01-01", " padded ", "0x1F", "12:30", "-0"],
        "label": ["01", "1", "001", "1.0", "+1", "True", "TRUE", "1_0"],
    }
    assert read(written(tmp_path / f"rows.{suffix}", table)) == (table["text"], table["label"])


def test_labels_that_are_different_texts_are_different_classes(tmp_path: Path) -> None:
    labels = ["01", "1", "001", "1.0"] * 10
    table = {"text": [f"{i:05}" for i in range(40)], "label": labels}
    data = load(DataSpec(source=str(written(tmp_path / "rows.csv", table))), labelled=True)
    assert data.label_names == ("001", "01", "1", "1.0")
    assert set(data.train_texts + data.eval_texts) == set(table["text"])


@pytest.mark.parametrize("suffix", ALL_FORMATS)
def test_what_an_unused_column_holds_does_not_matter(tmp_path: Path, suffix: str) -> None:
    table: dict[str, list[Any]] = {
        "text": ["a", "b", "c"],
        "label": ["x", "y", "x"],
        "more": [[1], None, [2, 3]] if "parquet" in suffix else [1, "two", 3.5],
        "": ["an", "index", "of pandas"],
    }
    file = written(tmp_path / f"rows.{suffix}", table)
    assert read(file) == (["a", "b", "c"], ["x", "y", "x"])


def test_bad_bytes_and_doubled_names_of_unused_columns_do_not_matter(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b"more,text,more,label\n\xff,a,1,x\n2,b,\xfe,y\n")
    assert read(file) == (["a", "b"], ["x", "y"])


@pytest.mark.parametrize("field", ["text_column", "label_column"])
def test_a_column_whose_name_is_there_twice_is_named(tmp_path: Path, field: str) -> None:
    name = field.removesuffix("_column")
    file = tmp_path / "rows.csv"
    file.write_text(f"text,label,{name}\na,b,c\n")
    error = refused(file, f"2 columns named '{name}'")
    assert error.field == f"data.{field}"
    # Where it is not asked for, it is none of our business.
    if name == "label":
        assert read(file, labelled=False)[0] == ["a"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("a,x\nb\nc,y\n", ["row 2 (line 3)", "1 values for 2 columns", "column 'label'"]),
        ('"a\nb",x\nc,d,y\n', ["row 2 (line 4)", "3 values for 2 columns", "'y'"]),
        ("a,x\n\n\nb,y,\n", ["row 2 (line 5)", "3 values for 2 columns"]),
        ('a,x\nb,"open\nc,y\nd,z\n', ["row 2 (line 3)", "never closed"]),
        ('a,x\n"b"c,y\n', ["row 2 (line 3)", "expected after"]),
        ('a,x\nb,"open\nc,"y"\n', ["row 2 (line 3)", "in line 4"]),
        ('a,x\n"say \\"b\\"",y\n', ["row 2 (line 3)"]),
    ],
)
def test_a_row_that_is_not_one_of_the_table_is_named(
    tmp_path: Path, body: str, words: list[str]
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("text,label\n" + body)
    assert refused(file, *words).field == "data.source"


def test_lines_end_in_any_way_and_empty_ones_are_no_rows(tmp_path: Path) -> None:
    for end in ("\n", "\r\n", "\r"):
        file = tmp_path / "rows.csv"
        lines = ["", "text,label", "a\x85\u2028\x0c,x", "", "b,y", "", ""]
        file.write_bytes(end.join(lines).encode())
        assert read(file) == (["a\x85\u2028\x0c", "b"], ["x", "y"])


def test_values_beyond_the_limit_of_the_csv_module_are_read(tmp_path: Path) -> None:
    long = "word " * 100_000
    file = written(tmp_path / "rows.csv", {"text": [long, "b"], "label": ["x", "y"]})
    assert read(file)[0] == [long, "b"]


def test_a_file_without_rows_or_without_anything_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    for content in ("\n\n", "body,label\n"):
        file.write_text(content)
        refused(file, "no column 'text'")
    file.write_text("")
    refused(file, "is empty")


@pytest.mark.parametrize("sign", [";", "\t"])
def test_other_separators_are_named(tmp_path: Path, sign: str) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(f"text{sign}label\na{sign}x\n")
    error = refused(file, "no column 'text'")
    assert error.field == "data.text_column"
    assert repr(sign) in str(error.hint)


def test_the_home_folder_can_be_named_by_its_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    written(tmp_path / "rows.csv", {"text": ["a"], "label": ["x"]})
    assert read(Path("~/rows.csv")) == (["a"], ["x"])
