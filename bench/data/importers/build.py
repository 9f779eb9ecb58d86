"""From what an importer read of a record to a sample: its id, its source, and what is odd about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from bench.data.importers.base import Misfit, NativeFile, Record, Reject, escape, short_hash
from bench.data.importers.choices import label_of
from bench.data.importers.fields import Node
from bench.data.schema import (
    AnswerForm,
    AnswerSpec,
    Evidence,
    Gold,
    Group,
    Issue,
    Part,
    Sample,
    Scoring,
    Source,
    Span,
    Stream,
    StreamEvent,
    Turn,
)
from shared.messages import Option

__all__ = [
    "Notes",
    "Origin",
    "choose",
    "evidence_of",
    "free_text",
    "make_sample",
    "question_of",
    "rejected",
    "span_of",
]


class Origin(NamedTuple):
    """Where a sample comes from."""

    bench: str
    subset: str
    file: str
    pointer: str
    native: Any
    native_id: str = ""
    salt: str = ""
    """Goes into the hash where the native value does not tell which video it is about."""

    @property
    def id(self) -> str:
        """`<bench>/<subset>/<pointer>#<sha1-8>`."""
        told = [self.salt, self.native] if self.salt else self.native
        return f"{self.bench}/{self.subset}{self.pointer}#{short_hash(told)}"

    @property
    def source(self) -> Source:
        """The same, as the sample holds it."""
        return Source(**{key: value for key, value in self._asdict().items() if key != "salt"})


class Notes:
    """Issues gathered while a record is read."""

    def __init__(self) -> None:
        self.all: list[Issue] = []

    def add(self, code: str, node: Node, text: str) -> None:
        """Note something odd about a native value."""
        self.all.append(Issue(code=code, pointer=node.pointer, text=text))

    def take(self, issues: Iterable[Issue]) -> None:
        """Note what was found elsewhere."""
        self.all += issues


def make_sample(
    origin: Origin,
    *,
    part: Part,
    task: str,
    profile: str,
    uri: str,
    turns: Sequence[Turn],
    notes: Notes,
    duration_s: float | None = None,
    modalities: tuple[str, ...] = ("video",),
    events: Sequence[StreamEvent] = (),
    steps: Sequence[Any] = (),
    group: Group | None = None,
    params: dict[str, Any] | None = None,
) -> Sample:
    """The sample; raises `Misfit` when the schema does not take it."""
    try:
        return Sample(
            id=origin.id,
            part=part,
            task=task,
            modalities=modalities,
            streams=(Stream(uri=uri, duration_s=duration_s),),
            events=tuple(events),
            turns=tuple(turns),
            steps=tuple(steps),
            group=group,
            scoring=Scoring(profile=profile, params=params or {}),
            source=origin.source,
            issues=tuple(notes.all),
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = "".join(f"/{escape(str(part))}" for part in first["loc"])
        raise Misfit(origin.pointer, f"can't be a sample: {where}: {first['msg']}") from error


def choose(options: tuple[Option, ...], holder: Node, key: str, notes: Notes) -> AnswerSpec:
    """A choice whose gold, field `key`, is a label or the text of an option.

    Else the gold stays as it stands, and an issue says so; without any answer there is no gold.
    """
    if not _answered(holder, key):
        return AnswerSpec(options=options)
    answer = holder.get(key)
    said = answer.text().strip()
    keys = [option.key for option in options]
    if said in keys:
        return AnswerSpec(options=options, gold=(Gold(value=said),))
    named = [option.key for option in options if option.text.strip() == said]
    guesses = [said.strip("()[]. ").upper(), label_of(said), *named[: len(named) == 1]]
    found = next((guess for guess in guesses if guess in keys), None)
    if found is None:
        notes.add("gold_not_in_options", answer, f"{said!r:.60} is none of {', '.join(keys)}")
    else:
        notes.add("gold_odd_form", answer, f"{said!r:.60} read as {found}")
    return AnswerSpec(options=options, gold=(Gold(value=found or said),))


def free_text(holder: Node, key: str) -> AnswerSpec:
    """An answer in free text; without any there is no gold."""
    gold = (Gold(text=holder.get(key).text()),) if _answered(holder, key) else ()
    return AnswerSpec(form=AnswerForm.TEXT, gold=gold)


def question_of(node: Node, notes: Notes) -> str:
    """The question's text; an empty one is noted."""
    asked = node.get("question")
    text = asked.text(empty=True)
    if not text.strip():
        notes.add("question_empty", asked, "asks nothing")
    return text


def _answered(holder: Node, key: str) -> bool:
    value = holder.get(key).value if holder.has(key) else ""
    return not isinstance(value, str) or bool(value.strip())


def span_of(start: float, end: float, node: Node, notes: Notes) -> Span:
    """A span; when its ends are the wrong way round they are exchanged, and an issue says so."""
    if end < start:
        notes.add("times_unsorted", node, f"ends at {end:g} before it starts at {start:g}; exchanged")
    return Span(from_s=min(start, end), to_s=max(start, end))


def evidence_of(spans: Iterable[Span], *, kind: str) -> tuple[Evidence, ...]:
    """Evidence in the only stream."""
    return tuple(Evidence(span=span, kind=kind) for span in spans)


def rejected(file: NativeFile, record: Record, fault: Misfit, *, harmless: bool = False) -> Reject:
    """What becomes of a native value that can't be mapped."""
    return Reject(file.name, record.pointer, fault.pointer, fault.text, record.value, harmless)
