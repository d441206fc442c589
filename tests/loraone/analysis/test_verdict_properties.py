"""What holds of every verdict: of any grid with failures, gaps and ties."""

from __future__ import annotations

import math

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from loraone.analysis.verdicts import best_learning_rates, step_zero, verdict
from tests.loraone.analysis.runs import COLUMNS

STATUSES = ("succeeded", "succeeded", "failed", "running", "queued", "cancelled")
VALUES = st.one_of(st.floats(0.01, 10), st.sampled_from([0.5, 1.0, 1.0 + 1e-9, math.nan, math.inf]))
ROW = st.tuples(
    st.sampled_from(["Aa", "Bb", "Cc"]),
    st.sampled_from([4.0, 8.0, math.nan]),
    st.sampled_from([1e-4, 1e-3, 1e-2]),
    st.integers(0, 3),
    VALUES,
    st.sampled_from(STATUSES),
)


def key(row: tuple[object, ...]) -> tuple[str, ...]:
    return tuple(map(str, row[:4]))


RUNS = st.lists(ROW, min_size=1, max_size=30, unique_by=key).map(
    lambda rows: pd.DataFrame(rows, columns=[*COLUMNS, "status"])
)


@settings(max_examples=150, deadline=None)
@given(runs=RUNS, data=st.data(), known=st.booleans())
def test_the_order_of_rows_changes_nothing(
    runs: pd.DataFrame, data: st.DataObject, known: bool
) -> None:
    runs = runs if known else runs.drop(columns="status")
    order = data.draw(st.permutations(range(len(runs))))
    shuffled = runs.iloc[order]
    assert verdict(shuffled, "eval_loss") == verdict(runs, "eval_loss")
    best = best_learning_rates(runs, "eval_loss")
    assert set(best_learning_rates(shuffled, "eval_loss").index) == set(best.index)
    losses = {"held_out_loss_before": 1.0, "held_out_loss_after": runs["eval_loss"]}
    measured = runs.assign(**losses)
    assert step_zero(measured.iloc[order]) == step_zero(measured)


@settings(max_examples=150, deadline=None)
@given(runs=RUNS, failed=ROW)
def test_one_more_failure_never_makes_its_rate_the_best(
    runs: pd.DataFrame, failed: tuple[object, ...]
) -> None:
    label, rank, rate, *_ = failed
    added = pd.DataFrame([(label, rank, rate, 99, math.nan, "failed")], columns=runs.columns)
    more = pd.concat([runs, added], ignore_index=True)

    def chosen(frame: pd.DataFrame) -> bool:
        best = best_learning_rates(frame, "eval_loss")
        same = best["rank"].isna() if math.isnan(float(str(rank))) else best["rank"] == rank
        of_method = best[(best["label"] == label) & same]
        return bool((of_method["learning_rate"] == rate).any())

    assert chosen(runs) or not chosen(more)


@settings(max_examples=150, deadline=None)
@given(runs=RUNS)
def test_new_labels_only_rename(runs: pd.DataFrame) -> None:
    names = {"Aa": "Xx", "Bb": "Yy", "Cc": "Zz"}
    said = verdict(runs, "eval_loss")
    for old, new in names.items():
        said = said.replace(old, new)
    assert verdict(runs.assign(label=runs["label"].map(names)), "eval_loss") == said


@settings(max_examples=150, deadline=None)
@given(runs=RUNS)
def test_every_method_is_named_and_only_finished_runs_are_points(runs: pd.DataFrame) -> None:
    said = verdict(runs, "eval_loss")
    best = best_learning_rates(runs, "eval_loss")
    assert (best["status"] == "succeeded").all()
    assert best["eval_loss"].map(math.isfinite).all()
    if len(best):
        assert all(label in said for label in set(runs["label"]))
    for _, group in best.groupby(["label", "rank"], dropna=False):
        assert group["learning_rate"].nunique() == 1
