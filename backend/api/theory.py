"""The Theory lab: an experiment is solved while the page waits, nothing is stored."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from backend.api.bodies import JsonRoute
from backend.api.deps import TheoryWorkerDep
from backend.api.rights import needs
from backend.api.schemas.theory import TheoryOut
from backend.errors import FieldProblem, InvalidError
from backend.scheduling.theory_worker import TheoryWorker, TheoryWorkerDiedError
from loraone.analysis.figures.style import Theme
from loraone.catalog import TASKS
from loraone.spec.experiment import ExperimentSpec

router = APIRouter(route_class=JsonRoute, tags=["theory"])


@router.post("/theory/warm", status_code=204)
@needs("read")
def warm(theory_worker: TheoryWorkerDep) -> None:
    """Start the process that answers, so that the first answer comes as fast as the others."""
    theory_worker.warm()


class Lines(StreamingResponse):
    """JSON, a line at a time."""

    media_type = "application/x-ndjson"


@router.post(
    "/theory",
    response_class=Lines,
    responses={200: {"model": TheoryOut, "description": "Lines of JSON; the last has the answer"}},
)
@needs("read")
async def solve(
    spec: ExperimentSpec,
    theory_worker: TheoryWorkerDep,
    quick: Annotated[bool, Query(description="The first seed alone")] = False,
    theme: Theme = "light",
) -> StreamingResponse:
    """Solve all runs of a teacher–student experiment and draw them.

    The answer is a stream of lines: ``{"done": …, "total": …}`` while it is computed, then
    ``{"answer": …}``, or ``{"error": …}``.
    """
    if not TASKS[spec.task].synthetic:
        allowed = ", ".join(name for name, row in TASKS.items() if row.synthetic)
        problem = FieldProblem(
            path="task",
            message="only teacher–student problems are solved at once",
            value=spec.task,
            allowed=allowed,
        )
        raise InvalidError(problem)
    return Lines(
        _lines(theory_worker, spec, quick, theme),
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _lines(
    theory_worker: TheoryWorker, spec: ExperimentSpec, quick: bool, theme: Theme
) -> AsyncIterator[bytes]:
    try:
        async for reply in theory_worker.ask(spec, quick=quick, theme=theme):
            if reply.answer is not None:
                yield _line({"answer": reply.answer})
            elif reply.error is not None:
                yield _line({"error": reply.error})
            else:
                yield _line({"done": reply.done, "total": reply.total})
    except TheoryWorkerDiedError as error:
        yield _line({"error": str(error)})


def _line(value: dict[str, object]) -> bytes:
    return json.dumps(value).encode() + b"\n"
