"""The errors of OpenAI's and Anthropic's SDKs, which are alike, as ours."""

from __future__ import annotations

from typing import Any

from shared.vlm.providers.wire import failure, one_line, seconds
from shared.vlm.spec import ModelSpec

__all__ = ["failure_of"]

_SPENT = frozenset({"insufficient_quota", "billing_error"})
"""Overload by name, but no waiting mends it."""


def failure_of(sdk: Any, spec: ModelSpec, error: Any, *, key: str) -> Exception:
    """`Passing` or `ModelError` for what the SDK raised."""
    what, told = f"{spec.backend} model {spec.path!r}", one_line(error, key)
    if isinstance(error, sdk.APIStatusError):
        head = error.response.headers
        after_s = seconds(head.get("retry-after-ms")) / 1000 or seconds(head.get("retry-after"))
        spent = {getattr(error, "code", None), getattr(error, "type", None)} & _SPENT
        return failure(what, status=error.status_code, told=told, after_s=after_s, final=bool(spent))
    if isinstance(error, sdk.APITimeoutError):
        told = f"none within {spec.timeout_s:g} s, the limit of `timeout_s`"
    return failure(what, status=None, told=told)
