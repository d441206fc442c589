"""The optimisers that a spec may ask for: AdamW, and PEFT's for adapters."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from loraone.specs import RunSpec


def optimiser(model: Any, parameters: list[nn.Parameter], spec: RunSpec) -> torch.optim.Optimizer:
    """AdamW over ``parameters``, or one of PEFT's on the whole adapted ``model``."""
    from peft import optimizers

    adamw, plan = torch.optim.AdamW, spec.training
    rate, decay = spec.learning_rate, plan.weight_decay
    found: torch.optim.Optimizer
    if plan.optimizer == "loraplus":
        found = optimizers.create_loraplus_optimizer(
            model,
            adamw,
            lr=rate,
            loraplus_lr_ratio=plan.loraplus_ratio,
            loraplus_weight_decay=decay,
        )
    elif plan.optimizer == "riemannian":
        found = optimizers.create_riemannian_optimizer(
            model, adamw, lr=rate, reg=plan.riemannian_damping, weight_decay=decay
        )
    elif plan.optimizer == "lorafa":
        found = optimizers.create_lorafa_optimizer(
            model,
            spec.rank,
            spec.adapter.alpha,
            rate,
            weight_decay=decay,
        )
    else:
        found = adamw(parameters, lr=rate, weight_decay=decay)
    return found
