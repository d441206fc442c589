"""How many tokens a model has positions for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from loraone.catalog import TASKS
from loraone.errors import SpecError
from loraone.spec.start import InputsSpec

if TYPE_CHECKING:
    from torch import nn

# Their positions begin after the padding's id: a table of 514 is good for 512 tokens.
_AFTER_PADDING = (
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
    "camembert",
    "data2vec-text",
    "ibert",
    "longformer",
    "luke",
    "mluke",
    "mpnet",
    "markuplm",
    "esm",
)
# How a configuration calls them where it is not max_position_embeddings.
_NAMES = {
    "gpt2": "n_positions",
    "gpt_bigcode": "n_positions",
    "gptj": "n_positions",
    "codegen": "n_positions",
    "ctrl": "n_positions",
    "openai-gpt": "n_positions",
    "mpt": "max_seq_len",
}
# More than any model has positions, or than its positions are stretched by.
_MOST = 10**9
_TABLES = ("position_embeddings", "embed_positions", "positions_embed", "wpe")


def allowed_tokens(config: Mapping[str, Any]) -> int | None:
    """The longest text that a configuration (config.json) has positions for; None where it says
    nothing or has no such limit, as with relative positions."""
    kind = config.get("model_type")
    if "max_position_embeddings" not in config and isinstance(config.get("text_config"), Mapping):
        return allowed_tokens(config["text_config"])
    count = config.get(_NAMES.get(str(kind), "max_position_embeddings"))
    if kind == "led":
        count = config.get("max_encoder_position_embeddings")
    if not isinstance(count, int) or count <= 0 or _relative(config):
        return None
    if kind in _AFTER_PADDING:
        padding = config.get("pad_token_id")
        return count - 1 - (padding if isinstance(padding, int) else 1)
    return _stretched(config, count)


def _relative(config: Mapping[str, Any]) -> bool:
    """ALiBi, and DeBERTa without a table: distances have no end."""
    return bool(config.get("alibi")) or config.get("position_biased_input") is False


def _stretched(config: Mapping[str, Any], count: int) -> int | None:
    """Rotary positions that are scaled reach further than what they were trained on."""
    rope = config.get("rope_parameters") or config.get("rope_scaling")
    if not isinstance(rope, Mapping):
        return count
    # Some models have one for each kind of attention.
    of_kinds = [each for each in rope.values() if isinstance(each, Mapping)] or [rope]
    longest = count
    for each in of_kinds:
        if each.get("rope_type", each.get("type")) == "dynamic":
            return None
        original, factor = each.get("original_max_position_embeddings"), each.get("factor")
        # A file may say any number, such as infinity.
        if isinstance(original, int) and isinstance(factor, int | float) and 0 < factor < _MOST:
            longest = max(longest, int(min(original, _MOST) * factor))
    return longest


def table_length(model: nn.Module, *, decoder: bool) -> int | None:
    """The rows of the shortest position table, less those that it keeps for itself; None without.

    ``decoder`` says whether an encoder-decoder's decoder table counts, or only the encoder's.
    """
    from torch import nn

    lengths = []
    for name, module in model.named_modules():
        if not isinstance(module, nn.Embedding) or name.rsplit(".", 1)[-1] not in _TABLES:
            continue
        if not decoder and "decoder" in name.split("."):
            continue
        offset = getattr(module, "offset", None)
        if offset is None and module.padding_idx is not None:
            offset = module.padding_idx + 1
        lengths.append(module.num_embeddings - (offset or 0))
    return min(lengths, default=None)


def check_model(model: Any, spec: InputsSpec) -> None:
    """Raise SpecError where texts may be longer than the loaded model has positions for.

    An encoder-decoder that writes the label's text has it in its decoder, however long texts are.
    """
    table = table_length(model, decoder=TASKS[spec.task].predicts != "label-text")
    limits = [n for n in (allowed_tokens(model.config.to_dict()), table) if n is not None]
    check_length(spec.data.max_length, min(limits, default=None), spec.model.id)


def check_length(wanted: int, allowed: int | None, name: str) -> None:
    """Raise SpecError where texts may be longer than the model has positions for."""
    if allowed is not None and wanted > allowed:
        raise SpecError(
            f"{wanted} tokens per text are more than the {allowed} positions of {name}",
            field="data.max_length",
            value=wanted,
            allowed=f"4 to {allowed}",
            hint=f"set data.max_length to {allowed} or less, or choose a model with more positions",
        )
