"""Names of models and data: what no file system has is refused by its field, never a crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from loraone.errors import LoraOneError
from loraone.inputs.models.paths import preflight
from loraone.spec.data import DataSpec
from loraone.spec.experiment import ExperimentSpec
from loraone.spec.model import ModelSpec

STRANGE = ["./a\0b", "a" * 300, "~nobody-of-this-name/a", "./" + "b" * 300]


def wrong(roots: list[Path] | None, **parts: object) -> list[LoraOneError]:
    return preflight(ExperimentSpec().model_copy(update=parts), roots)


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("suffix", ["", ".csv", ".jsonl.gz"])
@pytest.mark.parametrize("rooted", [True, False])
def test_a_name_that_no_file_can_have_is_refused_by_its_field(
    tmp_path: Path, name: str, suffix: str, rooted: bool
) -> None:
    roots = [tmp_path] if rooted else None
    errors = wrong(roots, data=DataSpec(source=name + suffix))
    # Without a suffix the long name may be one of the hub, of which nothing is asked here.
    expected = [] if (name + suffix).isalpha() else ["data.source"]
    assert [error.field for error in errors] == expected


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("rooted", [True, False])
def test_so_is_that_of_a_model(tmp_path: Path, name: str, rooted: bool) -> None:
    errors = wrong([tmp_path] if rooted else None, model=ModelSpec(id=name))
    expected = [] if name.isalpha() else ["model.id"]
    assert [error.field for error in errors] == expected


def test_a_table_that_cannot_be_used_is_found_before_a_worker_starts(tmp_path: Path) -> None:
    for name, content, field in (
        ("a.csv", "text,label,label\na,b,c\n", "data.label_column"),
        ("b.csv", 'text,"label\n', "data.source"),
        ("c.jsonl", '{"text": "a"}\n{"text": "b"}\n', "data.label_column"),
        ("d.json", "{}]", "data.source"),
        ("e.csv.gz", "text,label\n", "data.source"),
        ("f.jsonl", '{"text": ["a"], "label": "b"}', "data.text_column"),
        ("g.csv", "text,label\na,x\nb\n", "data.source"),
        ("h.csv", "text,label\na,x\nb,None\n", "data.missing_labels"),
        ("i.csv", b"text,label\nun caf\xe9,x\n", "data.encoding"),
    ):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        (error,) = wrong(None, data=DataSpec(source=str(file)))
        assert error.field == field, name
