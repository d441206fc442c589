"""How fast a device multiplies and decomposes, measured in a second or two.

``python -m loraone.runs.device_benchmark [--device cuda] [--threads 1]`` prints it as JSON.
"""

from __future__ import annotations

import argparse
import json
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

REPEATS = 5
# A matrix product of this size takes milliseconds on a core, and fills a GPU well enough.
TOKENS, WIDTH, HIDDEN = 768, 384, 1536
DECOMPOSED = 384


@dataclass(frozen=True)
class DeviceBenchmark:
    """Rates in operations per second, memory in bytes; ``base`` is what an idle worker holds."""

    device: str
    multiply: float
    decompose: float
    memory: int
    base: int


def product_operations(tokens: int, width: int, hidden: int) -> float:
    """Operations of a forward and a backward pass through width → hidden → width."""
    return 3 * 2 * 2.0 * tokens * width * hidden


def svd_operations(m: int, n: int) -> float:
    """Operations of all singular values of (m, n), to the leading order: 4·max·min²."""
    return 4.0 * max(m, n) * min(m, n) ** 2


def measure(device: str = "cpu", threads: int | None = None) -> DeviceBenchmark:
    """Run the benchmark here; the best of a few repeats counts, for others may be at work."""
    import psutil
    import torch

    from loraone.runs.environment import device_name

    if threads:
        torch.set_num_threads(threads)
    place = torch.device(device)
    draw = torch.Generator().manual_seed(0)
    x, up, down = (
        torch.randn(shape, generator=draw).to(place).requires_grad_()
        for shape in ((TOKENS, WIDTH), (WIDTH, HIDDEN), (HIDDEN, WIDTH))
    )
    matrix = torch.randn(DECOMPOSED, DECOMPOSED, generator=draw).to(place)

    def wait() -> None:
        if place.type == "cuda":
            torch.cuda.synchronize(place)

    def train() -> None:
        torch.nn.functional.gelu(x @ up).matmul(down).square().mean().backward()  # type: ignore[no-untyped-call]
        wait()

    def decompose() -> None:
        torch.linalg.svdvals(matrix)
        wait()

    multiply = product_operations(TOKENS, WIDTH, HIDDEN) / _best(train)
    rate = svd_operations(DECOMPOSED, DECOMPOSED) / _best(decompose)
    if place.type == "cuda":
        memory = int(torch.cuda.get_device_properties(place).total_memory)
        base = int(torch.cuda.memory_reserved(place))
    else:
        memory = int(psutil.virtual_memory().total)
        base = int(psutil.Process().memory_info().rss)
    return DeviceBenchmark(device_name(place), multiply, rate, memory, base)


def _best(work: Callable[[], None]) -> float:
    work()
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def main() -> None:
    """Measure and print."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # a batch system warns all processes
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=None)
    given = parser.parse_args()
    # What a worker holds beside the model includes these.
    import peft  # noqa: F401
    import transformers  # noqa: F401

    print(json.dumps(asdict(measure(given.device, given.threads))))


if __name__ == "__main__":
    main()
