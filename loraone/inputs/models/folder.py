"""Whether a folder holds a model that can be loaded, as far as its files say without their weights.

Each file that transformers would read is looked at: that it is there and is what its name says,
neither cut off nor git-lfs's pointer to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from loraone.errors import ModelError
from loraone.inputs.models.json_files import TooLargeError, check_size, read_json
from loraone.inputs.models.quantisation import check_stored

CONFIG, ADAPTER_CONFIG = "config.json", "adapter_config.json"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
_POINTER = b"version https://git-lfs"
# What a tokenizer's vocabulary is read from; without any of them transformers makes an empty one.
_VOCABULARIES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
    "spm.model",
    "source.spm",
    "sentencepiece.model",
    "spm_char.model",
    "prophetnet.tokenizer",
    "bpe.codes",
    "tekken.json",
)
_OF_BYTES = ("ByT5Tokenizer", "MyT5Tokenizer", "CanineTokenizer", "PerceiverTokenizer")
_BESIDE = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",
    "generation_config.json",
)
_OTHER_WEIGHTS = (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".gguf", ".onnx")
_LFS = "git lfs pull, in that folder, downloads the files themselves"
_AGAIN = "download or copy the model again"


def check(path: Path, name: str) -> None:
    """Raise ModelError, naming the file and the way out, where ``path`` holds no whole model.

    ``name`` is how the spec calls it.
    """
    try:
        _check_adapter(path, name)
        config = _config(path, name)
        check_stored(config, name)
        for file in weight_files(path, name, config):
            _check_header(file, name)
        _check_tokenizer(path, name)
    except OSError as error:
        raise ModelError(
            f"{name} cannot be read: {error}",
            field="model.id",
            value=name,
            allowed="a folder whose files can be read",
        ) from error


def refuse_adapter(config: Mapping[str, Any], name: str, *, with_base: bool) -> None:
    """Raise ModelError: transformers would load the adapter's base and put the adapter on it."""
    base = config.get("base_model_name_or_path")
    of_base = f" of {base}" if base else ""
    if with_base:
        raise ModelError(
            f"{name} holds a base model and an adapter{of_base} in one folder: transformers would "
            f"put the adapter on in silence ({ADAPTER_CONFIG})",
            field="model.id",
            value=name,
            allowed="a folder with a base model alone",
            hint=f"move {ADAPTER_CONFIG} and adapter_model.safetensors to a folder of their own, "
            "or merge the adapter with PEFT's merge_and_unload and save the merged model",
        )
    raise ModelError(
        f"{name} is an adapter{of_base}, not a model ({ADAPTER_CONFIG})",
        field="model.id",
        value=name,
        allowed="a base model: config.json and safetensors weights",
        hint=f"use its base model{of_base.removeprefix(' of')}, or merge the adapter with PEFT's "
        "merge_and_unload and save the merged model",
    )


def weight_files(path: Path, name: str, config: Mapping[str, Any]) -> list[Path]:
    """The files that transformers reads the weights from, in its order of preference.

    Raises ModelError where there are none, one is missing, or the index leads out of the folder.
    """
    named = config.get("transformers_weights")
    if named:
        (file,) = _inside(path, name, [named], CONFIG)
        return _of_index(path, name, file) if str(named).endswith(".index.json") else [file]
    if (path / WEIGHTS).is_file():
        return [path / WEIGHTS]
    if (path / INDEX).is_file():
        return _of_index(path, name, path / INDEX)
    raise _no_weights(path, name)


def _check_adapter(path: Path, name: str) -> None:
    if (path / ADAPTER_CONFIG).is_file():
        config = _mapping(path / ADAPTER_CONFIG, name)
        refuse_adapter(config, name, with_base=(path / CONFIG).is_file())


def _config(path: Path, name: str) -> Mapping[str, Any]:
    if not (path / CONFIG).is_file():
        is_file = path.is_file()
        raise ModelError(
            f"there is no model in {name}: it is a file, not a folder with {CONFIG}"
            if is_file
            else f"there is no model in {name}: {path / CONFIG} is missing",
            field="model.id",
            value=name,
            allowed=f"a folder with {CONFIG} and safetensors weights, or a hub id",
            hint=f"give the folder that it lies in, {path.parent}" if is_file else None,
        )
    return _mapping(path / CONFIG, name)


