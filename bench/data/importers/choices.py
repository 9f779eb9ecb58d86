"""Options as the public files write them, made into options with keys A, B, C …

Labels in front are taken off when they name the options; where they don't (none, out of step, one twice) the
options are named by their place, and an issue says so. An option that a line break split is put together.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from bench.data.importers.fields import Node, kind_of
from bench.data.schema import Issue
from shared.messages import Option

__all__ = ["Choices", "letter", "read_choices", "read_labelled"]

_LABEL = re.compile(r"\s*\(?([A-Z])\s*[.:)、．：]\s*(.*)", re.DOTALL)
_MOST = 26 * 27


class Choices(NamedTuple):
    """Options, and what was odd about them."""

    options: tuple[Option, ...]
    issues: tuple[Issue, ...] = ()


def letter(place: int) -> str:
    """A, B, … Z, AA, AB …"""
    return chr(65 + place) if place < 26 else letter(place // 26 - 1) + chr(65 + place % 26)


def read_choices(node: Node) -> Choices:
    """Options from a list of texts."""
    items = node.items(least=1)
    if len(items) > _MOST:
        raise node.fail(f"holds {len(items)} options; {_MOST} are the most")
    issues: list[Issue] = []
    texts = _texts(items, issues)
    labels = [_LABEL.fullmatch(text) for text in texts if text.strip()]
    if not labels:
        raise node.fail("holds no option that is not empty")
    if labels[0] is None or sum(label is not None for label in labels) < 2:
        options = _by_place(texts)
    else:
        options = _labelled(node, texts, issues)
    return Choices(options, tuple(issues))


def read_labelled(node: Node) -> Choices:
    """Options from an object: label to text."""
    issues: list[Issue] = []
    fields = list(node.fields())
    if not fields:
        raise node.fail("holds no option")
    texts = _texts([field for _, field in fields], issues)
    keys = [key.strip() for key, _ in fields]
    if any(not re.fullmatch("[A-Z]", key) for key in keys) or len(set(keys)) < len(keys):
        said = f"labels {', '.join(keys)!r:.80}; named by place"
        issues.append(Issue(code="option_labels_malformed", pointer=node.pointer, text=said))
        return Choices(_by_place(texts), tuple(issues))
    return Choices(tuple(Option(key=k, text=t) for k, t in zip(keys, texts, strict=True)), tuple(issues))


def _texts(items: list[Node], issues: list[Issue]) -> list[str]:
    texts = []
    for item in items:
        text = item.text(empty=True)
        if not isinstance(item.value, str):
            said = f"is {kind_of(item.value)}: {text}"
            issues.append(Issue(code="option_not_text", pointer=item.pointer, text=said))
        if not text.strip():
            issues.append(Issue(code="empty_option", pointer=item.pointer, text="holds nothing"))
        texts.append(text)
    return texts


def _labelled(node: Node, texts: list[str], issues: list[Issue]) -> tuple[Option, ...]:
    """Options whose texts begin with a label, most of them."""
    keys: list[str] = []
    bodies: list[str] = []
    for text in texts:
        match = _LABEL.fullmatch(text)
        if match is not None:
            keys.append(match[1])
            bodies.append(match[2].strip())
        elif text.strip():
            bodies[-1] = f"{bodies[-1]} {text.strip()}"
            said = f"{text.strip()!r:.60} has no label; joined to option {keys[-1]}"
            issues.append(Issue(code="option_split", pointer=node.pointer, text=said))
    if keys == [letter(place) for place in range(len(keys))]:
        return tuple(Option(key=k, text=b) for k, b in zip(keys, bodies, strict=True))
    named = len(set(keys)) == len(keys)
    said = f"labels {', '.join(keys)}; " + ("taken as they are" if named else "named by place")
    issues.append(Issue(code="option_labels_malformed", pointer=node.pointer, text=said))
    if not named:
        return _by_place(bodies)
    return tuple(Option(key=k, text=b) for k, b in zip(keys, bodies, strict=True))


def _by_place(texts: list[str]) -> tuple[Option, ...]:
    return tuple(Option(key=letter(place), text=text.strip()) for place, text in enumerate(texts))
