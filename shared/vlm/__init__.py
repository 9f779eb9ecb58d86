"""The model layer that S1 and S2 share: one interface, families behind it. Importing it needs no torch."""

from __future__ import annotations

from shared.vlm.base import (
    Choice,
    Generated,
    Image,
    KeepsJpeg,
    Prefills,
    PromptParts,
    Reuse,
    Spent,
    Turn,
    Unit,
    Vlm,
)
from shared.vlm.checkpoint import shipped
from shared.vlm.probing import probed
from shared.vlm.registry import GROUP, Backend, backends, load_vlm
from shared.vlm.spec import ModelSpec

__all__ = [
    "GROUP",  # entry point group of third-party backends
    "Backend",  # ModelSpec -> Vlm
    "Choice",  # outcome of a choice
    "Generated",  # outcome of free text
    "Image",  # RGB uint8 [h, w, 3]
    "KeepsJpeg",  # a model that takes frames as JPEG
    "ModelSpec",  # which model, and how
    "Prefills",  # a model that keeps prefixes
    "PromptParts",  # what a prompt is made of
    "Reuse",  # keep a stream's prefix computed
    "Spent",  # what a provider's reply cost
    "Turn",  # an earlier question and its answer
    "Unit",  # what a frame became
    "Vlm",  # a loaded model
    "backends",  # those that there are
    "load_vlm",  # load one
    "probed",  # what its caches change
    "shipped",  # models in the package
]
