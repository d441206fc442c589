"""Before a run is taken in, the server reads no more of a file than its beginning."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from loraone.errors import DataError
from loraone.inputs.data import files
from loraone.spec.data import DataSpec

MIB = 2**20
LONG = 300 * MIB
ROW = b"a text,label\n"


@pytest.fixture
def watched() -> Iterator[None]:
    """No more memory than a few times the beginning, and no more time than that takes."""
    tracemalloc.start()
    begun = time.thread_time()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 * files.HEAD
    assert time.thread_time() - begun < 5, "seconds of CPU"


def sparse(file: Path, begin: bytes, end: bytes = b"", length: int = LONG) -> Path:
    """A file of mostly NUL bytes that takes no space on the disk."""
    with file.open("wb") as stream:
        stream.write(begin)
        stream.seek(length)
        stream.write(end or b"\0")
    return file


def check(file: Path) -> None:
    files.check(DataSpec(source=str(file)), labelled=True)


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize(
    ("name", "begin"),
    [
        ("header.csv", b"text,label"),
        ("row.csv", b"text,label\n"),
        ("quoted.csv", b'text,label\n"a'),
        ("row.jsonl", b'{"text": "' + b"a" * 9 * MIB),
        ("list.json", b'[{"text": "a", "label": ["' + b"a" * 9 * MIB),
        ("nothing.json", b"[ "),
        ("spaces.jsonl", b" " * MIB),
        ("packed.csv.gz", b""),
        ("packed.jsonl.gz", b""),
    ],
)
def test_one_endless_line_is_refused_by_its_length(name: str, begin: bytes, tmp_path: Path) -> None:
    file = tmp_path / name
    if name.endswith(".gz"):
        start = b"text,label\n" if ".csv" in name else b'{"text": "'
        with gzip.open(file, "wb", compresslevel=1) as stream:
            stream.write(start)
            for _ in range(40):
                stream.write(b"a" * MIB)
    else:
        sparse(file, begin)
    with pytest.raises(DataError) as caught:
        check(file)
    assert caught.value.field in ("data.source", "data.encoding")
    assert len(str(caught.value)) < 1000
    if name not in ("nothing.json", "spaces.jsonl"):
        assert "is longer than 8 MiB" in str(caught.value)


@pytest.mark.usefixtures("watched")
def test_a_gzip_header_without_end_is_not_searched_for_its_end(tmp_path: Path) -> None:
    file = sparse(tmp_path / "a.csv.gz", b"\x1f\x8b\x08\x08" + b"\0" * 6 + b"a" * 9 * MIB)
    with pytest.raises(DataError, match=r"longer than 8 MiB|cannot be read"):
        check(file)


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json", "csv.gz"])
def test_a_long_table_whose_beginning_is_whole_is_taken(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"a.{suffix}"
    if suffix == "csv":
        sparse(file, b"text,label\n" + ROW * MIB)
    elif suffix == "csv.gz":
        file.write_bytes(gzip.compress(b"text,label\n" + ROW * 2 * MIB, 1))
    else:
        row = json.dumps({"text": "a text", "label": "x"}).encode()
        joined = (b", " if suffix == "json" else b"\n").join([row] * 300_000)
        sparse(file, (b"[" if suffix == "json" else b"") + joined)
    check(file)


def test_a_column_that_only_later_rows_have_is_a_workers_to_miss(tmp_path: Path) -> None:
    row = json.dumps({"text": "a text " * 100}) + "\n"
    short, long = tmp_path / "short.jsonl", tmp_path / "long.jsonl"
    short.write_text(row * 2000)
    long.write_text(row * 20_000)
    with pytest.raises(DataError, match="no column 'label'"):
        check(short)
    files.check(DataSpec(source=str(long), missing_labels="drop"), labelled=True)


def written(file: Path, texts: list[str], **options: object) -> Path:
    table = pa.table({"text": texts, "label": ["x", "y"] * (len(texts) // 2)})
    parquet.write_table(table, file, **options)
    return file


@pytest.mark.usefixtures("watched")
def test_of_parquet_the_footer_and_small_groups_of_rows_are_read(tmp_path: Path) -> None:
    large = written(tmp_path / "large.parquet", ["a" * 30 * MIB, ""] * 2, use_dictionary=False)
    before = pa.total_allocated_bytes()
    check(large)
    assert pa.total_allocated_bytes() - before < MIB
    with pytest.raises(DataError, match="no column 'words'"):
        files.check(DataSpec(source=str(large), text_column="words"), labelled=True)
    small = written(tmp_path / "small.parquet", ["a", "b"] * 1000, row_group_size=10)
    check(small)
    footer = sparse(tmp_path / "footer.parquet", b"PAR1", (200 * MIB).to_bytes(4, "little"))
    with footer.open("ab") as stream:
        stream.write(b"PAR1")
    with pytest.raises(DataError, match="footer has"):
        check(footer)


@pytest.mark.usefixtures("watched")
def test_packed_parquet_is_unpacked_where_it_is_short(tmp_path: Path) -> None:
    small = written(tmp_path / "small.parquet", ["a", "b"] * 1000)
    (tmp_path / "small.parquet.gz").write_bytes(gzip.compress(small.read_bytes()))
    check(tmp_path / "small.parquet.gz")
    with pytest.raises(DataError, match="no column 'words'"):
        spec = DataSpec(source=str(tmp_path / "small.parquet.gz"), text_column="words")
        files.check(spec, labelled=True)
    with gzip.open(tmp_path / "large.parquet.gz", "wb", compresslevel=1) as stream:
        stream.write(b"PAR1")
        for _ in range(20):
            stream.write(bytes(MIB))
    check(tmp_path / "large.parquet.gz")  # its end is a worker's to look at
    with pytest.raises(DataError):
        files.load(DataSpec(source=str(tmp_path / "large.parquet.gz")), labelled=True)
