"""The base of all answers. The page's types are generated from its subclasses."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Out(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(from_attributes=True)
