"""One prompt, answered as the model's settings say: a label by logits, text, or JSON that is read.

`Draft.raw` is what scores are made from, in each case the answer alone; what was written beside it (a thought,
the JSON around it) stands in `Draft.written`. Without state.
"""

from __future__ import annotations

import re

from shared.messages import Draft, Usage
from shared.vlm import Choice, Generated, PromptParts, Vlm
from shared.vlm.prompt import YES_NO
from shared.vlm.structured import STRUCTURED_TOKENS, read_reply

__all__ = ["EVIDENCE_DROPPED", "MAX_ANSWER_TOKENS", "STRUCTURED_INVALID", "gives_json", "gives_logits", "say"]

MAX_ANSWER_TOKENS = 64
"""Most tokens of a free answer, unless the model's settings say otherwise."""
STRUCTURED_INVALID = "structured_invalid"
"""Stands in `Draft.partial` when a reply was to be JSON with an answer and is not: it is then read as text."""
EVIDENCE_DROPPED = "evidence_dropped"
"""Stands in `Draft.partial` when the model named times as evidence that lie outside of what was."""
_YES_NO = re.compile(r"\b(yes|no)\b")


def gives_logits(vlm: Vlm) -> bool:
    """Whether labels are read off logits; backends of other distributions that say nothing do."""
    return bool(getattr(vlm, "label_logits", True))


def gives_json(vlm: Vlm) -> bool:
    """Whether answers are to be JSON; not where a backend says nothing of it."""
    return bool(getattr(vlm, "structured", False))


def say(vlm: Vlm, parts: PromptParts, *, t_ask: float) -> Draft:
    """The answer to one prompt; evidence is kept if it lies within 0 and `t_ask`. Blocks, raises `ModelError`."""
    if parts.structured:
        text = vlm.generate(parts, max_new_tokens=STRUCTURED_TOKENS)
        return _from_json(text, parts, t_ask)
    if parts.labels and gives_logits(vlm):
        return _chosen(vlm.choose(parts))
    return _written(vlm.generate(parts, max_new_tokens=MAX_ANSWER_TOKENS), parts)


def _chosen(choice: Choice) -> Draft:
    probs = {label: round(p, 4) for label, p in choice.probs.items()}
    usage = Usage(
        prompt_tokens=choice.prompt_tokens,
        output_tokens=choice.output_tokens,
        reused_tokens=choice.reused_tokens,
        saved_s=choice.reused_s,
    )
    return Draft(
        raw=choice.label,
        choice=choice.label,
        confidence=probs[choice.label],
        probs=probs,
        written=choice.thought,
        usage=usage,
    )


def _written(text: Generated, parts: PromptParts) -> Draft:
    choice = _yes_or_no(text.text) if set(parts.labels) == set(YES_NO) else None
    probs = {label: round(p, 4) for label, p in text.probs.items()}
    said = (choice or text.text.strip().rstrip(".").strip("()")).casefold()
    confidence = next((p for label, p in probs.items() if label.casefold() == said), None)
    return Draft(
        raw=text.text,
        choice=choice,
        confidence=confidence,
        probs=probs,
        written=text.thought,
        usage=_usage(text),
    )


def _from_json(text: Generated, parts: PromptParts, t_ask: float) -> Draft:
    reply = read_reply(text.text)
    if reply is None:
        return _written(text, parts).model_copy(update={"partial": STRUCTURED_INVALID})
    yes_no = set(parts.labels) == set(YES_NO)
    choice = _yes_or_no(reply.answer) if yes_no else reply.answer if reply.answer in parts.labels else None
    evidence = tuple(t for t in reply.evidence_times if 0 <= t <= t_ask)
    return Draft(
        raw=reply.answer,
        choice=choice,
        confidence=reply.confidence,
        evidence_times=evidence,
        rationale=reply.rationale,
        written="\n".join(filter(None, (text.thought, text.text))),
        partial=EVIDENCE_DROPPED if len(evidence) < len(reply.evidence_times) else "",
        usage=_usage(text),
    )


def _usage(text: Generated) -> Usage:
    return Usage(
        prompt_tokens=text.prompt_tokens,
        output_tokens=text.output_tokens,
        reused_tokens=text.reused_tokens,
        saved_s=text.reused_s,
        **text.spent._asdict(),
    )


def _yes_or_no(text: str) -> str | None:
    """What a written answer says; ticks and polls go on by it. Null when it says neither, or both."""
    found = set(_YES_NO.findall(text.casefold()))
    return str(found.pop()) if len(found) == 1 else None
