"""Requests to one server, and what can go wrong with them in sentences.

The token goes to this server alone: no redirect is followed, and an answer that asks for one is an
error that says where to. A server on this machine is asked directly, whatever proxy is set.
"""

from __future__ import annotations

import contextlib
import inspect
import warnings
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, Any, TypeVar

import httpx
from pydantic import SecretStr, TypeAdapter, ValidationError

from loraone import __version__
from loraone.client.addresses import is_loopback
from loraone.client.errors import (
    ClientError,
    ProblemError,
    SignInNeededError,
    UnreachableError,
    VersionWarning,
)
from loraone.client.models import HealthOut, Problem

T = TypeVar("T")

# A figure of very many runs may take as long as the server gives it.
_TIMEOUT = httpx.Timeout(20, read=180)


class Connection:
    """What is asked of the server at ``url``, by whoever has ``token``."""

    def __init__(self, url: str, token: SecretStr | None) -> None:
        self.url = url
        self._token = token
        self._compared = False
        self._http = httpx.Client(
            base_url=url,
            auth=None if token is None else _Bearer(token),
            headers={"User-Agent": f"loraone/{__version__}"},
            timeout=_TIMEOUT,
            follow_redirects=False,
            trust_env=not is_loopback(url),
        )

    def close(self) -> None:
        """Let go of open connections."""
        self._http.close()

    def get(self, path: str, **params: Any) -> httpx.Response:
        """A successful answer; a parameter that is None is left out."""
        return self._ask("GET", path, params=_given(params))

    def post(
        self, path: str, content: bytes | IO[bytes] | None = None, **params: Any
    ) -> httpx.Response:
        """A successful answer to JSON, or to nothing."""
        headers = {} if content is None else {"Content-Type": "application/json"}
        return self._ask("POST", path, params=_given(params), content=content, headers=headers)

    def read(self, model: type[T], path: str, **params: Any) -> T:
        """What :meth:`get` answers, as ``model``."""
        return self.understood(model, self.get(path, **params))

    def understood(self, model: type[T], response: httpx.Response) -> T:
        """An answer as ``model``. Raises ClientError where it is none."""
        try:
            return TypeAdapter(model).validate_json(response.content)
        except ValidationError as error:
            raise ClientError(
                f"{self.url} does not answer {response.url.path} as version {__version__} "
                f"understands: {error.error_count()} fields, such as {error.errors()[0]['loc']}"
            ) from error

    def save(self, path: str, into: IO[bytes], **params: Any) -> None:
        """Write a file of the server, a piece at a time."""
        with self.stream(path, params=_given(params)) as response:
            check(response)
            for piece in response.iter_bytes():
                into.write(piece)

    @contextmanager
    def stream(self, path: str, **options: Any) -> Iterator[httpx.Response]:
        """An answer whose body is still to come, whatever its status."""
        self._compare_versions()
        with self._sentences(), self._http.stream("GET", path, **options) as response:
            if response.status_code >= 300:
                response.read()
            yield response

    @cached_property
    def document(self) -> dict[str, Any]:
        """The server's OpenAPI document."""
        return self.read(dict[str, Any], "/api/openapi.json")

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        self._compare_versions()
        with self._sentences():
            response = self._http.request(method, path, **options)
        check(response)
        return response

    def _compare_versions(self) -> None:
        """Warn once where the first two numbers of the versions differ."""
        if self._compared:
            return
        with self._sentences():
            response = self._http.get("/api/health")
        if response.status_code < 500:  # one whose database is gone says no version
            check(response)
            health = self.understood(HealthOut, response)
            if _release(health.version) != _release(__version__):
                warnings.warn(
                    f"{self.url} has version {health.version}, this package is {__version__}: "
                    "install the same one if something is not understood",
                    VersionWarning,
                    stacklevel=_depth(),
                )
        self._compared = True

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            said = str(error) or type(error).__name__
            raise UnreachableError(
                f"{self.url} cannot be reached: {said}",
                hint="is the server running, and is the address right?",
            ) from error


class _Bearer(httpx.Auth):
    """The token, in a header alone; no text of this object has it."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The request with the token."""
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        yield request


def check(response: httpx.Response) -> None:
    """Raise what an unsuccessful answer says."""
    status = response.status_code
    if status < 300:
        return
    server = f"{response.url.scheme}://{response.url.netloc.decode()}"
    if status < 400:
        where = response.headers.get("location", "elsewhere")
        raise ClientError(
            f"{server} sends to {where!r:.300}: nothing was sent there",
            hint="give that address if it is the server's",
        )
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        hint = "is this the address of a LoRA-One server?"
        raise ProblemError(
            f"{server} answers {status} {response.reason_phrase}", status=status, hint=hint
        ) from None
    if status == 401:
        hint = "'loraone login' stores an access token, which you make on the page *Account*"
        raise SignInNeededError(problem.detail, status=status, hint=hint)
    raise ProblemError(problem.detail, status=status, problems=problem.errors)


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _depth() -> int:
    """How many calls lie between a warning and whoever uses this package."""
    here, frame, depth = Path(__file__).parent, inspect.currentframe(), 0
    while frame is not None:
        file = Path(frame.f_code.co_filename)
        if here not in file.parents and file != Path(contextlib.__file__):
            break
        frame, depth = frame.f_back, depth + 1
    return depth


def _release(version: str) -> list[str]:
    return version.split(".")[:2]