def _mapping(file: Path, name: str) -> dict[str, Any]:
    """A JSON file that holds an object."""
    _check_whole(file, name)
    try:
        parsed = read_json(file)
    except ValueError as error:
        raise _broken(file, name, f"is not JSON: {error}", _AGAIN) from error
    if not isinstance(parsed, dict):
        raise _broken(file, name, "holds no JSON object", _AGAIN)
    return parsed


def _of_index(path: Path, name: str, index: Path) -> list[Path]:
    shards = _mapping(index, name).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        raise _broken(index, name, "has no weight_map", _AGAIN)
    return _inside(path, name, sorted({str(shard) for shard in shards.values()}), index.name)


def _inside(path: Path, name: str, files: list[Any], said_by: str) -> list[Path]:
    """The named files, which must be there and may not lie elsewhere than in the folder."""
    paths = []
    for file in map(str, files):
        if Path(file).name != file:
            raise _broken(path / said_by, name, f"names {file}, which is outside the folder", None)
        if not (path / file).is_file():
            raise ModelError(
                f"{name} is incomplete: {said_by} names {file}, which is missing",
                field="model.id",
                value=name,
                allowed=f"all files that {said_by} names",
                hint=_AGAIN,
            )
        paths.append(path / file)
    return paths


def _no_weights(path: Path, name: str) -> ModelError:
    allowed = f"safetensors weights: {WEIGHTS}, or {INDEX} with the files that it names"
    files = [file.name for file in sorted(path.iterdir())]
    safe = [file for file in files if file.endswith(".safetensors")]
    if safe:
        return ModelError(
            f"{name} has neither {WEIGHTS} nor {INDEX}, which transformers looks for; it has "
            f"{_listed(safe)}",
            field="model.id",
            value=name,
            allowed=allowed,
            hint=f"download {INDEX} too" if len(safe) > 1 else f"rename {safe[0]} to {WEIGHTS}",
        )
    other = [file for file in files if file.endswith(_OTHER_WEIGHTS)]
    there = f"; there is {_listed(other)}" if other else ""
    return ModelError(
        f"{name} has no .safetensors file; other weight formats can run code on loading{there}",
        field="model.id",
        value=name,
        allowed=allowed,
        hint="where you trust the file, load it with transformers and write it again with "
        "save_pretrained, which writes safetensors",
    )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _check_header(file: Path, name: str) -> None:
    """safetensors compares the header with the size of the file."""
    _check_whole(file, name)
    try:
        with safe_open(file, framework="numpy"):
            pass
    except SafetensorError as error:
        words = f"is cut off or no safetensors file: {error}"
        raise _broken(file, name, words, _AGAIN) from error


def _check_tokenizer(path: Path, name: str) -> None:
    beside = [path / file for file in _BESIDE if (path / file).is_file()]
    for file in beside:
        if file.suffix == ".json":
            _mapping(file, name)
    there = [path / file for file in _VOCABULARIES if (path / file).is_file()]
    for file in [*there, *beside]:
        _check_whole(file, name)
    if there or any(path.glob("*.tiktoken")) or _needs_no_vocabulary(path, name):
        return
    raise ModelError(
        f"{name} has no tokenizer: without a vocabulary every text would be read as unknown words",
        field="model.id",
        value=name,
        allowed="tokenizer.json, or the vocabulary that it is made from",
        hint="copy the tokenizer's files from the base model into the folder",
    )


def _needs_no_vocabulary(path: Path, name: str) -> bool:
    """Whether it reads bytes or characters."""
    file = path / "tokenizer_config.json"
    return file.is_file() and _mapping(file, name).get("tokenizer_class") in _OF_BYTES


def _check_whole(file: Path, name: str) -> None:
    """Not empty, and not what git leaves in a file's place."""
    with file.open("rb") as opened:
        start = opened.read(len(_POINTER))
    if start == _POINTER:
        raise _broken(file, name, "is git-lfs's pointer, not the file itself", _LFS)
    if not start:
        raise _broken(file, name, "is empty", _AGAIN)
    if file.suffix == ".json":
        try:
            check_size(file)
        except TooLargeError as error:
            raise _broken(file, name, str(error), _AGAIN) from error


def _broken(file: Path, name: str, words: str, hint: str | None) -> ModelError:
    return ModelError(
        f"{file.name} of {name} {words}",
        field="model.id",
        value=name,
        allowed="a model whose files are complete",
        hint=hint,
    )
