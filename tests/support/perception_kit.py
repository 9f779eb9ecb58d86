"""What tests of perception share."""

from __future__ import annotations

from shared.messages import Draft

_OF_THE_ANSWER = {"prompt_tokens", "visual_tokens", "output_tokens"}


def said(draft: Draft) -> Draft:
    """The draft without what it cost to make it: whoever computes it, and when, says the same."""
    kept = draft.usage.model_dump(include=_OF_THE_ANSWER)
    return draft.model_copy(update={"usage": type(draft.usage)(**kept)})
