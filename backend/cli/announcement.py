"""What is said, and launched, when the server is up."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI

from backend.cli.failures import let_go_of_output
from backend.storage.store import experiments
from loraone.spec.experiment import ExperimentSpec


def announce(demo: ExperimentSpec | None) -> Callable[[FastAPI, str], None]:
    """A callback for :func:`backend.web.server.serve`: launch ``demo`` on an empty history."""

    def started(app: FastAPI, url: str) -> None:
        where = url
        if demo is not None:
            with app.state.database.write() as session:
                listed, _ = experiments.search(session, "is:any", 1, 0)
                experiment = listed[0].experiment if listed else experiments.create(session, demo)
                where = f"{url}/experiments/{experiment.id}"
            app.state.scheduler.wake()
        public = app.state.settings.public_url
        others = "" if public is None else f"for others at {public}; "
        try:
            print(f"LoRA-One Lab is at {where}  ({others}stop with Ctrl+C)", flush=True)
        except OSError:  # whoever read it has gone; the server need not
            let_go_of_output()

    return started
