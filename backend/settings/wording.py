"""Settings in words: what may be set, and what is wrong with what was."""

from __future__ import annotations

import re
from typing import Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, MaxLen, MinLen
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from backend.settings.settings import Settings


def allowed(field: FieldInfo) -> str:
    """What a setting may be, in words; empty where anything may."""
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    if field.annotation is bool:
        return "`true`, `false`"
    bounds = []
    for bound in field.metadata:
        if isinstance(bound, Ge):
            bounds.append(f"from {bound.ge:,}")
        elif isinstance(bound, Gt):
            bounds.append(f"above {bound.gt:,}")
        elif isinstance(bound, Le):
            bounds.append(f"up to {bound.le:,}")
        elif isinstance(bound, MinLen) and bound.min_length == 1:
            bounds.append("not empty")
        elif isinstance(bound, MaxLen):
            bounds.append(f"up to {bound.max_length:,} characters")
    return ", ".join(bounds)


def sentences(error: ValidationError) -> list[str]:
    """What is wrong with settings, one line each: name, value, what is allowed."""
    lines = []
    for item in error.errors():
        message = item["msg"].removeprefix("Value error, ")
        if not item["loc"]:  # of several together
            lines.append(message)
            continue
        name = str(item["loc"][0]).lower().removeprefix("loraone_")
        name = "benchmark_device" if name == "calibrate" else name
        field = Settings.model_fields[name]
        given = str(item["input"])[:200]
        if name == "database_url":  # without a password
            given = re.sub(r"://.*@", "://***@", given)
        if SecretStr in (field.annotation, *get_args(field.annotation)):
            given = "***"
        may = allowed(field).replace("`", "")
        lines.append(
            f"LORAONE_{name.upper()} = {given!r}: {message}" + (f"; allowed: {may}" if may else "")
        )
    return lines
