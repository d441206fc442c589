"""``create_app(settings)``: the whole server as one object."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute
from starlette.types import Lifespan

from backend.api import (
    audit,
    catalog,
    changes,
    comments,
    deletions,
    experiments,
    figures,
    history,
    invitations,
    measured,
    metrics,
    notice_channels,
    notices,
    oidc,
    people,
    plan,
    queue,
    results,
    runs,
    server,
    shares,
    sign_in,
    stored,
    theory,
    tokens,
    transfer,
    wastebin,
)
from backend.api.kept import KeptRoutes
from backend.api.rights import RouteRights
from backend.api.schemas.problem import Problem
from backend.notifying.sender import Sender
from backend.people.callers import Callers
from backend.people.oidc import Provider
from backend.people.passwords import Passwords
from backend.scheduling.device_benchmarks import DeviceBenchmarks
from backend.scheduling.executors.local import LocalExecutor
from backend.scheduling.feed import Feed
from backend.scheduling.jobs import Executor
from backend.scheduling.presence_elsewhere import PresenceElsewhere
from backend.scheduling.scheduler import Scheduler
from backend.scheduling.theory_worker import TheoryWorker
from backend.settings import Settings
from backend.storage.database import Database
from backend.storage.database_health import DatabaseHealth
from backend.storage.folder_lock import make_folder
from backend.storage.store import incoming, settling
from backend.web import declared, page, problems
from backend.web.access import AccessMiddleware
from backend.web.answers import AnswersMiddleware
from backend.web.proxies import ProxiesMiddleware
from backend.web.readers import Readers
from backend.web.security import SecurityMiddleware
from backend.web.site import Site
from loraone import __version__

PARTS = (
    catalog,
    plan,
    history,
    comments,
    notices,
    notice_channels,
    transfer,
    experiments,
    deletions,
    stored,
    wastebin,
    results,
    queue,
    runs,
    server,
    shares,
    figures,
    measured,
    theory,
    changes,
    sign_in,
    oidc,
    invitations,
    people,
    tokens,
    audit,
)

# Every route, after what its path begins with.
ROUTES = (
    *(("/api", route) for part in PARTS for route in part.router.routes),
    *(("", route) for route in metrics.router.routes),
)


def create_app(settings: Settings | None = None, readers: Readers | None = None) -> FastAPI:
    """A server on the database and the folders that ``settings`` name. What ``readers`` can, they
    compute; without them this process does."""
    settings = settings or Settings()
    for folder in (settings.home, settings.artifacts, settings.logs, settings.home / "data"):
        make_folder(folder)
    database = Database(settings.url)
    database.migrate()
    incoming.sweep(database, starting=True)
    with database.write() as session:
        settling.settle_all(session)
    if not database.versions.known or not settings.cache_mb:
        readers = None  # in the memory of this process, or nothing is kept that they computed
    database_health = DatabaseHealth(database)
    feed = Feed()
    executor = _executor(settings)
    scheduler = Scheduler(database, feed, settings, executor)
    # It measures this machine; a cluster's nodes are others.
    measures = settings.benchmark_device and settings.executor == "local"
    device_benchmarks = DeviceBenchmarks(settings.home, enabled=measures)
    theory_worker = TheoryWorker(threads=os.cpu_count() or 1)
    elsewhere = PresenceElsewhere(database, feed.presence)
    sender = Sender(database, settings, feed.wake)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if readers is not None:
            readers.start()
        scheduler.start()
        sender.start()
        if settings.auth != "none":  # nobody is named
            elsewhere.start()
        yield
        if readers is not None:  # before the last connection here is closed, which tidies up
            readers.stop()
        feed.stop()
        elsewhere.stop()
        scheduler.stop()
        sender.stop()
        theory_worker.stop()
        device_benchmarks.stop()
        database_health.stop()
        database.close()

    app = application(settings, database, lifespan)
    app.state.database_health = database_health
    app.state.feed = feed
    app.state.scheduler = scheduler
    app.state.theory_worker = theory_worker
    app.state.device_benchmarks = device_benchmarks
    app.state.executor = executor
    app.state.sender = sender
    if settings.cache_mb:
        routes = KeptRoutes("/api", (route for part in PARTS for route in part.router.routes))
        app.add_middleware(
            AnswersMiddleware,
            routes=routes,
            database=database,
            most=int(settings.cache_mb * 1e6),
            readers=readers,
        )
    callers = Callers(settings, database)
    app.state.callers = callers
    app.state.passwords = Passwords()
    app.state.provider = Provider(settings)
    rights = RouteRights(ROUTES)
    app.state.metrics = metrics.Metrics(database, settings)
    app.add_middleware(AccessMiddleware, rights=rights, callers=callers, metrics=app.state.metrics)
    site = Site.of(settings)
    app.add_middleware(SecurityMiddleware, site=site, max_upload=int(settings.max_upload_mb * 1e6))
    app.add_middleware(ProxiesMiddleware, trusted=settings.proxies, root=settings.root_path)
    declared.install(app, rights)
    page.mount(app, settings.public_url)
    return app


def application(
    settings: Settings, database: Database, lifespan: Lifespan[FastAPI] | None = None
) -> FastAPI:
    """The routes with their errors and their packing: all that computes an answer."""
    app = FastAPI(
        title="LoRA-One Lab",
        version=__version__,
        lifespan=lifespan,
        # The page serves them: FastAPI's load their parts from elsewhere and are made each time.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        routes=[*_routes()],
    )
    app.state.settings = settings
    app.state.database = database
    # A tenth of the time of level 9 for an eighth more bytes, which mostly stay on this machine.
    app.add_middleware(GZipMiddleware, minimum_size=2000, compresslevel=1)
    problems.install(app)
    return app


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """They know no application and are made once, however many one process has: FastAPI takes a
    third of a second for all of them. With a prefix it makes each part when it is first asked for.
    """
    router = APIRouter(generate_unique_id_function=_operation_id)
    wrong: dict[int | str, dict[str, Any]] = {
        422: {"model": Problem, "description": "A field is wrong"}
    }
    for part in PARTS:
        router.include_router(part.router, prefix="/api", responses=wrong)
    router.include_router(metrics.router)
    return tuple(router.routes)


def _executor(settings: Settings) -> Executor:
    if settings.executor == "ray":
        from backend.scheduling.executors.ray_cluster import RayExecutor

        return RayExecutor(settings)
    return LocalExecutor(settings.cpu_threads, settings.lanes_per_device)


def _operation_id(route: APIRoute) -> str:
    """``experiments_launch`` rather than a name made of the path."""
    return f"{route.tags[0]}_{route.name}" if route.tags else route.name
