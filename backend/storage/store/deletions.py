"""The bin: what is put into it is shown nowhere, comes back as it was, or goes for good later
(:mod:`backend.storage.emptying`).

Nothing that runs is deleted. What waits is cancelled first, as it would run for nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, delete, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session

from backend.errors import ConflictError
from backend.storage.audience import looking_into_bin
from backend.storage.store import changes, runs, settling, summaries
from backend.storage.store.many import among
from backend.storage.store.sizes import Size
from backend.storage.tables import (
    BinnedAdapter,
    BinnedExperiment,
    BinnedRun,
    Deletion,
    Experiment,
    Run,
    now,
)
from backend.storage.versions import NO_EXPERIMENT, TOUCHES

# Runs that a refusal names.
_MOST_NAMED = 10


By = tuple[int | None, str]


def put_experiment(session: Session, experiment: Experiment, by: By, size: Size) -> Deletion:
    """Put it there with all its runs. ``by`` is who deletes it: their number and their name.

    Raises ConflictError where one of its runs goes on.
    """
    _stop(session, Run.experiment_id == experiment.id)
    count = session.scalar(select(func.count()).where(Run.experiment_id == experiment.id)) or 0
    deletion = _add(session, "experiment", experiment.id, by, count, size)
    session.add(BinnedExperiment(experiment_id=experiment.id, deletion_id=deletion.id))
    session.flush()
    changes.add_experiments(session, [experiment.id], "experiment")
    return deletion


def put_runs(
    session: Session, some: Sequence[Run], by: By, sizes: dict[int, Size]
) -> list[Deletion]:
    """Put single runs there: a deletion for each experiment that they are of. ``sizes`` are by
    experiment. Raises ConflictError where one of them goes on.
    """
    _stop(session, among(session, Run.id, [run.id for run in some]))
    deletions = []
    for key, of_it in _by_experiment(some).items():
        deletion = _add(session, "runs", key, by, len(of_it), sizes.get(key, Size()))
        rows = [{"run_id": run.id, "deletion_id": deletion.id} for run in of_it]
        session.execute(insert(BinnedRun), rows, execution_options={TOUCHES: key})
        changes.add_runs(session, key)
        _derive(session, key)
        deletions.append(deletion)
    return deletions


def put_adapters(
    session: Session, some: Sequence[Run], by: By, sizes: dict[int, Size]
) -> list[Deletion]:
    """Put the adapters of these runs there; all their numbers stay."""
    deletions = []
    for key, of_it in _by_experiment(run for run in some if run.has_adapter).items():
        deletion = _add(session, "adapters", key, by, len(of_it), sizes.get(key, Size()))
        rows = [
            {"run_id": run.id, "artifact": "adapter", "deletion_id": deletion.id} for run in of_it
        ]
        session.execute(insert(BinnedAdapter), rows, execution_options={TOUCHES: key})
        changes.add_runs(session, key)
        deletions.append(deletion)
    return deletions


def restore(session: Session, deletion: Deletion) -> None:
    """Bring back what was deleted at once. Raises ConflictError where it is being removed."""
    if deletion.state != "kept":
        raise ConflictError(f"deletion {deletion.id} is being removed for good already")
    key = deletion.experiment_id
    # The marks go with it.
    session.execute(
        delete(Deletion).where(Deletion.id == deletion.id), execution_options={TOUCHES: key}
    )
    if deletion.kind == "runs":
        _derive(session, key)
    changes.add_experiments(session, [key], "experiment")
    changes.add_runs(session, key)


def listed(session: Session) -> list[Deletion]:
    """What can come back, the newest first; of an experiment that was deleted as a whole, not also
    what had been deleted of it. And what could not be removed."""
    whole = select(BinnedExperiment.experiment_id)
    there = or_(
        Deletion.kind == "experiment",
        and_(
            Deletion.experiment_id.not_in(whole),
            or_(
                exists().where(BinnedRun.deletion_id == Deletion.id),
                exists().where(BinnedAdapter.deletion_id == Deletion.id),
            ),
        ),
    )
    shown = or_(Deletion.state == "kept", Deletion.trouble.is_not(None))
    query = select(Deletion).where(shown, there).order_by(Deletion.id.desc())
    return list(session.scalars(query))


def experiments_of(session: Session, deletions: Collection[Deletion]) -> dict[int, Experiment]:
    """Whose they are, as far as the audience sees them."""
    keys = sorted({deletion.experiment_id for deletion in deletions})
    with looking_into_bin():
        rows = session.scalars(select(Experiment).where(among(session, Experiment.id, keys)))
        return {row.id: row for row in rows}


def empty(session: Session, ids: Collection[int]) -> None:
    """From here on nothing of these deletions comes back."""
    chosen = Deletion.id.in_(ids), Deletion.state == "kept"
    session.execute(
        update(Deletion).where(*chosen).values(state="emptying"),
        execution_options={TOUCHES: NO_EXPERIMENT},
    )


def expired(session: Session, days: float) -> list[int]:
    """Those that have been there for so long."""
    before = now() - timedelta(days=days)
    query = select(Deletion.id).where(Deletion.state == "kept", Deletion.at <= before)
    return list(session.scalars(query))


def _add(session: Session, kind: str, key: int, by: By, count: int, size: Size) -> Deletion:
    person, name = by
    deletion = Deletion(
        kind=kind, experiment_id=key, person_id=person, name=name[:100], runs=count,
        size=size.document,
    )  # fmt: skip
    session.add(deletion)
    session.flush()
    return deletion


def _by_experiment(some: Iterable[Run]) -> dict[int, list[Run]]:
    found: dict[int, list[Run]] = {}
    for run in some:
        found.setdefault(run.experiment_id, []).append(run)
    return found


def _stop(session: Session, which: ColumnElement[bool]) -> None:
    """Cancel what waits. Raises ConflictError for what runs."""
    going = select(Run.id).where(which, Run.status == "running").order_by(Run.id)
    running = session.scalars(going).all()
    if running:
        named = ", ".join(map(str, running[:_MOST_NAMED]))
        more = len(running) - _MOST_NAMED
        what = f"run {named} is" if len(running) == 1 else f"runs {named} are"
        and_more = f" (and {more} more)" if more > 0 else ""
        raise ConflictError(f"{what} running{and_more}: cancel them first, nothing was deleted")
    waiting = session.scalars(select(Run).where(which, Run.status == "queued")).all()
    runs.cancel_all(session, waiting)


def _derive(session: Session, key: int) -> None:
    """What an experiment says of its runs, from those that are not in the bin."""
    experiment = session.get(Experiment, key)
    if experiment is not None:
        summaries.summarise(session, experiment)
        settling.settle(session, key)
