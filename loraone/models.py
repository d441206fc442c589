"""Pretrained models and the linear layers of theirs that are adapted.

All matrices of a layer are in the ``(out, in)`` orientation, also those of GPT-2's ``Conv1D``,
which stores the transpose.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from loraone.catalog import METHODS, TASKS, Method
from loraone.errors import ModelError, SpecError
from loraone.paths import model_location
from loraone.specs import ModelSpec

_IN_BLOCK = re.compile(r"\.\d+\.")
_HEADS = ("classifier", "score", "classification_head")


@dataclass(frozen=True)
class TargetLayer:
    """A linear layer ``y = x Wᵀ`` that is adapted: ``nn.Linear``, ``Conv1D`` or ``nn.Embedding``.

    An embedding is linear in the one-hot vectors of its ids: W is (dimensions, vocabulary).
    """

    name: str
    module: nn.Module
    # Another module that uses the very same weight (tied), if there is one.
    tied_to: str | None = None

    @property
    def parameter(self) -> nn.Parameter:
        """The weight as the module stores it."""
        weight = self.module.weight
        assert isinstance(weight, nn.Parameter)
        return weight

    @property
    def transposed(self) -> bool:
        """Whether the module stores ``Wᵀ``."""
        return isinstance(self.module, Conv1D | nn.Embedding)

    @property
    def conv1d(self) -> bool:
        """Whether it is GPT-2's ``Conv1D``."""
        return isinstance(self.module, Conv1D)

    @property
    def embedding(self) -> bool:
        """Whether it takes token ids."""
        return isinstance(self.module, nn.Embedding)

    @property
    def weight(self) -> Tensor:
        """W, shape (out, in): a view of the parameter's data."""
        data = self.parameter.detach()
        return data.T if self.transposed else data

    @property
    def shape(self) -> tuple[int, int]:
        """(out, in) = (m, n); also of a quantised layer, whose weight is packed."""
        if isinstance(self.module, nn.Linear):
            return self.module.out_features, self.module.in_features
        rows, columns = self.weight.shape
        return rows, columns

    @torch.no_grad()
    def set_weight(self, weight: Tensor) -> None:
        """Overwrite W with ``weight`` (out, in)."""
        self.parameter.copy_(weight.T if self.transposed else weight)


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
    def device(self) -> torch.device:
        """Where the model's first parameter lies."""
        device: torch.device = next(self.model.parameters()).device
        return device


def load(spec: ModelSpec, task: str, labels: int, device: torch.device) -> LoadedModel:
    """Load weights (safetensors only, no remote code) and find the target layers.

    Raises ModelError where the model cannot be loaded or no layer matches ``spec.targets``.
    """
    import transformers

    location, revision = model_location(spec)
    options: dict[str, Any] = {
        "revision": revision,
        "trust_remote_code": False,
    }
    kinds: dict[str, Any] = {}
    if task == "sequence-classification":
        # A head of another size in the checkpoint is no matter: the head is drawn anew anyway.
        kinds = {"num_labels": labels, "ignore_mismatched_sizes": True}
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    try:
        _refuse_quantised(transformers.AutoConfig.from_pretrained(location, **options), spec)
        tokenizer = transformers.AutoTokenizer.from_pretrained(location, **options)
        model = getattr(transformers, TASKS[task].auto_class).from_pretrained(
            location,
            use_safetensors=True,
            dtype=getattr(torch, spec.dtype),
            **options,
            **kinds,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"model {spec.id!r} cannot be loaded for {TASKS[task].label.lower()}: {error}",
            field="model.id",
            value=spec.id,
            hint="check the name and the network (HF_HUB_OFFLINE), HF_TOKEN for a gated model",
        ) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id
    for module in model.modules():  # T5's decoder has a configuration of its own
        if hasattr(getattr(module, "config", None), "use_cache"):
            module.config.use_cache = False
    model.to(device).eval()
    layers = find_targets(model, spec)
    heads = tuple(name for name in _HEADS if isinstance(getattr(model, name, None), nn.Module))
    resolved = getattr(model.config, "_commit_hash", None) or revision
    return LoadedModel(model, tokenizer, layers, heads, location, resolved)


def _refuse_quantised(config: Any, spec: ModelSpec) -> None:
    """Before the weights are read: a run changes weights and puts them back bit for bit."""
    if getattr(config, "quantization_config", None) is not None:
        raise ModelError(
            f"model {spec.id!r} is quantised: its weights can be neither trained, restored bit for "
            "bit nor taken out of a residual",
            field="model.id",
            value=spec.id,
            allowed="weights in float32, bfloat16 or float16",
            hint="use the unquantised checkpoint, or for one adapter in your own code "
            "loraone.peft_native.initialize_lora_one_weights, which takes quantised layers",
        )


