"""What Prometheus reads: the queue, the lanes, the disk, and how long answers take."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.types import Message, Send

from backend.api.answers import sends
from backend.api.kept import fresh
from backend.api.rights import needs
from backend.settings import Settings
from backend.storage.audience import EVERYTHING, reading_for
from backend.storage.database import Database
from backend.storage.store import lanes, runs
from backend.storage.store.visible import visible
from backend.storage.tables import STATUSES, Run, now
from loraone import __version__

router = APIRouter(tags=["server"])

# From what an answer that is kept takes, in seconds, to what a slow figure does.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics of one server."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.registry = CollectorRegistry()
        self._seconds = Histogram(
            "loraone_request_seconds",
            "Seconds until an answer begins",
            ("route", "method", "status"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.registry.register(_Stored(database, settings))
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    def timed(self, route: str, method: str, send: Send) -> Send:
        """``send``, which notes when the answer begins."""
        began = time.perf_counter()

        async def timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                label = self._seconds.labels(route, method, str(message["status"]))
                label.observe(time.perf_counter() - began)
            await send(message)

        return timed


class _Stored(Collector):
    """What the database and the disk say, when they are asked."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    def describe(self) -> list[Metric]:
        """Nothing beforehand: the database is not asked before it has to be."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All of it."""
        yield InfoMetricFamily("loraone", "The server", {"version": __version__})
        free = shutil.disk_usage(self._settings.home).free
        yield GaugeMetricFamily("loraone_disk_free_bytes", "Free in LORAONE_HOME", free)
        # Numbers alone: what is private to somebody counts like the rest.
        with reading_for(EVERYTHING), self._database.read() as session:
            stored = [*_of_queue(session), *_of_lanes(session)]
        yield from stored


def _of_queue(session: Session) -> Iterator[Metric]:
    counts = session.execute(
        select(Run.status, func.count()).where(visible(Run)).group_by(Run.status)
    ).all()
    known = {str(status): int(count) for status, count in counts}
    by_status = GaugeMetricFamily("loraone_runs", "Runs that are stored", labels=["status"])
    for status in STATUSES:
        by_status.add_metric([status], known.get(status, 0))
    yield by_status
    first = session.scalar(select(func.min(Run.queued_at)).where(Run.status == "queued"))
    waited = 0.0 if first is None else max((now() - first).total_seconds(), 0.0)
    yield GaugeMetricFamily(
        "loraone_queue_oldest_seconds", "For how long the run waits that has waited longest", waited
    )


def _of_lanes(session: Session) -> Iterator[Metric]:
    busy, _ = runs.of_all(session)
    takes = GaugeMetricFamily("loraone_lane_open", "Whether a lane takes runs", labels=["lane"])
    running = GaugeMetricFamily(
        "loraone_lane_busy", "Whether a lane runs something", labels=["lane"]
    )
    memory = GaugeMetricFamily(
        "loraone_lane_memory_bytes", "Memory in use on a lane's device", labels=["lane"]
    )
    for lane in lanes.listed(session):
        takes.add_metric([lane.name], lane.mode == "open")
        running.add_metric([lane.name], lane.name in busy)
        if lane.memory is not None:
            memory.add_metric([lane.name], lane.memory)
    yield from (takes, running, memory)


def _metrics(request: Request) -> Metrics:
    metrics: Metrics = request.app.state.metrics
    return metrics


@router.get("/metrics", response_class=Response, responses=sends("text/plain"))
@fresh("it is measured now")
@needs("read")
def read_metrics(metrics: Annotated[Metrics, Depends(_metrics)]) -> Response:
    """The server's metrics in the format of Prometheus, which comes with an access token."""
    return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)
