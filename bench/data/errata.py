"""The errata overlay: fixes of known mistakes in public annotations, each with its reason, never silent.

An erratum names a benchmark, says by the native content which records it is meant for (ids and pointers move
between versions of a file), and replaces one value of the sample if it is what it expects. The sample keeps its
native value, and gets an issue that tells of it. The overlay's version stands in the head of the data set.
"""

from __future__ import annotations

import hashlib
import json
from fnmatch import fnmatchcase
from importlib.resources import files
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.data.schema import Issue, Sample
from bench.files import canonical
from shared.errors import DataError

__all__ = ["Errata", "Erratum", "load_errata"]


class Erratum(BaseModel):
    """One fix."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    match: Annotated[dict[str, str], Field(min_length=1)]
    """Native field to a pattern (`*` and `?`); all must match the record, or one question with its entry."""
    path: str
    """JSON pointer into the sample of the value to replace."""
    expected: Annotated[Any, Field(alias="from")]
    """What stands there; anything else is left alone, and an issue says so."""
    to: Any
    reason: str

    def meant(self, native: Any) -> bool:
        """Whether it is about this native value."""
        fields = _fields(native)
        return all(key in fields and fnmatchcase(str(fields[key]), text) for key, text in self.match.items())


class Errata(NamedTuple):
    """The overlay of one benchmark."""

    version: str
    """Number and hash; empty when there is none."""
    items: tuple[Erratum, ...] = ()

    def apply(self, sample: Sample) -> Sample:
        """The sample with every erratum that is meant for it, each told by an issue."""
        for item in self.items:
            if item.meant(sample.source.native):
                sample = _applied(sample, item)
        return sample


def load_errata(bench: str) -> Errata:
    """The errata that ship for a benchmark; empty when there are none."""
    file = files("bench.data").joinpath("errata_files", f"{bench}.json")
    if not file.is_file():
        return Errata("")
    value = json.loads(file.read_text(encoding="utf-8"))
    items = tuple(Erratum.model_validate(item) for item in value["errata"])
    digest = hashlib.sha256(canonical(value).encode()).hexdigest()[:8]
    return Errata(f"{bench}-{value['version']}+{digest}", items)


def _fields(native: Any) -> dict[str, Any]:
    """A record's fields; of a question within an entry both, the question's own first."""
    if not isinstance(native, dict):
        return {}
    if isinstance(native.get("entry"), dict) and isinstance(native.get("question"), dict):
        return {**native["entry"], **native["question"]}
    return native


def _applied(sample: Sample, item: Erratum) -> Sample:
    value = sample.model_dump(mode="json")
    *way, last = (int(part) if part.isdigit() else part for part in item.path.split("/")[1:])
    holder: Any = value
    try:
        for part in way:
            holder = holder[part]
        found = holder[last]
    except (KeyError, IndexError, TypeError):
        found = None
    if found != item.expected:
        text = f"{item.id}: {item.path} is {found!r:.40}, not {item.expected!r:.40}; left alone"
        issue = Issue(code="erratum_stale", pointer=item.path, text=text)
        return sample.model_copy(update={"issues": (*sample.issues, issue)})
    holder[last] = item.to
    text = f"{item.id}: {item.expected} -> {item.to}: {item.reason}"
    value["issues"].append({"code": "erratum", "pointer": item.path, "text": text})
    try:
        return Sample.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise DataError(
            f"erratum {item.id} breaks sample {sample.id}: {first['msg']}; mend the erratum"
        ) from error
