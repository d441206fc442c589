"""Sends what schemathesis generates as several callers: each request as all of them, one after the
other, and every answer is checked.

``LORAONE_FUZZ_AS`` names a file with their headers. What ends the sign-in that it is sent with is
sent with another one, so that who is asked as stays who they are.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.backend.web import fuzz_checks

AS = "LORAONE_FUZZ_AS"
CHECK = "as_the_others"
# The numbers of those who are asked as: nothing that is sent is about one of them.
THEIRS = range(10_001, 20_000)
_ENDING = {
    "POST /api/sign-out",
    "POST /api/sign-out-everywhere",
    "DELETE /api/me/sign-ins/{sign_in_id}",
}
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    fuzz_checks.bounded,
]


@dataclass(frozen=True)
class Role:
    """Whoever asks: the headers that say so, and those of others who may the same."""

    name: str
    headers: dict[str, str]
    spare: list[dict[str, str]]


def write(file: Path, roles: list[Role]) -> None:
    """Say who is asked as."""
    file.write_text(json.dumps([asdict(role) for role in roles]))


_file = os.environ.get(AS)
_roles = [Role(**row) for row in json.loads(Path(_file).read_text())] if _file else []
_spare = {role.name: cycle(role.spare or [role.headers]) for role in _roles}
_asked: Counter[str] = Counter()
_again: list[Role] = []


@schemathesis.hook
def before_call(ctx: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Say who asks: another first each time that a route is asked, since the first may take away
    what the others ask for."""
    route = case.operation.label
    role = _again[0] if _again else _roles[_asked[route] % len(_roles)]
    said = next(_spare[role.name]) if route in _ENDING else role.headers
    if (case.path_parameters or {}).get("person_id") in THEIRS:  # as some answer had said
        case.path_parameters["person_id"] = 1
    kept = {name: value for name, value in (case.headers or {}).items() if name not in _SAYING}
    case.headers = {**kept, **said, fuzz_checks.ROLE: role.name}


_SAYING = {"Authorization", "Cookie", "Sec-Fetch-Site", fuzz_checks.ROLE}


@schemathesis.check
def as_the_others(ctx: Any, response: Any, case: Any) -> None:
    """The same from all others."""
    first = _asked[case.operation.label]
    _asked[case.operation.label] += 1
    try:
        for turn in range(1, len(_roles)):
            _again[:] = [_roles[(first + turn) % len(_roles)]]
            case.validate_response(case.call(timeout=60), checks=_CHECKS)
    finally:
        _again.clear()
