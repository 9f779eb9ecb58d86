"""Families of local models; each module has `load(spec) -> Vlm` and is imported only when asked for."""

from __future__ import annotations

__all__: list[str] = []
