"""The schema. Arrays are little-endian float32 BLOBs, scalars that are filtered by are columns."""

from backend.storage.tables.base import Base, now
from backend.storage.tables.bin import BinnedAdapter, BinnedExperiment, BinnedRun, Deletion
from backend.storage.tables.changes import Change
from backend.storage.tables.comments import Comment
from backend.storage.tables.experiments import Experiment, Note, SavedView, Tag
from backend.storage.tables.notice_channels import NoticeChannel, NoticeToSend
from backend.storage.tables.notices import Notice, NoticeChoice
from backend.storage.tables.people import (
    NAMED,
    AccessToken,
    Attempt,
    AuditRow,
    Invitation,
    Person,
    Right,
    Role,
    SignIn,
    name_key,
)
from backend.storage.tables.results import (
    AlignmentRow,
    LayerColumn,
    MetricRow,
    OverlapRow,
    SpectrumRow,
)
from backend.storage.tables.runs import (
    ACTIVE,
    FINAL,
    IMPORTING,
    STATUSES,
    WARNING,
    ArtifactRow,
    LaneRow,
    Run,
)
from backend.storage.tables.sharing import ShareLink
from backend.storage.tables.usage import LaneTime, RunSize

__all__ = [
    "ACTIVE",
    "FINAL",
    "IMPORTING",
    "NAMED",
    "STATUSES",
    "WARNING",
    "AccessToken",
    "AlignmentRow",
    "ArtifactRow",
    "Attempt",
    "AuditRow",
    "Base",
    "BinnedAdapter",
    "BinnedExperiment",
    "BinnedRun",
    "Change",
    "Comment",
    "Deletion",
    "Experiment",
    "Invitation",
    "LaneRow",
    "LaneTime",
    "LayerColumn",
    "MetricRow",
    "Note",
    "Notice",
    "NoticeChannel",
    "NoticeChoice",
    "NoticeToSend",
    "OverlapRow",
    "Person",
    "Right",
    "Role",
    "Run",
    "RunSize",
    "SavedView",
    "ShareLink",
    "SignIn",
    "SpectrumRow",
    "Tag",
    "name_key",
    "now",
]
