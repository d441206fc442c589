"""The random numbers of a pass, drawn again where the pass is taken again."""

from __future__ import annotations

from collections.abc import Callable

import torch


def random_state(device: torch.device) -> Callable[[], None]:
    """What sets the generators of the CPU and of ``device`` back to where they are now."""
    drawn = torch.get_rng_state()
    if device.type == "cpu":
        return lambda: torch.set_rng_state(drawn)
    module = torch.get_device_module(device)
    on_device = module.get_rng_state(device)

    def begin_again() -> None:
        torch.set_rng_state(drawn)
        module.set_rng_state(on_device, device)

    return begin_again
