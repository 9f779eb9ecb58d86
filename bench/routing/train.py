"""Training a router on paired runs: the `learned` classifier, or the threshold of `semantic`.

What is learned and what it is told by never come from one video: probabilities, temperature and threshold are fitted on
predictions for videos that the classifier did not see (cross-validation by video). Nothing but a question's words and
the stream's state goes in; the outcome is only what is learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from bench.routing.metrics import Outcome, curve, right
from bench.routing.paired import Paired
from bench.routing.replay import replay
from bench.routing.seen import marks
from bench.scoring.measures import Array, Places
from shared.errors import ConfigError, DataError
from shared.routing.features import STREAM_FEATURES, features
from shared.routing.files import read_policy, shared_encoder
from shared.routing.learned import CLASSES, LearnedFile, probabilities
from shared.routing.semantic import SemanticFile

__all__ = ["Fitted", "fit_learned", "fit_semantic", "joined"]

_FOLDS = 5
_C = 0.1
"""Inverse strength of the L2 penalty: there are more features than videos."""
_TEMPERATURES = np.geomspace(0.25, 8.0, 41)


class Fitted(NamedTuple):
    """A policy file, and what the fit says of videos that it was not fitted on."""

    file: LearnedFile | SemanticFile
    accuracy: float
    """Cross-validated, at the threshold."""
    rho: float
    error: float | None = None
    """Expected calibration error of the class probabilities, in ten bins; null where there are none."""


def joined(tables: Sequence[Paired]) -> Paired:
    """Several runs as one table; a video of two runs is two clusters."""
    first, start, clusters = tables[0], 0, list[Places]()
    for table in tables:
        _, places = np.unique(table.outcome.clusters, return_inverse=True)
        clusters.append(places.astype(np.int64) + start)
        start += int(places.max()) + 1
    outcomes = [table.outcome for table in tables]
    outcome = Outcome(
        np.concatenate([one.y1 for one in outcomes]),
        np.concatenate([one.y2 for one in outcomes]),
        np.concatenate([one.c1 for one in outcomes]),
        np.concatenate([one.c2 for one in outcomes]),
        np.concatenate(clusters),
    )
    rows = [row._replace(leans_on=()) for table in tables for row in table.rows]
    latency = [np.concatenate([table.latency[path] for table in tables]) for path in (0, 1)]
    videos = [video for table in tables for video in table.videos]
    return first._replace(rows=rows, outcome=outcome, latency=(latency[0], latency[1]), videos=videos)


def fit_learned(table: Paired, *, price: float, encoder: str = "minilm", seed: int = 0) -> Fitted:
    """Train the classifier; the threshold is worth most at the price λ. Raises `DataError`, `ConfigError`."""
    model = shared_encoder(encoder)
    rows = np.stack([features(model, row.question, row.state) for row in table.rows])
    outcome = table.outcome
    labels = (outcome.y2 - outcome.y1).astype(np.int64) + 1
    mean, scale = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-6)
    inputs = (rows - mean) / scale
    unseen = _unseen_logits(inputs, labels, outcome.clusters, seed)
    temperature = _temperature(unseen, labels)
    told = probabilities(unseen, temperature)
    score = 0.5 + (told[:, 2] - told[:, 0]) / 2
    threshold = _threshold(outcome, score, price)
    weights, bias = _linear(inputs, labels, seed)
    s2 = score >= threshold
    fitted = Fitted(
        LearnedFile(
            encoder=encoder,
            dim=model.dim,
            stream=STREAM_FEATURES,
            mean=_tuple(mean),
            scale=_tuple(scale),
            weights=tuple(_tuple(row) for row in weights),
            bias=_tuple(bias),
            temperature=round(temperature, 6),
            threshold=threshold,
        ),
        float(right(outcome, s2).mean()),
        float(s2.mean()),
        _calibration_error(told, labels),
    )
    return _signed(fitted, table, price)


def fit_semantic(table: Paired, *, price: float, prototypes: str = "") -> Fitted:
    """Fit the threshold of a prototype file (the shipped one by default) on a table."""
    file = read_policy(prototypes, SemanticFile, shipped="prototypes.json")
    found = replay(table, f"semantic:{prototypes}" if prototypes else "semantic").chosen.score
    if found is None:
        raise ConfigError(f"prototypes {prototypes or 'that ship'}: can't be used on this machine")
    threshold = _threshold(table.outcome, found, price)
    s2 = found >= threshold
    file = file.model_copy(update={"threshold": threshold})
    fitted = Fitted(file, float(right(table.outcome, s2).mean()), float(s2.mean()))
    return _signed(fitted, table, price)


def _signed(fitted: Fitted, table: Paired, price: float) -> Fitted:
    """Write into the file on what it was fitted."""
    trained: dict[str, Any] = {
        "questions": len(table.rows),
        "videos": len(np.unique(table.outcome.clusters)),
        "cost": str(table.unit),
        "lambda": price,
        "accuracy": round(fitted.accuracy, 6),
        "s1": round(float(table.outcome.y1.mean()), 6),
        "s2": round(float(table.outcome.y2.mean()), 6),
        "rho": round(fitted.rho, 6),
        "video_marks": list(marks(table.videos)),
    }
    if fitted.error is not None:
        trained["calibration_error"] = round(fitted.error, 6)
    return fitted._replace(file=fitted.file.model_copy(update={"trained": trained}))


def _linear(inputs: Array, labels: Places, seed: int) -> tuple[Array, Array]:
    """Multinomial logistic regression; a class that never occurs gets no weight, and no probability to speak of."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise ConfigError("training needs scikit-learn: pip install 'dualstreambench[bench]'") from error
    known = np.unique(labels)
    weights = np.zeros((len(CLASSES), inputs.shape[1]))
    bias = np.full(len(CLASSES), -20.0)
    if len(known) == 1:
        bias[known] = 0.0
        return weights, bias
    model = LogisticRegression(C=_C, max_iter=2000, random_state=seed).fit(inputs, labels)
    if len(known) == 2:
        # Two classes have one row of weights, for the second.
        weights[known[1]], bias[known] = model.coef_[0], (0.0, float(model.intercept_[0]))
    else:
        weights[known], bias[known] = model.coef_, model.intercept_
    return weights, bias


