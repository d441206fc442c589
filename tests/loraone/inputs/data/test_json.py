"""JSON: lists and lines of objects; values as written, or refused by row and column."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from loraone.errors import DataError
from loraone.inputs.data import files
from loraone.spec.data import DataSpec
from tests.loraone.inputs.data.written import packed, read, refused


@pytest.fixture(params=["rows.jsonl", "rows.json", "rows.json.gz"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


ROWS = '{"text": "a", "label": "x"}', '{"text": "b", "label": "y"}'


@pytest.mark.parametrize(
    "content",
    [
        "\n".join(ROWS),
        "\n\n" + "\r\n".join(ROWS) + "\n\n",
        "\r".join(ROWS),
        f"[{','.join(ROWS)}]",
        f"\n [\n{' ,'.join(ROWS)}\n]\n\n",
        "\n".join(json.dumps(json.loads(row), indent=2) for row in ROWS),
    ],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_lists_and_lines_are_told_apart_by_their_beginning(
    file: Path, content: str, mark: str
) -> None:
    packed(file, (mark + content).encode())
    assert read(file) == (["a", "b"], ["x", "y"])


def test_numbers_and_truth_values_are_read_with_the_digits_written(file: Path) -> None:
    numbers = ["1", "1.0", "1.00", "1e0", "-0", "0.1", "1" * 5000, "1e999", "true", "false"]
    rows = [f'{{"text": {number}, "label": {number}}}' for number in numbers]
    packed(file, f"[{', '.join(rows)}]".encode())
    assert read(file) == (numbers, numbers)


def test_null_nan_and_an_absent_value_are_missing(file: Path) -> None:
    packed(file, b'{"text": null, "label": "x"}\n{"label": NaN, "text": NaN}\n{"label": "y"}\n{}')
    assert read(file) == ([None, None, None, None], ["x", None, "y", None])


def test_a_column_that_the_first_rows_do_not_have_is_found(file: Path) -> None:
    rows = [json.dumps({"text": f"{i} " + "x" * 100}) for i in range(30_000)]
    rows.append('{"label": "late", "text": "b"}')
    packed(file, "\n".join(rows).encode())
    texts, labels = read(file)
    assert len(texts) == 30_001 and labels is not None
    assert labels[-2:] == [None, "late"]
    assert texts[29_999] == "29999 " + "x" * 100


def test_a_column_is_searched_for_in_many_rows_before_a_run_and_in_all_of_them_by_it(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SEARCHED_ROWS", 2000)
    packed(file, b'{"text": "a"}\n' * 5000)
    spec = DataSpec(source=str(file), missing_labels="drop")
    files.check(spec, True)  # a later row may have it
    refused(file, "no column 'label'; its columns: text")
    packed(file, b'{"text": "a"}\n' * 2500)
    with pytest.raises(DataError, match="no column 'label'"):
        files.check(spec, True)


def test_a_row_longer_than_a_block_is_read(file: Path) -> None:
    long = "wörd " * 700_000
    packed(file, json.dumps([{"text": long, "label": "x"}] * 2, ensure_ascii=False).encode())
    assert read(file) == ([long] * 2, ["x"] * 2)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('["a", 1]', ["a list", "['a', 1]"]),
        ('{"role": "user"}', ["an object", "{'role': 'user'}"]),
        ("[]", ["a list"]),
        ('"half \\ud83d"', ["half of a character", "\\ud83d"]),
        ('"b", "text": "c"', ["more than once"]),
    ],
)
def test_what_is_no_text_is_named_with_row_and_column(
    file: Path, value: str, words: list[str]
) -> None:
    packed(file, f'{{"text": "a"}}\n\n{{"text": {value}}}\n'.encode())
    error = refused(file, "row 2 (line 3)", "column 'text'", *words, labelled=False)
    assert error.field == "data.text_column"
    packed(file, f'[{{"more": "a", "label": "x"}}, {{"label": "y", "text": {value}}}]'.encode())
    refused(file, "row 2 (line 1)", "column 'text'", *words)
    packed(file, f'[{{"label": "a", "x": 1, "text": {value}}}]'.encode())
    refused(file, "row 1 (line 1)", text_column="label", label_column="text")


def test_pairs_of_surrogates_are_characters(file: Path) -> None:
    packed(file, b'{"text": "\\ud83d\\ude00", "label": "\\u0000"}')
    assert read(file) == (["\U0001f600"], ["\0"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"text": "a"}\n{"text": "b"\n{"text": "c"}', ["row 2 (line 2)", "line 3"]),
        ('{"text": "a"}\n["text", "b"]', ["row 2 (line 2)", "not an object"]),
        ('{"text": "a"}\n\n7', ["row 2 (line 3)", "not an object"]),
        ('[{"text": "a"},\n{"text": "b"}', ["row 2 (line 2)", "end of the list"]),
        ('[{"text": "a"},\n{"text": "b"}]\n{}', ["row 2", "after the end"]),
        ('[{"text": "a"},\n{"text": "b"},\n]', ["row 3 (line 3)", "not an object"]),
        ('{"text": "a"},\n{"text": "b"}', ["row 2 (line 1)", "not an object"]),
        ('{"text": "a"}\n{"text": "line\nbreak"}', ["row 2 (line 2)", "control character"]),
        ('{"text": "a"}\n{"text": \'b\'}', ["row 2 (line 2)", "line 2"]),
        ('{"text": "a"}\n{"text": "b', ["row 2 (line 2)", "Unterminated"]),
        ('{"text": "a"}\n{"more": ' + "[" * 100_000, ["row 2 (line 2)", "too deeply"]),
        ("text\na\n", ["row 1 (line 1)", "not an object"]),
    ],
)
def test_what_is_no_json_is_named_by_row_and_line(
    file: Path, content: str, words: list[str]
) -> None:
    packed(file, content.encode())
    assert refused(file, *words, labelled=False).field == "data.source"


def test_an_error_early_in_a_long_file_is_said_without_reading_on(tmp_path: Path) -> None:
    good = '{"text": "a"}\n'
    content = good * 3 + '{"text": nothing}\n' + good * 500_000
    cut_off = tmp_path / "rows.jsonl.gz"
    cut_off.write_bytes(gzip.compress(content.encode(), 0)[:-1_000_000])
    refused(cut_off, "row 4 (line 4)", "Expecting value (in line 4)", labelled=False)
