"""Data sets of the hub: the same rules as for files, on real tables of the datasets library."""

from __future__ import annotations

import socket
import zipfile
from pathlib import Path
from typing import Any

import datasets
import pytest

from loraone.errors import DataError
from loraone.inputs.data import hub
from loraone.inputs.data.texts import TextData, load
from loraone.inputs.models.paths import preflight
from loraone.spec.data import DataSpec
from loraone.spec.experiment import ExperimentSpec
from tests.loraone.inputs.data.builder import Builder


def loaded(monkeypatch: pytest.MonkeyPatch, columns: dict[str, Any], **spec: Any) -> TextData:
    """The data set as if the hub had sent it: the one thing that needs the network."""
    table = datasets.Dataset.from_dict(
        {name: values for name, (_, values) in columns.items()},
        features=datasets.Features({name: feature for name, (feature, _) in columns.items()}),
    )
    monkeypatch.setattr(datasets, "load_dataset_builder", lambda *_, **__: Builder(table))
    return load(DataSpec(source="org/name", **spec), labelled=True)


TEXT = datasets.Value("string"), [f"text {i}" for i in range(40)]


def test_texts_that_are_missing_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = TEXT[0], [None, "", *TEXT[1][2:]]
    labels = datasets.Value("string"), ["x", "y"] * 20
    data = loaded(monkeypatch, {"text": texts, "label": labels})
    assert data.notes == ("2 of 40 rows have no text and are left out: rows 1, 2",)
    assert "None" not in data.train_texts + data.eval_texts


@pytest.mark.parametrize("missing", [None, -1])
def test_a_class_that_is_missing_is_no_class(
    monkeypatch: pytest.MonkeyPatch, missing: int | None
) -> None:
    classes = datasets.ClassLabel(names=["no", "yes"])
    labels = classes, [missing, *[i % 2 for i in range(39)]]
    with pytest.raises(DataError, match=r"1 of 40 rows have no label: 1 null \(row 1\)"):
        loaded(monkeypatch, {"text": TEXT, "label": labels})
    data = loaded(monkeypatch, {"text": TEXT, "label": labels}, missing_labels="drop")
    assert data.label_names == ("no", "yes")