def _unseen_logits(inputs: Array, labels: Places, clusters: Places, seed: int) -> Array:
    """Of each question, by a model that saw none of its video."""
    known, places = np.unique(clusters, return_inverse=True)
    if len(known) < 2:
        raise DataError(f"{len(known)} video: training is checked on other videos, so 2 are wanted at least")
    folds = np.random.default_rng(seed).permutation(len(known))[places] % min(_FOLDS, len(known))
    logits = np.zeros((len(inputs), len(CLASSES)))
    for fold in np.unique(folds):
        held = folds == fold
        weights, bias = _linear(inputs[~held], labels[~held], seed)
        logits[held] = inputs[held] @ weights.T + bias
    return logits


def _temperature(logits: Array, labels: Places) -> float:
    """The one that makes the labels most likely (Guo et al. 2017)."""
    places = np.arange(len(labels))
    losses = [-np.log(probabilities(logits, t)[places, labels] + 1e-12).mean() for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def _threshold(outcome: Outcome, score: Array, price: float) -> float:
    """Of all thresholds the one of the highest mean utility y − λ(c − c̄₁)/(c̄₂ − c̄₁); the highest one of equals.

    It lies halfway between the last score that goes to S2 and the next one, so that rounding moves nobody.
    """
    points = curve(outcome, score)
    spread = float(outcome.c2.mean() - outcome.c1.mean())
    paid = price * (points.cost - outcome.c1.mean()) / spread if spread > 0 else np.zeros_like(points.cost)
    best = int(np.argmax(np.round(points.accuracy - paid, 9)))
    if best == 0:
        return 1.0
    at = float(points.threshold[best])
    below = float(points.threshold[best + 1]) if best + 1 < len(points.threshold) else 0.0
    return round((at + below) / 2, 9)


def _calibration_error(told: Array, labels: Places) -> float:
    """ECE of the likeliest class: mean over ten bins of |confidence − accuracy|, weighted by their size."""
    confidence, hit = told.max(axis=1), told.argmax(axis=1) == labels
    bins = np.minimum((confidence * 10).astype(np.int64), 9)
    gaps = [
        abs(float(confidence[bins == b].mean() - hit[bins == b].mean())) * float((bins == b).mean())
        for b in np.unique(bins)
    ]
    return sum(gaps)


def _tuple(values: Array) -> tuple[float, ...]:
    return tuple(float(f"{value:.8g}") for value in values)
