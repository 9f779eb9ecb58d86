"""The errors of the whole project.

One root, `DsbError`. Each message says the value met, the limit or rule it broke, and the remedy, so that the CLI can
print it as one line (no traceback, exit code 2) and a record can carry it as it is.
"""

from __future__ import annotations

__all__ = [
    "BusTimeout",
    "ConfigError",
    "Conflict",
    "DataError",
    "DeviceLost",
    "DsbError",
    "LeaseLost",
    "ModelError",
    "NoResponders",
    "OutOfMemory",
    "Overloaded",
    "PayloadTooLarge",
    "StoreError",
    "TransportError",
    "VideoError",
]


class DsbError(Exception):
    """Root of every error that the project raises on purpose."""


class ConfigError(DsbError):
    """A setting, a configuration file or a command's argument is wrong; the user can mend it."""


class DataError(DsbError):
    """A data set, a sample or a run folder can't be read or breaks its schema."""


class VideoError(DsbError):
    """A video source can't be opened or decoded; the message names the source."""


class ModelError(DsbError):
    """A model can't be loaded, or failed to answer."""


class OutOfMemory(ModelError):
    """A model found no room for what it was asked; with fewer frames it might."""


class DeviceLost(DsbError):
    """A model's device is of no more use to this process, whatever is asked of it; a fresh one may find it well."""


class StoreError(DsbError):
    """The vector store refused or failed."""


class TransportError(DsbError):
    """The broker can't be reached, or refused what was sent."""


class BusTimeout(TransportError):
    """No reply in time; whether the other side acted is unknown."""


class NoResponders(TransportError):
    """Nobody serves this subject now: the broker says so at once."""


class PayloadTooLarge(TransportError):
    """The message exceeds what the broker takes; it was not sent."""


class Overloaded(TransportError):
    """A bounded queue or log is full; nothing was stored."""


class Conflict(TransportError):
    """The expected last sequence of the subject did not match: somebody else wrote first."""


class LeaseLost(DsbError):
    """The lease went to another holder; its former holder must stop at once."""
