"""`dsb score-file`: predictions that were made elsewhere, scored by the same rules as runs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["Matcher", "Rules", "score_file"]


class Rules(StrEnum):
    """Whose rules are gone by."""

    CAUSAL = "causal"
    OFFICIAL = "official"


class Matcher(StrEnum):
    """How free text is compared."""

    EXACT = "exact"
    NORMALISED = "normalised"
    EMBEDDING = "embedding"
    JUDGE = "judge"


def score_file(
    samples: Annotated[
        str, typer.Argument(help="A data set: a folder, or its all.json.", show_default=False)
    ],
    predictions: Annotated[
        Path, typer.Argument(help="One JSON object a line: sample_id, text, …", show_default=False)
    ],
    profile: Annotated[
        Rules, typer.Option(help="The project's rules, or each benchmark's own.")
    ] = Rules.CAUSAL,
    json: Annotated[Path | None, typer.Option("--json", help="Write the scores here too.")] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Leave out bad lines; show numbers though answers are missing.")
    ] = False,
    text: Annotated[Matcher, typer.Option(help="How free text is compared.")] = Matcher.NORMALISED,
    horizon: Annotated[
        float, typer.Option(min=1e-3, help="Causal: seconds for which a standing question stands, at most.")
    ] = 60.0,
    log: Annotated[
        Path | None, typer.Option(help="Causal: write a line a question with its verdict here.")
    ] = None,
    clue: Annotated[
        Path | None, typer.Option(help="CG-Bench: predictions made from the clue intervals alone.")
    ] = None,
) -> None:
    """Score predictions made elsewhere, and print the table.

    A line holds sample_id (or native_id and task), turn and probe (0 when left out), text (any JSON value) and,
    for what a system said by itself, t_emit in seconds.

    Example: dsb score-file data/ovo predictions.jsonl --profile official --json scores.json
    """
    from bench.data.dataset import load_dataset
    from bench.files import canonical, write_atomic
    from bench.report import print_scores
    from bench.report.official import print_official
    from bench.scoring.scorefile import Asked, score_causal, score_officially
    from bench.scoring.text import text_matcher
    from shared.errors import ConfigError

    official = profile is Rules.OFFICIAL
    if clue is not None and not official:
        raise ConfigError("--clue is a rule of CG-Bench: use it with --profile official")
    if log is not None and official:
        raise ConfigError("--log tells verdicts by the project's own rules: use it with --profile causal")
    for place in (json, log):
        if place is not None and place.is_dir():
            raise ConfigError(f"{place}: is a folder: name a file to write")
    dataset = load_dataset(samples)
    asked = Asked(text_matcher(text), partial, horizon)

    def keep(body: dict[str, Any]) -> None:
        if json is not None:
            write_atomic(json, (canonical(body) + "\n").encode("utf-8", "replace"))

    if official:
        found = score_officially(dataset, predictions, asked, clue=clue)
        keep(found.model_dump(mode="json"))
        print_official(found)
    else:
        scores = score_causal(dataset, predictions, asked, log=log)
        keep(scores.model_dump(mode="json"))
        print_scores(scores)
