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
from pickle import UnpicklingError
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeAlias

from backend.scheduling.executors.worker import die_with_parent, leave_signals_to_the_server
from loraone.analysis.figures.style import Theme
from loraone.progress import Steps
from loraone.spec.experiment import ExperimentSpec

if TYPE_CHECKING:
    from loraone.theory.lab import Answer  # it imports torch

# How long the server's end waits for the process's.
STOPPED_S = 5.0


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


# A question, the key of one that is given up, who waits for the process's end; None: be there.
Message: TypeAlias = Question | int | threading.Event | None


@dataclass
class Waiting:
    """Who waits for an answer, and from which process: a dead one ends only its own questions."""

    loop: asyncio.AbstractEventLoop
    replies: asyncio.Queue[Reply | TheoryWorkerDiedError]
    connection: Connection | None = None

    def hand(self, reply: Reply | TheoryWorkerDiedError) -> None:
        """Give a reply, or why there will be none; from any thread."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.replies.put_nowait, reply)


class TheoryWorker:
    """Questions are answered in order; one that nobody waits for any more is given up.

    Whoever asks leaves a message. A thread starts the process and tells it: that may take long
    where the machine is busy, or where the process takes nothing.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._keys = itertools.count(1)
        self._outbox: SimpleQueue[Message] = SimpleQueue()
        self._starting = threading.Lock()
        self._stopping = False
        self._telling: threading.Thread | None = None
        # Of threads alone: held while a question is told, whatever the process does meanwhile.
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._waiting: dict[int, Waiting] = {}

    def warm(self) -> None:
        """Start the process, so that the first question need not wait for its imports."""
        self._leave(None)

    async def ask(self, spec: ExperimentSpec, *, quick: bool, theme: Theme) -> AsyncIterator[Reply]:
        """Progress, then the answer. Closing the iterator early gives the question up.

        Raises TheoryWorkerDiedError where the process ends.
        """
        key = next(self._keys)
        waiting = self._waiting[key] = Waiting(asyncio.get_running_loop(), asyncio.Queue())
        try:
            self._leave(Question(key, spec, quick, theme))
            while True:
                reply = await waiting.replies.get()
                if isinstance(reply, TheoryWorkerDiedError):
                    raise reply
                yield reply
                if reply.answer is not None or reply.error is not None:
                    return
        finally:
            self._waiting.pop(key, None)
            self._leave(key)  # given up, or done: then it is passed over

    def stop(self) -> None:
        """End the process; whoever waits is told."""
        if self._telling is None:
            return
        self._stopping = True
        if (process := self._process) is not None:
            process.kill()  # the thread may wait for it
        ended = threading.Event()
        self._leave(ended)
        ended.wait(STOPPED_S)

    def _leave(self, message: Message) -> None:
        self._outbox.put(message)
        with self._starting:
            if self._telling is None:
                telling = threading.Thread(target=self._tell, daemon=True, name="to the theory")
                telling.start()
                self._telling = telling

    def _tell(self) -> None:
        """Pass messages on for as long as the server runs."""
        while True:
            message = self._outbox.get()
            with self._lock:
                match message:
                    case Question():
                        self._send(message)
                    case threading.Event():
                        self._end()
                        self._stopping = False
                        message.set()
                    case None if not self._stopping:
                        with suppress(Exception):  # the first question says so
                            self._ready()
                    case int(key) if self._connection is not None and not self._connection.closed:
                        with suppress(OSError):  # the process may be gone
                            self._connection.send(key)

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()

    def _send(self, question: Question) -> None:
        """Ask; once more where the process had died unnoticed."""
        waiting = self._waiting.get(question.key)
        if waiting is None:
            return  # given up before its turn came
        for last in (False, True):
            try:
                if self._stopping:
                    raise OSError("the server ends")
                waiting.connection = self._ready()
                waiting.connection.send(question)
                return
            except Exception as error:
                if last:
                    waiting.hand(
                        TheoryWorkerDiedError(f"the theory process could not be started: {error}")
                    )
                self._end()

    def _ready(self) -> Connection:
        if self._process is None or not self._process.is_alive() or self._connection is None:
            context = multiprocessing.get_context("spawn")
            ours, theirs = context.Pipe()
            process = context.Process(
                target=main, args=(theirs, self._threads), daemon=True, name="theory worker"
            )
            with theirs:
                process.start()
            self._process, self._connection = process, ours
            threading.Thread(target=self._read, args=(self._connection,), daemon=True).start()
        return self._connection

    def _read(self, connection: Connection) -> None:
        """Hand replies to those who wait for them, until the process is gone."""
        with suppress(EOFError, OSError, UnpicklingError):
            while True:
                reply: Reply = connection.recv()
                waiting = self._waiting.get(reply.key)
                if waiting is not None:
                    waiting.hand(reply)
        with self._lock:
            connection.close()
            left = [row for row in self._waiting.copy().values() if row.connection is connection]
        for waiting in left:
            waiting.hand(TheoryWorkerDiedError("the theory process ended before it had an answer"))


def main(connection: Connection, threads: int) -> None:
    """Answer questions until the connection closes or the server is gone."""
    leave_signals_to_the_server()
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
