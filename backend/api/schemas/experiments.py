"""What the routes about experiments answer with."""

from __future__ import annotations

from datetime import datetime
from itertools import accumulate
from typing import Any, Self

from pydantic_core import to_json

from backend.api.schemas.base import Out
from backend.api.schemas.runs import RunOut, Status
from backend.errors import FieldProblem, cut
from backend.people.colours import colour
from backend.storage.store.experiments import Listed
from loraone.analysis.figures import layers

# Of an experiment, in bytes of JSON: more than all methods of a launch have together.
MOST_METHODS = 20_000
# Of a description, in a list.
MOST_DESCRIPTION = 500


def _within(texts: list[str], most: int) -> list[str]:
    """The first of them, as many as have up to so many bytes together."""
    sizes = accumulate(len(to_json(text)) for text in texts)
    return [text for text, size in zip(texts, sizes, strict=True) if size <= most]


class CountsOut(Out):
    """How many runs are in each status."""

    queued: int
    running: int
    succeeded: int
    failed: int
    cancelled: int


class BestOut(Out):
    """What is ahead in an experiment, at its own best learning rate: mean over seeds.

    ``failed`` is how many runs of it failed there.
    """

    label: str
    learning_rate: float
    metric: str
    value: float
    seeds: int
    failed: int


class ExperimentOut(Out):
    """An experiment as a list shows it; ``colour`` is the author's, where they are who owns it."""

    id: int
    name: str
    description: str
    created_at: datetime
    status: Status
    counts: CountsOut
    task: str
    model: str
    data: str
    methods: list[str]
    author: str
    colour: str | None
    owner: int | None
    private: bool
    starred: bool
    archived: bool
    tags: list[str]
    best: BestOut | None

    @classmethod
    def of(cls, listed: Listed) -> ExperimentOut:
        """From the stored row and its counts."""
        row = listed.experiment
        return cls(
            id=row.id,
            name=row.name,
            description=listed.description,
            created_at=row.created_at,
            status=listed.status,
            counts=CountsOut(**listed.counts),
            task=row.task,
            model=row.model,
            data=row.data,
            methods=_within(listed.methods, MOST_METHODS),
            author=row.author,
            colour=colour(row.owner_id) if listed.by_owner else None,
            owner=row.owner_id,
            private=row.private,
            starred=row.starred,
            archived=row.archived,
            tags=list(listed.tags),
            best=None if listed.best is None else BestOut.model_validate(listed.best),
        )

    def shortened(self, most: int = MOST_DESCRIPTION) -> Self:
        """As one of many: the beginning of its description alone."""
        return self.model_copy(update={"description": cut(self.description, most)})


class ImportedOut(ExperimentOut):
    """An experiment that came from another server; ``left_out`` is what of it stayed there, a
    sentence each."""

    left_out: list[str]


class LayerOut(Out):
    """A target layer: its name in the model, as people say it, the class it belongs to, and which
    expert's matrix it is, if it is one's."""

    name: str
    label: str
    module: str
    expert: int | None

    @classmethod
    def of_all(cls, names: list[str]) -> list[LayerOut]:
        """From the names in the model."""
        return [
            cls(
                name=name,
                label=layers.label(name),
                module=layers.split(name)[2],
                expert=layers.expert(name),
            )
            for name in names
        ]


class ExperimentDetailOut(ExperimentOut):
    """An experiment with its spec, runs, layers, and the steps at which alignment was measured.

    ``spec`` is what was stored, in today's form. ``problems`` say why it cannot be launched again
    here, such as a method that is not installed; there are none where it can. ``comments`` is how
    many there are to be read; for a guest, none.
    """

    spec: dict[str, Any]
    problems: list[FieldProblem]
    runs: list[RunOut]
    layers: list[LayerOut]
    steps: list[int]
    comments: int
