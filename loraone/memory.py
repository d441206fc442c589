"""Which errors say that memory ran out, of the device or of the host."""

from __future__ import annotations

import torch


def ran_out(error: BaseException) -> bool:
    """Whether an allocation failed; that of the CPU's tensors is a bare RuntimeError."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)


def first_line(error: BaseException) -> str:
    """What the allocator says, without the advice that follows."""
    return next(iter(str(error).splitlines()), "") or "no detail"


def where(error: BaseException) -> str:
    """Whose memory it was."""
    return "the device" if isinstance(error, torch.OutOfMemoryError) else "the host"


def free(device: torch.device) -> None:
    """Give back what is cached of a pass that did not fit."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
