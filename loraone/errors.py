"""Every error that a user can cause, in one tree.

    LoraOneError
    ├── SpecError       a field of a spec is out of range, or fields contradict each other
    ├── ModelError      the model cannot be found, loaded, or has no layer to adapt
    ├── DataError       the data cannot be found, read, or lacks a named column
    ├── TrainingError   the loss stopped being a number, or the device ran out of memory
    ├── CheckpointError what a run could go on from cannot be read at the moment
    └── ExportError     what a run writes does not read back as what was written

The first three are about what was given, so they are ``ValueError`` too, as in Python and PEFT.
Each carries what a form needs to mark the right place: the field's path, the value given and the
range allowed, beside a sentence for people and, where there is one, a hint what to change.
"""

from __future__ import annotations


class LoraOneError(Exception):
    """Base of all errors of this package that a user can act on."""

    code = "error"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        value: object = None,
        allowed: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.value = value
        self.allowed = allowed
        self.hint = hint

    def as_dict(self) -> dict[str, str | None]:
        """The error as plain JSON-able text."""
        return {
            "code": self.code,
            "message": self.message,
            "field": self.field,
            "value": None if self.value is None else str(self.value),
            "allowed": self.allowed,
            "hint": self.hint,
        }


class SpecError(LoraOneError, ValueError):
    """A field of a spec is out of range, or contradicts another."""

    code = "invalid-spec"


class ModelError(LoraOneError, ValueError):
    """The model cannot be used: not found, not safetensors, or without target layers."""

    code = "model-not-usable"


class DataError(LoraOneError, ValueError):
    """The data cannot be used: not found, unreadable, or without a named column."""

    code = "data-not-usable"


class TrainingError(LoraOneError):
    """Training had to stop: the loss is not finite, or memory ran out."""

    code = "training-stopped"


class CheckpointError(LoraOneError):
    """A checkpoint is there, and cannot be read at the moment; it stays for another time."""

    code = "checkpoint-not-readable"


class ExportError(LoraOneError):
    """A file does not read back as what was written. An adapter that does not only warns."""

    code = "export-failed"
