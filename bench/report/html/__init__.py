"""The report of one or more runs as one HTML file that needs nothing else: tables, charts, and every shown question."""

from __future__ import annotations

from bench.report.html.page import Limits, write_report

__all__ = ["Limits", "write_report"]
