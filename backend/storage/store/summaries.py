"""What the runs of an experiment are, in columns of the experiment: set when they are queued, and
again when some are deleted or come back.

Searches and facets of the history read these instead of a hundred thousand runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import blake2b

from sqlalchemy import ColumnElement, false, func, or_, select
from sqlalchemy.orm import Session

from backend.storage.tables import Experiment, Run

COLUMNS = ("methods", "labels", "run_count", "group_key")
# What is shown as an experiment's status is the first of these that any of its runs has.
SHOWN = ("running", "queued", "failed", "cancelled", "succeeded")


def summarise(session: Session, experiment: Experiment) -> None:
    """Set the columns from the experiment's runs, which are stored already."""
    rows = session.execute(
        select(Run.method, Run.label, func.count())
        .where(Run.experiment_id == experiment.id)
        .group_by(Run.method, Run.label)
    ).all()
    experiment.methods = named(method for method, _, _ in rows)
    experiment.labels = labelled(label for _, label, _ in rows)
    experiment.run_count = sum(count for *_, count in rows)
    experiment.group_key = key(
        experiment.task, experiment.model, experiment.author, experiment.methods
    )


def named(methods: Iterable[str]) -> str:
    """The names of methods as JSON, so that none can be taken for a part of another."""
    return json.dumps(sorted(set(methods)))


def labelled(labels: Iterable[str]) -> str:
    """Labels in lower case, a line each."""
    return "\n".join(sorted({label.lower() for label in labels}))


def key(*values: str) -> int:
    """Equal for equal values (64 bits of a hash): whatever has one key is counted together."""
    digest = blake2b(json.dumps(values).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def has_method(text: str) -> ColumnElement[bool]:
    """Has a run of the method of this name, or of one whose label contains the text."""
    name = json.dumps(text.lower().replace("-", "_"))
    labels = Experiment.labels.contains(text.lower(), autoescape=True)
    return or_(
        Experiment.methods.contains(name, autoescape=True), false() if "\n" in text else labels
    )
