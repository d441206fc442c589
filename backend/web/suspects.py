"""Questions that readers died of: not every one that a reader had was why, so each is asked once
more, by itself. One that ends a second process is refused for a while, and longer each time.

Nothing of this is computed in the server instead: what ends a reader would end the server.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass

from starlette.types import Scope

from backend.errors import UnavailableError
from backend.web.exchange import Reply
from backend.web.reader_process import QuestionLostError
from backend.web.readers import Begin, Readers

# Path and query: what is computed is the same in every packing.
Question = tuple[str, bytes]

# So many processes may end of one question before it is refused, and for how long at first.
ENOUGH, HELD_S, LONGEST_HELD_S = 2, 60.0, 3600.0
# How long a suspect waits for its turn and a process, and when to ask again where none came.
PATIENCE_S, AGAIN_S = 30.0, 10.0
# It is forgotten how a question ended a process after so long, or if there are so many of them.
FORGOTTEN_S, MOST = 2 * LONGEST_HELD_S, 1000
_LOOK_S = 0.1


@dataclass
class _Suspicion:
    deaths: int
    at: float

    @property
    def until(self) -> float:
        """When it may be asked again."""
        more = self.deaths - ENOUGH
        return self.at + (min(HELD_S * 2**more, LONGEST_HELD_S) if more >= 0 else 0)


class Suspects:
    """Asks readers, and remembers what they died of."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._known: OrderedDict[Question, _Suspicion] = OrderedDict()
        # One suspect at a time: if a reader ends again, it is known of which.
        self._turn = asyncio.Lock()

    async def ask(self, scope: Scope, slow: bool, begin: Begin) -> Reply | None:
        """A reader's answer; None where there is no reader, and this process may compute it.

        Raises UnavailableError where readers ended while they had the question.
        """
        question = scope["path"], scope["query_string"]
        while True:
            suspicion = self._find(question)
            try:
                if suspicion is None:
                    return await self._readers.ask(scope, slow, begin)
                self._refuse(suspicion)
                reply = await self._by_itself(scope, slow, begin)
            except QuestionLostError as error:
                self._note(question, error)
            else:
                self._known.pop(question, None)
                return reply

    async def _by_itself(self, scope: Scope, slow: bool, begin: Begin) -> Reply:
        until = time.monotonic() + PATIENCE_S
        with suppress(TimeoutError):
            await asyncio.wait_for(self._turn.acquire(), PATIENCE_S)
            try:
                while time.monotonic() < until:
                    reply = await self._readers.ask(scope, slow, begin)
                    if reply is not None:
                        return reply
                    await asyncio.sleep(_LOOK_S)
            finally:
                self._turn.release()
        raise UnavailableError("the process that computes answers ended, try again", AGAIN_S)

    def _find(self, question: Question) -> _Suspicion | None:
        suspicion = self._known.get(question)
        if suspicion is not None and time.monotonic() - suspicion.at > FORGOTTEN_S:
            del self._known[question]
            return None
        return suspicion

    def _note(self, question: Question, error: QuestionLostError) -> None:
        deaths = ENOUGH if error.alone else 1
        if (before := self._known.pop(question, None)) is not None:
            deaths += before.deaths
        self._known[question] = _Suspicion(deaths, time.monotonic())
        if len(self._known) > MOST:
            self._known.popitem(last=False)

    @staticmethod
    def _refuse(suspicion: _Suspicion) -> None:
        left = suspicion.until - time.monotonic()
        if left > 0:
            raise UnavailableError(
                "the process that computes answers ended each time that it computed this one; "
                f"it is not tried again for {left:.0f} s",
                left,
            )
