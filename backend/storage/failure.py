"""Why a run failed, as it is stored and as it is shown."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Failure(BaseModel):
    """Why a run failed, and what to do."""

    model_config = ConfigDict(strict=True)

    code: str
    message: str
    field: str | None = None
    value: str | None = None
    allowed: str | None = None
    hint: str | None = None
