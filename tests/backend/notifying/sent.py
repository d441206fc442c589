"""People with channels, and what happens that they are told of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import update

from backend.notifying import channels
from backend.notifying.sender import Sender
from backend.settings import Settings
from backend.storage.database import Database
from backend.storage.store import notices
from backend.storage.tables import Experiment, NoticeChannel, NoticeToSend, Person, now
from loraone.spec.experiment import ExperimentSpec

KINDS = list(notices.KINDS)


@dataclass
class Office:
    """A database with two people and what sends their notices."""

    database: Database
    settings: Settings
    sender: Sender
    ada: int
    root: int

    def channel(self, address: str, person: int | None = None, kinds: list[str] = KINDS) -> int:
        """A channel of Ada's, or of somebody else's."""
        with self.database.write() as session:
            return channels.add(
                session, self.sender, person or self.ada, "mine", kinds, address, "json://…"
            ).id

    def experiment(self, name: str = "first", private: bool = False) -> int:
        """One that Ada launched."""
        spec = ExperimentSpec.model_validate({"task": "teacher-student", "methods": ["lora"]})
        with self.database.write() as session:
            row = Experiment(
                name=name,
                spec=spec.model_dump(mode="json"),
                task="teacher-student",
                search_text=name,
                owner_id=self.ada,
                private=private,
            )
            session.add(row)
            session.flush()
            return row.id

    def fails(self, experiment: int, times: int = 1, person: int | None = None) -> None:
        """Runs of an experiment fail."""
        with self.database.write() as session:
            row = session.get_one(Experiment, experiment)
            for number in range(times):
                text = f"run {number}: out of memory"
                notices._tell(session, person or self.ada, "failed", text, row)

    def waiting(self) -> list[int]:
        """How often what waits has happened."""
        with self.database.read() as session:
            return [row.count for row in session.query(NoticeToSend).order_by(NoticeToSend.id)]

    def state(self, channel: int) -> NoticeChannel:
        """A channel as it is stored."""
        with self.database.read() as session:
            return session.get_one(NoticeChannel, channel)

    def set(self, table: type[Any], key: int, **values: Any) -> None:
        """Change a row behind everybody's back."""
        with self.database.write() as session:
            session.execute(update(table).where(table.id == key).values(**values))

    def set_person(self, **values: Any) -> None:
        """Ada is another."""
        self.set(Person, self.ada, **values)

    def try_again(self, channel: int) -> int:
        """Send after the time that a failure makes wait; how many messages arrived."""
        self.set(NoticeChannel, channel, not_before=now() - timedelta(seconds=1), calm_at=None)
        return self.sender.send()
