"""What of models and data can be known to be wrong beforehand, and where they may lie."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path

from loraone.catalog import TASKS
from loraone.errors import DataError, LoraOneError, ModelError
from loraone.inputs.data import files, hub
from loraone.inputs.data.texts import source_of
from loraone.inputs.models import fit, quantisation
from loraone.inputs.models.location import is_local, local_folder
from loraone.spec.experiment import _Shared

# Of a folder, so that one of millions of files is not searched.
_MOST_ENTRIES = 10_000


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
    quantisation.check_installed(spec.model)
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
    link = None
    try:
        allowed = roots is None or inside(name, roots)
        if allowed:
            Path(name).expanduser().exists()
            link = None if roots is None else _link_out(Path(name).expanduser(), roots)
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
    if roots is not None and link is not None:
        raise kind(
            f"{link.name} in {name} is a link to a file outside the folders this server may read",
            field=field,
            value=name,
            allowed=", ".join(str(root) for root in roots),
            hint="copy the file itself into the folder",
        )


def _link_out(folder: Path, roots: Sequence[Path]) -> Path | None:
    """A link in a model's folder that leads out of ``roots``; None where there is none."""
    if not folder.is_dir():
        return None
    # Nothing that is loaded lies deeper than the chat templates in a folder of their own.
    entries = chain(folder.glob("*"), folder.glob("*/*"))
    links = (entry for entry in islice(entries, _MOST_ENTRIES) if entry.is_symlink())
    return next((link for link in links if not inside(str(link), roots)), None)
