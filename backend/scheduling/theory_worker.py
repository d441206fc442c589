"""The Theory lab's process: solves one experiment after the other for pages that wait for it.

It is apart from the lanes, so that a slider does not wait behind a queue, and apart from the
server, which imports no torch and must outlive a crash.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

from backend.scheduling.executors.worker import die_with_parent
from loraone.analysis.figures.style import Theme
from loraone.progress import Steps
from loraone.spec.experiment import ExperimentSpec

if TYPE_CHECKING:
    from loraone.theory.lab import Answer  # it imports torch


class TheoryWorkerDiedError(RuntimeError):
    """The process ended in the middle of an answer."""


@dataclass(frozen=True)
class Question:
    """An experiment to solve; ``quick`` asks for its first seed alone."""

    key: int
    spec: ExperimentSpec
    quick: bool
    theme: Theme


@dataclass(frozen=True)
class Reply:
    """Progress (done, total), or the answer that ends it, or what went wrong."""

    key: int
    done: int = 0
    total: int = 0
    answer: dict[str, Any] | None = None
    error: str | None = None


@dataclass(frozen=True)
class Waiting:
    """Who waits for an answer, and from which process: a dead one ends only its own questions."""

    loop: asyncio.AbstractEventLoop
    replies: asyncio.Queue[Reply | None]
    connection: Connection

    def hand(self, reply: Reply | None) -> None:
        """Give a reply, or None where there will be none; from any thread."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.replies.put_nowait, reply)


class TheoryWorker:
    """Questions are answered in order; one that nobody waits for any more is given up."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._keys = itertools.count(1)
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._waiting: dict[int, Waiting] = {}

    def warm(self) -> None:
        """Start the process, so that the first question need not wait for its imports."""
        with self._lock:
            self._ready()

    async def ask(self, spec: ExperimentSpec, *, quick: bool, theme: Theme) -> AsyncIterator[Reply]:
        """Progress, then the answer. Closing the iterator early gives the question up.

        Raises TheoryWorkerDiedError where the process ends.
        """
        key = next(self._keys)
        try:
            with self._lock:
                replies = self._send(Question(key, spec, quick, theme))
            while True:
                reply = await replies.get()
                if reply is None:
                    raise TheoryWorkerDiedError("the theory process ended before it had an answer")
                yield reply
                if reply.answer is not None or reply.error is not None:
                    return
        finally:
            self._waiting.pop(key, None)
            with self._lock, suppress(OSError):  # the process may be gone
                if self._connection is not None and not self._connection.closed:
                    self._connection.send(key)  # given up, or done: then it is passed over

    def stop(self) -> None:
        """End the process; whoever waits is told."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()

    def _send(self, question: Question) -> asyncio.Queue[Reply | None]:
        """Ask, and say where the replies come; once more where the process had died unnoticed."""
        loop = asyncio.get_running_loop()
        for last in (False, True):
            connection = self._ready()
            # A queue for each try: what comes from a dead process is not for the next one.
            replies: asyncio.Queue[Reply | None] = asyncio.Queue()
            self._waiting[question.key] = Waiting(loop, replies, connection)
            try:
                connection.send(question)
                break
            except OSError as error:
                if last:
                    raise TheoryWorkerDiedError(
                        "the theory process could not be started"
                    ) from error
                self._end()
        return replies

    def _ready(self) -> Connection:
        if self._process is None or not self._process.is_alive() or self._connection is None:
            context = multiprocessing.get_context("spawn")
            self._connection, theirs = context.Pipe()
            self._process = context.Process(
                target=main, args=(theirs, self._threads), daemon=True, name="theory worker"
            )
            self._process.start()
            theirs.close()
            threading.Thread(target=self._read, args=(self._connection,), daemon=True).start()
        return self._connection

    def _read(self, connection: Connection) -> None:
        """Hand replies to those who wait for them, until the process is gone."""
        while True:
            try:
                reply: Reply = connection.recv()
            except (EOFError, OSError):
                break
            waiting = self._waiting.get(reply.key)
            if waiting is not None:
                waiting.hand(reply)
        with self._lock:
            connection.close()
        for waiting in list(self._waiting.values()):
            if waiting.connection is connection:
                waiting.hand(None)


def main(connection: Connection, threads: int) -> None:
    """Answer questions until the connection closes or the server is gone."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    threading.Thread(target=die_with_parent, daemon=True).start()
    import torch

    from loraone.theory.lab import answer, answer_steps
    from loraone.theory.presets import THEORY

    torch.set_num_threads(threads)
    answer(THEORY["O1"].spec, quick=True)  # the first call of everything is slow
    given_up: set[int] = set()
    questions: list[Question] = []
    while True:
        try:
            if not questions:
                _take(connection, questions, given_up)
                continue
            question = questions.pop(0)
            while connection.poll():
                _take(connection, questions, given_up)
            if question.key not in given_up:
                _answer(connection, question, questions, given_up, answer_steps)
            given_up = {key for key in given_up if key > question.key}
        except (EOFError, OSError):
            return


def _take(connection: Connection, questions: list[Question], given_up: set[int]) -> None:
    message = connection.recv()
    if isinstance(message, Question):
        questions.append(message)
    else:
        given_up.add(message)


def _answer(
    connection: Connection,
    question: Question,
    questions: list[Question],
    given_up: set[int],
    answer_steps: Callable[..., Steps[Answer]],
) -> None:
    """Report how far the answer is, then send it; stop where nobody waits for it any more."""
    reported = -1
    with closing(_answering(connection, question, answer_steps)) as steps:
        for progress in steps:
            while connection.poll():
                _take(connection, questions, given_up)
            if question.key in given_up:
                return
            if progress.done > reported:
                reported = progress.done
                connection.send(Reply(question.key, progress.done, progress.total))


def _answering(
    connection: Connection, question: Question, answer_steps: Callable[..., Steps[Answer]]
) -> Steps[None]:
    """Work the answer out and send it, or what went wrong."""
    try:
        answer = yield from answer_steps(question.spec, quick=question.quick, theme=question.theme)
    except (ArithmeticError, ValueError, RuntimeError) as error:
        connection.send(Reply(question.key, error=f"{type(error).__name__}: {error}"))
    else:
        connection.send(Reply(question.key, answer=asdict(answer)))
