"""The memory of the stack: notes about a stream, found by meaning and never from the future.

Importing this loads no model and no engine; `open_memory` does.
"""

from __future__ import annotations

from shared.memory.encoder import Encoder, Vector, encode_many, load_encoder
from shared.memory.memory import Memory, note_id, open_memory
from shared.memory.store import Candidate, Point, VectorStore, Where, open_store

__all__ = [
    "Candidate",  # a point that a store found
    "Encoder",  # text to a unit vector
    "Memory",  # upsert and causal search of notes
    "Point",  # a note with its vector, as a store keeps it
    "Vector",  # float32 `[dim]`
    "VectorStore",  # what an engine has to do
    "Where",  # which notes a search may find
    "encode_many",  # in batches, for measuring
    "load_encoder",  # by name, path or hub name
    "note_id",  # the id of a note, the same for each repetition of its write
    "open_memory",  # from a store's URL and an encoder's name
    "open_store",  # from a URL: `http(s)://…`, `edge:<path>`, `memory:`
]
