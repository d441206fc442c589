"""The bases of what is taken and answered. The page's types are generated from their subclasses."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, model_validator

from loraone.spec.base import few_fields


class In(BaseModel):
    """Base of what routes take beside specs."""

    _few_fields = model_validator(mode="before")(few_fields)


class Out(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(from_attributes=True)
