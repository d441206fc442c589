"""Files that hold anything: refused in a sentence, in bounded time."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from backend.cli.runs import BadSpecError, read_spec
from tests.busy import busy


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("methods: [lora]\nmethods: [pissa]\n", "'methods' is named 2 times"),
        ("grid: {seeds: [0], seeds: [1]}\n", "'seeds' is named 2 times"),
        ("[" * 5000, "cannot be read as YAML"),
        ("a: " + "{b: " * 3000, "cannot be read as YAML"),
        ("name: &a [x]\ntags: [" + "*a, " * 500 + "]\n", "more than 100 references"),
        ("name: 2026-99-99\n", "cannot be read as YAML"),
        ("name: \0\n", "cannot be read as YAML"),
        ("adapter: {alpha: .nan}\n", "adapter.alpha"),
        ("adapter: {alpha: .inf}\n", "adapter.alpha"),
        ("data: {text_column: " + "x" * 400_000 + "}\n", "data.text_column"),
        ("grid: {seeds: [" + "-1, " * 4000 + "]}\n", "and 3900 more"),
    ],
)
def test_a_file_of_any_content_is_refused_in_few_words(
    tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(text)
    with pytest.raises(BadSpecError) as refused:
        read_spec(file)
    assert words in str(refused.value)
    assert len(str(refused.value)) < 50_000


def test_a_grid_of_a_thousand_millions_is_refused_with_its_number(tmp_path: Path) -> None:
    side = range(1, 1001)
    grid = {"seeds": [*side], "ranks": [*side], "learning_rates": [i / 1000 for i in side]}
    file = tmp_path / "spec.json"
    file.write_text(json.dumps({"grid": grid, "methods": ["lora"]}))
    began = time.process_time()
    with pytest.raises(BadSpecError, match="has 1000000000 runs; allowed: 1 to 500"):
        read_spec(file)
    assert time.process_time() - began < 1.5 * busy()  # most of it to read YAML
