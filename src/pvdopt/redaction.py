"""Take credentials out of a text that may be sent to others. Knows how they are written, and no more."""

from __future__ import annotations

import os
import re

_STARS = "***"
# Up to the last @: passwords that hold / ? or @ and should have been quoted are typed all the same.
# A URL taken for a path has lost one of its //.
_IN_URL = re.compile(r"(://?[^/\s:@]*:)[^\s\"'<>]+(@)")
_NAMED = re.compile(
    r"((?:password|passwd|pwd|secret|token|api_?key)[\"']?(?:\s|%20|\+)*[=:]\s*[\"']?)[^\s\"'&,;)]+", re.IGNORECASE
)
#: What of the environment is secret by its name.
_SECRET_NAME = re.compile(r"PASS|SECRET|TOKEN|KEY", re.IGNORECASE)
#: Shorter values are words that stand in any text.
_LEAST = 4


def redact(text: str) -> str:
    """Return a text with passwords and the environment's secrets starred out.

    Examples
    --------
    >>> redact("postgresql://anna:hunter2@labdb/pvd failed, password=hunter2")
    'postgresql://anna:***@labdb/pvd failed, password=***'
    """
    for name, value in os.environ.items():
        if _SECRET_NAME.search(name) and len(value) >= _LEAST:
            text = text.replace(value, _STARS)
    return _NAMED.sub(rf"\1{_STARS}", _IN_URL.sub(rf"\1{_STARS}\2", text))
