"""Finding the videos of imported samples in a folder, and what is missing.

A native path is looked for as it stands, then by the longest part of its end that some file's path ends with,
then by its name with another extension. Nothing is decoded: a video is opened and asked for its length.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from bench.data.schema import Issue, Sample
from shared.errors import DataError, VideoError

__all__ = ["Coverage", "VideoFinder"]

_VIDEOS = {".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".flv", ".ts", ".mpg", ".mpeg"}


class Video(NamedTuple):
    """What is known of one native path."""

    uri: str
    """Relative to the folder of videos; of one that is missing, where it would be."""
    duration_s: float | None = None
    sha256: str = ""
    issue: Issue | None = None


class Coverage(NamedTuple):
    """How many of the videos are there."""

    videos: int
    found: int
    missing: tuple[str, ...]
    unreadable: tuple[str, ...]
    guessed: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For `coverage.json`."""
        return {"schema": "dsb.coverage/1", **self._asdict()}


class VideoFinder:
    """Looks up each native path once."""

    def __init__(self, folder: Path, *, hashed: bool = False) -> None:
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder; give the folder that holds the videos")
        self._folder, self._hashed = folder, hashed
        self._by_name: dict[str, list[PurePosixPath]] = {}
        self._by_stem: dict[str, list[PurePosixPath]] = {}
        self._known: dict[str, Video] = {}
        for base, folders, names in os.walk(folder, followlinks=True):
            folders.sort()
            for name in sorted(names):
                path = PurePosixPath(Path(base, name).relative_to(folder).as_posix())
                self._by_name.setdefault(path.name, []).append(path)
                if path.suffix.lower() in _VIDEOS:
                    self._by_stem.setdefault(path.stem, []).append(path)

    def place(self, sample: Sample) -> Sample:
        """The sample with its video's place, length and hash; what has no time of its own is asked at the end."""
        native = sample.streams[0].uri
        video = self._known.get(native)
        if video is None:
            video = self._known[native] = self._look(native)
        stream = sample.streams[0].model_copy(
            update={
                "uri": video.uri,
                "duration_s": sample.streams[0].duration_s if video.duration_s is None else video.duration_s,
                "sha256": video.sha256,
            }
        )
        turns = sample.turns
        if video.duration_s is not None and any(issue.code == "ts_unknown" for issue in sample.issues):
            turns = tuple(turn.model_copy(update={"ask_s": video.duration_s}) for turn in turns)
        issues = (*sample.issues, video.issue) if video.issue else sample.issues
        return sample.model_copy(
            update={"streams": (stream, *sample.streams[1:]), "turns": turns, "issues": issues}
        )

    def coverage(self) -> Coverage:
        """What was found of all that was looked for."""

        def those(code: str) -> tuple[str, ...]:
            return tuple(sorted(n for n, v in self._known.items() if v.issue and v.issue.code == code))

        missing, unreadable = those("video_missing"), those("video_unreadable")
        found = len(self._known) - len(missing)
        return Coverage(len(self._known), found, missing, unreadable, those("video_guessed"))

    def _look(self, native: str) -> Video:
        plain = str(PurePosixPath(native.replace("\\", "/")))
        path, guess = self._find(PurePosixPath(plain))
        if path is None:
            text = f"{native!r:.120} is not in the folder of videos"
            return Video(plain, issue=Issue(code="video_missing", pointer="/streams/0/uri", text=text))
        issue = None
        if guess:
            issue = Issue(code="video_guessed", pointer="/streams/0/uri", text=f"{native!r:.120}: {guess}")
        return self._opened(Video(str(path), issue=issue))

    def _find(self, wanted: PurePosixPath) -> tuple[PurePosixPath | None, str]:
        """The file, and what was guessed about it."""
        named = self._by_name.get(wanted.name, [])
        if named:
            shared = [_common_end(path, wanted) for path in named]
            best = [path for path, n in zip(named, shared, strict=True) if n == max(shared)]
            exact = [path for path in best if path == wanted]
            guess = f"{len(best)} files fit, {best[0]} is taken" if len(best) > 1 and not exact else ""
            return (exact or best)[0], guess
        stems = self._by_stem.get(wanted.stem if wanted.suffix.lower() in _VIDEOS else wanted.name, [])
        return (stems[0], f"found as {stems[0]}") if stems else (None, "")

    def _opened(self, video: Video) -> Video:
        from shared.video import probe

        file = self._folder / video.uri
        try:
            duration = probe(str(file)).duration_s
            digest = _sha256(file) if self._hashed else ""
        except (VideoError, OSError) as error:
            text = " ".join(str(error).split())[:200]
            issue = Issue(code="video_unreadable", pointer="/streams/0/uri", text=text)
            return video._replace(issue=issue)
        return video._replace(duration_s=duration, sha256=digest)


def _common_end(one: PurePosixPath, other: PurePosixPath) -> int:
    """How many parts, from the end, are the same."""
    count = 0
    for a, b in zip(reversed(one.parts), reversed(other.parts), strict=False):
        if a != b:
            break
        count += 1
    return count


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
