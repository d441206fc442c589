"""Files of any kind: packed, broken, or not to be had."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from loraone.catalog import SOURCES
from loraone.errors import DataError
from loraone.inputs.data import files, hub, parquet_table, streams
from loraone.inputs.data.texts import load, source_of
from loraone.spec.data import DataSpec
from tests.loraone.inputs.data.written import ALL_FORMATS, read, refused, written

TABLE = {"text": ["a", "b"] * 500, "label": ["x", "y"] * 500}


@pytest.mark.parametrize("suffix", ALL_FORMATS)
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, suffix: str) -> None:
    file = written(tmp_path / f"rows.{suffix}", TABLE)
    content = file.read_bytes()
    # In the middle of a row: that whole rows are missing cannot be seen of lines.
    cut = content.rindex(b"b,") + 1 if suffix == "csv" else len(content) * 2 // 3
    file.write_bytes(content[:cut])
    assert refused(file).field == "data.source"


# Parquet is in groups of rows, so that those that are looked at are whole.
def of_many_rows(file: Path) -> bytes:
    rows = {"text": [f"text {i}" for i in range(20_000)], "label": ["x", "y"] * 10_000}
    if ".parquet" not in file.name:
        return written(file, rows).read_bytes()
    sink = io.BytesIO()
    parquet.write_table(pa.table(rows), sink, row_group_size=1000)
    return gzip.compress(sink.getvalue()) if file.suffix == ".gz" else sink.getvalue()


def known_before(file: Path, content: bytes, *words: str) -> None:
    """Plan and run refuse the file alike, naming it."""
    file.write_bytes(content)
    error = refused(file, str(file), *words)
    with pytest.raises(DataError) as caught:
        files.check(DataSpec(source=str(file)), labelled=True)
    assert (caught.value.field, error.field) == ("data.source", "data.source")
    assert str(file) in caught.value.message


@pytest.mark.parametrize("suffix", [s for s in ALL_FORMATS if s not in ("csv", "jsonl")])
@pytest.mark.parametrize("share", [0.4, 0.999])
def test_a_download_that_stopped_is_known_before_a_run(
    tmp_path: Path, suffix: str, share: float
) -> None:
    """Beyond the rows that are looked at; in lines there is nothing to see of it."""
    file = tmp_path / f"rows.{suffix}"
    whole = of_many_rows(file)
    known_before(file, whole[: int(share * len(whole))])
    file.write_bytes(whole)
    files.check(DataSpec(source=str(file)), labelled=True)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_a_list_without_its_end_is_known_before_a_run(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "rows.json"
    text = " " + of_many_rows(file).decode()
    spec = DataSpec(source=str(file), encoding=encoding)
    file.write_bytes(f"{text}\n ".encode(encoding))
    files.check(spec, labelled=True)
    file.write_bytes(text[:-20].encode(encoding))
    with pytest.raises(DataError, match="its list has no end: it was cut off"):
        files.check(spec, labelled=True)


@pytest.mark.parametrize("suffix", ["parquet", "parquet.gz", "csv.gz", "jsonl.gz", "json"])
def test_more_after_the_end_of_a_file_is_known_before_a_run(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"rows.{suffix}"
    known_before(file, of_many_rows(file) + b"<html>")


def test_what_is_missing_within_parquet_is_known_before_a_run(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    whole = of_many_rows(file)
    known_before(file, whole[:20_000] + whole[-20_000:], "ends at byte", "a part of it is missing")
    known_before(file, whole[:40] + whole[-100:], "a part of it is missing")
    known_before(file, b"PAR1", "it was cut off")
    known_before(file, b"<html>404</html>", "does not begin as Parquet does")


@pytest.mark.parametrize("suffix", ALL_FORMATS)
def test_an_empty_file_is_said_to_be_empty(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"rows.{suffix}"
    known_before(file, b"", "is empty")


@pytest.mark.parametrize("suffix", ["csv.gz", "jsonl.gz", "parquet.gz"])
def test_what_is_called_gz_must_be_gzip(tmp_path: Path, suffix: str) -> None:
    file = written(tmp_path / f"rows.{suffix}", TABLE)
    file.write_bytes(gzip.decompress(file.read_bytes()))
    refused(file, f"cannot be read as {suffix.split('.')[0].upper()} in gzip", "gzipped")


@pytest.mark.parametrize("suffix", ["csv.gz", "jsonl.gz", "json.gz", "parquet.gz"])
def test_what_gzip_unpacks_to_is_bounded(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(
        tmp_path / f"rows.{suffix}", {"text": ["a" * 10_000] * 400, "label": ["x"] * 400}
    )
    monkeypatch.setattr(streams, "MAX_UNPACKED", 2**22)
    if "parquet" not in suffix:  # which has its own compression
        assert file.stat().st_size < 2**16
    assert len(read(file)[0]) == 400
    monkeypatch.setattr(streams, "MAX_UNPACKED", 2**8)
    refused(file, "unpacks to more than")


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "csv.gz", "json.gz"])
def test_a_row_has_a_length_that_memory_can_bear(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path / f"rows.{suffix}", {"text": ["a" * 3_000_000], "label": ["x"]})
    for module in ("streams", "json_table"):
        monkeypatch.setattr(f"loraone.inputs.data.{module}.MAX_ROW", 2**20)
    refused(file, "of more than 1048576 characters")


def test_parts_of_gzip_one_after_the_other_are_one_file(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv.gz"
    parts = [b"text,label\na,", b"x\n", b"b,y\n"]
    file.write_bytes(b"".join(gzip.compress(part) for part in parts))
    assert read(file) == (["a", "b"], ["x", "y"])


@pytest.mark.parametrize("name", ["a.CSV", "b.csv.GZ", "c.Json.gz", "d.jsonl", "e.PARQUET"])
def test_names_of_files_are_told_by_their_ends_whatever_their_case(name: str) -> None:
    assert source_of(name) == "file"


def test_one_list_of_suffixes_stands_in_description_and_messages(tmp_path: Path) -> None:
    kinds = SOURCES["file"].file_kinds
    assert all(suffix in kinds for suffix in (*SOURCES["file"].suffixes, ".gz"))
    assert kinds in str(DataSpec.model_fields["source"].description)
    with pytest.raises(DataError) as caught:
        hub.check_name("./data.xlsx")
    assert kinds in caught.value.message and kinds in str(caught.value.allowed)
    with pytest.raises(DataError) as caught:
        files.check(DataSpec(source=str(tmp_path / "none.csv")), labelled=True)
    assert kinds in str(caught.value.allowed)


def test_a_folder_is_no_file_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match="there is no file"):
        files.load(DataSpec(source=str(tmp_path / "folder.csv")), labelled=True)


@pytest.mark.parametrize("suffix", ALL_FORMATS)
def test_what_is_wrong_in_the_first_rows_is_known_before_a_run(tmp_path: Path, suffix: str) -> None:
    table = {"text": ["a", "b"] * 10, "label": ["x", "NA"] * 10}
    spec = DataSpec(source=str(written(tmp_path / f"rows.{suffix}", table)))
    errors = []
    for reads in (files.check, load):
        with pytest.raises(DataError, match="10 of 20 rows have no label") as caught:
            reads(spec, labelled=True)
        errors.append(caught.value.as_dict())
    assert errors[0] == errors[1]


@pytest.mark.parametrize("more", [0, 1])
def test_the_first_rows_are_told_from_all_rows(tmp_path: Path, more: int) -> None:
    count = files.FIRST_ROWS
    table = {"text": ["a"] * (count + more), "label": ["", *["x"] * (count + more - 1)]}
    spec = DataSpec(source=str(written(tmp_path / "rows.jsonl", table)))
    with pytest.raises(DataError, match=f"1 of {'the first ' * more}{count} rows"):
        files.check(spec, labelled=True)


@pytest.mark.parametrize("suffix", ALL_FORMATS)
def test_of_a_long_file_the_first_rows_are_looked_at(tmp_path: Path, suffix: str) -> None:
    count = files.FIRST_ROWS
    table = {"text": ["a"] * 3 * count, "label": ["", *["x", "y", "x"] * count][: 3 * count]}
    spec = DataSpec(source=str(written(tmp_path / f"rows.{suffix}", table)))
    with pytest.raises(DataError, match=f"1 of the first {count} rows have no label"):
        files.check(spec, labelled=True)
    late = {"text": ["a"] * 3 * count, "label": ["x", "y", ""] * count}
    late["label"][: count + 1] = ["x"] * (count + 1)
    spec = DataSpec(source=str(written(tmp_path / f"rows.{suffix}", late)))
    files.check(spec, labelled=True)
    with pytest.raises(DataError, match=f" of {3 * count} rows have no label"):
        load(spec, labelled=True)


def test_packed_parquet_is_looked_at_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zeros = tmp_path / "zeros.parquet.gz"
    zeros.write_bytes(gzip.compress(bytes(10**6)))
    refused(zeros, "does not begin as Parquet does")
    file = written(tmp_path / "rows.parquet.gz", {"text": ["a"] * 50, "label": ["b"] * 50})
    monkeypatch.setattr(parquet_table, "MAX_UNPACKED", 100)
    refused(file, "unpacks to more than", "Parquet is packed in itself")
