"""Fetching models for machines that are offline later: from a hub, or from ModelScope."""

from __future__ import annotations

from bench.fetch.fetching import MANIFEST, Fetched, SourceName, fetch_model, routes_in, source_named

__all__ = [
    "MANIFEST",  # what a fetch leaves beside the files
    "Fetched",  # what is in the folder now
    "SourceName",  # where from
    "fetch_model",  # name and source -> folder
    "routes_in",  # what a fetched router is called
    "source_named",  # a user's word, checked
]
