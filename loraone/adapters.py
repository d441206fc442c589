"""The only place that touches PEFT: adapters are put in, read, and written here."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from loraone.catalog import METHODS, TASKS
from loraone.decompose import Change, Dense, LowRank
from loraone.methods.base import Factors
from loraone.models import LoadedModel, TargetLayer
from loraone.specs import RunSpec
from loraone.trainee import Plain


class Adapted:
    """A model with a LoRA adapter on its target layers and a trainable copy of its new head."""

    def __init__(
        self, loaded: LoadedModel, spec: RunSpec, pretrained: Mapping[str, Tensor]
    ) -> None:
        from peft import LoraConfig, get_peft_model

        self._pretrained = pretrained
        self._loaded = loaded
        self._changes_base = METHODS[spec.method.name].changes_base
        self._heads = {name: getattr(loaded.model, name) for name in loaded.heads}
        self._alpha = (spec.adapter.alpha, spec.adapter.rslora)
        self._transposed = any(layer.transposed for layer in loaded.layers)
        root = spec.rank**0.5 if spec.adapter.rslora else spec.rank
        self.scaling = spec.adapter.alpha / root
        config = LoraConfig(
            r=spec.rank,
            lora_alpha=spec.adapter.alpha,
            use_rslora=spec.adapter.rslora,
            lora_dropout=spec.adapter.dropout,
            target_modules=[layer.name for layer in loaded.layers],
            modules_to_save=list(loaded.heads) or None,
            fan_in_fan_out=self._transposed,
            init_lora_weights=METHODS[spec.method.name].peft_init,
            task_type=TASKS[spec.task].peft_task_type,
        )
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # mixed Linear/Conv1D models: PEFT corrects per layer
            torch.manual_seed(spec.seed)
            self.model: Any = get_peft_model(loaded.model, config)
        modules = dict(self.model.base_model.model.named_modules())
        self._lora: dict[str, Any] = {layer.name: modules[layer.name] for layer in loaded.layers}
        self._start = self._copies()

    def install(self, factors: Mapping[str, Factors], offset_base: bool = False) -> None:
        """Put these factors in place of the current ones, as the new starting point.

        With ``offset_base`` the base weights become ``W₀ − s·B·A``.
        """
        with torch.no_grad():
            for name, pair in factors.items():
                module = self._lora[name]
                module.lora_A["default"].weight.copy_(pair.A)
                module.lora_B["default"].weight.copy_(pair.B)
            self._start = self._copies()
            if offset_base:
                for layer in self._loaded.layers:
                    start = self._start[layer.name]
                    moved = self._pretrained[layer.name] - self.scaling * start.B @ start.A
                    layer.parameter.copy_(moved.T if layer.transposed else moved)

    def _copies(self) -> dict[str, Factors]:
        return {
            name: Factors(pair.A.clone(), pair.B.clone())
            for name, pair in ((name, self.factors(name)) for name in self._lora)
        }

    def parameters(self) -> list[nn.Parameter]:
        """The factors and the trainable copy of the head."""
        return [p for p in self.model.parameters() if p.requires_grad]

    def optimiser(self, spec: RunSpec) -> torch.optim.Optimizer:
        """AdamW, or one of PEFT's optimisers for adapters on top of it."""
        from peft import optimizers

        adamw, plan = torch.optim.AdamW, spec.training
        rate, decay = spec.learning_rate, plan.weight_decay
        found: torch.optim.Optimizer
        if plan.optimizer == "loraplus":
            found = optimizers.create_loraplus_optimizer(
                self.model,
                adamw,
                lr=rate,
                loraplus_lr_ratio=plan.loraplus_ratio,
                loraplus_weight_decay=decay,
            )
        elif plan.optimizer == "riemannian":
            found = optimizers.create_riemannian_optimizer(
                self.model, adamw, lr=rate, reg=plan.riemannian_damping, weight_decay=decay
            )
        elif plan.optimizer == "lorafa":
            found = optimizers.create_lorafa_optimizer(
                self.model, spec.rank, spec.adapter.alpha, rate, weight_decay=decay
            )
        else:
            found = adamw(self.parameters(), lr=rate, weight_decay=decay)
        return found

    def factors(self, name: str) -> Factors:
        """The current factors, on the CPU in float32."""
        module = self._lora[name]
        return Factors(
            module.lora_A["default"].weight.detach().float().cpu(),
            module.lora_B["default"].weight.detach().float().cpu(),
        )

    def initial(self, name: str) -> Change:
        """``s·B₀A₀``."""
        start = self._start[name]
        return LowRank(self.scaling * start.B, start.A)

    def update(self, name: str) -> Change:
        """``s·BA − s·B₀A₀``, of rank at most 2r."""
        left, right = self._difference(name)
        return LowRank(self.scaling * left, right)

    def change(self, name: str) -> Change:
        """Effective minus pretrained weight: methods that move the base took s·B₀A₀ out of it."""
        if self._changes_base:
            return self.update(name)
        now = self.factors(name)
        return LowRank(self.scaling * now.B, now.A)

    def _difference(self, name: str) -> tuple[Tensor, Tensor]:
        now, start = self.factors(name), self._start[name]
        return torch.cat([now.B, -start.B], dim=1), torch.cat([now.A, start.A], dim=0)

    def switched_off(self) -> AbstractContextManager[Any]:
        """The model without its adapter (its head is then the original one)."""
        off: AbstractContextManager[Any] = self.model.disable_adapter()
        return off

    def export(self) -> Plain:
        """The adapter on the *original* base: rank r, or 2r where the method moved the base."""
        layers = {}
        for name in self._lora:
            if self._changes_base:
                left, right = self._difference(name)
                layers[name] = Factors(right, left)
            else:
                layers[name] = self.factors(name)
        heads = {
            name: getattr(self.model.base_model.model, name).modules_to_save["default"].state_dict()
            for name in self._heads
        }
        own = None if self._changes_base else self._alpha
        return Plain(layers, self.scaling, heads, own)

    def remove(self) -> None:
        """Unwrap every layer and put the original head modules back."""
        self.model.unload()
        for name, module in self._heads.items():
            setattr(self._loaded.model, name, module)


