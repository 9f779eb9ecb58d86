"""What people see of a run: live progress, and the tables at its end."""

from __future__ import annotations

from bench.report.progress import Progress
from bench.report.table import print_scores, render_scores

__all__ = ["Progress", "print_scores", "render_scores"]
