"""Losses of many problems at once, with their gradients with respect to every layer's weight.

All take weights as a list of (problems, m, n), one for each layer, and give the loss (problems,)
and the gradients in the same shapes. Loss: ``1/(2N) ‖ŷ − y‖_F²``, y the teacher's noisy outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from loraone.theory.teacher import Teacher

Weights = Sequence[Tensor]


class Loss(Protocol):
    """What descent needs of a kind of problem."""

    def gradients(self, weights: Weights) -> tuple[Tensor, list[Tensor]]:
        """Training loss and its gradients."""
        ...

    def fresh(self, weights: Weights) -> Tensor:
        """Loss on fresh inputs, without noise."""
        ...


class LinearLoss:
    """``ŷ = x Wᵀ``: with ``Σ = XᵀX/N`` and ``C = εᵀX/N`` the samples are not needed any more.

    ``G = (W − W*) Σ − C``; expected loss on fresh inputs ``½ ‖W − W*‖_F²``.
    """

    def __init__(self, teachers: Sequence[Teacher]) -> None:
        self._target = torch.stack([teacher.target[0] for teacher in teachers])
        self._moment = torch.stack(
            [teacher.x.T @ teacher.x / len(teacher.x) for teacher in teachers]
        )
        self._cross = torch.stack(
            [teacher.noise.T @ teacher.x / len(teacher.x) for teacher in teachers]
        )
        squares = [(teacher.noise**2).sum() / (2 * len(teacher.x)) for teacher in teachers]
        self._floor = torch.stack(squares)
        self._noisy = bool(self._floor.any())

    def gradients(self, weights: Weights) -> tuple[Tensor, list[Tensor]]:
        """Training loss and its gradient."""
        error = weights[0] - self._target
        return self._of(error, error @ self._moment)

    def _of(self, error: Tensor, inner: Tensor) -> tuple[Tensor, list[Tensor]]:
        loss = inner_products(error, inner) / 2
        if not self._noisy:
            return loss, [inner]
        loss += self._floor - inner_products(error, self._cross)
        return loss, [inner - self._cross]

    def around(self, bases: Weights) -> Callable[[Tensor, Tensor], tuple[Tensor, list[Tensor]]]:
        """The same at ``bases + left @ right``, with left (m, r) and right (r, n).

        ``(W − W*) Σ = (W_base − W*) Σ + left (right Σ)``: (m+n)/r times fewer products.
        """
        offset = bases[0] - self._target
        inner = offset @ self._moment

        def at(left: Tensor, right: Tensor) -> tuple[Tensor, list[Tensor]]:
            error = torch.baddbmm(offset, left, right)
            return self._of(error, torch.baddbmm(inner, left, right @ self._moment))

        return at

    def fresh(self, weights: Weights) -> Tensor:
        """Expected loss on fresh inputs."""
        return ((weights[0] - self._target) ** 2).sum(dim=(1, 2)) / 2


class NetworkLoss:
    """``ŷ = relu(x Wᵀ)``, or ``relu(x W₁ᵀ) W₂ᵀ`` for two layers."""

    def __init__(self, teachers: Sequence[Teacher]) -> None:
        self._x = torch.stack([teacher.x for teacher in teachers])
        self._fresh = torch.stack([teacher.fresh for teacher in teachers])
        target = [torch.stack(layer) for layer in zip(*(t.target for t in teachers), strict=True)]
        self._y = _forward(self._x, target)[-1] + torch.stack(
            [teacher.noise for teacher in teachers]
        )
        self._fresh_y = _forward(self._fresh, target)[-1]

    def gradients(self, weights: Weights) -> tuple[Tensor, list[Tensor]]:
        """Training loss and its gradients, by back-propagation."""
        hidden = _forward(self._x, weights)
        error = hidden[-1] - self._y
        count = self._x.shape[1]
        delta = error / count
        gradients = []
        for i in reversed(range(len(weights))):
            if i == 0:  # the first layer is the one with a ReLU
                delta = delta * (hidden[0] > 0)
            below = self._x if i == 0 else hidden[i - 1]
            gradients.append(delta.mT @ below)
            delta = delta @ weights[i]
        return (error**2).sum(dim=(1, 2)) / (2 * count), gradients[::-1]

    def fresh(self, weights: Weights) -> Tensor:
        """Loss on fresh inputs."""
        error = _forward(self._fresh, weights)[-1] - self._fresh_y
        return (error**2).sum(dim=(1, 2)) / (2 * error.shape[1])


def _forward(x: Tensor, weights: Weights) -> list[Tensor]:
    """Outputs of every layer."""
    first = (x @ weights[0].mT).relu()
    return [first] if len(weights) == 1 else [first, first @ weights[1].mT]


def inner_products(left: Tensor, right: Tensor) -> Tensor:
    """⟨left, right⟩ of every problem, without a product of their size in between."""
    return (left.flatten(1)[:, None] @ right.flatten(1)[..., None]).flatten()


def loss_of(activation: str, teachers: Sequence[Teacher]) -> Loss:
    """The loss of these problems, which have the same shapes."""
    return LinearLoss(teachers) if activation == "linear" else NetworkLoss(teachers)
