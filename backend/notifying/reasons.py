"""Why a notice did not arrive, in words of ours.

What apprise says of it repeats addresses, and with them secrets: only numbers are taken from it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

LATE = "there was no answer in time"
UNKNOWN = "it was not taken, and apprise says no reason"

_STATUS = re.compile(r"error=(\d{3})\b")
_SMTP = re.compile(r"Socket Exception: \(?.{0,80}?\b([45]\d\d), b['\"]")
_OF_STATUS = {
    "401": "the token or password is not (any more) right",
    "403": "the token or password is not (any more) right",
    "404": "there is nothing at that address (any more)",
    "410": "there is nothing at that address (any more)",
    "413": "the message is too long for it",
    "429": "it was asked too often of late",
}
_SIGNS = (
    (r"ProxyError|Tunnel connection failed", "the proxy does not lead there"),
    (r"CERTIFICATE_VERIFY_FAILED|certificate verify|hostname .* doesn't match",
     "its certificate does not hold"),
    (r"WRONG_VERSION_NUMBER|SSLError|ssl\.|STARTTLS", "it does not speak TLS as it should"),
    (r"NameResolutionError|Name or service not known|getaddrinfo|No address associated"
     r"|Temporary failure in name resolution|nodename nor servname", "no such host is known"),
    (r"refused", "the connection was refused"),
    (r"unreachable|No route to host", "its host cannot be reached"),
    (r"timed out|Timeout", LATE),
    (r"TooManyRedirects|redirects", "it leads from one address to the next without end"),
    (r"authentication|Authentication|5\.7\.8", "the name or password is not right"),
    (r"reset|aborted|RemoteDisconnected|closed", "the connection was closed before an answer"),
)  # fmt: skip


def reason(said: Sequence[str], refused: str | None = None) -> str:
    """What was answered, else what was ``refused`` here, else the first reason that there is in
    what apprise has logged."""
    for line in said:
        if match := _STATUS.search(line):
            words = _OF_STATUS.get(match[1])
            return f"the server answered {match[1]}" + (f": {words}" if words else "")
    for line in said:
        if match := _SMTP.search(line):
            known = {"530": "401", "534": "401", "535": "401"}.get(match[1], "")
            words = _OF_STATUS.get(known)
            return f"the mail server answered {match[1]}" + (f": {words}" if words else "")
    if refused is not None:
        return refused
    for line in said:
        for sign, words in _SIGNS:
            if "Exception" in line and re.search(sign, line):
                return words
    return UNKNOWN
