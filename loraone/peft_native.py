"""LoRA-One for people who use PEFT directly: two ways in, neither of which falls back in silence.

Before ``get_peft_model``, in the manner of PEFT's ``preprocess_loraga``::

    config = LoraOneConfig(r=8, lora_alpha=16, use_rslora=True, target_modules=["q_proj", "v_proj"])
    preprocess_lora_one(model, config, train_step)   # train_step runs forward and backward
    model = get_peft_model(model, config)

After it, in the manner of ``initialize_lora_eva_weights``, for any adapter of any ``LoraConfig``::

    model = get_peft_model(model, LoraConfig(...))
    initialize_lora_one_weights(model, dataloader)

Either way the result is an ordinary LoRA adapter: the base weights are untouched, and
``save_pretrained`` writes ``init_lora_weights: true``, which plain PEFT, vLLM and the like read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from weakref import WeakKeyDictionary

import torch
from peft import LoraConfig, PeftModel
from peft.tuners.lora import LoraLayer, LoraModel
from peft.tuners.lora.layer import Linear as PeftLinear
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from loraone.catalog import METHODS, LoraOneParams
from loraone.errors import ModelError, SpecError
from loraone.gradient.exact import collecting, one_step_gradient
from loraone.gradient.layerwise import immediate
from loraone.gradient.sketch import sketch
from loraone.linalg.svd import Decomposition, truncated_svd
from loraone.methods.base import Factors, InitProblem
from loraone.methods.lora_one import initialise
from loraone.models.loading import check_method
from loraone.models.targets import TargetLayer

Scale = Literal["spectral", "gradient", "squared"]


@dataclass
class LoraOneConfig(LoraConfig):  # type: ignore[misc]
    """A ``LoraConfig`` whose adapters start from LoRA-One's factors.

    Args:
        lora_one_scale: which published form; see :mod:`loraone.methods.lora_one`.
        lora_one_gamma: γ, above 0. (``"auto"`` needs held-out data: use :func:`loraone.run`.)
        lora_one_seed: draws the surplus directions where a gradient has a rank below r.
    """

    lora_one_scale: Scale = field(default="spectral")
    lora_one_gamma: float = field(default=128.0)
    lora_one_seed: int = field(default=0)

    def __post_init__(self) -> None:
        if self.init_lora_weights is not True:
            raise SpecError(
                f"LoraOneConfig computes the factors itself; init_lora_weights = "
                f"{self.init_lora_weights!r} contradicts it",
                field="init_lora_weights",
                value=self.init_lora_weights,
                allowed="True",
            )
        super().__post_init__()
        self._lora_one_factors: WeakKeyDictionary[nn.Module, Factors] = WeakKeyDictionary()
        self._register_custom_module({nn.Linear: _LoraOneLinear, Conv1D: _LoraOneLinear})

    def to_dict(self) -> dict[str, Any]:
        """What is saved: an ordinary LoRA configuration."""
        found: dict[str, Any] = super().to_dict()
        return {key: value for key, value in found.items() if not key.startswith("lora_one_")}


class _LoraOneLinear(PeftLinear):  # type: ignore[misc]
    """PEFT's own LoRA layer; only its first factors are others.

    They are put in place of Kaiming's inside ``reset_lora_parameters``, so that what PEFT computes
    from them afterwards (DoRA's magnitudes) is computed from LoRA-One's.
    """

    def __init__(self, base_layer: Any, adapter_name: str, config: Any, **kwargs: Any) -> None:
        inner = base_layer.get_base_layer() if isinstance(base_layer, LoraLayer) else base_layer
        transposed = isinstance(inner, Conv1D)
        config.fan_in_fan_out = transposed
        kwargs["is_target_conv_1d_layer"] = transposed
        super().__init__(base_layer, adapter_name, config=config, **kwargs)

    def update_layer(self, adapter_name: str, *args: Any, config: Any, **kwargs: Any) -> None:
        factors = None
        if isinstance(config, LoraOneConfig):
            factors = config._lora_one_factors.get(self.get_base_layer())
            if factors is None and not config.inference_mode:
                raise SpecError(
                    "LoraOneConfig was given to get_peft_model before preprocess_lora_one: there "
                    "is no gradient to start from",
                    field="config",
                    hint="call preprocess_lora_one(model, config, train_step) first, or use a "
                    "plain LoraConfig and initialize_lora_one_weights afterwards",
                )
        self._first_factors = factors
        super().update_layer(adapter_name, *args, config=config, **kwargs)
        self._first_factors = None

    def reset_lora_parameters(self, adapter_name: str, init_lora_weights: Any) -> None:
        super().reset_lora_parameters(adapter_name, init_lora_weights)
        if self._first_factors is not None:
            _write(self, adapter_name, self._first_factors)


def preprocess_lora_one(
    model: nn.Module, lora_config: LoraOneConfig, train_step: Callable[[], Any]
) -> None:
    """Take the one-step gradient of the target layers and keep LoRA-One's factors in the config.

    Args:
        model: the base model, before ``get_peft_model``. Left in eval mode during ``train_step``
            (dropout makes the subspaces noisy), then as it was.
        lora_config: says which layers, rank, scaling, scale and γ.
        train_step: runs forward and backward, once or several times: gradients add up, so divide
            the loss of micro-batches as for gradient accumulation.

    Raises SpecError or ModelError where the rank does not fit, no layer matches, or no gradient
    arrived. Nothing is stored on the model, and no parameter's ``.grad`` is changed.
    """
    layers = _targets(model, lora_config)
    check_method(layers, METHODS["lora_one"], lora_config.r)
    gradients = _gradient(model, layers, train_step)
    found = _factors(
        _decomposed(gradients, lora_config.r, lora_config.lora_one_seed),
        lora_config.r,
        lora_config.lora_alpha,
        lora_config.use_rslora,
        {"scale": lora_config.lora_one_scale, "gamma": lora_config.lora_one_gamma},
        lora_config.lora_one_seed,
    )
    for layer in layers:
        lora_config._lora_one_factors[layer.module] = found[layer.name]


def initialize_lora_one_weights(
    model: PeftModel,
    dataloader: Iterable[Mapping[str, Tensor]],
    *,
    adapter_name: str = "default",
    scale: Scale = "spectral",
    gamma: float = 128.0,
    seed: int = 0,
    gradient: Literal["accumulate", "immediate", "sketch"] = "accumulate",
) -> None:
    """Start an adapter of a PEFT model from the gradient over all batches of ``dataloader``.

    Batches are dictionaries with ``labels``; they are weighted by their loss tokens. The gradient
    is that of the base model, with all adapters switched off. Other adapters keep their factors;
    DoRA's magnitudes are recomputed from ``W + s·B·A``.

    Quantised layers (bitsandbytes) are as good as any: G is taken from inputs and output gradients.

    ``gradient`` says how it is taken: ``accumulate`` holds the gradient of every target layer in
    float32; ``immediate`` one layer's at a time, exactly, and needs a single batch; ``sketch`` none
    at all, in four passes over the data (see :mod:`loraone.gradient.streaming`).
    """
    modules = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, LoraLayer) and adapter_name in module.lora_A
    }
    if not modules:
        known = ", ".join(model.peft_config)
        raise ModelError(
            f"the model has no LoRA adapter {adapter_name!r} on linear layers; it has: {known}",
            field="adapter_name",
            value=adapter_name,
            allowed=known,
        )
    layers = tuple(TargetLayer(name, module.get_base_layer()) for name, module in modules.items())
    config = model.peft_config[adapter_name]
    check_method(layers, METHODS["lora_one"], config.r)
    device = next(model.parameters()).device
    batches = [{key: value.to(device) for key, value in one.items()} for one in dataloader]
    with model.disable_adapter():
        if gradient == "sketch":
            triplets = sketch(model, layers, batches, config.r, seed=seed)
        elif gradient == "immediate":
            if len(batches) != 1:
                raise SpecError(
                    f"gradient = 'immediate' takes one batch, the dataloader gave {len(batches)}",
                    field="gradient",
                    value="immediate",
                    allowed="accumulate or sketch for several batches",
                )
            triplets = immediate(model, layers, batches[0], config.r, seed=seed)
        else:
            triplets = _decomposed(one_step_gradient(model, layers, batches)[0], config.r, seed)
    params = {"scale": scale, "gamma": gamma}
    found = _factors(triplets, config.r, config.lora_alpha, config.use_rslora, params, seed)
    for name, module in modules.items():
        _write(module, adapter_name, found[name])
        if module.use_dora.get(adapter_name):
            module.lora_magnitude_vector[adapter_name].update_layer(
                base_layer=module.get_base_layer(),
                lora_A=module.lora_A[adapter_name].weight,
                lora_B=module.lora_B[adapter_name].weight,
                scaling=module.scaling[adapter_name],
            )


def _targets(model: nn.Module, config: LoraOneConfig) -> tuple[TargetLayer, ...]:
    """The layers that PEFT will adapt for this config."""
    if any(isinstance(module, LoraLayer) for module in model.modules()):
        raise ModelError(
            "the model has adapters already: PEFT would keep their layers and ignore the factors",
            hint="use initialize_lora_one_weights(peft_model, dataloader, adapter_name=…)",
        )
    if config.target_modules is None:
        kind = getattr(getattr(model, "config", None), "model_type", None)
        config.target_modules = set(LoraModel.target_module_mapping.get(kind, ())) or None
    found = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D)
        and config.target_modules
        and LoraModel._check_target_module_exists(config, name)
    ]
    if not found:
        raise ModelError(
            f"no nn.Linear or Conv1D matches target_modules = {config.target_modules!r}",
            field="target_modules",
            value=config.target_modules,
            allowed="names of linear layers of the model",
        )
    packed = next((name for name, module in found if not module.weight.is_floating_point()), None)
    if packed is not None:
        raise ModelError(
            f"layer {packed} is quantised: LoraOneConfig's layers are those of plain weights",
            value=packed,
            hint="get_peft_model with a plain LoraConfig, then initialize_lora_one_weights",
        )
    return tuple(TargetLayer(name, module) for name, module in found)


def _gradient(
    model: nn.Module, layers: tuple[TargetLayer, ...], train_step: Callable[[], Any]
) -> dict[str, Tensor]:
    """What ``train_step``'s backward passes add up to, in eval mode, parameters left alone."""
    training = model.training
    flags = {parameter: parameter.requires_grad for parameter in model.parameters()}
    model.requires_grad_(False)
    model.eval()
    try:
        with torch.enable_grad(), collecting(layers) as sums:
            train_step()
    finally:
        model.train(training)
        for parameter, flag in flags.items():
            parameter.requires_grad_(flag)
    silent = [name for name, gradient in sums.items() if not gradient.any()]
    if len(silent) == len(sums):
        raise ModelError(
            "train_step ran no backward pass through the target layers",
            hint="it must call loss.backward(), and not under torch.no_grad()",
        )
    return sums


def _decomposed(gradients: Mapping[str, Tensor], r: int, seed: int) -> dict[str, Decomposition]:
    return {name: truncated_svd(G, r, seed=seed) for name, G in gradients.items()}


def _factors(
    gradients: Mapping[str, Decomposition],
    r: int,
    alpha: float,
    rslora: bool,
    params: Mapping[str, Any],
    seed: int,
) -> Mapping[str, Factors]:
    if params["gamma"] == "auto":
        raise SpecError(
            "gamma = 'auto' needs held-out data to search on: loraone.run has it",
            field="gamma",
            value="auto",
            allowed="a number above 0",
        )
    problem = InitProblem(
        gradients=gradients,
        rank=r,
        scaling=alpha / r**0.5 if rslora else alpha / r,
        generator=torch.Generator().manual_seed(seed),
        held_out_loss=lambda factors: float("nan"),
    )
    return initialise(problem, LoraOneParams.model_validate(dict(params))).factors


@torch.no_grad()
def _write(module: Any, adapter_name: str, factors: Factors) -> None:
    module.lora_A[adapter_name].weight.copy_(factors.A)
    module.lora_B[adapter_name].weight.copy_(factors.B)
