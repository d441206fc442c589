"""A model with a LoRA adapter on its target layers, as PEFT builds it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from loraone.adapters import experts
from loraone.adapters.beginning import ADAPTER, Beginning, is_trained
from loraone.adapters.core import Core
from loraone.adapters.full_rank import full_rank
from loraone.adapters.interfaces import PortableAdapter
from loraone.catalog import METHODS, TASKS, resolve
from loraone.inputs.data.batches import Batch
from loraone.inputs.models.loading import LoadedModel
from loraone.inputs.models.targets import TargetLayer
from loraone.linalg.matrices import Change, Dense, LowRank
from loraone.methods.base import Factors, Initialisation
from loraone.spec.experiment import RunSpec

Calibration = Callable[[int], Iterator[Batch]]


class Adapted:
    """A model with a LoRA adapter on its target layers and a trainable copy of its new head.

    ``calibration(size)`` gives the gradient batch, ``size`` texts at a time, for the methods that
    look at the data. EVA leaves some layers without factors. With a ``beginning`` it stands there.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        spec: RunSpec,
        pretrained: Mapping[str, Tensor],
        calibration: Calibration,
        beginning: Beginning | None = None,
    ) -> None:
        from peft import LoraConfig
        from peft.tuners.tuners_utils import cast_adapter_dtype

        row = METHODS[spec.method.name]
        self._pretrained = pretrained
        self._loaded = loaded
        self._layers = {layer.name: layer for layer in loaded.layers}
        self._rank = spec.rank
        # A base that was quantised when it was loaded stays as it is.
        self._rounds = row.quantises and not loaded.quantised
        changes = row.flag("changes_base", spec.method.params)
        self._changes_base = changes and not loaded.quantised
        self._heads = {name: getattr(loaded.model, name) for name in loaded.heads}
        # The alpha that gives a method the s of its own.
        given = spec.adapter.alpha, spec.adapter.rslora
        self._alpha = (row.own_scaling * spec.rank, False) if row.own_scaling else given
        alpha, rslora = self._alpha
        self.scaling = alpha / (spec.rank**0.5 if rslora else spec.rank)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # EVA and CorDA: their own config comes in a moment
            config = LoraConfig(
                r=spec.rank,
                lora_alpha=alpha,
                use_rslora=rslora,
                use_dora=spec.adapter.dora,
                lora_dropout=spec.adapter.dropout,
                target_modules=[layer.name for layer in loaded.layers if layer.expert is None],
                target_parameters=experts.parameters_of(loaded.layers) or None,
                modules_to_save=list(loaded.heads) or None,
                fan_in_fan_out=any(layer.conv1d for layer in loaded.layers),
                init_lora_weights=row.peft_init,
                task_type=TASKS[spec.task].peft_task_type,
            )
        finish = None
        if beginning is not None:
            beginning.configure(config)
        elif row.prepare is not None:
            params = row.params.model_validate(spec.method.params)
            finish = resolve(row.prepare)(loaded.model, config, params, calibration)
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # mixed Linear/Conv1D models: PEFT corrects per layer
            torch.manual_seed(spec.seed)
            self.model: Any = experts.built(loaded.model, config, loaded.layers, ADAPTER)
            if finish is not None:
                finish(self.model)
                # EVA builds layers anew, in the base's format: all methods train float32 factors.
                cast_adapter_dtype(self.model, ADAPTER)
        modules = experts.adapted_modules(self.model.base_model.model, loaded.layers)
        self._lora: dict[str, Any] = {n: m for n, m in modules.items() if hasattr(m, "lora_A")}
        self._start = self._copies()
        if beginning is not None:
            self._begin(beginning)

    def _begin(self, beginning: Beginning) -> None:
        """Stand where another stood before its first step, but for :meth:`state`."""
        for name in beginning.cores:
            self._insert(name, torch.zeros(self._rank, self._rank))
        self._start = beginning.factors()
        beginning.put_into(self.model, self._lora, self._loaded.layers)

    def beginning(self) -> Beginning:
        """Where it stood before its first step: what training reads and does not change."""
        moved = self._loaded.layers if self._changes_base else ()
        return Beginning.of(self.model, self._lora, self._start, moved)

    def state(self) -> dict[str, Tensor]:
        """The factors and the copy of the head as they are now, frozen ones too, by their names."""
        return {name: t for name, t in self.model.state_dict().items() if is_trained(name)}

    @torch.no_grad()
    def install(self, initialisation: Initialisation) -> None:
        """Put these factors, and base weights, in place as the new starting point."""
        for name, pair in initialisation.factors.items():
            A, B = self._parameters(name)
            A.copy_(pair.A)
            B.copy_(pair.B)
        for name, core in initialisation.cores.items():
            self._insert(name, core)
        self._start = self._copies()
        if initialisation.offset_base:
            for layer in self._loaded.layers:
                start = self._start[layer.name]
                moved = self.scaling * start.B @ start.A
                layer.set_weight(self._pretrained[layer.name] - moved)
        for layer in self._loaded.layers:
            if layer.name in initialisation.bases:
                layer.set_weight(initialisation.bases[layer.name])
        for name, module in self._lora.items():
            if module.use_dora.get(ADAPTER):
                self._remagnify(name, module)

    def _insert(self, name: str, core: Tensor) -> None:
        """From here on lora_B is B·R: A and B are frozen, R (r, r) is trained."""
        module = self._lora[name]
        module.lora_A[ADAPTER].weight.requires_grad_(False)
        B = module.lora_B[ADAPTER]
        kept = B.weight.detach().clone()
        B.weight = nn.Parameter(core.to(kept), requires_grad=True)
        parametrize.register_parametrization(B, "weight", Core(kept), unsafe=True)

    def _remagnify(self, name: str, module: Any) -> None:
        """DoRA's magnitudes, the row norms of ``W_base + s·B·A``, with the adapter's own s."""
        A, B = self._parameters(name)
        magnitude = module.lora_magnitude_vector[ADAPTER]
        layer = self._layer(name)
        weight = layer.weight if layer.quantised else layer.parameter
        delta = (B @ A).to(weight.dtype)
        magnitude.weight.copy_(magnitude.get_weight_norm(weight, delta, module.scaling[ADAPTER]))

    def _parameters(self, name: str) -> tuple[Tensor, Tensor]:
        """lora_A (r, n) and lora_B (m, r) as PEFT keeps them for this kind of layer."""
        module, expert = self._lora[name], self._layer(name).expert
        if expert is not None:
            return experts.factors(module, ADAPTER, expert)
        if ADAPTER in module.lora_embedding_A:
            return module.lora_embedding_A[ADAPTER], module.lora_embedding_B[ADAPTER]
        return module.lora_A[ADAPTER].weight, module.lora_B[ADAPTER].weight

    def _copies(self) -> dict[str, Factors]:
        pairs = ((name, self._factors(name)) for name in self._lora)
        return {name: Factors(pair.A.clone(), pair.B.clone()) for name, pair in pairs}

    def parameters(self) -> list[nn.Parameter]:
        """The factors and the trainable copy of the head."""
        return [p for p in self.model.parameters() if p.requires_grad]

    def factors(self, name: str) -> Factors | None:
        """The current factors, on the CPU in float32; None where the layer has no adapter."""
        return self._factors(name) if name in self._lora else None

    def _factors(self, name: str) -> Factors:
        A, B = self._parameters(name)
        return Factors(A.detach().float().cpu(), B.detach().float().cpu())

    def initial(self, name: str) -> Change | None:
        """``s·B₀A₀``; None where the layer has no adapter."""
        if name not in self._lora:
            return None
        start = self._start[name]
        return LowRank(self._scaling(name) * start.B, start.A)

    def product(self, name: str) -> Change:
        """``s·BA``; zero where the layer has no adapter."""
        if name not in self._lora:
            return self._nothing(name)
        now = self._factors(name)
        return LowRank(self._scaling(name) * now.B, now.A)

    def tuned(self) -> list[nn.Parameter]:
        """The factors, DoRA's magnitudes, or LoRA-SB's cores."""
        named = self.model.named_parameters()
        return [p for name, p in named if p.requires_grad and ".lora_" in name]

    def update(self, name: str) -> Change:
        """``s·BA − s·B₀A₀``, of rank at most 2r; with DoRA of the effective weight, of any rank."""
        if name not in self._lora:
            return self._nothing(name)
        if self._is_dora(name):
            start = self._start[name]
            began = self._base(name) + self._scaling(name) * start.B @ start.A
            return Dense(self._effective(name) - began)
        left, right = self._difference(name)
        return LowRank(self._scaling(name) * left, right)

    def change(self, name: str) -> Change:
        """Effective minus pretrained weight: methods that move the base took s·B₀A₀ out of it."""
        if name not in self._lora:
            return self._nothing(name)
        if self._rounds or self._is_dora(name):
            return Dense(self._effective(name) - self._pretrained[name])
        return self.update(name) if self._changes_base else self.product(name)

    def _scaling(self, name: str) -> float:
        """s of one layer: EVA's differ where it moved ranks."""
        return float(self._lora[name].scaling[ADAPTER])

    def _is_dora(self, name: str) -> bool:
        return bool(self._lora[name].use_dora.get(ADAPTER))

    def _nothing(self, name: str) -> Change:
        m, n = self._layer(name).shape
        return LowRank(torch.zeros(m, 1), torch.zeros(1, n))

    def _layer(self, name: str) -> TargetLayer:
        return self._layers[name]

    def _base(self, name: str) -> Tensor:
        """The base in float32: where s·B₀A₀ was taken out of it, without the format's rounding."""
        if self._changes_base and not self._rounds:
            start = self._start[name]
            return self._pretrained[name] - self._scaling(name) * start.B @ start.A
        return self._layer(name).weight.float().cpu()

    def _effective(self, name: str) -> Tensor:
        """The weight that the layer acts with; DoRA scales its rows to the trained magnitudes."""
        now = self._factors(name)
        weight = self._base(name) + self._scaling(name) * now.B @ now.A
        if self._is_dora(name):
            magnitude = self._magnitude(name)
            weight *= (magnitude / torch.linalg.norm(weight, dim=1))[:, None]
        return weight

    def _magnitude(self, name: str) -> Tensor:
        weight: Tensor = self._lora[name].lora_magnitude_vector[ADAPTER].weight
        return weight.detach().float().cpu()

    def _difference(self, name: str) -> tuple[Tensor, Tensor]:
        now, start = self._factors(name), self._start[name]
        return torch.cat([now.B, -start.B], dim=1), torch.cat([now.A, start.A], dim=0)

    @contextmanager
    def switched_off(self) -> Iterator[None]:
        """The model without its adapter (its head is then the original one).

        PEFT makes all factors trainable again on the way back, also those that were frozen.
        """
        flags = [(parameter, parameter.requires_grad) for parameter in self.model.parameters()]
        try:
            with self.model.disable_adapter():
                yield
        finally:
            for parameter, flag in flags:
                parameter.requires_grad_(flag)

    def export(self) -> PortableAdapter:
        """The adapter on the *original* base.

        Of rank r where the method kept the base, 2r where it took s·B₀A₀ out of it, and full
        where it rounded it.
        """
        layers, magnitudes = {}, {}
        for name in self._lora:
            if self._rounds:
                layers[name] = full_rank(self.change(name))
                continue
            if self._changes_base:
                left, right = self._difference(name)
                pair = Factors(right, left)
            else:
                pair = self._factors(name)
            layers[name] = Factors(pair.A, pair.B * (self._scaling(name) / self.scaling))
            if self._is_dora(name):
                magnitudes[name] = self._magnitude(name)
        heads = {
            name: getattr(self.model.base_model.model, name).modules_to_save[ADAPTER].state_dict()
            for name in self._heads
        }
        same = all(len(pair.A) == self._rank for pair in layers.values())
        scaling = 1.0 if self._rounds else self.scaling
        return PortableAdapter(layers, scaling, heads, self._alpha if same else None, magnitudes)

    def remove(self) -> None:
        """Unwrap every layer and put the original head modules back."""
        self.model.unload()
        for name, module in self._heads.items():
            setattr(self._loaded.model, name, module)
