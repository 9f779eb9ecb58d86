"""What every message is: a frozen value that travels as a msgpack map."""

from __future__ import annotations

from typing import Annotated, Self

import msgpack
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import DataError

__all__ = ["Key", "Message", "Opening", "Seconds"]


Opening = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Key = Opening
"""Of a question: like an opening a token of subjects, where a point or a star would mean something else."""
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Message(BaseModel):
    """A frozen value that goes over the wire as a msgpack map; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_bytes(self) -> bytes:
        """The msgpack map of this message."""
        return bytes(msgpack.packb(self.model_dump(mode="json"), use_bin_type=True))

    @classmethod
    def from_bytes(cls, body: bytes) -> Self:
        """Parse a body; raises `DataError` that names the message and the field at fault."""
        try:
            return cls.model_validate(msgpack.unpackb(body, raw=False))
        except (ValidationError, ValueError, msgpack.UnpackException) as error:
            raise DataError(f"not a {cls.__name__}: {' '.join(str(error).split())[:300]}") from error
