"""Runs of experiments that ask for it are mirrored to other trackers, by this server.

Events come here wherever the worker is, so trackers' packages, addresses and keys are needed on
this machine alone.
"""

from __future__ import annotations

import logging
from functools import partial

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from backend.scheduling.jobs import Job, append_log
from backend.settings import Settings
from backend.storage.database import Database
from backend.storage.store import results
from backend.storage.tables import Experiment, Run
from loraone.spec import stored
from loraone.spec.experiment import RunSpec
from loraone.tracking.mirror import Mirror, Mirrors
from loraone.tracking.origin import Origin
from loraone.tracking.refusals import refusals

log = logging.getLogger(__name__)


class Asked:
    """Which trackers a run is mirrored to, and what they are told that it is."""

    def __init__(self, names: tuple[str, ...], origin: Origin) -> None:
        self.names = names
        self.origin = origin


class Mirroring:
    """The mirrors of all lanes."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._mirrors = Mirrors(settings.home / "trackers")

    def asked(self, session: Session, run: Run, spec: RunSpec) -> Asked | None:
        """What the author of the run's experiment asked for; None where that is nothing."""
        experiment = session.get_one(Experiment, run.experiment_id)
        names = stored.experiment(experiment.spec).document.get("report_to")
        if not isinstance(names, list | tuple) or not names:
            return None
        at = self._settings.public_url
        origin = Origin.of(
            spec,
            experiment.name,
            experiment_id=experiment.id,
            run_id=run.id,
            attempt=run.attempt,
            url=f"{at.rstrip('/')}/experiments/{experiment.id}" if at else None,
        )
        return Asked(tuple(str(name) for name in names), origin)

    def begin(self, job: Job, asked: Asked | None) -> Mirror | None:
        """Mirror this attempt, as far as trackers are installed here: another server may have
        taken the experiment in."""
        if asked is None:
            return None
        warn = partial(self._warn, job)
        missing = refusals(asked.names)
        for refused in missing:
            warn(f"The run is not mirrored to {refused.value}: {refused.message}")
        without = {refused.value for refused in missing}
        names = [name for name in asked.names if name not in without]
        return self._mirrors.begin(asked.origin, names, warn) if names else None

    def stop(self) -> None:
        """Give up what is still being sent after a few seconds."""
        self._mirrors.stop()

    def _warn(self, job: Job, message: str) -> None:
        """Say it in the run's log and on the run, whatever has become of it since."""
        log.warning("run %d: %s", job.run_id, message, extra={"run": job.run_id})
        try:
            append_log(job.log, f"Warning: {message}\n")
            with self._database.write() as session:
                results.warn(session, job.run_id, job.attempt, message)
        except (OSError, DBAPIError) as error:
            log.warning("run %d: a warning could not be stored: %s", job.run_id, error)
