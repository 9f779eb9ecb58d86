"""SVBench (arXiv 2502.10810): a file a video, chains of questions answered in text.

Written from descriptions of the format, without a file at hand. A record is a dialogue chain `{chain:
{questions, answers}, qac_timestamps_start, qac_timestamps_end}`, all asked when its scene ends, or a streaming
path `{questions, answers, timestamps}`. Linkage records ask nothing and are kept aside.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.data.importers.base import Misfit, NativeFile, Record, Reject
from bench.data.importers.build import Notes, Origin, evidence_of, make_sample, rejected, span_of
from bench.data.importers.clock import read_stamp
from bench.data.importers.fields import Node
from bench.data.importers.listing import ListImporter
from bench.data.importers.profiles import Bench, profile
from bench.data.schema import AnswerForm, AnswerSpec, Depends, Gold, Part, Sample, Span, Turn

__all__ = ["SvBench"]


class SvBench(ListImporter):
    """Dialogue chains, streaming paths, and linkages between chains."""

    name = Bench.SVBENCH.value

    def samples(self, file: NativeFile, record: Record) -> Iterator[Sample | Reject]:
        """One sample a chain or path."""
        node, notes = Node(record.value, record.pointer), Notes()
        if node.value == {} or node.has("chain_1") or node.has("relationship"):
            nothing = Misfit(record.pointer, "asks nothing (an empty chain, or a link between chains)")
            yield rejected(file, record, nothing, harmless=True)
            return
        dialogue = node.has("chain")
        turns = _dialogue(node, notes) if dialogue else _path(node, notes)
        subset = file.subset or ("dialogue" if dialogue else "streaming")
        video = node.get("video").text() if node.has("video") else file.path.stem
        yield make_sample(
            Origin(self.name, subset, file.name, record.pointer, record.value, salt=video),
            part=Part.SEQUENTIAL,
            task=subset,
            profile=profile("svbench"),
            uri=video,
            turns=turns,
            notes=notes,
        )


def _dialogue(node: Node, notes: Notes) -> list[Turn]:
    ends = [read_stamp(node.get(f"qac_timestamps_{end}")) for end in ("start", "end")]
    for stamp in ends:
        notes.take(stamp.issues)
    span = span_of(ends[0].s, ends[1].s, node.get("qac_timestamps_end"), notes)
    chain = node.get("chain")
    return _turns(chain.get("questions"), chain.get("answers"), [span] * len(chain.get("questions").items()))


def _path(node: Node, notes: Notes) -> list[Turn]:
    spans = []
    for item in node.get("timestamps").items():
        start, end = [read_stamp(part) for part in item.items(least=2)[:2]]
        notes.take((*start.issues, *end.issues))
        spans.append(span_of(start.s, end.s, item, notes))
    return _turns(node.get("questions"), node.get("answers"), spans)


def _turns(questions: Node, answers: Node, spans: list[Span]) -> list[Turn]:
    asked, said = questions.items(least=1), answers.items()
    if not len(asked) == len(said) == len(spans):
        raise answers.fail(f"{len(asked)} questions, {len(said)} answers, {len(spans)} times")
    return [
        Turn(
            question=question.text(),
            ask_s=span.to_s,
            answer=AnswerSpec(form=AnswerForm.TEXT, gold=(Gold(text=answer.text()),)),
            evidence=evidence_of([span], kind="event"),
            depends_on=tuple(Depends(turn=earlier) for earlier in range(place)),
        )
        for place, (question, answer, span) in enumerate(zip(asked, said, spans, strict=True))
    ]
