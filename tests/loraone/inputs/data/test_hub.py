"""Data sets of the hub: the same rules as for files, on real tables of the datasets library."""

from __future__ import annotations

from typing import Any

import datasets
import pytest

from loraone.errors import DataError
from loraone.inputs.data.texts import TextData, load
from loraone.spec.data import DataSpec


def loaded(monkeypatch: pytest.MonkeyPatch, columns: dict[str, Any], **spec: Any) -> TextData:
    """The data set as if the hub had sent it: the one thing that needs the network."""
    table = datasets.Dataset.from_dict(
        {name: values for name, (_, values) in columns.items()},
        features=datasets.Features({name: feature for name, (feature, _) in columns.items()}),
    )
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: table)
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
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: table)
    with pytest.raises(DataError, match=r"row 2, column 'label' has classes 0 to 1, not: 7"):
        load(DataSpec(source="org/name"), labelled=True)
