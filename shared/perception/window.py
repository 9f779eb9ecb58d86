"""Which frames a system sees, as a pure function of frame indices.

S1, S2, the offline reference and a successor after a crash all call `window`, so they see the same frames
whatever the load was. The window slides in hops, so that a cached prefix stays valid between them.
"""

from __future__ import annotations

from shared.messages import WindowSpec

__all__ = ["window"]


def window(newest: int, spec: WindowSpec) -> list[int]:
    """Indices, ascending, of the frames visible when `newest` is the last frame index; empty below 0.

    Frames are taken at multiples of `spec.stride`. At most `spec.frames` of them are held; when one more
    would overflow, the oldest `spec.hop` leave at once, so `frames - hop + 1` to `frames` are visible.
    With `spec.newest` one of the frames is kept for the newest, which stands alone behind the others.
    """
    if newest < 0:
        return []
    frames = spec.frames - spec.alone
    last = newest // spec.stride
    hop = min(spec.hop, frames)
    overflow = last + 1 - frames
    first = -(-overflow // hop) * hop if overflow > 0 else 0
    taken = [k * spec.stride for k in range(first, last + 1)]
    return [*taken, newest] if spec.alone and taken[-1] != newest else taken
