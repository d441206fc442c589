"""A server, and who asks it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic_core import PydanticSerializationError, to_json

from loraone.client import tokens
from loraone.client.addresses import server_url
from loraone.client.connection import Connection
from loraone.client.errors import ClientError
from loraone.client.experiment import Experiment
from loraone.client.models import (
    CallerOut,
    ExperimentDetailOut,
    ExperimentOut,
    ImportedOut,
    MeOut,
    QueueOut,
)
from loraone.spec.experiment import ExperimentSpec
from loraone.spec.yaml_text import read_yaml

# Of a list, in one answer of the server.
_PAGE = 100


class Client:
    """The server at ``url``; without one that of ``LORAONE_SERVER`` or of the last login.

    ``token`` is an access token, made on the page *Account*; without one ``LORAONE_TOKEN`` or that
    of ``loraone login`` is used. A server on this machine usually needs none.
    """

    def __init__(self, url: str | None = None, token: str | None = None) -> None:
        address = tokens.usual_server() if url is None else server_url(url)
        secret = tokens.token_of(address) if token is None else tokens.checked(token)
        self._connection = Connection(address, secret)

    def __repr__(self) -> str:
        """By address alone."""
        return f"<Client of {self.url}>"

    def __enter__(self) -> Self:
        """For a ``with``."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Let go of open connections."""
        self.close()

    def close(self) -> None:
        """Let go of open connections."""
        self._connection.close()

    @property
    def url(self) -> str:
        """The server's address."""
        return self._connection.url

    def launch(
        self, spec: ExperimentSpec | Mapping[str, Any] | str | Path, private: bool = False
    ) -> Experiment:
        """Queue the runs of an experiment: a spec, a dictionary, or the path of a YAML file.

        What is wrong with it the server says, which knows its own methods and models: ProblemError
        has each field. A ``private`` one is seen by you and administrators alone.
        """
        document = _read(Path(spec)) if isinstance(spec, str | Path) else spec
        answer = self._connection.post("/api/experiments", _json(document), private=private or None)
        return self._experiment(self._connection.understood(ExperimentOut, answer))

    def experiment(self, key: int) -> Experiment:
        """The experiment with this number."""
        path = f"/api/experiments/{int(key)}"
        return self._experiment(self._connection.read(ExperimentDetailOut, path))

    def experiments(self, search: str = "", limit: int = 100) -> list[Experiment]:
        """Experiments, the newest first; ``search`` as on the page, such as ``by:me lr>1e-4``."""
        found: list[Experiment] = []
        while len(found) < limit:
            size = min(_PAGE, limit - len(found))
            answer = self._connection.read(
                dict[str, Any], "/api/experiments", q=search, limit=size, offset=len(found)
            )
            page = answer["experiments"]
            found += [Experiment(self._connection, row["id"], row["name"]) for row in page]
            if len(page) < size:
                break
        return found

    def import_(self, path: str | Path) -> Experiment:
        """Store an exported experiment as a new one; what is left out of it is warned of."""
        with Path(path).open("rb") as file:
            answer = self._connection.post("/api/experiments/import", file)
        taken = self._connection.understood(ImportedOut, answer)
        for sentence in taken.left_out:
            warnings.warn(sentence, stacklevel=2)
        return Experiment(self._connection, taken.id, taken.name)

    def queue(self) -> QueueOut:
        """Lanes, what waits for them, and what failed last."""
        return self._connection.read(QueueOut, "/api/queue")

    def me(self) -> CallerOut | None:
        """Whoever asks, with their name, role and rights; None where the server knows nobody by
        this token."""
        return self._connection.read(MeOut, "/api/me").person

    def _experiment(self, row: ExperimentOut | ExperimentDetailOut) -> Experiment:
        return Experiment(self._connection, row.id, row.name)


def _read(path: Path) -> Any:
    """The document in a file. Raises ClientError where it is none."""
    try:
        return read_yaml(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise ClientError(f"{path} cannot be read as YAML: {error}", value=str(path)) from error


def _json(document: Any) -> bytes:
    """A spec as it is sent. Raises ClientError for what JSON has no word for."""
    if isinstance(document, ExperimentSpec):
        return document.model_dump_json().encode()
    if not isinstance(document, Mapping):
        kind = type(document).__name__
        raise ClientError(f"an experiment is a mapping of fields, not {kind}", field="spec")
    try:
        return to_json(dict(document), inf_nan_mode="constants", fallback=_plain)
    except (PydanticSerializationError, UnicodeError) as error:
        raise ClientError(f"the experiment cannot be written as JSON: {error}") from error


def _plain(value: Any) -> Any:
    """A learning rate may be a number of numpy, and a grid an array."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no value of a spec")
