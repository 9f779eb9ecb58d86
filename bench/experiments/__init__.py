"""Experiments: one thing varied, the rest held, each cell measured once and kept."""

from __future__ import annotations

from bench.experiments.grid import Grid
from bench.experiments.stride import Cell, Found, Piece, cells_of, measured, stride
from bench.experiments.stride_plot import plot
from bench.experiments.stride_report import rows, write_tables

__all__ = [
    "Cell",  # window and stride
    "Found",  # what one cell came to
    "Grid",  # what is kept, so that an experiment can go on
    "Piece",  # what one cell came to on one video
    "cells_of",  # every window with every stride
    "measured",  # one cell on one video
    "plot",  # curves of all cells
    "rows",  # a table for people
    "stride",  # all cells of an experiment
    "write_tables",  # CSV and Markdown
]
