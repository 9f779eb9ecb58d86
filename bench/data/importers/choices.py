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

__all__ = ["Choices", "label_of", "letter", "read_choices", "read_labelled"]

_LABEL = re.compile(r"\s*\(?([A-Z])\s*[.:)、．：]\s*(.*)", re.DOTALL)
_MOST = 26 * 27
_USUAL = 4
"""Among more texts than this, one without a label is rather a piece of the one before."""


class Choices(NamedTuple):
    """Options, and what was odd about them."""

    options: tuple[Option, ...]
    issues: tuple[Issue, ...] = ()


def letter(place: int) -> str:
    """A, B, … Z, AA, AB …"""
    return chr(65 + place) if place < 26 else letter(place // 26 - 1) + chr(65 + place % 26)


def label_of(text: str) -> str:
    """The label that a text begins with; empty when there is none."""
    label = _label(text)
    return label.key if label else ""


def read_choices(node: Node, *, labelled: bool = True) -> Choices:
    """Options from a list of texts; without `labelled` what looks like a label is part of the text."""
    items = node.items(least=1)
    if len(items) > _MOST:
        raise node.fail(f"holds {len(items)} options; {_MOST} are the most")
    issues: list[Issue] = []
    texts = _texts(items, issues)
    labels = [_LABEL.fullmatch(text) for text in texts if text.strip()]
    if not labels:
        raise node.fail("holds no option that is not empty")
    if not labelled or labels[0] is None or sum(label is not None for label in labels) < 2:
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
        text = "" if item.value is None else item.text(empty=True)
        if not isinstance(item.value, str | None):
            said = f"is {kind_of(item.value)}: {text}"
            issues.append(Issue(code="option_not_text", pointer=item.pointer, text=said))
        if not text.strip():
            issues.append(Issue(code="empty_option", pointer=item.pointer, text="holds nothing"))
        texts.append(text)
    return texts


class _Label(NamedTuple):
    key: str
    body: str


def _labelled(node: Node, texts: list[str], issues: list[Issue]) -> tuple[Option, ...]:
    """Options whose texts begin with a label, most of them; the first does."""
    told = [text.strip() for text in texts if text.strip()]
    labels = [_label(text) for text in told]
    joined = _joined(told, labels)
    keys = [label.key for label in joined]
    if len(joined) == len(told) and keys == _letters(len(keys)):
        return _options(joined)
    fits = all(label is None or label.key == letter(place) for place, label in enumerate(labels))
    if fits and len(told) <= _USUAL:
        said = f"{len(told) - len(joined)} of {len(told)} have no label; named by place"
        issues.append(Issue(code="option_labels_malformed", pointer=node.pointer, text=said))
        return _by_place([label.body if label else text for text, label in zip(told, labels, strict=True)])
    if len(joined) < len(told):
        said = f"{len(told) - len(joined)} of {len(told)} texts have no label; joined to the one before"
        issues.append(Issue(code="option_split", pointer=node.pointer, text=said))
    if keys == _letters(len(keys)):
        return _options(joined)
    named = len(set(keys)) == len(keys)
    said = f"labels {', '.join(keys)}; " + ("taken as they are" if named else "named by place")
    issues.append(Issue(code="option_labels_malformed", pointer=node.pointer, text=said))
    return _options(joined) if named else _by_place([label.body for label in joined])


def _label(text: str) -> _Label | None:
    match = _LABEL.fullmatch(text)
    return _Label(match[1], match[2].strip()) if match else None


def _joined(texts: list[str], labels: list[_Label | None]) -> list[_Label]:
    """The labelled texts, each with what follows it without a label."""
    joined: list[_Label] = []
    for text, label in zip(texts, labels, strict=True):
        joined.append(label or _Label(joined[-1].key, f"{joined.pop().body} {text}"))
    return joined


def _letters(count: int) -> list[str]:
    return [letter(place) for place in range(count)]


def _options(labels: list[_Label]) -> tuple[Option, ...]:
    return tuple(Option(key=label.key, text=label.body) for label in labels)


def _by_place(texts: list[str]) -> tuple[Option, ...]:
    return tuple(Option(key=letter(place), text=text.strip()) for place, text in enumerate(texts))
