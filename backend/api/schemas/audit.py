"""What the routes about the audit trail answer with."""

from __future__ import annotations

from datetime import datetime

from backend.api.schemas.base import Out
from backend.storage.tables import AuditRow


class AuditOut(Out):
    """Who did what and from where. ``person`` is null for one without an account, such as whoever
    tried to sign in; ``name`` is as it was then."""

    id: int
    at: datetime
    person: int | None
    name: str
    action: str
    target: str
    address: str
    detail: str

    @classmethod
    def of(cls, row: AuditRow) -> AuditOut:
        """A row of it."""
        return cls(
            id=row.id,
            at=row.at,
            person=row.person_id,
            name=row.name,
            action=row.action,
            target=row.target,
            address=row.address,
            detail=row.detail,
        )
