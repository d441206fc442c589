"""Estimates are told from what was computed; maps have as many numbers as there is room for."""

from __future__ import annotations

import numpy as np
import pytest

from loraone.analysis.figures import heatmap, spectra
from tests.loraone.analysis.test_figures import RUNS


def test_estimated_values_are_a_band_that_says_so() -> None:
    values = np.array([4.0, 2.0, 1.0, 0.5], np.float32)
    found = {(1, "gradient"): spectra.MeasuredValues(values, known=2)}
    table = spectra.table(found, RUNS)
    assert table["estimated"].tolist() == [False, False, True, True]
    known, guessed = spectra.draw(table, RUNS, rank=2).data
    assert (list(known.x), list(guessed.x)) == ([1, 2], [3, 4])
    assert guessed.name == f"{known.name}, estimated"
    assert guessed.line.width > known.line.width
    assert "≈" in guessed.hovertemplate
    assert "≈" not in known.hovertemplate
    (said,) = spectra.draw(table, RUNS, rank=2).layout.annotations
    assert "gap" not in said.text, "an estimate says nothing of it"
    (said,) = spectra.draw(table, RUNS, rank=2, gap=0.75).layout.annotations
    assert "of G = 0.750" in said.text


def test_a_map_says_the_standard_errors_of_estimates_alone() -> None:
    names = ["layers.0.q", "layers.1.q"]
    table = heatmap.table(names, {0: 50.0, 1: 7.0}, "effective_rank", {0: 1.25})
    assert table["standard_error"].tolist() == pytest.approx([1.25, np.nan], nan_ok=True)
    (drawn,) = heatmap.draw(table, scalar="effective_rank", quantity="gradient").data
    assert drawn.hovertext.tolist() == [[" ± 1.2 (estimated)", ""]]
    assert "%{hovertext}" in drawn.hovertemplate
    assert drawn.colorbar.title.text == "Effective rank, estimated"
    exact = heatmap.table(names, {0: 50.0, 1: 7.0}, "effective_rank")
    assert "standard_error" not in exact


@pytest.mark.parametrize(("blocks", "step"), [(2, 1), (12, 1), (24, None)])
def test_whole_blocks_are_numbered_and_only_as_many_as_a_phone_has_room_for(
    blocks: int, step: int | None
) -> None:
    names = [f"layers.{i}.q" for i in range(blocks)]
    table = heatmap.table(names, dict.fromkeys(range(blocks), 1.0), "sigma1")
    drawn = heatmap.draw(table, scalar="sigma1", quantity="gradient")
    assert drawn.layout.xaxis.dtick == step
