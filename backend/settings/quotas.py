"""How much of the machine each person may use."""

from __future__ import annotations

from pydantic import Field

from backend.settings.notices import NoticeSettings


class QuotaSettings(NoticeSettings):
    """The part of the settings that says what people may use; administrators may set another
    number for a person."""

    quota_runs: int | None = Field(
        None,
        ge=0,
        le=10**7,
        description="Runs of a person that may wait at a time: launches beyond this number are "
        "refused; default: no limit",
    )
    quota_disk_gb: float | None = Field(
        None,
        ge=0,
        le=10**6,
        description="Disk space of all runs of a person, also in the bin: with more, launches and "
        "imports are refused; default: no limit",
    )
    quota_lane_hours: float | None = Field(
        None,
        ge=0,
        le=10**6,
        description="Hours on lanes of a person's runs in seven days: with more, their runs wait "
        "until some are over, and those that run go on; default: no limit",
    )
