"""Live streams that are added to a running stack, looked at, asked about and taken away again."""

from __future__ import annotations

from bench.streams.adding import add, remove
from bench.streams.asking import Reply, ask
from bench.streams.known import Known, View, find, known, prefix, views

__all__ = [
    "Known",  # a stream that was added
    "Reply",  # an answer and when it came
    "View",  # how one stands
    "add",  # admit a stream, or say why not
    "ask",  # ask a question about now
    "find",  # one by its name
    "known",  # all of them
    "prefix",  # of the runs that streams are
    "remove",  # end a stream
    "views",  # how all of them stand
]
