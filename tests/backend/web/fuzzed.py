"""``loraone serve`` for schemathesis, with its reader and its limits: but runs stay queued, streams
end, and what the Theory lab would take long for is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator

from backend.cli import main
from backend.scheduling.feed import Feed
from backend.scheduling.scheduler import Scheduler
from backend.scheduling.theory_worker import Reply, TheoryWorker
from backend.storage.store import lanes
from backend.web import app
from loraone.analysis.figures.style import Theme
from loraone.spec.experiment import ExperimentSpec


class Waiting(Scheduler):
    """Has a lane, and never starts it."""

    def start(self) -> None:
        """Only say that it is there."""
        with self._work.database.write() as session:
            lanes.present(session, ["cpu"])

    @property
    def alive(self) -> bool:
        """It would see to its lane."""
        return True


class Small(TheoryWorker):
    """Solves what takes a moment; the rest would take as long as it was asked to."""

    async def ask(self, spec: ExperimentSpec, *, quick: bool, theme: Theme) -> AsyncIterator[Reply]:
        problem = spec.problem
        if spec.run_count * problem.samples * spec.training.steps > 50_000:
            yield Reply(0, error="more than this test waits for")
            return
        async for reply in super().ask(spec, quick=quick, theme=theme):
            yield reply


class Ended(Feed):
    """A stream says what is new, and ends."""

    def __init__(self) -> None:
        super().__init__()
        self.stop()


if __name__ == "__main__":
    vars(app).update(Scheduler=Waiting, TheoryWorker=Small, Feed=Ended)
    main()
