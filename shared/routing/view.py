"""What a policy sees of a question: its words, its form and its time. Everything else is left behind.

Ids of samples can name the part and the task, and the history can hold right answers (`history=oracle`): neither
passes. What is left is what a live router knows before anybody has answered.
"""

from __future__ import annotations

from shared.messages import Question

__all__ = ["visible"]

_NOWHERE = "router_0_0"


def visible(question: Question) -> Question:
    """The question without sample, opening and history; `key` stays, an opaque hash."""
    update = {"sample": "", "opening": _NOWHERE, "turn": 0, "probe": 0, "view_from": 0.0, "history": ()}
    return question.model_copy(update=update)
