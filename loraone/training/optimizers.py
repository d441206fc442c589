"""The optimisers that a spec may ask for: AdamW, gradient descent, and PEFT's for adapters."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from loraone.spec.experiment import RunSpec


def optimizer(model: Any, parameters: list[nn.Parameter], spec: RunSpec) -> torch.optim.Optimizer:
    """One without factors over ``parameters``, or one of PEFT's on the whole adapted ``model``."""
    from peft import optimizers

    adamw, sgd, plan = torch.optim.AdamW, torch.optim.SGD, spec.training
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
    elif plan.optimizer in ("riemannian", "riemannian-sgd"):
        inner = adamw if plan.optimizer == "riemannian" else sgd
        found = optimizers.create_riemannian_optimizer(
            model, inner, lr=rate, reg=plan.riemannian_damping, weight_decay=decay
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
        found = plain(parameters, spec)
    return found


def plain(parameters: list[nn.Parameter], spec: RunSpec) -> torch.optim.Optimizer:
    """AdamW or gradient descent: what needs no factors."""
    kind = torch.optim.SGD if spec.training.optimizer == "sgd" else torch.optim.AdamW
    return kind(parameters, lr=spec.learning_rate, weight_decay=spec.training.weight_decay)
