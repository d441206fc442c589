"""What W&B keeps of a run while it is offline, to be sent later: records of its own, in a file."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

# Records stand in blocks, in parts where one would not fit; a part says its size and which it is.
_BLOCK, _PART = 32 * 1024, struct.Struct("<IHB")
_WHOLE, _LAST = 1, 4


class WandbFile:
    """A run as W&B would send it."""

    def __init__(self, path: Path) -> None:
        self.sent: list[str] = []
        self.config: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}
        self.exit_code: int | None = None
        self.steps: dict[int, dict[str, Any]] = {}
        for record in _records(path.read_bytes()):
            match record.WhichOneof("record_type"):
                case "run":
                    self.run = record.run
                case "files":
                    self.sent += [file.path for file in record.files.files]
                case "config":
                    self.config |= _values(record.config.update)
                case "summary":
                    self.summary |= _values(record.summary.update)
                case "history":
                    values = _values(record.history.item)
                    self.steps[values["_step"]] = values
                case "exit":
                    self.exit_code = record.exit.exit_code

    def metric(self, name: str) -> dict[int, float]:
        """Its values by step."""
        return {step: values[name] for step, values in self.steps.items() if name in values}


def wandb_run(folder: Path, title: str) -> WandbFile:
    """The one of that name."""
    files = [WandbFile(path) for path in folder.glob("wandb/offline-run-*/*.wandb")]
    (found,) = (file for file in files if file.run.display_name == title)
    return found


def _values(items: Iterable[Any]) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def _records(content: bytes) -> Iterator[Record]:
    assert content.startswith(b":W&B")
    at, record = _PART.size, b""
    while at + _PART.size <= len(content):
        if (left := _BLOCK - at % _BLOCK) < _PART.size:
            at += left
            continue
        _, size, kind = _PART.unpack_from(content, at)
        at += _PART.size + size
        record += content[at - size : at]
        if kind in (_WHOLE, _LAST):
            yield Record.FromString(record)
            record = b""
