"""Settings of the reader, from `DSB_*`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.settings import ServiceSettings

__all__ = ["ReaderSettings"]


class ReaderSettings(ServiceSettings):
    """What the reader needs beside the common settings."""

    slots: Annotated[int, Field(ge=1)] = 16
    """Openings played at once; a full reader takes no more."""
    threads: Annotated[int, Field(ge=1)] = 2
    """Decoding threads, shared by all streams; a stream that waits holds none. Live inputs have one each."""
    ahead: Annotated[int, Field(ge=1)] = 16
    """Frames of a stream that may wait decoded; of a live input, the oldest beyond it are dropped."""
    idle_close_s: Annotated[float, Field(gt=0)] = 120.0
    """Wall-clock seconds without a word from the bench after which an opening is given up."""
    dropped_every_s: Annotated[float, Field(gt=0)] = 1.0
    """Dropped frames of a stream are reported at most this often."""
    reconnect_first_s: Annotated[float, Field(gt=0)] = 0.5
    """The first pause before a lost live source is tried again, wall clock; each next one is twice as long."""
    reconnect_longest_s: Annotated[float, Field(gt=0)] = 15.0
    """The longest such pause."""
    reconnect_limit_s: Annotated[float, Field(ge=0)] = 300.0
    """A live source that is gone for so long is given up; 0: never."""
    connect_tries: Annotated[int, Field(ge=1)] = 3
    """A live source that never gave a picture is given up after so many tries."""
