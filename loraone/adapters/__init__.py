"""The only place that touches PEFT: adapters are put in, read, and written here."""

from loraone.adapters.adapted import Adapted
from loraone.adapters.export import reload, write
from loraone.adapters.fully_tuned import FullyTuned

__all__ = ["Adapted", "FullyTuned", "reload", "write"]
