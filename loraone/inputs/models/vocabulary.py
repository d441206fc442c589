"""Whether the token ids of a tokenizer are rows of the model's embedding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from loraone.errors import ModelError
from loraone.inputs.models.json_files import read_json

_OTHER = "take the tokenizer that the model was trained with, from its base model's folder"


def check_files(path: Path, rows: int | None, name: str) -> None:
    """Raise ModelError where ``tokenizer.json`` is broken, or has tokens beyond the embedding.

    Tokens that were added to it are not counted: a text need not hold any of them.
    """
    file = path / "tokenizer.json"
    if not file.is_file():
        return
    stamp = file.stat()
    try:
        largest = _largest_id(str(file), stamp.st_mtime_ns, stamp.st_size)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(
            f"tokenizer.json of {name} is not a tokenizer's: {type(error).__name__}: {error}",
            field="model.id",
            value=name,
            allowed="a model whose files are complete",
            hint="download or copy the model again",
        ) from error
    if rows is not None:
        _check(largest, rows, name)


def check_ids(texts: Sequence[Sequence[int]], rows: int, name: str) -> None:
    """Raise ModelError where a text has a token that the embedding has no row for."""
    _check(max((max(ids, default=0) for ids in texts), default=0), rows, name)


def check_tokenizer(tokenizer: Any, rows: int, name: str) -> None:
    """Raise ModelError for a tokenizer that cannot pad, or knows no words.

    One without a padding token pads with its end-of-text token; attention is masked there.
    """
    words = len(tokenizer) - len(set(tokenizer.all_special_ids))
    if words <= 1:
        raise ModelError(
            f"the tokenizer of {name} knows no words but {len(tokenizer)} special tokens: its "
            "vocabulary is missing",
            field="model.id",
            value=name,
            allowed="a tokenizer with its vocabulary, such as tokenizer.json",
            hint=_OTHER,
        )
    if tokenizer.pad_token_id is None and tokenizer.eos_token_id is None:
        raise ModelError(
            f"the tokenizer of {name} has neither a padding nor an end-of-text token, so texts of "
            "different lengths make no batch",
            field="model.id",
            value=name,
            allowed="a tokenizer with pad_token or eos_token",
            hint='name one of its tokens in tokenizer_config.json, such as "pad_token": "<unk>"',
        )
    padding = tokenizer.pad_token_id
    if padding is not None and not 0 <= padding < rows:
        raise ModelError(
            f"the padding token {tokenizer.pad_token!r} of {name} has id {padding}, and the "
            f"embedding {rows} rows",
            field="model.id",
            value=name,
            allowed=f"token ids from 0 to {rows - 1}",
            hint="name another pad_token in tokenizer_config.json, such as the eos_token, or add "
            "its row with transformers' resize_token_embeddings and save the model",
        )


@lru_cache(maxsize=32)
def _largest_id(file: str, _time: int, _size: int) -> int:
    """Cached by the file's time: a plan is made anew with every key that somebody types."""
    parsed = read_json(Path(file))
    added = {token["content"] for token in parsed.get("added_tokens") or ()}
    vocabulary = parsed["model"]["vocab"]
    if not isinstance(vocabulary, Mapping):  # Unigram: [token, score] in the order of their ids
        ids = [i for i, (token, _) in enumerate(vocabulary) if token not in added]
    else:
        ids = [i for token, i in vocabulary.items() if token not in added]
    return max(ids, default=0)


def _check(largest: int, rows: int, name: str) -> None:
    if largest >= rows:
        raise ModelError(
            f"the tokenizer of {name} has token ids up to {largest}, and the embedding {rows} rows",
            field="model.id",
            value=name,
            allowed=f"token ids from 0 to {rows - 1}",
            hint=f"{_OTHER}, or add the rows with transformers' resize_token_embeddings",
        )
