"""Structured logs: one event name in snake case, values as fields; JSON in containers, colours on a terminal."""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal

import structlog

__all__ = ["get_logger", "setup"]

Format = Literal["auto", "json", "console"]


def setup(level: str = "info", style: Format = "auto", **bound: Any) -> None:
    """Configure logging of this process, to stderr; `bound` fields stand in every line."""
    as_json = style == "json" or (style == "auto" and not sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        # Looked up at every line: whoever redirects stderr meanwhile gets the lines that come then.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**bound)


def get_logger(**bound: Any) -> structlog.typing.FilteringBoundLogger:
    """A logger with fields bound."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(**bound)
    return logger
