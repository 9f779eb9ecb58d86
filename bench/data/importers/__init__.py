"""Importers: from the public benchmarks' own files to samples, and back to the same values."""

from __future__ import annotations

from bench.data.importers.base import Importer, Kept, NativeFile, Record, Reject
from bench.data.importers.bring import Brought, import_set
from bench.data.importers.ovo import place_of
from bench.data.importers.profiles import PROFILES, Bench, profile
from bench.data.importers.registry import GROUP, find_importer, importer_names

__all__ = [
    "GROUP",
    "PROFILES",
    "Bench",
    "Brought",
    "Importer",
    "Kept",
    "NativeFile",
    "Record",
    "Reject",
    "find_importer",
    "import_set",
    "importer_names",
    "place_of",
    "profile",
]
