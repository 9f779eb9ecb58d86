"""Importers: from the public benchmarks' own files to samples, and back to the same values."""

from __future__ import annotations

from bench.data.importers.profiles import PROFILES, Bench, profile

__all__ = ["PROFILES", "Bench", "profile"]
