"""Whatever is deleted, restored and removed in whatever order: lists and what experiments say of
their runs are those that would be computed anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from backend.settings import Settings
from backend.storage.database import Database
from backend.storage.emptying import Emptying
from backend.storage.store import deletions, experiments, queue, settling, summaries
from backend.storage.store.sizes import Size
from backend.storage.tables import BinnedExperiment, BinnedRun, Deletion, Experiment, Run
from tests.backend.storage import binned
from tests.backend.storage.plans import listening, scans
from tests.conftest import DatabaseUrl

ANA = (None, "ana")


class Lab:
    """A database, and what of its experiments should be there."""

    def __init__(self, home: Path, url: str) -> None:
        self.database = Database(url)
        self.database.migrate()
        self.home = home
        self.emptying = Emptying(self.database, Settings(home=home, database_url=url))
        self.runs: dict[int, set[int]] = {}
        self.binned: dict[int, tuple[int, set[int] | None]] = {}

    def launch(self, count: int) -> None:
        """These experiments and no others are looked at from here on."""
        self.runs, self.binned = {}, {}
        for _ in range(count):
            key = binned.finished(self.database, self.home)
            with self.database.read() as session:
                self.runs[key] = set(experiments.run_ids(session, key))

    def seen(self) -> dict[int, set[int]]:
        """What should be there."""
        whole = {key for key, runs in self.binned.values() if runs is None}
        return {key: runs for key, runs in self.runs.items() if key not in whole}

    def act(self, verb: str, which: int) -> None:
        """One thing that a user does, with the ``which``-th of what there is."""
        if verb == "restore":
            self._restore(which)
        elif verb == "remove":
            self._remove(which)
        elif seen := sorted(self.seen().items()):
            key, runs = seen[which % len(seen)]
            with self.database.write() as session:
                if verb == "experiment":
                    row = session.get_one(Experiment, key)
                    made = deletions.put_experiment(session, row, ANA, Size())
                    self.binned[made.id] = (key, None)
                elif runs:
                    chosen = {sorted(runs)[which % len(runs)], min(runs)}
                    rows = session.scalars(select(Run).where(Run.id.in_(chosen))).all()
                    (made,) = deletions.put_runs(session, rows, ANA, {})
                    self.binned[made.id] = (key, chosen)
                    self.runs[key] = runs - chosen

    def _listed(self) -> list[int]:
        with self.database.read() as session:
            found = {row.id for row in deletions.listed(session)}
        expected = {
            key for key, (of, runs) in self.binned.items() if runs is None or of in self.seen()
        }
        assert found & set(self.binned) == expected
        return sorted(expected)

    def _restore(self, which: int) -> None:
        if listed := self._listed():
            key = listed[which % len(listed)]
            with self.database.write() as session:
                deletions.restore(session, session.get_one(Deletion, key))
            of, runs = self.binned.pop(key)
            self.runs[of] |= runs or set()

    def _remove(self, which: int) -> None:
        if listed := self._listed():
            key = listed[which % len(listed)]
            assert self.emptying.now([key], 60).trouble == []
            of, runs = self.binned.pop(key)
            if runs is None:
                del self.runs[of]
                self.binned = {k: row for k, row in self.binned.items() if row[0] != of}

    def check(self) -> None:
        """Compare what is stored and listed with what would be computed anew."""
        with self.database.read() as session:
            found = set(experiments.find(session, "").ids) & set(self.runs)
            assert found == set(self.seen())
            for key, runs in self.seen().items():
                row = session.get_one(Experiment, key)
                rows = experiments.runs(session, key)
                assert {run.id for run in rows} == runs
                assert row.run_count == len(runs)
                assert row.methods == summaries.named(run.method for run in rows)
                assert row.labels == summaries.labelled(run.label for run in rows)
                losses = [(run.summary or {})["eval_loss"] for run in rows]
                assert row.settled
                assert row.best_value == (min(losses) if losses else None)
                assert experiments.count_runs(session, [key])[key]["succeeded"] == len(runs)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, database_url: DatabaseUrl) -> Iterator[Lab]:
    """One database for all examples: to make one takes longer than what is done with it."""
    home = tmp_path_factory.mktemp("lab")
    made = Lab(home, database_url(home))
    yield made
    made.database.close()


@settings(
    max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["runs", "runs", "experiment", "restore", "restore", "remove"]),
            st.integers(0, 20),
        ),
        min_size=4,
        max_size=8,
    )
)
def test_any_order_of_deleting_restoring_and_removing_leaves_what_would_be_computed_anew(
    lab: Lab, acts: list[tuple[str, int]]
) -> None:
    lab.launch(2)
    for verb, which in acts:
        lab.act(verb, which)
        lab.check()


@pytest.mark.sqlite
def test_what_is_in_the_bin_is_looked_up_by_its_number_however_full_it_is(lab: Lab) -> None:
    with lab.database.write() as session, listening(session) as sent:
        found = experiments.find(session, "status:succeeded")
        experiments.page(session, found.ids)
        experiments.runs(session, 1)
        queue.claim(session, "CPU")
        settling.read(session, [1])
    plans = sent.plans(lab.database)
    marks = (BinnedExperiment.__tablename__, BinnedRun.__tablename__)
    asked = {text: plan for text, plan in plans.items() if any(name in text for name in marks)}
    assert asked
    for text, plan in asked.items():
        assert not [step for step in plan if step.startswith("SCAN binned")], (text, plan)
        assert not scans(plan), (text, plan)
