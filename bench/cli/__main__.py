"""`python -m bench.cli` is `dsb`."""

from __future__ import annotations

import sys

from bench.cli import main

sys.exit(main())
