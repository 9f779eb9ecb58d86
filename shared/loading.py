"""One model is loaded at a time in a process.

transformers changes its own classes while it loads one (no weights are tied meanwhile, another dtype is the default).
Of two loads at once, the one that ends last can leave them changed for good: every later load then lacks weights.
"""

from __future__ import annotations

import threading

__all__ = ["LOADING"]

LOADING = threading.RLock()
"""Hold it around whatever loads a model of transformers, or of a library above it."""
