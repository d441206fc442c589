"""Settings from the environment (``LORAONE_…``), with what they mean."""

from backend.settings.access import LOOPBACK, AuthMode
from backend.settings.sentences import allowed, sentences
from backend.settings.settings import Settings

__all__ = ["LOOPBACK", "AuthMode", "Settings", "allowed", "sentences"]
