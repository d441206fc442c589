"""What goes wrong between this machine and a server.

LoraOneError
└── ClientError             what was given here cannot be sent, or what came is not understood
    ├── UnreachableError    nobody answers at the address
    ├── ProblemError        the server refused: its sentence, the status, the fields
    │   └── SignInNeededError   it does not know who asks
    ├── RunsFailedError     runs failed, and it was asked that this be an error
    └── UnsafeArchiveError  a file of the server is not what a run writes
"""

from __future__ import annotations

from collections.abc import Sequence

from loraone.client.models import FieldProblem
from loraone.errors import LoraOneError


class ClientError(LoraOneError):
    """Base of all errors of the client."""

    code = "client"


class UnreachableError(ClientError):
    """Nobody answers at the address, or the connection broke off."""

    code = "server-unreachable"


class ProblemError(ClientError):
    """The server refused. ``status`` is HTTP's; ``problems`` have each field's path, value and
    allowed range. ``field``, ``value`` and ``allowed`` are those of the first."""

    code = "refused"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        problems: Sequence[FieldProblem] = (),
        hint: str | None = None,
    ) -> None:
        first = problems[0] if problems else None
        super().__init__(
            message,
            field=first.path if first else None,
            value=first.value if first else None,
            allowed=first.allowed if first else None,
            hint=hint or (first.hint if first else None),
        )
        self.status = status
        self.problems = tuple(problems)

    def __str__(self) -> str:
        """The sentence, and a line for each field where there are several."""
        lines = [self.message, *(line(row) for row in self.problems if len(self.problems) > 1)]
        return "\n".join([*lines, self.hint] if self.hint else lines)


class SignInNeededError(ProblemError):
    """The server does not know who asks, or does not any more."""

    code = "sign-in-needed"


class RunsFailedError(ClientError):
    """Runs of an experiment failed."""

    code = "runs-failed"


class UnsafeArchiveError(ClientError):
    """A file of the server is not what a run writes: nothing of it was unpacked."""

    code = "unsafe-archive"


class VersionWarning(UserWarning):
    """The server is of another version than this package."""


def line(row: FieldProblem) -> str:
    """What is wrong with a field, in a line."""
    shown = "" if row.value is None else f" = {row.value!r}"
    allowed = f" (allowed: {row.allowed})" if row.allowed else ""
    return f"{row.path}{shown}: {row.message}{allowed}"
