"""Settings from the environment (``LORAONE_…``), with what they mean."""

from backend.settings.access import LOOPBACK, AuthMode
from backend.settings.settings import Settings
from backend.settings.wording import allowed, sentences

__all__ = ["LOOPBACK", "AuthMode", "Settings", "allowed", "sentences"]
