"""Before a run is taken in, the server reads no more of a file than its beginning."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from loraone.errors import DataError
from loraone.inputs.data import files, streams
from loraone.inputs.data.streams import HeadEndError, opened
from loraone.spec.data import DataSpec
from tests.loraone.inputs.data.written import packed

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
        ("packed.csv.gz", b""),
        ("packed.jsonl.gz", b""),
    ],
)
def test_one_endless_line_is_left_to_a_worker(name: str, begin: bytes, tmp_path: Path) -> None:
    file = tmp_path / name
    if name.endswith(".gz"):
        start = b"text,label\n" if ".csv" in name else b'{"text": "'
        with gzip.open(file, "wb", compresslevel=1) as stream:
            stream.write(start)
            for _ in range(40):
                stream.write(b"a" * MIB)
    else:
        sparse(file, begin)
    check(file)


@pytest.mark.parametrize(("name", "begin"), [("nothing.json", b"[ "), ("spaces.jsonl", b" " * MIB)])
def test_what_does_not_begin_as_a_table_does_is_refused(
    name: str, begin: bytes, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        check(sparse(tmp_path / name, begin))
    assert caught.value.field == "data.encoding"


@pytest.mark.parametrize("more", [-1, 0, 1, 9 * MIB])
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json", "csv.gz", "jsonl.gz", "json.gz"])
def test_a_first_row_of_any_length_is_taken(suffix: str, more: int, tmp_path: Path) -> None:
    """A worker takes rows of up to :data:`streams.MAX_ROW` characters."""
    begin, end = {
        "csv": (b"text,label\n", b",x\nb,y\n"),
        "jsonl": (b'{"text": "', b'", "label": "x"}\n{"text": "b", "label": "y"}\n'),
        "json": (b'[{"text": "', b'", "label": "x"}, {"text": "b", "label": "y"}]'),
    }[suffix.removesuffix(".gz")]
    length = files.HEAD + more - len(begin) - len(end)
    packed(tmp_path / f"a.{suffix}", begin + b"a" * length + end)
    check(tmp_path / f"a.{suffix}")
    assert length < streams.MAX_ROW
    if more > 1:
        rows = files.load(DataSpec(source=str(tmp_path / f"a.{suffix}")), labelled=True)
        assert list(rows.labels or ()) == ["x", "y"]


def test_a_header_of_any_length_is_taken(tmp_path: Path) -> None:
    names = ",".join(f"a column of a long name {i:07}" for i in range(300_000))
    (tmp_path / "a.csv").write_text(f"text,label,{names}\na,x{',' * 300_000}\n")
    check(tmp_path / "a.csv")


def test_a_beginning_has_no_end_however_often_one_reads_on(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a" * 11)
    with opened(tmp_path / "a.csv", 10) as stream:
        for _ in range(3):
            with pytest.raises(HeadEndError):
                stream.read()


@pytest.mark.usefixtures("watched")
def test_a_gzip_header_without_end_is_not_searched_for_its_end(tmp_path: Path) -> None:
    check(sparse(tmp_path / "a.csv.gz", b"\x1f\x8b\x08\x08" + b"\0" * 6 + b"a" * 9 * MIB))


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


@pytest.mark.usefixtures("watched")
def test_a_footer_of_any_length_is_taken(tmp_path: Path) -> None:
    sparse(tmp_path / "sparse.parquet", b"PAR1", (200 * MIB).to_bytes(4, "little") + b"PAR1")
    check(tmp_path / "sparse.parquet")
    schema = pa.schema([("text", pa.string()), ("label", pa.string())], {"note": "a" * 9 * MIB})
    with parquet.ParquetWriter(tmp_path / "long.parquet", schema) as writer:
        writer.write_table(pa.table([["a", "b"], ["x", "y"]], schema))
    (tmp_path / "long.parquet.gz").write_bytes(
        gzip.compress((tmp_path / "long.parquet").read_bytes(), 1)
    )
    for name in ("long.parquet", "long.parquet.gz"):
        check(tmp_path / name)
        rows = files.load(DataSpec(source=str(tmp_path / name)), labelled=True)
        assert list(rows.texts) == ["a", "b"]


def grouped(file: Path, groups: Iterable[list[str]], label: str = "x", **options: object) -> Path:
    schema = pa.schema([("text", pa.string()), ("label", pa.string())])
    with parquet.ParquetWriter(file, schema, **options) as writer:
        for texts in groups:
            writer.write_table(pa.table([texts, [label] * len(texts)], schema))
    return file


def test_rows_before_a_large_group_are_not_taken_for_the_whole_table(tmp_path: Path) -> None:
    groups = [["a"] * 4, ["b" * 9 * MIB]]
    file = grouped(tmp_path / "a.parquet", groups, label="", use_dictionary=False)
    with pytest.raises(DataError, match="4 of the first 4 rows have no label"):
        check(file)
    with pytest.raises(DataError, match="4 of 4 rows have no label"):
        check(grouped(tmp_path / "b.parquet", groups[:1], label=""))


@pytest.mark.parametrize("repeated", [True, False])
def test_many_groups_are_read_no_further_than_one(repeated: bool, tmp_path: Path) -> None:
    """Of a text that stands in the file once and is that of each row, or of long single rows."""
    if repeated:
        groups: Iterable[list[str]] = [["a" * MIB] * 200]
        file = grouped(tmp_path / "a.parquet", groups, dictionary_pagesize_limit=2 * MIB)
        assert file.stat().st_size < MIB
    else:
        groups = ([str(i) + "a" * 7 * MIB] for i in range(20))
        file = grouped(tmp_path / "a.parquet", groups, use_dictionary=False)
    pool, default = pa.system_memory_pool(), pa.default_memory_pool()
    assert pool.backend_name != default.backend_name
    pa.set_memory_pool(pool)
    try:
        check(file)
    finally:
        pa.set_memory_pool(default)
    assert 0 < (pool.max_memory() or 0) < 8 * files.HEAD


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
