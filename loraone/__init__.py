"""LoRA-One Lab: LoRA initialisations, what they do to every layer, and honest comparisons.

The library knows no web server and no database: a spec goes in, a stream of events comes out.

    from loraone import ExperimentSpec, expand, run
    for event in run(expand(ExperimentSpec(methods=[{"name": "lora_one"}]))[0]):
        print(event)

:class:`loraone.client.Client` launches the same specs on a server, and reads their results.

Importing this package does not import torch; :func:`run` does, when it is first called.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from loraone.spec.experiment import ExperimentSpec, RunSpec, expand

if TYPE_CHECKING:
    from loraone.client import Client
    from loraone.events import Event

__version__ = "0.1.0"
__all__ = ["Client", "ExperimentSpec", "RunSpec", "__version__", "expand", "run"]


def run(spec: RunSpec, **options: Any) -> Iterator[Event]:
    """Run one spec and yield its events; see :func:`loraone.runs.run.run` for the options."""
    from loraone.runs.run import run as run_spec

    return run_spec(spec, **options)


def __getattr__(name: str) -> Any:
    """``loraone.Client``, read when it is first asked for: whoever runs here needs no HTTP."""
    if name == "Client":
        from loraone.client import Client

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
