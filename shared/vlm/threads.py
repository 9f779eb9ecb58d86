"""The threads in which a service's model runs; their process ends with the model's device.

What a kernel did to a device that it broke (CUDA: a failed assertion, an illegal address) stays until the process ends:
each later call fails within milliseconds. A worker that went on would take one question after the other and answer it
with an error.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from shared.errors import DeviceLost
from shared.logs import get_logger

__all__ = ["ModelThreads"]

P = ParamSpec("P")
T = TypeVar("T")

_EXIT_CODE = 70


class ModelThreads(ThreadPoolExecutor):
    """An executor whose process ends at once, with exit code 70, when what it runs raises `DeviceLost`.

    Nothing is answered: jobs and streams go to another worker, and this one is started anew.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run `fn` in one of the threads."""

        def watched() -> T:
            try:
                return fn(*args, **kwargs)
            except DeviceLost as error:
                get_logger().critical("device_lost", error=str(error))
                os._exit(_EXIT_CODE)

        return super().submit(watched)
