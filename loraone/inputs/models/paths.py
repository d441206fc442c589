"""What of models and data can be known to be wrong beforehand, and where they may lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from loraone.catalog import TASKS
from loraone.errors import DataError, LoraOneError, ModelError
from loraone.inputs.data import files, hub
from loraone.inputs.data.texts import source_of
from loraone.inputs.models import fit
from loraone.inputs.models.location import is_local, local_folder
from loraone.spec.experiment import _Shared


def inside(name: str, roots: Sequence[Path]) -> bool:
    """Whether the path ``name``, links resolved, lies under one of ``roots``."""
    real = Path(name).expanduser().resolve()
    return any(real.is_relative_to(root.resolve()) for root in roots)


def preflight(spec: _Shared, roots: Sequence[Path] | None) -> list[LoraOneError]:
    """What can be known to be wrong with model and data before a worker spends time on them.

    Local paths must exist, lie under ``roots`` (None: anywhere), and files have the named
    columns. Nothing is asked of the hub, and a task that draws its own problem needs neither.
    """
    errors: list[LoraOneError] = []
    if TASKS[spec.task].synthetic:
        return errors
    for check in (_check_model, _check_data):
        try:
            check(spec, roots)
        except LoraOneError as error:
            errors.append(error)
    return errors


def _check_model(spec: _Shared, roots: Sequence[Path] | None) -> None:
    _check_root("model.id", spec.model.id, roots, ModelError)
    folder = local_folder(spec.model)
    if folder is not None:
        fit.check(folder, spec)


def _check_data(spec: _Shared, roots: Sequence[Path] | None) -> None:
    source = source_of(spec.data.source)
    if source == "hub":
        hub.check_name(spec.data.source)
    if source == "file":
        _check_root("data.source", spec.data.source, roots, DataError, always=True)
        files.check(spec.data, labelled=TASKS[spec.task].labelled)


def _check_root(
    field: str,
    name: str,
    roots: Sequence[Path] | None,
    kind: type[LoraOneError],
    always: bool = False,
) -> None:
    if not always and (name.startswith("builtin:") or not is_local(name)):
        return
    try:
        Path(name).expanduser().exists()
        allowed = roots is None or inside(name, roots)
    # A character or a length that no path has, a folder that may not be read, an unknown ~user.
    except (OSError, ValueError, RuntimeError) as error:
        raise kind(f"{name!r} cannot be read: {error}", field=field, value=name) from error
    if roots is not None and not allowed:
        shown = ", ".join(str(root) for root in roots)
        raise kind(
            f"{name} is outside the folders this server may read; allowed: {shown}",
            field=field,
            value=name,
            allowed=shown,
            hint="add its folder to LORAONE_ALLOWED_ROOTS",
        )