def test_a_declared_class_may_be_called_none(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = datasets.ClassLabel(names=["none", "NA", "favor"]), [i % 3 for i in range(40)]
    assert loaded(monkeypatch, {"text": TEXT, "label": labels}).label_names == (
        "NA",
        "favor",
        "none",
    )


@pytest.mark.parametrize(
    ("feature", "values", "names"),
    [
        (datasets.Value("string"), ["01", "1"] * 20, ("01", "1")),
        (datasets.Value("int64"), [1, 10] * 20, ("1", "10")),
        (datasets.Value("float32"), [0.1, 1.0] * 20, ("0.1", "1.0")),
        (datasets.Value("bool"), [True, False] * 20, ("false", "true")),
    ],
)
def test_labels_are_texts_as_the_data_set_has_them(
    monkeypatch: pytest.MonkeyPatch, feature: Any, values: list[Any], names: tuple[str, ...]
) -> None:
    assert loaded(monkeypatch, {"text": TEXT, "label": (feature, values)}).label_names == names


@pytest.mark.parametrize("name", ["text", "label"])
@pytest.mark.parametrize(
    ("feature", "value"),
    [
        (datasets.List(datasets.Value("string")), ["a"]),
        ({"role": datasets.Value("string")}, {"role": "user"}),
        (datasets.Value("binary"), b"a"),
    ],
)
def test_what_is_no_text_is_refused_by_column(
    monkeypatch: pytest.MonkeyPatch, name: str, feature: Any, value: Any
) -> None:
    labels = datasets.Value("string"), ["x", "y"] * 20
    with pytest.raises(DataError, match=f"column '{name}' holds") as caught:
        loaded(monkeypatch, {"text": TEXT, "label": labels, name: (feature, [value] * 40)})
    assert caught.value.field == f"data.{name}_column"


def test_a_label_that_stands_for_no_class_is_named_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    table = datasets.Dataset.from_dict({"text": TEXT[1], "label": [0, 7] * 20})
    # Data sets are not checked for it when they are read.
    table._info.features = datasets.Features(
        {"text": TEXT[0], "label": datasets.ClassLabel(names=["no", "yes"])}
    )
    monkeypatch.setattr(datasets, "load_dataset_builder", lambda *_, **__: Builder(table))
    with pytest.raises(DataError, match=r"row 2, column 'label' has classes 0 to 1, not: 7"):
        load(DataSpec(source="org/name"), labelled=True)


def test_a_data_set_whose_own_configuration_names_a_file_of_this_machine_is_not_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("text,label\na secret,x\n")
    # What datasets makes of the line "data_files: /…/secret.csv" in a data set's card.
    found = datasets.data_files.resolve_pattern(str(secret), "hf://datasets/org/name@main")
    assert found == [str(secret)]
    table = datasets.Dataset.from_dict({"text": TEXT[1], "label": ["x", "y"] * 20})
    builder = Builder(table, {"train": ["hf://datasets/org/name/a.csv", *found]})
    monkeypatch.setattr(datasets, "load_dataset_builder", lambda *_, **__: builder)
    with pytest.raises(DataError, match=r"names a file outside its repository") as caught:
        load(DataSpec(source="org/name"), labelled=True)
    assert caught.value.field == "data.source"
    assert "a secret" not in str(caught.value)


def configured(monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    """Load a data set whose card names this as its data; datasets itself looks it up."""

    def build(_: str, revision: str | None) -> Builder:
        found = datasets.data_files.DataFilesPatternsDict.from_patterns({"train": [pattern]})
        files = found.resolve(base_path="hf://datasets/org/name@0123abc")
        return Builder(datasets.Dataset.from_dict({}), {"train": list(files["train"])})

    monkeypatch.setattr(datasets, "load_dataset_builder", build)
    load(DataSpec(source="org/name"), labelled=True)


@pytest.mark.parametrize("pattern", ["{}/*.csv", "zip://*.csv::{}/secret.zip", "a.csv::{}/*.csv"])
def test_what_a_card_names_is_refused_before_it_is_looked_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pattern: str
) -> None:
    (tmp_path / "secret.csv").write_text("text,label\na secret,x\n")
    with zipfile.ZipFile(tmp_path / "secret.zip", "w") as packed:
        packed.write(tmp_path / "secret.csv", "secret.csv")
    named = pattern.format(tmp_path)
    with pytest.raises(DataError, match=r"names a file outside its repository") as caught:
        configured(monkeypatch, named)
    # What it named, and not what is there.
    assert str(caught.value).count(named) == 1
    assert "/secret.csv" not in str(caught.value).replace(named, "")


def test_no_address_that_a_card_names_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        for pattern in (f"{address}/a.csv", f"zip://a.csv::{address}/a.zip"):
            with pytest.raises(DataError, match=r"names a file outside its repository"):
                configured(monkeypatch, pattern)
        with pytest.raises(TimeoutError):
            listening.accept()


def test_how_files_are_looked_up_is_as_before_for_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(DataError):
        configured(monkeypatch, str(tmp_path))
    (tmp_path / "a.csv").write_text("a\n1\n")
    found = datasets.data_files.resolve_pattern("*.csv", str(tmp_path))
    assert found == [str(tmp_path / "a.csv")]


def named(monkeypatch: pytest.MonkeyPatch, *files: str, source: str = "org/name") -> None:
    """Load a data set whose configuration names these files."""
    table = datasets.Dataset.from_dict({"text": TEXT[1], "label": ["x", "y"] * 20})
    builder = Builder(table, {"train": list(files)}, read=True)
    monkeypatch.setattr(datasets, "load_dataset_builder", lambda *_, **__: builder)
    load(DataSpec(source=source), labelled=True)


@pytest.mark.parametrize(
    "file",
    [
        "hf://datasets/org/name@0123abc/a.csv",
        "hf://datasets/org/name/a..b.csv",
        "hf://datasets/org/name@refs%2Fconvert%2Fparquet/default/train/0000.parquet",
        "zip://a.csv::hf://datasets/org/name@0123abc/b.zip",
        "zip://in/a folder/a.csv::hf://datasets/org/name/b.zip",
        "gzip://a.csv::hf://datasets/org/name@0123abc/a.csv.gz",
        "zip://a.csv::tar://b.zip::hf://datasets/org/name@0123abc/c.tar",
    ],
)
def test_archives_of_the_data_set_itself_are_read(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    named(monkeypatch, file, source="org/name@main")


@pytest.mark.parametrize(
    "file",
    [
        "/etc/passwd",
        "a.csv",
        "file:///etc/passwd",
        "local:///etc/passwd",
        "https://example.org/a.csv",
        "http://169.254.169.254/latest",
        "hf://datasets/org/other@0123abc/a.csv",
        "hf://datasets/org/name2/a.csv",
        "hf://datasets/org/name",
        "hf://datasets/other/org/name/a.csv",
        "hf://datasets/org/name/../other/a.csv",
        "hf://org/name/a.csv",
        "hf://buckets/org/name/a.csv",
        "s3://org/name/a.csv",
        "zip://a.csv::/root/b.zip",
        "zip://a.csv::b.zip",
        "zip://a.csv::file:///root/b.zip",
        "zip://a.csv::https://example.org/b.zip",
        "zip://a.csv::hf://datasets/org/other/b.zip",
        "zip://a.csv",
        "zip::hf://datasets/org/name/b.zip",
        "file:///etc/passwd::hf://datasets/org/name/b.zip",
        "/etc/passwd::hf://datasets/org/name/b.zip",
        "https://example.org/a.csv::hf://datasets/org/name/b.zip",
        "zip://a.csv::/root/b.zip::hf://datasets/org/name/b.zip",
        "zip://a.csv::simplecache::hf://datasets/org/name/b.zip",
        "hf://datasets/org/name/b.zip::file:///root/b.zip",
        "zip://a.csv::hf://datasets/org/name/b.zip::",
    ],
)
def test_what_leads_out_of_the_data_set_is_refused(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match="names a file outside its repository") as caught:
        named(monkeypatch, "hf://datasets/org/name@0123abc/a.csv", file)
    assert caught.value.field == "data.source"
    assert file in str(caught.value)


def test_the_library_itself_names_a_file_of_an_archive_so(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("in/a.csv", "text,label\na,x\n")
    pattern = f"zip://**/*.csv::{tmp_path}/b.zip"
    assert datasets.data_files.resolve_pattern(pattern, "") == [f"zip://in/a.csv::{tmp_path}/b.zip"]


# What datasets would take for a loader of its own, a folder, an archive or another place.
ELSEWHERE = ["csv", "text", "json", "parquet", "arrow", "xml", "imagefolder", "audiofolder",
             "webdataset", "generator", "here", "./here", "org/here", "org/here@main", "~",
             "~/here", "a/b/c", "file:///etc/passwd", "hf://datasets/org/name", "s3://b/k",
             "zip://a::b", "https://example.org/a", "..", "../here", "", " csv", "csv\n",
             "org\\here", "org/na\u0301me", "CSV"]  # fmt: skip


@pytest.mark.parametrize("name", ELSEWHERE)
def test_only_a_name_of_the_hub_reaches_the_library(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("here", "org/here"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "train.csv").write_text("text,label\na secret,x\n")
    (tmp_path / "secret.csv").write_text("a secret\n")
    monkeypatch.chdir(tmp_path)
    spec = DataSpec().model_copy(update={"source": name})
    experiment = ExperimentSpec().model_copy(update={"data": spec})
    foreseen = [error.field for error in preflight(experiment, [tmp_path / "home"])]
    with pytest.raises(DataError) as caught:
        hub.load(spec, labelled=True)
    assert (foreseen, caught.value.field) == (["data.source"], "data.source")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("source", ["org/name", "org/name@main", "a1/b.c_d-e@refs/pr/1"])
def test_a_name_of_the_hub_is_asked_for_there_alone(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    table = datasets.Dataset.from_dict({"text": TEXT[1], "label": ["x", "y"] * 20})

    def builder(path: str, revision: str | None) -> Builder:
        asked.append(path)
        return Builder(table)

    monkeypatch.setattr(datasets, "load_dataset_builder", builder)
    load(DataSpec(source=source), labelled=True)
    assert asked == [f"hf://datasets/{source.partition('@')[0]}"]
