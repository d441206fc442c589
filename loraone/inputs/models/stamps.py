"""What the names of a model and of data stand for at this moment, without reading them.

A folder keeps its path, and a hub id its name, when what they hold becomes another. Whatever was
loaded is what is asked for only as long as its stamps are the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from huggingface_hub import constants
from huggingface_hub.errors import HFValidationError
from huggingface_hub.file_download import repo_folder_name

from loraone.inputs.data.texts import source_of
from loraone.inputs.hub_names import parsed
from loraone.inputs.models.location import is_folder, model_location
from loraone.spec.start import InputsSpec

# Path, bytes, times of the last change of content and of the entry (ns), and number on the disk.
FileStamp: TypeAlias = tuple[str, int, int, int, int]


def stamp(file: Path) -> FileStamp:
    """Of a file; a copy that keeps size and time has another entry."""
    found = file.stat()
    return str(file), found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def local(inputs: InputsSpec) -> tuple[FileStamp, ...]:
    """Of every file of a model's folder and of a data file, where they lie on this machine.

    Raises ModelError where the model is not there.
    """
    location, _ = model_location(inputs.model)
    folder = sorted(Path(location).iterdir()) if is_folder(location) else []
    files = [file for file in folder if file.is_file()]
    if source_of(inputs.data.source) == "file":
        files += [file for file in [Path(inputs.data.source).expanduser()] if file.is_file()]
    return tuple(stamp(file) for file in files)


def hub(inputs: InputsSpec) -> tuple[str | None, str | None]:
    """The commits that the hub's names had when they were last asked for on this machine.

    Nothing is asked of the hub; None for what is not from there, or was never fetched.
    """
    name, revision = model_location(inputs.model)
    model = None if is_folder(name) else commit("model", name, revision)
    on_hub = parsed(inputs.data.source) if source_of(inputs.data.source) == "hub" else None
    return model, commit("dataset", *on_hub) if on_hub is not None else None


def commit(kind: str, name: str, revision: str | None) -> str | None:
    """The commit that a branch or tag of the hub, or its default branch, has in the cache here.

    ``kind`` is ``model`` or ``dataset``; None where there is none, as of a commit itself.
    """
    try:
        folder = repo_folder_name(repo_id=name, repo_type=kind)
    except HFValidationError:  # such as a name that is too long; who loads it says so
        return None
    refs = Path(constants.HF_HUB_CACHE) / folder / "refs"
    file = refs / (revision or constants.DEFAULT_REVISION)
    if not file.is_file() or not file.resolve().is_relative_to(refs.resolve()):
        return None
    return file.read_text(encoding="utf-8", errors="replace").strip()
