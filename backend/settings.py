"""Settings from the environment (``LORAONE_…``), with what they mean."""

from __future__ import annotations

import getpass
from pathlib import Path

import platformdirs
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Settings(BaseSettings):
    """Everything that can be set from outside; each field is ``LORAONE_`` + its name."""

    model_config = SettingsConfigDict(env_prefix="LORAONE_", frozen=True)

    home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("loraone")),
        description="Folder for the database and the artifacts",
    )
    host: str = Field("127.0.0.1", description="Address to listen on; loopback unless in_container")
    port: int = Field(8111, ge=0, le=65535, description="Port; the next free one if it is taken")
    database_url: str | None = Field(None, description="SQLAlchemy URL; default: SQLite in home")
    allowed_roots: str = Field(
        "", description="Folders that local models and data may lie under, separated by colons"
    )
    cpu_threads: int = Field(
        0, ge=0, le=1024, description="Threads of a CPU lane; 0: all cores but one"
    )
    calibrate: bool = Field(
        True, description="Measure the device's speed once, for the estimates of a plan"
    )
    user: str = Field(
        default_factory=lambda: getpass.getuser(),
        max_length=100,
        description="Who launches experiments and writes notes; the system's user by default",
    )
    in_container: bool = Field(
        False,
        description="Listen on all addresses: set in the container image, whose port "
        "docker-compose.yml publishes on the host's loopback address only",
    )

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().resolve()

    @property
    def url(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite:///{self.home / 'loraone.db'}"

    @property
    def artifacts(self) -> Path:
        """Where runs write their adapters."""
        return self.home / "artifacts"

    @property
    def roots(self) -> list[Path]:
        """The folders that local paths may lie under: ``home/data`` and what was allowed."""
        named = [Path(part).expanduser() for part in self.allowed_roots.split(":") if part]
        return [self.home / "data", *named]
