"""Fetching from the hub at `HF_ENDPOINT`, by its own client."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from bench.fetch.source import Listing, Wanted
from shared.errors import ModelError

__all__ = ["Hub"]


class Hub:
    """A `Source`: the Hugging Face hub, or a mirror that speaks as it does."""

    name = "hub"
    default = "main"

    def __init__(self) -> None:
        self._api = _api()

    def listing(self, name: str, revision: str | None) -> Listing:
        """Every file of model `name`, and the commit."""
        try:
            info = self._api.model_info(name, revision=revision, files_metadata=True)
        except Exception as error:
            raise _refusal(name, error) from error
        files = [
            Wanted(
                file.rfilename, file.size or 0, file.lfs.sha256 if file.lfs else ""
            )  # git keeps small ones
            for file in info.siblings
        ]
        return Listing(str(info.sha), files)

    def take(self, name: str, listing: Listing, to: Path) -> None:
        """Put the files into the folder; a broken connection goes on where it was."""
        paths = [file.path for file in listing.files]
        try:
            self._api.snapshot_download(name, revision=listing.revision, local_dir=to, allow_patterns=paths)
        except Exception as error:
            raise _refusal(name, error) from error


def _api() -> Any:
    try:
        from huggingface_hub import HfApi, utils
    except ImportError as error:
        raise ModelError(
            "fetching needs the package 'huggingface_hub': pip install 'dualstreambench[vlm]'"
        ) from error
    bars: Any = utils  # its stubs leave this one out
    if not sys.stderr.isatty():
        bars.disable_progress_bars()
    return HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)


def _refusal(name: str, error: Exception) -> ModelError:
    """One line, whatever the client raised."""
    from huggingface_hub import errors as hub

    if isinstance(error, hub.OfflineModeIsEnabled) or isinstance(error.__cause__, hub.OfflineModeIsEnabled):
        return ModelError(
            f"{name!r} can't be fetched: HF_HUB_OFFLINE is set; unset it, or copy the folder over"
        )
    if isinstance(error, hub.GatedRepoError):
        return ModelError(f"{name!r} is gated: accept its terms on the hub, and give a token in HF_TOKEN")
    if isinstance(error, hub.RevisionNotFoundError):
        return ModelError(f"{name!r} has no such revision: give a branch, tag or commit with --revision")
    if isinstance(error, hub.RepositoryNotFoundError):
        return ModelError(
            f"the hub has no model {name!r}, or it is private: look at its name, or set HF_TOKEN"
        )
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return ModelError(
        f"{name!r} can't be fetched ({reason}): look at the network and HF_ENDPOINT; then go on again"
    )
