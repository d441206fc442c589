"""Pretrained models: loading them safely, drawing their new heads, hashing their weights."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from loraone.catalog import TASKS
from loraone.errors import ModelError, SpecError
from loraone.inputs.models import attention, packed, quantisation, vocabulary, weights
from loraone.inputs.models.digests import combined, digest, weight_digests
from loraone.inputs.models.folder import CONFIG, refuse_adapter
from loraone.inputs.models.json_files import read_json
from loraone.inputs.models.location import is_folder, model_location
from loraone.inputs.models.targets import TargetLayer, find_targets
from loraone.memory import ran_out
from loraone.spec.model import ModelSpec


@dataclass(frozen=True)
class LoadedModel:
    """A model with its tokenizer, target layers, and the names of its new head, if any."""

    model: Any
    tokenizer: Any
    layers: tuple[TargetLayer, ...]
    heads: tuple[str, ...]
    location: str
    revision: str | None

    @property
    def quantised(self) -> bool:
        """Whether a target layer's weight is."""
        return any(layer.quantised for layer in self.layers)


def load(spec: ModelSpec, task: str, labels: int, device: torch.device) -> LoadedModel:
    """Load weights (safetensors only, no remote code) and find the target layers.

    Raises ModelError where the model cannot be loaded, a weight beside the new head is not the
    checkpoint's, the tokenizer does not belong to it, or no layer matches ``spec.targets``.
    """
    import transformers

    location, revision = model_location(spec)
    kinds = {"num_labels": labels} if TASKS[task].new_head else {}
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    with _readable(spec, task, location):
        _refuse_adapter_of_hub(location, revision, spec)
        commit = _commit(location, revision)
        options: dict[str, Any] = {"revision": commit or revision, "trust_remote_code": False}
        _refuse_own_code(location, options, spec)
        config = transformers.AutoConfig.from_pretrained(location, **options, **kinds)
        quantisation.check(config.to_dict(), spec)
        auto_class = getattr(transformers, TASKS[task].auto_class)
        _refuse_other_tasks(config, auto_class, spec, task)
        model_class = _class_of(config, auto_class)
        attending = attention.options(spec, model_class, device)
        packing = quantisation.options(spec, config, model_class, device)
        tokenizer = transformers.AutoTokenizer.from_pretrained(location, **options)
        # A head of another size in the checkpoint is no matter, it is drawn anew anyway: any other
        # weight that does not fit is refused below.
        model, info = auto_class.from_pretrained(
            location,
            use_safetensors=True,
            dtype=getattr(torch, spec.dtype),
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **options,
            **(packing or kinds),  # a configuration that is given knows the labels
            **attending,
        )
    heads = weights.new_heads(model, info["missing_keys"]) if TASKS[task].new_head else ()
    weights.check_complete(model, info, heads, spec)
    vocabulary.check_tokenizer(tokenizer, embedding_rows(model), spec.id)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id
    for module in model.modules():  # T5's decoder has a configuration of its own
        if hasattr(getattr(module, "config", None), "use_cache"):
            module.config.use_cache = False
    if packing:
        packed.settle(model, getattr(torch, spec.dtype))
        packed.check_kernel(model, spec.id)
        for name in heads:  # transformers draws none beside quantised weights
            for parameter in getattr(model, name).parameters():
                parameter.data.zero_()
    else:
        model.to(device)
    model.eval()
    weights.check_finite(model, spec)
    layers = find_targets(model, spec)
    return LoadedModel(model, tokenizer, layers, heads, location, commit or revision)


def embedding_rows(model: Any) -> int:
    """How many token ids the model has an embedding for."""
    return int(model.get_input_embeddings().num_embeddings)


@contextmanager
def _readable(spec: ModelSpec, task: str, location: str) -> Iterator[None]:
    """What transformers, tokenizers and safetensors raise for a model that they cannot read is of
    many types, some of them bare exceptions."""
    try:
        yield
    except (ModelError, SpecError):
        raise
    except Exception as error:
        if ran_out(error):
            raise
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise
        local = is_folder(location)
        words = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        raise ModelError(
            f"model {spec.id!r} cannot be loaded for {TASKS[task].label.lower()}: {words}",
            field="model.id",
            value=spec.id,
            hint="see that the folder holds all files of the model and its tokenizer"
            if local
            else "check the name and the network (HF_HUB_OFFLINE), HF_TOKEN for a gated model",
        ) from error


