"""From a `ModelSpec` to a loaded model: built-in backends, and third-party ones by entry point.

A backend is a function `(ModelSpec) -> Vlm`. It is imported only when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points

from shared.errors import ModelError
from shared.vlm.base import Vlm
from shared.vlm.providers import PROVIDERS
from shared.vlm.spec import ModelSpec

__all__ = ["GROUP", "Backend", "backends", "load_vlm"]

GROUP = "dualstreambench.vlm"
"""The entry point group by which other distributions add backends."""

Backend = Callable[[ModelSpec], Vlm]

_FAMILIES = {
    "internvl": "internvl",
    "llava": "llava",
    "llava-onevision": "llava_onevision",
    "llava_next_video": "llava_next_video",
    "minicpm": "minicpm",
    "qwen": "qwen",
    "smolvlm": "smolvlm",
}
_BUILT_IN = {name: f"shared.vlm.families.{module}:load" for name, module in _FAMILIES.items()} | {
    name: f"shared.vlm.providers:load_{name}" for name in PROVIDERS
}


def backends() -> dict[str, EntryPoint]:
    """Every backend by name; a built-in name can't be taken over."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    return found | {name: EntryPoint(name, target, GROUP) for name, target in _BUILT_IN.items()}


def load_vlm(spec: ModelSpec) -> Vlm:
    """Load a model; blocks. Raises `ModelError` when backend, path or checkpoint are wrong."""
    known = backends()
    if spec.backend not in known:
        raise ModelError(f"unknown model backend {spec.backend!r}: there are {', '.join(sorted(known))}")
    try:
        backend: Backend = known[spec.backend].load()
    except (ImportError, AttributeError) as error:
        raise ModelError(
            f"model backend {spec.backend!r} can't be imported ({error}): install its packages, "
            "for the built-in ones `pip install 'dualstreambench[vlm]'`"
        ) from error
    return backend(spec)