class FullyTuned:
    """A model whose target layers and new head are trained themselves, without an adapter."""

    def __init__(self, loaded: LoadedModel, pretrained: Mapping[str, Tensor]) -> None:
        self.model = loaded.model
        self._loaded = loaded
        self._pretrained = pretrained
        self.model.requires_grad_(False)
        for layer in loaded.layers:
            layer.parameter.requires_grad_(True)
        for name in loaded.heads:
            getattr(self.model, name).requires_grad_(True)

    def parameters(self) -> list[nn.Parameter]:
        """The target layers' weights and the head."""
        return [p for p in self.model.parameters() if p.requires_grad]

    def optimiser(self, spec: RunSpec) -> torch.optim.Optimizer:
        """AdamW: the others are for adapters, and specs that ask for them are refused."""
        decay = spec.training.weight_decay
        return torch.optim.AdamW(self.parameters(), lr=spec.learning_rate, weight_decay=decay)

    def factors(self, name: str) -> None:
        """There are none."""

    def initial(self, name: str) -> None:
        """There is none."""

    def change(self, name: str) -> Change:
        """Current minus pretrained weight."""
        layer = self._layer(name)
        return Dense(layer.weight.float().cpu() - self._pretrained[name])

    update = change

    def _layer(self, name: str) -> TargetLayer:
        return next(layer for layer in self._loaded.layers if layer.name == name)

    def switched_off(self) -> AbstractContextManager[Any]:
        """Nothing can be switched off."""
        return nullcontext()

    def export(self) -> Plain:
        """The change as an exact adapter of full rank: one factor is the identity."""
        layers = {}
        for layer in self._loaded.layers:
            change = self.change(layer.name)
            assert isinstance(change, Dense)
            m, n = layer.shape
            if m <= n:
                layers[layer.name] = Factors(A=change.matrix, B=torch.eye(m))
            else:
                layers[layer.name] = Factors(A=torch.eye(n), B=change.matrix)
        heads = {
            # Copies: the workspace writes the common head back into these very tensors.
            name: {key: t.clone() for key, t in getattr(self.model, name).state_dict().items()}
            for name in self._loaded.heads
        }
        return Plain(layers, 1.0, heads, None)

    def remove(self) -> None:
        """There is nothing to take out."""
        self.model.requires_grad_(False)


def write(plain: Plain, loaded: LoadedModel, spec: RunSpec, folder: Path) -> None:
    """Write ``plain`` as an adapter that PEFT, vLLM and the like load without this package.

    ``init_lora_weights`` is saved as true: plain PEFT rejects names that it does not know.
    """
    from peft import LoraConfig
    from safetensors.torch import save_file

    ranks = {name: len(pair.A) for name, pair in plain.layers.items()}
    most = max(ranks.values())
    if plain.own_alpha is not None:
        alpha, rslora = plain.own_alpha
    else:
        alpha, rslora = plain.scaling * most, False
    other = {name: rank for name, rank in ranks.items() if rank != most}
    config = LoraConfig(
        r=most,
        lora_alpha=alpha,
        use_rslora=rslora,
        lora_dropout=spec.adapter.dropout if spec.trains_adapter else 0.0,
        target_modules=sorted(plain.layers),
        modules_to_save=sorted(plain.heads) or None,
        rank_pattern=other,
        alpha_pattern={name: plain.scaling * rank for name, rank in other.items()},
        fan_in_fan_out=any(layer.transposed for layer in loaded.layers),
        init_lora_weights=True,
        task_type=TASKS[spec.task].peft_task_type,
        base_model_name_or_path=loaded.location,
        revision=loaded.revision,
        inference_mode=True,
    )
    tensors: dict[str, Tensor] = {}
    for name, pair in plain.layers.items():
        tensors[f"base_model.model.{name}.lora_A.weight"] = pair.A
        tensors[f"base_model.model.{name}.lora_B.weight"] = pair.B
    for name, state in plain.heads.items():
        for key, tensor in state.items():
            tensors[f"base_model.model.{name}.{key}"] = tensor
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {key: tensor.detach().cpu().contiguous().clone() for key, tensor in tensors.items()},
        folder / "adapter_model.safetensors",
        metadata={"format": "pt"},
    )
    config.save_pretrained(str(folder))


def reload(loaded: LoadedModel, folder: Path) -> Any:
    """The adapter in ``folder`` on the restored base, read back by plain PEFT."""
    from peft import PeftModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PeftModel.from_pretrained(loaded.model, str(folder)).eval()
