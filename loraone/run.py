"""``run(spec)`` yields everything that happens in one run, whatever its task."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from loraone.catalog import TASKS, resolve
from loraone.errors import LoraOneError, TrainingError
from loraone.events import Event, Failed
from loraone.specs import RunSpec

if TYPE_CHECKING:
    from loraone.workspace import Workspace

log = logging.getLogger(__name__)


def run(
    spec: RunSpec,
    *,
    workspace: Workspace | None = None,
    output: Path | None = None,
    roots: Sequence[Path] | None = None,
) -> Iterator[Event]:
    """Compute the initialisation that ``spec`` asks for, train briefly, measure.

    Args:
        spec: one run; see :func:`loraone.specs.expand`.
        workspace: keeps model, data and gradient warm between runs.
        output: folder for the adapter; without it none is written.
        roots: folders that local models and data may lie under; None allows any.

    Every error that a user can cause ends the stream with :class:`Failed`; so does an unforeseen
    one, after its traceback went to the log.
    """
    import torch

    if TASKS[spec.task].synthetic:
        workspace = None  # it is not touched, so that a failure leaves it as it is
    try:
        task = resolve(TASKS[spec.task].run)
        yield from task(spec, workspace=workspace, output=output, roots=roots)
    except LoraOneError as error:
        _forget(workspace)
        yield Failed(**error.as_dict())  # type: ignore[arg-type]
    except (torch.OutOfMemoryError, MemoryError) as error:
        _forget(workspace)
        yield Failed(**_out_of_memory(error, spec).as_dict())  # type: ignore[arg-type]
    except Exception as error:
        _forget(workspace)
        log.exception("run failed")
        yield Failed("internal", f"{type(error).__name__}: {error}")
    except GeneratorExit:
        _forget(workspace)  # stopped half-way: the model is in an unknown state
        raise


def _forget(workspace: Workspace | None) -> None:
    if workspace is not None:
        workspace.forget()


def _out_of_memory(error: BaseException, spec: RunSpec) -> TrainingError:
    detail = next(iter(str(error).splitlines()), "no detail")
    return TrainingError(
        f"the device ran out of memory: {detail}",
        field="training.batch_size",
        value=spec.training.batch_size,
        hint="lower training.batch_size, gradient.micro_batch or data.max_length, or use bfloat16",
    )
