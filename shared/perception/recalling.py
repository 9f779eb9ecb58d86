"""What S2 asks memory for, what it takes for an answer, and the frames to which notes point: the same everywhere."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from shared.messages import Hit, Question, RecallSpec, Search, SearchReply

__all__ = ["in_prompt_order", "nonsense", "pointed", "search_for"]


def search_for(question: Question, recall: RecallSpec) -> Search | None:
    """What memory is asked; null when nothing is read. Never later than the ask, nor before `view_from`."""
    if not recall.reads:
        return None
    back = 0.0 if recall.back_s is None else question.t_ask - recall.back_s
    return Search(
        opening=question.opening,
        scope="perception" if recall.about == "stream" else question.key,
        text=question.text,
        t_max=question.t_ask,
        t_min=max(0.0, question.view_from, back),
        k=recall.searched,
        recent=recall.newest,
        kinds=recall.kinds,
        recency=recall.recency,
        half_life_s=recall.half_life_s,
        mmr=recall.mmr,
        pool=recall.pool,
    )


def nonsense(search: Search, reply: SearchReply) -> str:
    """Why this can't be the reply to that search; empty when it can."""
    if len(reply.hits) > search.k + search.recent:
        return f"{len(reply.hits)} notes where {search.k + search.recent} were asked for"
    for hit in reply.hits:
        note = hit.note
        if (note.opening, note.scope) != (search.opening, search.scope):
            return f"a note of {note.opening}/{note.scope}"
        if not search.t_min <= note.t_start <= note.t_end <= search.t_max:
            span = f"{search.t_min:g} to {search.t_max:g} s"
            return f"a note of {note.t_start:g} to {note.t_end:g} s where {span} may be known"
    return ""


def in_prompt_order(hits: Sequence[Hit], recall: RecallSpec) -> list[Hit]:
    """As notes stand in the prompt: by time, or as memory ordered them."""
    if recall.order == "similarity":
        return list(hits)
    return sorted(hits, key=lambda hit: (hit.note.t_end, hit.id))


def pointed(
    hits: Sequence[Hit],
    index: Sequence[tuple[int, float]],
    question: Question,
    recall: RecallSpec,
    *,
    seen: Collection[int],
) -> list[int]:
    """Frame indices that notes point to beyond those `seen`: `recall.frames` at most, best note first.

    `index` is what a log says of its frames, (frame index, stream seconds). A note points to the last frame up to its
    end, as far back as the log surely keeps frames.
    """
    known = sorted((t, i) for i, t in index if question.view_from <= t <= question.t_ask)
    if not known or not recall.frames:
        return []
    oldest = known[-1][1] - recall.frames_kept
    chosen: list[int] = []
    for hit in hits:
        frame = max((pair for pair in known if pair[0] <= hit.note.t_end), default=None)
        if frame and frame[1] >= oldest and frame[1] not in seen and frame[1] not in chosen:
            chosen.append(frame[1])
        if len(chosen) == recall.frames:
            break
    return chosen