def find_targets(model: nn.Module, spec: ModelSpec) -> tuple[TargetLayer, ...]:
    """The layers that ``spec.targets`` names, in model order.

    ``all-linear`` means the linear layers inside the numbered transformer blocks: neither head
    nor pooler. Names match as PEFT's ``target_modules`` do: whole, or as the end of a path.
    """
    kinds_of_layer = nn.Linear | Conv1D | nn.Embedding
    linear = [(n, m) for n, m in model.named_modules() if isinstance(m, kinds_of_layer)]
    if spec.targets == "all-linear":
        found = [
            (n, m) for n, m in linear if _IN_BLOCK.search(n) and not isinstance(m, nn.Embedding)
        ]
    else:
        found = [(n, m) for n, m in linear if any(_matches(n, t) for t in spec.targets)]
        for target in spec.targets:
            if not any(_matches(name, target) for name, _ in linear):
                kinds = ", ".join(sorted({name.rsplit(".", 1)[-1] for name, _ in linear}))
                raise ModelError(
                    f"no linear layer of {spec.id} is named {target!r}; it has: {kinds}",
                    field="model.targets",
                    value=target,
                    allowed=kinds,
                )
    if not found:
        raise ModelError(
            f"{spec.id} has no linear layer to adapt in its transformer blocks",
            field="model.targets",
            value=spec.targets,
            allowed="a model with nn.Linear or Conv1D layers, or their names",
        )
    return tuple(TargetLayer(name, module, _tied_to(model, name, module)) for name, module in found)


def _tied_to(model: nn.Module, name: str, module: nn.Module) -> str | None:
    others = ((n, m) for n, m in model.named_modules() if m is not module)
    return next((n for n, m in others if getattr(m, "weight", None) is module.weight), None)


def _matches(name: str, target: str) -> bool:
    return name == target or name.endswith("." + target)


def check_method(layers: tuple[TargetLayer, ...], row: Method, rank: int) -> None:
    """Raise SpecError, naming the layer, where the method cannot be applied to it.

    ``rank`` may not be above min(m, n), nor twice the rank where the method takes 2r triplets.
    """
    narrowest = min(layers, key=lambda layer: min(layer.shape))
    most = min(narrowest.shape) // row.triplets
    if rank > most:
        least = "min(m, n)" if row.triplets == 1 else f"min(m, n)/{row.triplets}"
        raise SpecError(
            f"rank {rank} is above {least} = {most} of layer {narrowest.name} "
            f"({narrowest.shape[0]} × {narrowest.shape[1]}); allowed: 1 to {most}",
            field="rank",
            value=rank,
            allowed=f"1 to {most}",
        )
    embedding = next((layer for layer in layers if layer.embedding), None)
    if embedding is not None and not row.embedding:
        known = ", ".join(other.label for other in METHODS.values() if other.embedding)
        raise SpecError(
            f"{row.label} cannot be applied to layer {embedding.name}, an embedding: PEFT would "
            f"use another init there without a word; allowed: {known}, or linear layers alone",
            field="methods",
            value=row.name,
            allowed=known,
        )
    conv = next((layer for layer in layers if layer.conv1d), None)
    if conv is not None and not row.conv1d:
        raise SpecError(
            f"{row.label} cannot be applied to layer {conv.name}, a Conv1D: PEFT decomposes the "
            "transposed weight there",
            field="methods",
            value=row.name,
            allowed="models with nn.Linear layers",
        )
    tied = next((layer for layer in layers if layer.tied_to), None)
    if tied is not None and (row.changes_base or row.trains == "all"):
        raise SpecError(
            f"{row.label} changes the weight of layer {tied.name}, which is that of {tied.tied_to} "
            "too: no adapter of the one could make up for the other",
            field="model.targets",
            value=tied.name,
            allowed="layers whose weight is not tied",
        )


@torch.no_grad()
def reset_head(loaded: LoadedModel, seed: int) -> None:
    """Draw the new head anew from ``seed``: normal weights, zero bias, as transformers does."""
    generator = torch.Generator().manual_seed(seed)
    std = getattr(loaded.model.config, "initializer_range", 0.02)
    for name in loaded.heads:
        for parameter in getattr(loaded.model, name).parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * std)
            else:
                parameter.zero_()


def weights_hash(model: nn.Module) -> str:
    """SHA-256 over the names and bytes of all parameters and buffers."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        data = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        digest.update(name.encode())
        digest.update(data.data)
    return digest.hexdigest()
