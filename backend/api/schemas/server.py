"""What the routes about the server itself answer with."""

from __future__ import annotations

from typing import Literal

from backend.api.schemas.base import Out


class SettingOut(Out):
    """A setting of the server: the variable that sets it, and its value."""

    name: str
    value: str
    description: str


class StoredOut(Out):
    """What the files of an experiment's runs take."""

    id: int
    name: str
    bytes: int


class ServerOut(Out):
    """What the server stores and how it was set up; bytes, and the experiments that take most."""

    version: str
    database_bytes: int
    artifacts_bytes: int
    free_bytes: int
    experiments: int
    runs: int
    largest: list[StoredOut]
    settings: list[SettingOut]


class HealthOut(Out):
    """The server is up."""

    status: Literal["ok"]
    version: str
