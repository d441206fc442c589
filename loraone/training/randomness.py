"""The random numbers of a pass, drawn again where the pass is taken again."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor


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


def drawn(device: torch.device) -> dict[str, Tensor]:
    """Where the generators of the CPU and of ``device`` are now, as bytes."""
    states = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        states[device.type] = torch.get_device_module(device).get_rng_state(device)
    return states


def go_on_drawing(states: Mapping[str, Tensor], device: torch.device) -> None:
    """Set the generators to where :func:`drawn` found them; those of another kind of device stay
    where they are. Raises RuntimeError for bytes that are no state."""
    torch.set_rng_state(states["cpu"])
    if device.type in states and device.type != "cpu":
        torch.get_device_module(device).set_rng_state(states[device.type], device)
