"""Stored rows as data frames."""

from __future__ import annotations

from backend.results import queries
from backend.storage.tables import Run


def test_an_experiment_of_full_fine_tuning_alone_has_a_best_learning_rate() -> None:
    from loraone.analysis.verdicts import best_learning_rates

    alone = [
        Run(id=i, method="full", label="Full", rank=None, learning_rate=rate, seed=0,
            status="succeeded", summary={"eval_loss": loss})
        for i, (rate, loss) in enumerate([(1e-3, 2.0), (1e-2, 1.0)])
    ]  # fmt: skip
    assert list(best_learning_rates(queries.runs(alone), "eval_loss")["run_id"]) == [1]
