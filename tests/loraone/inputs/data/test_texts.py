"""Data: sources, splits, and what is refused."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pytest
from pyarrow import parquet

from loraone.errors import DataError
from loraone.inputs.data import docstrings, hub
from loraone.inputs.data.batches import shuffled
from loraone.inputs.data.texts import fingerprint, load, source_of
from loraone.spec.data import DataSpec
from tests.loraone.inputs.data.builder import Builder

ROWS = [{"body": f"text number {i}", "kind": ("x", "y", "z")[i % 3]} for i in range(60)]


def written(folder: Path, suffix: str) -> Path:
    file = folder / f"rows.{suffix}"
    if suffix == "csv":
        lines = ["body,kind", *(f"{row['body']},{row['kind']}" for row in ROWS)]
        file.write_text("\n".join(lines))
    elif suffix == "jsonl":
        file.write_text("\n".join(json.dumps(row) for row in ROWS))
    else:
        parquet.write_table(pa.Table.from_pylist(ROWS), file)
    return file


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_every_file_format_gives_the_same_texts(tmp_path: Path, suffix: str) -> None:
    spec = DataSpec(
        source=str(written(tmp_path, suffix)),
        text_column="body",
        label_column="kind",
        train_samples=30,
        eval_samples=15,
    )
    data = load(spec, labelled=True)
    assert data.label_names == ("x", "y", "z")
    assert len(data.train_texts) == 30
    assert len(data.eval_texts) == 15
    assert not set(data.train_texts) & set(data.eval_texts)
    labels = [row["kind"] for row in ROWS]
    assert data.fingerprint == fingerprint([row["body"] for row in ROWS], labels)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_missing_column_is_named_with_the_columns_there_are(tmp_path: Path, suffix: str) -> None:
    spec = DataSpec(source=str(written(tmp_path, suffix)), text_column="txt", label_column="kind")
    with pytest.raises(DataError, match=r"no column 'txt'.*body, kind") as caught:
        load(spec, labelled=True)
    assert caught.value.field == "data.text_column"


def test_a_missing_file_and_a_broken_file_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        load(DataSpec(source=str(tmp_path / "none.csv")), labelled=True)
    broken = tmp_path / "broken.parquet"
    broken.write_text("not parquet")
    with pytest.raises(DataError, match="cannot be read as PARQUET"):
        load(DataSpec(source=str(broken)), labelled=True)


def test_one_label_is_not_a_classification(tmp_path: Path) -> None:
    file = tmp_path / "one.csv"
    file.write_text("text,label\n" + "\n".join(f"text {i},same" for i in range(40)))
    with pytest.raises(DataError, match="1 distinct labels"):
        load(DataSpec(source=str(file)), labelled=True)


def test_docstrings_are_the_same_every_time_and_labelled_by_package() -> None:
    spec = DataSpec(train_samples=300, eval_samples=100)
    data = load(spec, labelled=True)
    docstrings._collect.cache_clear()
    again = load(spec, labelled=True)
    assert data == again
    assert {"asyncio", "email"} <= set(data.label_names)
    everything = docstrings.load(spec, labelled=True)
    assert everything.labels is not None
    assert min(Counter(everything.labels).values()) >= docstrings.MIN_PER_PACKAGE
    assert len(set(everything.texts)) == len(everything.texts)


def test_an_unknown_builtin_is_refused_and_other_names_find_their_source() -> None:
    with pytest.raises(DataError, match="builtin:stdlib-docstrings"):
        source_of("builtin:imdb")
    assert source_of("./a.JSONL") == "file"
    assert source_of("stanfordnlp/imdb") == "hub"


@pytest.mark.parametrize("source", ["/etc", "..", "a/b/c", "./here", "", "-x", "a b"])
def test_what_is_no_hub_id_never_reaches_the_datasets_library(source: str) -> None:
    with pytest.raises(DataError, match="neither"):
        hub.check_name(source)


def test_a_folder_that_is_there_is_not_taken_for_a_hub_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.check_name("org/secret")
    (tmp_path / "org/secret").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="neither"):
        hub.check_name("org/secret")


def test_a_hub_data_set_that_cannot_be_had_says_what_to_check() -> None:
    with pytest.raises(DataError, match="cannot be loaded from the hub") as caught:
        load(DataSpec(source="nobody/nothing"), labelled=True)
    assert "HF_TOKEN" in str(caught.value.hint)


def test_class_labels_of_a_hub_data_set_appear_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = datasets.ClassLabel(names=["no", "yes"])
    table = datasets.Dataset.from_dict(
        {"text": [f"text {i}" for i in range(40)], "label": [i % 2 for i in range(40)]},
        features=datasets.Features({"text": datasets.Value("string"), "label": labels}),
    )
    asked = {}

    def builder(name: str, **options: Any) -> Builder:
        asked.update(options)
        return Builder(table)

    # The one thing that needs the network; the table is a real one.
    monkeypatch.setattr(datasets, "load_dataset_builder", builder)
    data = load(DataSpec(source="org/name@v2"), labelled=True)
    assert data.label_names == ("no", "yes")
    assert asked["revision"] == "v2"


def test_every_seed_and_every_purpose_has_an_order_of_its_own() -> None:
    orders = [
        tuple(shuffled(50, seed, purpose))
        for seed in (0, 1, 2, 2**31 - 1)
        for purpose in ("gradient batch", "epoch 0", "epoch 1")
    ]
    assert len(set(orders)) == len(orders)
    assert orders[0] == tuple(shuffled(50, 0, "gradient batch"))
