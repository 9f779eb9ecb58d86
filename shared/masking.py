"""Secrets out of what is printed, logged or written down: settings by their names, addresses by their form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["mask"]

_SECRET = re.compile(r"(password|secret|token|api_?key|credential)$", re.IGNORECASE)
_USERINFO = re.compile(r"(\w[\w+.-]*://)[^/\s]*@")
"""Up to the last `@`: a password may hold one."""
_BARE = re.compile(r"((?:^|,)\s*)[^/@\s,]+:[^/\s,]*@")
"""The same without a scheme, as a broker's address may be written."""
_TOKEN = re.compile(r"([?&](?:api_?key|token|password|key)=)[^&\s]+", re.IGNORECASE)


def mask(value: Any, key: str = "") -> Any:
    """The same value with `***` for secrets: values whose key names one, passwords and tokens inside URLs."""
    if isinstance(value, Mapping):
        return {name: mask(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [mask(inner, key) for inner in value]
    if isinstance(value, str) and value:
        if _SECRET.search(key):
            return "***"
        bare = _BARE.sub(r"\1***@", _USERINFO.sub(r"\1***@", value))
        return _TOKEN.sub(r"\1***", bare)
    return value
