"""Samples are drawn by the seed: in proportion, and without favouring a class or a text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loraone.inputs.data.split import stratified
from loraone.inputs.data.texts import load
from loraone.spec.data import DataSpec
from tests.loraone.inputs.data.written import written


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    share=st.floats(0.05, 1.0),
    seed=st.integers(0, 5),
)
def test_a_stratified_sample_keeps_every_share_to_within_one(
    sizes: list[int], share: float, seed: int
) -> None:
    codes = np.repeat(np.arange(len(sizes)), sizes)
    count = int(share * len(codes))
    chosen = stratified(codes, count, seed)
    assert len(chosen) == len(set(chosen.tolist())) == count
    for code, size in enumerate(sizes):
        assert abs((codes[chosen] == code).sum() - size * count / len(codes)) < 1


def _answers(folder: Path) -> DataSpec:
    """260 questions whose answers are all different: ten of each initial letter."""
    initials = [chr(ord("a") + i // 10) for i in range(260)]
    table = {
        "text": [f"question {i}" for i in range(260)],
        "label": [f"{initial}{i:03}" for i, initial in enumerate(initials)],
    }
    return DataSpec(source=str(written(folder / "answers.csv", table)), eval_samples=64)


def test_labels_that_are_all_different_are_drawn_by_the_seed(tmp_path: Path) -> None:
    spec = _answers(tmp_path)
    drawn = []
    for seed in range(40):
        data = load(spec.model_copy(update={"split_seed": seed}), labelled=True)
        assert len(data.eval_texts) == 64
        assert not set(data.eval_texts) & set(data.train_texts)
        drawn.append({data.label_names[label] for label in data.eval_labels})
    assert len({frozenset(labels) for labels in drawn}) == 40
    # Each of the 260 is drawn 40 · 64/260 ≈ 10 times on average: none never, none always.
    times = [sum(label in labels for labels in drawn) for label in set.union(*drawn)]
    assert len(times) == 260
    assert max(times) < 25
    assert drawn[3] == {
        name
        for data in [load(spec.model_copy(update={"split_seed": 3}), labelled=True)]
        for name in (data.label_names[label] for label in data.eval_labels)
    }


@pytest.mark.parametrize(
    ("sizes", "count"),
    [
        ([1] * 260, 64),
        ([1] * 100 + [2] * 100, 75),  # singles beside pairs
        ([2] * 50 + [3] * 50, 60),  # no label is single, none has a text of its own share
        ([130] + [1] * 130, 65),  # half of the texts share a label
        ([200, 1, 1, 1], 50),
        ([6] * 40, 100),  # equal classes above one text: ties of the largest remainder
    ],
)
def test_every_text_is_as_likely_as_any_other(sizes: list[int], count: int) -> None:
    codes = np.repeat(np.arange(len(sizes)), sizes)
    draws = 600
    times = np.zeros(len(codes))
    for seed in range(draws):
        times[stratified(codes, count, seed)] += 1
    share = count / len(codes)
    deviation = np.sqrt(share * (1 - share) / draws)
    assert np.abs(times / draws - share).max() < 5 * deviation


def test_two_rare_labels_do_not_always_appear_together() -> None:
    codes = np.repeat(np.arange(31), [90, *[1] * 30])
    seen = [frozenset(codes[stratified(codes, 30, seed)].tolist()) for seed in range(50)]
    assert len(set(seen)) > 40


def test_the_order_of_labels_does_not_decide_where_shares_are_equal() -> None:
    # 7 of 4 × 5 texts: one label has to go without a second text.
    codes = np.repeat(np.arange(4), 5)
    short = {int(np.argmin(np.bincount(codes[stratified(codes, 7, seed)]))) for seed in range(60)}
    assert short == {0, 1, 2, 3}


def test_draws_without_ties_are_those_of_earlier_releases() -> None:
    # By the code before ties were drawn, on whose draws stored experiments were run.
    codes = np.array([0, 1, 1, 2, 2, 2, 0, 1, 2, 2, 1, 2, 2, 0, 1, 2, 2, 1, 2, 2])
    assert stratified(codes, 7, 0).tolist() == [3, 5, 10, 13, 17, 18, 19]
    assert stratified(np.zeros(20, int), 7, 3).tolist() == [1, 2, 3, 4, 11, 15, 17]
    assert stratified(codes, 7, 5).tolist() == [1, 8, 9, 12, 13, 14, 19]
