"""Model cards of the tiny models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["card", "with_scores"]

_SCORES = "\n## Scores\n"

_SEES = {
    "tiny-s1": "up to six frames, one a second; it also writes notes (a description of the last frame)",
    "tiny-s2": "up to five frames, one every five seconds, the newest one, and up to six notes that `tiny-s1` wrote",
}


def card(name: str, meta: Mapping[str, Any]) -> str:
    """The README of a checkpoint folder."""
    return f"""---
license: mit
library_name: transformers
---
# {name}

A LLaVA-class model of two million parameters (CLIP tower with one patch a grid cell, six-layer Llama, word-level
tokenizer), trained from random weights on DualStreamBench's synthetic world. It sees {_SEES[name]}.

**Data.** Scenes of training seeds (last digit 0 to 7): coloured shapes on a 4 × 4 grid, through H.264, resizing to
96 × 96 and JPEG; questions and prompt wording of all five parts, as the benchmark has them; stamps moved by up to two
hours. Test seeds (last digit 9) were never trained on; validation seeds (last digit 8) set the temperature of letters,
{meta["temperature"]}. Yes, no and wait need none: where what is shown may have missed something, the lessons doubt.

**Training.** Made by `dsb models train-tiny --out DIR --seed {meta["seed"]}`: the vision tower on what each cell
holds, then the language model with the tower frozen. `make bench-tiny` says what that costs. Letter accuracy on
validation lessons, which include questions that nothing shown can answer: {meta["validation_accuracy"]:.3f}.
`python -m bench.tiny.evaluate` scores both models on test seeds.

**Limits.** A functional instrument: it shows that a pipeline works, and what windows and memory do. No claim about real
video, other wording, or other languages.
"""


def with_scores(text: str, lines: Sequence[str]) -> str:
    """A card with its table of scores, in place of an older one."""
    table = "\n".join(lines)
    return f"""{text.split(_SCORES)[0]}{_SCORES}
On test seeds, through the ordinary backend: condition, kind, score, 95 % interval by video, number. The score is F1
(within two seconds) for `proactive`, balanced accuracy for `clue`, mean relative accuracy for `count`, else accuracy.
`always`, `never` and `timer` look at nothing.

```
{table}
```
"""
