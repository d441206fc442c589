"""Settings from the environment (``LORAONE_…``), with what they mean."""

from __future__ import annotations

import getpass
import os
import re
from pathlib import Path
from typing import Literal, get_args, get_origin

import platformdirs
from annotated_types import Ge, Gt, Le, MaxLen, MinLen
from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

LOOPBACK = ("127.0.0.1", "localhost", "::1")
DATABASES = ("sqlite", "postgresql+psycopg")


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


class Settings(BaseSettings):
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
        description="Address to listen on: loopback, unless LORAONE_IN_CONTAINER is set",
    )
    port: int = Field(8111, ge=0, le=65535, description="Port; the next free one if it is taken")
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
        return _folder(Path(str(home)))

    @field_validator("allowed_roots")
    @classmethod
    def _folders(cls, roots: str) -> str:
        for part in filter(None, roots.split(":")):
            _folder(Path(part))
        return roots

    @field_validator("user")
    @classmethod
    def _text(cls, user: str) -> str:
        if not _is_text(user):
            raise ValueError("has characters that cannot be printed")
        return user

    @field_validator("database_url")
    @classmethod
    def _database(cls, url: str | None) -> str | None:
        if url is not None:
            _check_database(url)
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
    def gradients(self) -> Path | None:
        """Where workers share starting points; None where they do not."""
        return self.home / "gradients" if self.gradients_gb else None

    @property
    def roots(self) -> list[Path]:
        """The folders that local paths may lie under: ``home/data`` and what was allowed."""
        named = [Path(part).expanduser() for part in self.allowed_roots.split(":") if part]
        return [self.home / "data", *named]


def _is_text(value: str) -> bool:
    """Whether it is UTF-8 (what is not comes from the system as half characters), on one line."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return not any(ord(letter) < 32 or ord(letter) == 127 for letter in value)


def _folder(path: Path) -> Path:
    """The absolute path of a folder. Raises ValueError for a name that none can have."""
    if not _is_text(str(path)):
        raise ValueError("has a name that is not UTF-8, or with characters that cannot be printed")
    try:
        return path.expanduser().resolve()
    except RuntimeError as error:  # no such ~user, no home at all, links in a circle
        raise ValueError(f"cannot be resolved: {error} Name an absolute path") from error
    except OSError as error:
        raise ValueError(f"cannot be resolved: {error.strerror}") from error


def _check_database(url: str) -> None:
    """Raise ValueError, without what may be a password, for what is no URL of a database here."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    allowed = f"allowed: SQLAlchemy URLs that begin with {' or '.join(DATABASES)}"
    try:
        parsed = make_url(url)
        dialect = parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise ValueError(f"is no URL of a database; {allowed}") from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql") or dialect.is_async:
        raise ValueError(f"{parsed.drivername} is not supported; {allowed}")
    try:
        dialect.import_dbapi()
    except ImportError as error:
        raise ValueError(
            f"{parsed.drivername} needs a package that is not installed ({error}): "
            "pip install 'loraone-lab[postgresql]'"
        ) from error


def allowed(field: FieldInfo) -> str:
    """What a setting may be, in words; empty where anything may."""
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    if field.annotation is bool:
        return "`true`, `false`"
    bounds = []
    for bound in field.metadata:
        if isinstance(bound, Ge):
            bounds.append(f"from {bound.ge:,}")
        elif isinstance(bound, Gt):
            bounds.append(f"above {bound.gt:,}")
        elif isinstance(bound, Le):
            bounds.append(f"up to {bound.le:,}")
        elif isinstance(bound, MinLen) and bound.min_length == 1:
            bounds.append("not empty")
        elif isinstance(bound, MaxLen):
            bounds.append(f"up to {bound.max_length:,} characters")
    return ", ".join(bounds)


def sentences(error: ValidationError) -> list[str]:
    """What is wrong with settings, one line each: name, value, what is allowed."""
    lines = []
    for item in error.errors():
        name = str(item["loc"][0]).lower().removeprefix("loraone_")
        name = "benchmark_device" if name == "calibrate" else name
        field = Settings.model_fields[name]
        given = str(item["input"])[:200]
        if name == "database_url":  # without a password
            given = re.sub(r"://.*@", "://***@", given)
        may = allowed(field).replace("`", "")
        message = item["msg"].removeprefix("Value error, ")
        lines.append(
            f"LORAONE_{name.upper()} = {given!r}: {message}" + (f"; allowed: {may}" if may else "")
        )
    return lines
