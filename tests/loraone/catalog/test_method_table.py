"""The table of docs/methods.md is that of the rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from loraone.catalog import METHODS, method_table


def test_the_document_has_todays_table() -> None:
    assert method_table.main(["--check"]) == 0, "run python -m loraone.catalog.method_table"


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_documented_with_its_formula(method: str) -> None:
    text = method_table.FILE.read_text()
    row = METHODS[method]
    (line,) = (line for line in text.splitlines() if line.startswith(f"| `{method}`"))
    assert row.formula
    assert f"`{row.formula}`" in line
    assert row.paper is None or row.paper.url in line


def test_a_stale_document_is_noticed_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = method_table.FILE.read_text()
    file = tmp_path / "methods.md"
    file.write_text(whole.replace("| `pissa`", "| `pisa`"))
    monkeypatch.setattr(method_table, "FILE", file)
    assert method_table.main(["--check"]) == 1
    assert "is stale" in capsys.readouterr().out
    assert method_table.main([]) == 0
    assert file.read_text() == whole


def test_a_document_without_marks_is_an_error() -> None:
    with pytest.raises(ValueError, match="has no lines"):
        method_table.written("# Methods\n")


def test_what_depends_on_a_parameter_is_said_with_it() -> None:
    cells = method_table.cells(METHODS["init_ab"])
    assert "kept; `W₀ − s·B·A` with `base: offset`" in cells
