"""Every official profile by name."""

from __future__ import annotations

from collections.abc import Mapping

from bench.scoring.official import cgbench, omnimmi, ovo, pauc, rtv, streamingbench, svbench
from bench.scoring.official.base import OfficialProfile

__all__ = ["PROFILES"]

PROFILES: Mapping[str, OfficialProfile] = {
    profile.name: profile
    for module in (streamingbench, ovo, rtv, omnimmi, pauc, cgbench, svbench)
    for profile in module.PROFILES
}
"""In the order of reports."""
