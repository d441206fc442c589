"""The row of the catalogue."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from loraone.catalog import Method

What = Literal["hang", "flood", "print", "nan", "exit", "crash", "memory", "too much", "disk"]


class Params(BaseModel):
    """What goes wrong."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    what: What


ROW = Method(
    name="faulty",
    label="Faulty",
    summary="Goes wrong on purpose",
    paper=None,
    colour="#aa3377",
    params=Params,
    initialise="loraone_faults.factors:initialise",
)
