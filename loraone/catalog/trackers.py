"""Where runs can be mirrored to: one row for each experiment tracker, known by its package.

Nothing of them is imported here; :mod:`loraone.tracking` does, in a process of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec


@dataclass(frozen=True)
class Tracker:
    """A tracker under the name that ``report_to`` of transformers has for it.

    ``packages`` are module and distribution of which any is enough, the usual one first; ``where``
    says what it writes to, and by which variables that is another.
    """

    name: str
    label: str
    packages: tuple[tuple[str, str], ...]
    where: str

    @property
    def installed(self) -> bool:
        """Whether a package of it is on this machine: a folder of that name alone is none."""
        return any(_is_there(module, name) for module, name in self.packages)

    @property
    def install(self) -> str:
        """What installs it."""
        return f"pip install {self.packages[-1][1]}"


def _is_there(module: str, name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return find_spec(module) is not None


_ROWS = (
    Tracker(
        "mlflow",
        "MLflow",
        (("mlflow", "mlflow"), ("mlflow", "mlflow-skinny")),
        "The server of MLFLOW_TRACKING_URI, or a database in the trackers' folder",
    ),
    Tracker(
        "wandb",
        "Weights & Biases",
        (("wandb", "wandb"),),
        "The account of WANDB_API_KEY, or with WANDB_MODE=offline the trackers' folder",
    ),
    Tracker(
        "trackio",
        "trackio",
        (("trackio", "trackio"),),
        "The folder TRACKIO_DIR, or a Space or server of TRACKIO_SPACE_ID or TRACKIO_SERVER_URL",
    ),
    Tracker(
        "tensorboard",
        "TensorBoard",
        (("tensorboardX", "tensorboardX"), ("tensorboard", "tensorboard")),
        "The folder TENSORBOARD_LOGGING_DIR, or tensorboard in the trackers' folder",
    ),
)
TRACKERS: dict[str, Tracker] = {row.name: row for row in _ROWS}
