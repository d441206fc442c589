"""What a mirrored run is called, and what it ran: by it experiment and run are found again."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from loraone.spec.diff import flat
from loraone.spec.experiment import RunSpec

Plain = str | int | float | bool

# What trackers take of a name or of a value, with room.
_NAME, _VALUE = 100, 500


@dataclass(frozen=True)
class Origin:
    """A run as trackers are told of it; plain data, as it goes to another process.

    ``experiment`` groups runs, ``run`` is the name of one, ``url`` leads back to its page.
    """

    experiment: str
    run: str
    config: dict[str, Plain]
    tags: dict[str, str] = field(default_factory=dict)
    url: str | None = None

    @classmethod
    def of(
        cls,
        spec: RunSpec,
        experiment: str,
        *,
        experiment_id: int | None = None,
        run_id: int | None = None,
        attempt: int = 1,
        url: str | None = None,
    ) -> Origin:
        """Of a run of the experiment of that name, with the numbers that a server has for both."""
        again = f", attempt {attempt}" if attempt > 1 else ""
        number = "" if run_id is None else f"{run_id} "
        tags = {
            "loraone.experiment": experiment,
            "loraone.experiment_id": experiment_id,
            "loraone.run": spec.title,
            "loraone.run_id": run_id,
            "loraone.attempt": attempt,
            "loraone.url": url,
        }
        return cls(
            experiment if experiment_id is None else f"{experiment_id} {experiment}",
            f"{number}{spec.title}{again}",
            configuration(spec),
            {name: _short(value, _VALUE) for name, value in tags.items() if value is not None},
            url,
        )

    @property
    def group(self) -> str:
        """The experiment's name as every tracker takes it: no quotes, slashes or controls."""
        return _as_name(self.experiment)

    @property
    def title(self) -> str:
        """The run's name, for names of folders too."""
        return _as_name(self.run)


def configuration(spec: RunSpec) -> dict[str, Plain]:
    """The run's spec by path, as comparisons have it, without what has no value."""
    values = flat(spec.model_dump(mode="json"))
    return {
        path: value if isinstance(value, bool | int | float) else _short(value, _VALUE)
        for path, value in values.items()
        if value is not None and value != ""
    }


def _as_name(text: str) -> str:
    """Also that of a folder, which is never the one above."""
    return _short(re.sub(r"[^\w .,()+=-]", "_", text).strip(". ") or "_", _NAME)


def _short(value: object, most: int) -> str:
    text = str(value)
    return text if len(text) <= most else text[: most - 1] + "…"
