"""A LoRA-One Lab server from Python: launch, wait, and results as tables and figures.

    from loraone import Client
    client = Client("https://lab.example.org")
    experiment = client.launch("experiment.yaml").wait()
    experiment.figure("curves")

It speaks HTTP and knows no code of the server. Specs are the library's own, results have the
columns that :mod:`loraone.analysis` takes, and what else the server answers has the models of
:mod:`loraone.client.models`, which are generated from its OpenAPI document.
"""

from loraone.client.client import Client
from loraone.client.errors import (
    ClientError,
    ProblemError,
    RunsFailedError,
    SignInNeededError,
    UnreachableError,
    UnsafeArchiveError,
    VersionWarning,
)
from loraone.client.experiment import Experiment

__all__ = [
    "Client",
    "ClientError",
    "Experiment",
    "ProblemError",
    "RunsFailedError",
    "SignInNeededError",
    "UnreachableError",
    "UnsafeArchiveError",
    "VersionWarning",
]
