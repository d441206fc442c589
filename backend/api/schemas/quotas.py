"""What the routes about quotas take and answer with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import ConfigDict, Field

from backend.api.schemas.base import In, Out
from backend.people import quotas
from backend.people.quotas import Beyond, Name, Quota
from backend.storage.tables import Person


class QuotaOut(Out):
    """How much of something a person uses, how much a launch would add (null: not known), and how
    much they may (null: there is no limit); ``own`` says that it was set for them. ``beyond`` is
    what becomes of the launch, null where there is room."""

    name: Name
    used: float
    asked: float | None
    allowed: float | None
    own: bool
    beyond: Beyond | None

    @classmethod
    def listed(cls, quotas: Sequence[Quota]) -> list[QuotaOut]:
        """All of a person's."""
        return [cls.model_validate(quota) for quota in quotas]


class OwnQuotas(In):
    """What was set for a person; null is what the server's settings say."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    runs: Annotated[int | None, Field(ge=0, le=10**7, description="Runs that may wait")] = None
    disk_gb: Annotated[float | None, Field(ge=0, le=10**6, description="Of all their runs")] = None
    lane_hours: Annotated[float | None, Field(ge=0, le=10**6, description="In seven days")] = None

    @classmethod
    def of(cls, person: Person) -> OwnQuotas:
        """Those of a person."""
        return cls.model_validate(quotas.own(person))

    @property
    def named(self) -> dict[Name, float | None]:
        """All three by name."""
        return {"runs": self.runs, "disk_gb": self.disk_gb, "lane_hours": self.lane_hours}
