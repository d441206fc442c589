"""CSV that a spreadsheet shows: words that it would run are words, numbers stay numbers."""

from __future__ import annotations

import csv as plain
import io

import numpy as np
import pandas as pd
import pytest

from loraone.analysis.csv_text import csv


@pytest.mark.parametrize(
    "word",
    ["=1+1", "+a", "-b", "@SUM(A1)", "\tx", "\rx", "\n=1", "=cmd|' /C calc'!A0", "-", "=", "-1-1"],
)
def test_a_word_that_begins_as_a_formula_is_text(word: str) -> None:
    table = pd.DataFrame({"name": [word, "plain"], word: [1.0, 2.0], "mixed": [word, 3]})
    written = word.replace("\r", "\n")
    (heads, first, second) = plain.reader(io.StringIO(csv(table), newline=""))
    assert heads == ["name", f"'{written}", "mixed"]
    assert first == [f"'{written}", "1.0", f"'{written}"]
    assert second == ["plain", "2.0", "3"]


def test_numbers_stay_numbers_wherever_they_stand() -> None:
    table = pd.DataFrame(
        {"loss": [-0.3, np.nan], "count": [-1, 2], "mixed": ["-0.5", -2.5], "wide": ["+1e5", None]}
    )
    assert csv(table).splitlines() == ["loss,count,mixed,wide", "-0.3,-1,-0.5,+1e5", ",2,-2.5,"]


def test_a_table_that_needs_nothing_is_as_pandas_writes_it() -> None:
    times = pd.to_datetime(["2026-11-25T14:48:00Z", None])
    table = pd.DataFrame(
        {"name": ["LoRA, κ 10", 'a "b"'], "at": times, "on": [True, False], "few": ["a", None]},
        index=[5, 5],
    )
    assert csv(table) == table.to_csv(index=False)
    assert csv(pd.DataFrame()) == pd.DataFrame().to_csv(index=False)
    twice = pd.DataFrame([["=a", 1, "=b"]], columns=["x", "y", "x"])
    assert csv(twice) == "x,y,x\n'=a,1,'=b\n"
