"""Encodings: what is not to be decoded is refused by row and column; marks are no text."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from loraone.spec.data import DataSpec
from tests.loraone.inputs.data.written import packed, read, refused, rows_of, written

TABLE = {"text": ["a", "un café ☕", "c"], "label": ["x", "é", "x"]}


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json", "csv.gz"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "UTF8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "gb18030"]
)
def test_a_file_is_read_in_the_encoding_that_is_named(
    tmp_path: Path, suffix: str, encoding: str
) -> None:
    file = written(tmp_path / f"rows.{suffix}", TABLE, encoding)
    assert read(file, encoding=encoding) == (TABLE["text"], TABLE["label"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "gb18030"])
def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path, encoding: str) -> None:
    for name, content in (
        ("rows.csv", '\ufeff"text",label\na,x\n'),
        ("rows.csv", "\ufefftext,label\na,x\n"),
        ("rows.jsonl", '\ufeff{"text": "a", "label": "x"}'),
        ("rows.json", '\ufeff[{"text": "a", "label": "x"}]'),
    ):
        file = packed(tmp_path / name, content.encode(encoding))
        assert read(file, encoding=encoding) == (["a"], ["x"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.csv", b'text,label\na,x\n"two\nlines",y\nun caf\xe9,z\n'),
        ("rows.csv.gz", b'text,label\na,x\n"two\nlines",y\nun caf\xe9,z\n'),
        ("rows.jsonl", b'{"text": "a"}\n{"text": "b"}\n\n{"label": "x", "text": "un caf\xe9"}\n'),
    ],
)
def test_a_byte_that_is_not_utf_8_is_named_with_row_line_and_column(
    tmp_path: Path, name: str, content: bytes
) -> None:
    file = packed(tmp_path / name, content)
    where = "row 3 (line 5)" if "csv" in name else "row 3 (line 4)"
    error = refused(file, where, "column 'text'", "0xe9 is not utf-8", "'un caf\\xe9'")
    assert error.field == "data.encoding"
    assert "cp1252" in str(error.hint)
    assert read(file, encoding="cp1252")[0][2] == "un café"


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("utf-8", b"text,label\na,x\nb,\xed\xa0\x80\n"),  # half of a character, in UTF-8's way
        ("utf-8", b"text,label\na,x\nb,\xe2\x82\n"),  # a character cut off
        ("ascii", b"text,label\na,x\nb,\xc3\xa9\n"),
        ("cp1252", b"text,label\na,x\nb,\x81\n"),
        ("shift_jis", b"text,label\na,x\nb,\x81\n"),
        ("utf-16-le", "text,label\na,x\nb,".encode("utf-16-le") + b"\x00\xd8\n\x00"),
    ],
)
def test_every_encoding_names_the_value_it_does_not_know(
    tmp_path: Path, encoding: str, content: bytes
) -> None:
    file = packed(tmp_path / "rows.csv", content)
    words = ("row 2 (line 3)", "column 'label'", f"is not {encoding}")
    assert refused(file, *words, encoding=encoding).value == encoding


def test_names_in_another_encoding_lead_to_the_field(tmp_path: Path) -> None:
    file = packed(tmp_path / "rows.csv", "größe,label\na,x\n".encode("cp1252"))
    error = refused(file, "no column 'größe'", "gr\\xf6\\xdfe", text_column="größe")
    assert error.field == "data.encoding"
    str(error.allowed).encode()
    assert read(file, text_column="größe", encoding="cp1252") == (["a"], ["x"])


def test_a_file_in_utf_16_that_is_read_as_utf_8_leads_to_the_field(tmp_path: Path) -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-32-be"):
        file = packed(tmp_path / "rows.csv", "text,label\na,x\n".encode(encoding))
        assert refused(file, "no column 'text'").field == "data.encoding"
        file = packed(tmp_path / "rows.json", '[{"text": "a"}]'.encode(encoding))
        assert refused(file, "row").field == "data.encoding"


@pytest.mark.parametrize(
    "name",
    [
        "klingon",
        "hex",
        "zip",
        "rot13",
        "base64",
        "idna",
        "punycode",
        "undefined",
        "a\0b",
        "",
        "x" * 41,
    ],
)
def test_what_is_no_text_encoding_is_refused_by_the_field(name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        DataSpec(encoding=name)
    (problem,) = caught.value.errors()
    assert problem["loc"] == ("encoding",)


def test_an_encoding_has_one_name() -> None:
    names = {DataSpec(encoding=name).encoding for name in ("utf8", "UTF-8", "U8", "utf-8-sig")}
    assert names == {DataSpec().encoding} == {"utf-8"}


def test_json_in_utf_16_is_lines_too(tmp_path: Path) -> None:
    content = "\r\n".join(str(row).replace("'", '"') for row in rows_of(TABLE))
    file = packed(tmp_path / "rows.jsonl", content.encode("utf-16"))
    assert read(file, encoding="utf-16") == (TABLE["text"], TABLE["label"])


def test_utf_16_without_its_mark_leads_to_the_field(tmp_path: Path) -> None:
    file = packed(tmp_path / "rows.csv", "text,label\na,x\n".encode("utf-16-be"))
    assert refused(file, encoding="utf-16").field == "data.encoding"
