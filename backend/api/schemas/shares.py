"""What the routes about share links take and answer with."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from backend.api.schemas.base import In, Out
from backend.results import basket
from loraone.spec.base import Text, at_most


class ShareIn(In):
    """A view of the page to share: where it opens, what is shown there, and for how long."""

    model_config = ConfigDict(extra="forbid")

    view: Annotated[Text, StringConstraints(min_length=1, max_length=20_000)] = Field(
        description="Path and search of the page, such as /experiments/12?tab=spectra"
    )
    of: Annotated[
        list[Annotated[str, Field(max_length=basket.MOST_LENGTH)]],
        Field(min_length=1, max_length=basket.MOST_ITEMS, description=basket.ALLOWED),
        at_most(basket.MOST_ITEMS, "items"),
    ]
    days: Annotated[float, Field(gt=0, le=366, description="After which it ends")] = 14


class ShareOut(Out):
    """A share link, without what it opens with."""

    id: int
    view: str
    experiments: list[int]
    runs: list[int]
    author: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class ShareMadeOut(ShareOut):
    """A new one, with its secret: this once."""

    secret: str


class SharedOut(Out):
    """What whoever has a link may look at."""

    view: str
    author: str
    expires_at: datetime
