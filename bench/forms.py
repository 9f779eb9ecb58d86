"""How tables are written: apart from what writes them, so that the command line starts without it."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Form"]


class Form(StrEnum):
    """How a table is written."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    CSV = "csv"
    LATEX = "latex"
