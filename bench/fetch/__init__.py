"""Fetching models for machines that are offline later: from a hub, or from ModelScope."""

from __future__ import annotations

from bench.fetch.fetching import MANIFEST, Fetched, SourceName, fetch_model, source_named

__all__ = [
    "MANIFEST",  # what a fetch leaves beside the files
    "Fetched",  # what is in the folder now
    "SourceName",  # where from
    "fetch_model",  # name and source -> folder
    "source_named",  # a user's word, checked
]
