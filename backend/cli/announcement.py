"""What is said, and launched, when the server is up."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI

from backend.cli.failures import let_go_of_output
from backend.people import invitations
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
        invited = _first_administrator(app, url)
        public = app.state.settings.public_url
        others = "" if public is None else f"for others at {public}; "
        try:
            print(f"LoRA-One Lab is at {where}  ({others}stop with Ctrl+C)", flush=True)
            if invited is not None:
                print(invited, flush=True)
        except OSError:  # whoever read it has gone; the server need not
            let_go_of_output()

    return started


def _first_administrator(app: FastAPI, url: str) -> str | None:
    """A sentence with a link where there are accounts and nobody yet who could make some. It is
    printed and not logged; the one of an earlier start works no more."""
    if app.state.settings.auth != "local":
        return None
    with app.state.database.write() as session:
        secret = invitations.setup(session)
    if secret is None:
        return None
    link = invitations.link(app.state.settings.public_url or url, secret)
    hours = invitations.SETUP_HOURS
    return f"There is no administrator yet: open {link} within {hours} hours to become the first"
