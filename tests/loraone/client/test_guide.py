"""The guide's example runs as it stands."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.loraone.client.conftest import Lab
from tests.test_documents import ROOT, fences


def test_the_example_of_the_guide_launches_waits_draws_and_writes_a_note(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LORAONE_SERVER", lab.url)
    monkeypatch.setenv("LORAONE_TOKEN", lab.tokens["editor"])
    monkeypatch.chdir(tmp_path)
    _, snippet = fences(ROOT / "docs" / "guide.md", "python")
    names: dict[str, object] = {}
    exec(compile(snippet, "guide.md", "exec"), names)
    runs = names["runs"]
    assert isinstance(runs, pd.DataFrame)
    assert len(runs) == 4
    assert "plotly" in (tmp_path / "curves.html").read_text(encoding="utf-8")
    said = capsys.readouterr()
    assert "LoRA-One" in said.out
    assert "From Python" in said.err
    (found, *_) = lab.client().experiments("From Python")
    assert found.notes[0].text.startswith("Best: LoRA")
