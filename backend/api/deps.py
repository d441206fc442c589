"""What routes are given: the database, the scheduler, and things looked up by id."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Path, Request
from sqlalchemy.orm import Session

from backend.api.process_state import ProcessState, process_state
from backend.errors import NotFoundError
from backend.notifying.sender import Sender
from backend.people.caller import Caller
from backend.people.callers import Callers
from backend.people.oidc import Provider
from backend.people.passwords import Passwords
from backend.scheduling.device_benchmarks import DeviceBenchmarks
from backend.scheduling.feed import Feed
from backend.scheduling.jobs import Device, Executor
from backend.scheduling.scheduler import Scheduler
from backend.scheduling.theory_worker import TheoryWorker
from backend.settings import Settings
from backend.storage.audience import audience
from backend.storage.database import Database
from backend.storage.database_health import DatabaseHealth
from backend.storage.store import experiments, runs
from backend.storage.tables import Experiment, Run
from loraone.spec.base import MOST_INT


# What only looks into the application is async: FastAPI takes anything else to a thread and back.
async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _database_health(request: Request) -> DatabaseHealth:
    database_health: DatabaseHealth = request.app.state.database_health
    return database_health


async def _scheduler(request: Request) -> Scheduler:
    scheduler: Scheduler = request.app.state.scheduler
    return scheduler


async def _feed(request: Request) -> Feed:
    feed: Feed = request.app.state.feed
    return feed


async def _theory_worker(request: Request) -> TheoryWorker:
    theory_worker: TheoryWorker = request.app.state.theory_worker
    return theory_worker


async def _device_benchmarks(request: Request) -> DeviceBenchmarks:
    device_benchmarks: DeviceBenchmarks = request.app.state.device_benchmarks
    return device_benchmarks


def _devices(request: Request) -> list[Device]:
    executor: Executor = request.app.state.executor
    return executor.devices()


async def _caller(request: Request) -> Caller:
    """Whoever asks, which :mod:`backend.web.access` found out."""
    caller: Caller = request.scope["state"]["caller"]
    return caller


CallerDep = Annotated[Caller, Depends(_caller)]
# In routes that are open to all: None where nobody has signed in.
AnybodyDep = Annotated[Caller | None, Depends(_caller)]


async def _callers(request: Request) -> Callers:
    callers: Callers = request.app.state.callers
    return callers


async def _provider(request: Request) -> Provider:
    provider: Provider = request.app.state.provider
    return provider


ProviderDep = Annotated[Provider, Depends(_provider)]


async def _sender(request: Request) -> Sender:
    sender: Sender = request.app.state.sender
    return sender


SenderDep = Annotated[Sender, Depends(_sender)]
CallersDep = Annotated[Callers, Depends(_callers)]


async def _passwords(request: Request) -> Passwords:
    passwords: Passwords = request.app.state.passwords
    return passwords


PasswordsDep = Annotated[Passwords, Depends(_passwords)]
SettingsDep = Annotated[Settings, Depends(_settings)]
DatabaseDep = Annotated[Database, Depends(_database)]
DatabaseHealthDep = Annotated[DatabaseHealth, Depends(_database_health)]
SchedulerDep = Annotated[Scheduler, Depends(_scheduler)]
FeedDep = Annotated[Feed, Depends(_feed)]
DeviceBenchmarksDep = Annotated[DeviceBenchmarks, Depends(_device_benchmarks)]
DevicesDep = Annotated[list[Device], Depends(_devices)]
ProcessStateDep = Annotated[ProcessState, Depends(process_state)]
TheoryWorkerDep = Annotated[TheoryWorker, Depends(_theory_worker)]


def _reading(database: DatabaseDep) -> Iterator[Session]:
    with database.read() as session:
        yield session


Reading = Annotated[Session, Depends(_reading)]
Key = Annotated[int, Path(ge=1, le=MOST_INT)]


def find_experiment(session: Reading, experiment_id: Key) -> Experiment:
    """The experiment of this number, or a problem; also for routes that write."""
    experiment = experiments.get(session, experiment_id)
    only = audience().only  # of an experiment whose runs are shared one by one, these alone
    if experiment is None or (only is not None and experiment_id not in only.experiments):
        raise NotFoundError("experiment", experiment_id)
    return experiment


def find_own_experiment(session: Session, experiment_id: int, caller: Caller) -> Experiment:
    """The same, for whoever wants to change it. Raises ForbiddenError where it is another's."""
    experiment = find_experiment(session, experiment_id)
    caller.check_may_change(experiment)
    return experiment


def _run(session: Reading, run_id: Key) -> Run:
    run = runs.get(session, run_id)
    if run is None:
        raise NotFoundError("run", run_id)
    return run


ExperimentDep = Annotated[Experiment, Depends(find_experiment)]
RunDep = Annotated[Run, Depends(_run)]
