"""Settings from the environment (``LORAONE_…``), with what they mean."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import SettingsConfigDict

from backend.settings.checks import check_database, folder, is_text
from backend.settings.quotas import QuotaSettings


def _user() -> str:
    """The system's name of the user; the number of one that has none, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def _home() -> Path:
    """The platform's folder for data of the user; "~" for one that has none, which is refused."""
    try:
        return Path(platformdirs.user_data_dir("loraone"))
    except RuntimeError:
        return Path("~")


class Settings(QuotaSettings):
    """Everything that can be set from outside; each field is ``LORAONE_`` + its name."""

    model_config = SettingsConfigDict(env_prefix="LORAONE_", frozen=True, populate_by_name=True)

    home: Path = Field(
        default_factory=_home,
        validate_default=True,
        description="Folder of the database and the artifacts; default: the user data folder "
        "of the platform",
    )
    host: str = Field(
        "127.0.0.1",
        description="Address to listen on: loopback, unless there are accounts (LORAONE_AUTH) or "
        "LORAONE_IN_CONTAINER is set",
    )
    port: int = Field(
        8111,
        ge=0,
        le=65535,
        description="Port; the next free one if it is taken, but not with LORAONE_PUBLIC_URL",
    )
    database_url: str | None = Field(
        None, description="SQLAlchemy URL; default: SQLite in LORAONE_HOME"
    )
    allowed_roots: str = Field(
        "",
        description="Folders that models and data may be read from, separated by colons; "
        "the folder data of LORAONE_HOME is always allowed",
    )
    cpu_threads: int = Field(
        0, ge=0, le=1024, description="Threads of a CPU lane; 0: all cores but one"
    )
    executor: Literal["local", "ray"] = Field(
        "local", description="Where runs are executed: on this machine, or in a Ray cluster"
    )
    lanes_per_device: int = Field(
        1, ge=1, le=16, description="Number of runs that share a GPU, or the CPU"
    )
    time_limit_minutes: float = Field(
        1440, gt=0, le=100_000, description="A run that takes longer is stopped, and has failed"
    )
    stall_minutes: float = Field(
        60, gt=0, le=10_000, description="A run that makes no progress for this long is restarted"
    )
    silence_seconds: float = Field(
        60,
        ge=3,
        le=10_000,
        description="A worker that sends no heartbeat for this long is terminated",
    )
    grace_seconds: float = Field(
        8,
        ge=1,
        le=600,
        description="Time for a checkpoint that a run has when the server stops; whoever ends the "
        "server's processes should wait 10 s longer",
    )
    memory_limit_gb: float = Field(
        0, ge=0, le=100_000, description="Host memory that a run may use; 0: no limit"
    )
    max_values: int = Field(
        100_000_000,
        ge=1000,
        le=10**11,
        description="Numbers that a run may store: all layers' singular values, angles, metrics",
    )
    max_events_per_second: float = Field(
        500,
        ge=1,
        le=100_000,
        description="Events per second that a run may send, averaged over a minute",
    )
    max_upload_mb: float = Field(
        200,
        gt=0,
        le=100_000,
        description="Largest file that may be uploaded, such as an exported experiment",
    )
    max_import_runs: int = Field(
        2_000, ge=1, le=2_000, description="Runs that an imported experiment may have"
    )
    max_import_rows: int = Field(
        3_000_000,
        ge=1,
        le=10**9,
        description="Rows of results (metrics by step, spectra, angles) that an imported "
        "experiment may have",
    )
    max_queued: int = Field(
        50_000,
        ge=1,
        le=10**7,
        description="Runs that may be queued; launches beyond this number are refused",
    )
    disk_warn_gb: float = Field(
        5, ge=0, le=10**6, description="Free disk space below which the queue page shows a warning"
    )
    disk_stop_gb: float = Field(
        1,
        ge=0,
        le=10**6,
        description="Free disk space below which no run is started and launches are refused",
    )
    gradients_gb: float = Field(
        20,
        ge=0,
        le=10**6,
        description="Disk space for gradients shared between runs; 0: gradients are not shared",
    )
    bin_days: float = Field(
        30,
        ge=0,
        le=10_000,
        description="Days after which what was deleted is removed for good; until then it can "
        "be restored",
    )
    cache_mb: float = Field(
        64,
        ge=0,
        le=10**5,
        description="Memory for answers that are given again while what they depend on has not "
        "changed; 0: every answer is computed anew",
    )
    readers: int = Field(
        1, ge=0, le=16, description="Processes that compute answers; 0: the server itself does"
    )
    benchmark_device: bool = Field(
        True,
        # The second is what it was called before.
        validation_alias=AliasChoices("LORAONE_BENCHMARK_DEVICE", "LORAONE_CALIBRATE"),
        description="Benchmark the device once, for the time estimates of a plan",
    )
    log_format: Literal["text", "json"] = Field(
        "text",
        description="How the server's log is written to standard error: as text, or as a line of "
        "JSON for each event and each request",
    )
    user: str = Field(
        default_factory=_user,
        min_length=1,
        max_length=100,
        description="Name recorded with launched experiments and notes; default: the system's user",
    )
    in_container: bool = Field(
        False,
        description="Listen on all addresses: set in the container image, whose port "
        "docker-compose.yml publishes on the host's loopback address only",
    )

    @field_validator("home", mode="before")
    @classmethod
    def _absolute(cls, home: object) -> Path:
        if not str(home):
            raise ValueError("is empty; name a folder, or unset it")
        return folder(Path(str(home)))

    @field_validator("allowed_roots")
    @classmethod
    def _folders(cls, roots: str) -> str:
        for part in filter(None, roots.split(":")):
            folder(Path(part))
        return roots

    @field_validator("user")
    @classmethod
    def _text(cls, user: str) -> str:
        if not is_text(user):
            raise ValueError("has characters that cannot be printed")
        return user

    @field_validator("database_url")
    @classmethod
    def _database(cls, url: str | None) -> str | None:
        if url is not None:
            check_database(url)
        return url

    @property
    def url(self) -> str:
        """The database's URL."""
        if self.database_url is not None:
            return self.database_url
        from sqlalchemy import URL

        return URL.create("sqlite", database=str(self.home / "loraone.db")).render_as_string()

    @property
    def artifacts(self) -> Path:
        """Where runs write their adapters."""
        return self.home / "artifacts"

    @property
    def logs(self) -> Path:
        """What runs printed."""
        return self.home / "logs"

    @property
    def checkpoints(self) -> Path:
        """Where runs that are not at their end keep what they go on from, each in its folder."""
        return self.home / "checkpoints"

    @property
    def gradients(self) -> Path | None:
        """Where workers share starting points; None where they do not."""
        return self.home / "gradients" if self.gradients_gb else None

    @property
    def roots(self) -> list[Path]:
        """The folders that local paths may lie under: ``home/data`` and what was allowed."""
        named = [Path(part).expanduser() for part in self.allowed_roots.split(":") if part]
        return [self.home / "data", *named]
