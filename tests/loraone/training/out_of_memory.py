"""A device on which only so many texts fit: what goes through the model's blocks is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from transformers import BertModel, GPT2Model, LlamaModel

SAID = "Tried to allocate 20.00 GiB."


@contextmanager
def where(
    too_large: Callable[[nn.Module, int], bool],
    error: type[RuntimeError] = torch.OutOfMemoryError,
) -> Iterator[None]:
    """While the context lasts, the blocks of tiny models raise what an allocator would.

    It is raised once the blocks have run, so that their random numbers are drawn. ``too_large`` is
    given the blocks and how many texts went through them.
    """

    def check(module: nn.Module, args: Any, output: Any) -> None:
        if isinstance(module, BertModel | GPT2Model | LlamaModel):
            texts = output.last_hidden_state.shape[0]
            if too_large(module, texts):
                kind = "" if error is torch.OutOfMemoryError else "DefaultCPUAllocator: "
                raise error(f"{kind}{SAID}\nMore advice.")

    handle = register_module_forward_hook(check)
    try:
        yield
    finally:
        handle.remove()


def training(module: nn.Module) -> bool:
    """Whether the pass is one of a training step."""
    return module.training and torch.is_grad_enabled()
