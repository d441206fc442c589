"""``run(spec)`` yields everything that happens in one run, whatever its task."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loraone.catalog import TASKS, resolve
from loraone.errors import LoraOneError, TrainingError
from loraone.events import Event, Failed, Progress
from loraone.runs.interruption import InterruptedRunError, Interruption
from loraone.spec.experiment import RunSpec

if TYPE_CHECKING:
    from loraone.runs.workspace import Workspace

log = logging.getLogger(__name__)

_LOADING = ("start", "load")
_OF_GRADIENT = ("gradient", "svd", "trust")
_OF_LAYERS = ("spectra", "init", "measure", "export")
_FREE = "free some space, or set LORAONE_HOME to a larger disk; then run it again"


def run(
    spec: RunSpec,
    *,
    workspace: Workspace | None = None,
    output: Path | None = None,
    roots: Sequence[Path] | None = None,
    checkpoints: Path | None = None,
    interruption: Interruption | None = None,
) -> Iterator[Event]:
    """Compute the initialisation that ``spec`` asks for, train briefly, measure.

    Args:
        spec: one run; see :func:`loraone.spec.experiment.expand`.
        workspace: keeps model, data and gradient warm between runs.
        output: folder for the adapter; without it none is written.
        roots: folders that local models and data may lie under; None allows any.
        checkpoints: folder of this run alone for its checkpoints; it goes on from one that is
            there. Without it none is kept.
        interruption: asks for a checkpoint, or has the run end with one.

    Every error that a user can cause ends the stream with :class:`Failed`; so does an unforeseen
    one, after its traceback went to the log. Raises InterruptedRunError where the run was asked to
    end, and has.
    """
    from loraone.memory import ran_out

    if TASKS[spec.task].synthetic:
        workspace = None  # it is not touched, so that a failure leaves it as it is
    phase = "start"
    try:
        task = resolve(TASKS[spec.task].run)
        options: dict[str, Any] = {"workspace": workspace, "output": output, "roots": roots}
        if not TASKS[spec.task].synthetic:
            options |= {"checkpoints": checkpoints, "interruption": interruption}
        with closing(task(spec, **options)) as events:
            for event in events:
                phase = event.phase if isinstance(event, Progress) else phase
                yield event
    except InterruptedRunError:
        _forget(workspace)
        raise
    except LoraOneError as error:
        _forget(workspace)
        yield Failed(**error.as_dict())  # type: ignore[arg-type]
    except Exception as error:
        _forget(workspace)
        if ran_out(error):
            yield Failed(**_out_of_memory(error, spec, phase).as_dict())  # type: ignore[arg-type]
            return
        if _is_disk_full(error):
            yield Failed("disk-full", f"the disk is full: {error}", hint=_FREE)
            return
        log.exception("run failed")
        yield Failed("internal", f"{type(error).__name__}: {error}")
    except GeneratorExit:
        _forget(workspace)  # stopped half-way: the model is in an unknown state
        raise


def _forget(workspace: Workspace | None) -> None:
    if workspace is not None:
        workspace.forget()


def _out_of_memory(error: BaseException, spec: RunSpec, phase: str) -> TrainingError:
    """What ran out, where, and the next smaller setting of what takes the memory there."""
    from loraone.memory import first_line, where

    field, value, hint = _suggestion(spec, phase)
    return TrainingError(
        f"{where(error)} ran out of memory in the phase {phase}: {first_line(error)}",
        field=field,
        value=value,
        hint=hint,
    )


def _suggestion(spec: RunSpec, phase: str) -> tuple[str, object, str]:
    """A field, its value, and what to set it to. Evaluations say it themselves."""
    if TASKS[spec.task].synthetic:
        samples = spec.problem.samples
        return "problem.samples", samples, f"set problem.samples to {samples // 2}"
    if phase in _LOADING:
        if spec.model.dtype == "float32":
            return "model.dtype", spec.model.dtype, "set model.dtype to bfloat16: half of it"
        return "model.id", spec.model.id, "choose a smaller model, or fewer lanes on the device"
    if phase in _OF_GRADIENT:
        micro = spec.gradient.micro_batch
        if micro > 1:
            return "gradient.micro_batch", micro, f"set gradient.micro_batch to {micro // 2}"
        if not spec.gradient.checkpointing:
            return "gradient.checkpointing", False, "set gradient.checkpointing"
        strategy = spec.gradient.strategy
        hint = "set gradient.strategy to sketch, or choose fewer target layers"
        return "gradient.strategy", strategy, hint
    training = spec.training
    size = training.batch_size
    if phase == "head" and size > 1:
        return "training.batch_size", size, f"set training.batch_size to {size // 2}"
    if phase == "train":
        parts = training.gradient_accumulation
        if parts < size:
            field, more = "training.gradient_accumulation", min(size, 2 * parts)
            hint = f"set {field} to {more}: the same steps in smaller parts; or halve_on_oom"
            return field, parts, hint
        if not training.checkpointing:
            return "training.checkpointing", False, "set training.checkpointing"
    if phase == "hessian":
        texts = spec.measure.hessian_samples
        if texts > 1:
            return "measure.hessian_samples", texts, f"set measure.hessian_samples to {texts // 2}"
        return "measure.hessian", True, "leave measure.hessian out"
    if phase in _OF_LAYERS:
        targets = spec.model.targets
        return "model.targets", targets, "choose fewer target layers, or a smaller rank"
    length = spec.data.max_length
    return "data.max_length", length, f"set data.max_length to {length // 2}"


def _is_disk_full(error: BaseException) -> bool:
    """Also where a library has put the system's error into words of its own."""
    return getattr(error, "errno", None) == errno.ENOSPC or "No space left on device" in str(error)
