"""What a model's caches change, measured once when it is loaded. Imports no model library by itself."""

from __future__ import annotations

from shared.errors import ModelError
from shared.logs import get_logger
from shared.vlm.base import Vlm
from shared.vlm.providers import PROVIDERS
from shared.vlm.spec import ModelSpec

__all__ = ["probed"]


def probed(vlm: Vlm, spec: ModelSpec) -> float | None:
    """The largest difference of logits that caches make on a made-up clip; null where none is measured. Blocks.

    In exact mode it raises `ModelError` where that is more than rounding, or can't be measured.
    """
    if spec.backend in PROVIDERS or not (spec.probe or spec.exact):
        return None  # nothing of a provider's model is kept here
    from shared.vlm.engine import LocalVlm
    from shared.vlm.exact import difference, require_exact

    if not isinstance(vlm, LocalVlm):
        if spec.exact:
            raise ModelError(f"model {vlm.name!r} can't be checked for exact mode: use a built-in backend")
        return None
    if spec.exact:
        return require_exact(vlm)
    try:
        return difference(vlm)
    except ModelError as error:
        get_logger().warning("probe_failed", model=vlm.name, error=str(error))
        return None
