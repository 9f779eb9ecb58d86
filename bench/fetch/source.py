"""What a place to fetch from is: it lists a model's files, and puts some of them into a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

__all__ = ["Listing", "Source", "Wanted"]


class Wanted(NamedTuple):
    """One file of a model."""

    path: str
    """Within the model, with slashes."""
    size: int
    """Bytes."""
    sha256: str
    """Empty where the source does not tell it."""


class Listing(NamedTuple):
    """The files of a model at one revision."""

    revision: str
    """The commit, or what was asked for, where the source names no commit."""
    files: Sequence[Wanted]


class Source(Protocol):
    """A place that models are fetched from. Its methods block and raise `ModelError` in one line."""

    name: str
    """For manifests."""
    default: str
    """The revision that is meant when none is asked for."""

    def listing(self, name: str, revision: str | None) -> Listing:
        """Every file of model `name`."""
        ...

    def take(self, name: str, listing: Listing, to: Path) -> None:
        """Put the files of `listing` into the folder; those that are there whole may stay."""
        ...
