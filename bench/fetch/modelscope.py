"""Fetching from ModelScope, by its HTTPS interface: a listing with SHA-256 by file, and files by range.

`MODELSCOPE_DOMAIN` names another server, `MODELSCOPE_API_TOKEN` is for models that are not public, as in
ModelScope's own client. A file is put together in `.cache/modelscope` of the folder and moved when it is whole, so
that a fetch that was stopped goes on where it was.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from bench.fetch.source import Listing, Wanted
from shared.errors import ModelError

__all__ = ["ModelScope"]

_DOMAIN = "www.modelscope.cn"
_TRIES = 5
"""Tries in a row that bring no byte; whatever brings some begins the count anew."""
_PAUSE_S = 0.5
_RESUMED, _WHOLE, _PAST_END = 206, 200, 416


class ModelScope:
    """A `Source`."""

    name = "modelscope"
    default = "master"

    def __init__(self) -> None:
        domain = os.environ.get("MODELSCOPE_DOMAIN", "").strip().rstrip("/") or _DOMAIN
        self._url = domain if "://" in domain else f"https://{domain}"
        token = os.environ.get("MODELSCOPE_API_TOKEN", "")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def listing(self, name: str, revision: str | None) -> Listing:
        """Every file of model `name`; ModelScope names no commit, so the revision is the one asked for."""
        revision = revision or self.default
        with self._client() as client:
            try:
                reply = client.get(
                    f"{self._models(name)}/repo/files", params={"Revision": revision, "Recursive": "true"}
                )
            except httpx.HTTPError as error:
                raise _unreachable(name, error) from error
        listed = _files(name, revision, reply)
        return Listing(revision, [_wanted(name, one) for one in listed if one.get("Type") != "tree"])

    def take(self, name: str, listing: Listing, to: Path) -> None:
        """Put the files into the folder, one after the other."""
        parts = to / ".cache" / "modelscope"
        parts.mkdir(parents=True, exist_ok=True)
        with self._client() as client, _bar(sum(file.size for file in listing.files)) as advance:
            for file in listing.files:
                path = to / file.path
                if not (path.is_file() and path.stat().st_size == file.size):
                    whole = self._whole(client, name, listing.revision, file, parts, advance)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    whole.replace(path)
        shutil.rmtree(parts)

    def _whole(
        self, client: httpx.Client, name: str, revision: str, file: Wanted, parts: Path, advance: Any
    ) -> Path:
        """The file, put together; it goes on where it was."""
        # Named by content, so that what is left of an older revision is never gone on with.
        key = hashlib.sha256(f"{name}\0{file.path}\0{file.size}\0{file.sha256}".encode()).hexdigest()[:16]
        part, tries = parts / f"{key}.part", 0
        part.touch()
        while (have := part.stat().st_size) < file.size:
            failure: Exception | None = None
            try:
                self._more(client, name, revision, file, part, advance)
            except httpx.HTTPError as error:
                failure = error
            tries = 0 if part.stat().st_size > have else tries + 1
            if tries >= _TRIES:
                raise _unreachable(name, failure or EOFError(f"{file.path} ends too early")) from failure
            if failure:
                time.sleep(_PAUSE_S * 2**tries)
        if part.stat().st_size != file.size:
            part.unlink()
            raise ModelError(f"{file.path} of {name!r} is longer than ModelScope says: fetch again")
        return part

    def _more(
        self, client: httpx.Client, name: str, revision: str, file: Wanted, part: Path, advance: Any
    ) -> None:
        """One request for the rest of a file; what came before it broke off is kept."""
        have = part.stat().st_size
        params = {"Revision": revision, "FilePath": file.path}
        # Unpacked bytes could not be counted: ranges are of what travels.
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
        with client.stream("GET", f"{self._models(name)}/repo", params=params, headers=headers) as reply:
            if reply.status_code >= 500:
                reply.raise_for_status()
            if reply.status_code == _PAST_END:
                part.write_bytes(b"")
                return
            if reply.status_code not in (_WHOLE, _RESUMED):
                raise ModelError(
                    f"{file.path} of {name!r} can't be fetched (status {reply.status_code}): "
                    "set MODELSCOPE_API_TOKEN if the model is not public"
                )
            # Who ignores the range sends all of it again.
            with part.open("ab" if reply.status_code == _RESUMED else "wb") as out:
                for chunk in reply.iter_raw():
                    out.write(chunk)
                    advance(len(chunk))

    def _client(self) -> httpx.Client:
        return httpx.Client(headers=self._headers, follow_redirects=True, timeout=60.0)

    def _models(self, name: str) -> str:
        return f"{self._url}/api/v1/models/{name}"


def _files(name: str, revision: str, reply: httpx.Response) -> list[dict[str, Any]]:
    if reply.status_code in (401, 403, 404):
        raise ModelError(
            f"ModelScope has no model {name!r} at revision {revision!r}, or it is private: look at its name and "
            "at --revision, or set MODELSCOPE_API_TOKEN"
        )
    try:
        told = reply.json()
        if reply.status_code != _WHOLE or told.get("Success") is False:
            reason = " ".join(str(told.get("Message") or reply.status_code).split())[:200]
            raise ModelError(f"{name!r} can't be fetched: ModelScope says {reason!r}; try again later")
        listed: list[dict[str, Any]] = told["Data"]["Files"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{name!r} can't be fetched: the reply (status {reply.status_code}) is no listing of ModelScope's; "
            "look at MODELSCOPE_DOMAIN"
        ) from error
    return listed


def _wanted(name: str, told: Mapping[str, Any]) -> Wanted:
    try:
        return Wanted(str(told["Path"]), int(told["Size"]), str(told.get("Sha256") or ""))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{name!r}: ModelScope lists a file without path or size: try again later"
        ) from error


def _unreachable(name: str, error: Exception) -> ModelError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return ModelError(
        f"{name!r} can't be fetched ({reason}): look at the network and MODELSCOPE_DOMAIN; then go on again"
    )


@contextlib.contextmanager
def _bar(total: int) -> Iterator[Any]:
    """A progress bar on a terminal; gives what advances it, by bytes."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)