def _refuse_adapter_of_hub(location: str, revision: str | None, spec: ModelSpec) -> None:
    """transformers would load the base that an adapter names, wherever that is."""
    from transformers.utils import find_adapter_config_file

    if not is_folder(location):
        file = find_adapter_config_file(location, revision=revision)
        if file is not None:
            config = read_json(Path(file))
            refuse_adapter(config, spec.id, with_base=False)


def _commit(location: str, revision: str | None) -> str | None:
    """The commit of the hub that a revision is now; all files are then those of one commit."""
    from transformers.utils import cached_file, extract_commit_hash

    if is_folder(location):
        return None
    commit: str | None = extract_commit_hash(cached_file(location, CONFIG, revision=revision), None)
    return commit


def _refuse_own_code(location: str, options: Mapping[str, Any], spec: ModelSpec) -> None:
    """Of a type that transformers has itself, its own code is not needed."""
    import transformers

    words, _ = transformers.PretrainedConfig.get_config_dict(location, **options)
    kind = words.get("model_type")
    if words.get("auto_map") and kind not in transformers.CONFIG_MAPPING:
        raise ModelError(
            f"model {spec.id!r} (of the type {kind}) comes with code of its own (auto_map in "
            "config.json), which is not run here",
            field="model.id",
            value=spec.id,
            allowed="a model of a type that transformers has itself",
            hint="choose another model, or a version of it that was converted for transformers",
        )


def _refuse_other_tasks(config: Any, auto_class: Any, spec: ModelSpec, task: str) -> None:
    """transformers would list all configurations that it knows."""
    import transformers

    if type(config) in auto_class._model_mapping:
        return
    possible = [
        row.label
        for row in TASKS.values()
        if row.auto_class and type(config) in getattr(transformers, row.auto_class)._model_mapping
    ]
    raise ModelError(
        f"model {spec.id!r} is of the type {config.model_type}, which transformers cannot use for "
        f"{TASKS[task].label.lower()}",
        field="task",
        value=task,
        allowed=", ".join(possible) or "another model: none of the tasks here can use it",
        hint="choose another task, or a model of another type",
    )


def _class_of(config: Any, auto_class: Any) -> Any:
    """The class that an automatic class loads a configuration into; the first of several."""
    found = auto_class._model_mapping[type(config)]
    return found[0] if isinstance(found, tuple | list) else found


@torch.no_grad()
def reset_head(loaded: LoadedModel, seed: int) -> None:
    """Draw the new head anew from ``seed``: normal weights, zero bias, as transformers does.

    A norm in it, whose weight has one dimension, begins at one.
    """
    generator = torch.Generator().manual_seed(seed)
    std = getattr(loaded.model.config, "initializer_range", 0.02)
    for name in loaded.heads:
        for key, parameter in getattr(loaded.model, name).named_parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * std)
            else:
                parameter.fill_(1.0 if key.endswith("weight") else 0.0)


def head_states(loaded: LoadedModel) -> dict[str, dict[str, Tensor]]:
    """Copies of what the new head's modules hold, by module."""
    return {
        name: {
            key: tensor.detach().clone()
            for key, tensor in getattr(loaded.model, name).state_dict().items()
        }
        for name in loaded.heads
    }


def set_heads(loaded: LoadedModel, states: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Put on the head that :func:`head_states` copied."""
    for name, state in states.items():
        getattr(loaded.model, name).load_state_dict(state)


def weights_hash(model: nn.Module) -> str:
    """Of the names and bytes of all parameters and buffers."""
    return combined(weight_digests(model))


def head_digests(loaded: LoadedModel) -> dict[str, str]:
    """Of the tensors of the new head's modules, by their names in the model."""
    return {
        f"{name}.{key}": digest(tensor)
        for name in loaded.heads
        for key, tensor in getattr(loaded.model, name).state_dict().items()
    }
