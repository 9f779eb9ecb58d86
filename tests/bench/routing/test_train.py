"""Routers are fitted on paired runs, by video, and their files are data."""

from __future__ import annotations

import json
from pathlib import Path as FilePath

import numpy as np
import pytest
from routing_kit import table

from bench.routing.misroutes import misroutes
from bench.routing.replay import replay
from bench.routing.train import fit_learned, fit_semantic, joined
from shared.errors import DataError
from shared.messages import Path
from shared.routing import policy

NOW = ("What colour is it now?", "Where is the ring at the moment?", "Which shape is visible right now?")
PAST = ("What colour was it before?", "Where was the ring at first?", "Which shape left earlier?")


def _table(videos: int = 8):
    texts, y1, y2, clusters = [], [], [], []
    for video in range(videos):
        for number in range(6):
            past = number % 2 == 1
            texts.append((PAST if past else NOW)[number // 2])
            y1.append(0 if past else 1)
            y2.append(1 if past else int(number == 0))
            clusters.append(video)
    return table(y1, y2, videos=clusters, texts=texts)


def test_a_classifier_learns_who_is_right_and_says_how_sure(tmp_path: FilePath) -> None:
    made = _table()
    fitted = fit_learned(made, price=0.1)
    assert fitted.accuracy == 1.0
    assert fitted.error is not None
    assert fitted.error < 0.2
    assert fitted.file.trained["videos"] == 8
    file = tmp_path / "router.json"
    file.write_text(fitted.file.model_dump_json(by_alias=True))
    replayed = replay(made, f"learned:{file}")
    assert replayed.fallbacks == 0
    assert replayed.chosen.s2.tolist() == [row.question.text in PAST for row in made.rows]


def test_a_classifier_generalises_to_words_that_it_never_met(tmp_path: FilePath) -> None:
    file = tmp_path / "router.json"
    file.write_text(fit_learned(_table(), price=0.1).file.model_dump_json(by_alias=True))
    other = table([1, 0], [0, 1], texts=["What is in the corner now?", "What was in the corner before?"])
    scores = replay(other, f"learned:{file}").chosen.score
    assert scores is not None
    assert scores[1] > scores[0]


def test_the_same_seed_gives_the_same_file() -> None:
    assert fit_learned(_table(), price=0.1, seed=3).file == fit_learned(_table(), price=0.1, seed=3).file


def test_where_s2_is_never_better_nothing_goes_to_it(tmp_path: FilePath) -> None:
    made = _table()
    worse = made._replace(outcome=made.outcome._replace(y2=np.zeros_like(made.outcome.y1)))
    fitted = fit_learned(worse, price=0.1)
    assert fitted.rho == 0.0
    file = tmp_path / "router.json"
    file.write_text(fitted.file.model_dump_json(by_alias=True))
    assert policy(f"learned:{file}").decide(made.rows[0].question, made.rows[0].state).paths == (Path.S1,)


def test_one_video_is_too_few_to_check_on_another() -> None:
    with pytest.raises(DataError, match="1 video"):
        fit_learned(_table(videos=1), price=0.1)


def test_a_high_price_keeps_more_on_s1() -> None:
    rng = np.random.default_rng(0)
    made = _table()
    noisy = made._replace(outcome=made.outcome._replace(y2=(rng.random(48) < 0.6).astype(float)))
    assert fit_semantic(noisy, price=0.0).rho >= fit_semantic(noisy, price=0.5).rho


def test_the_threshold_of_prototypes_is_fitted(tmp_path: FilePath) -> None:
    made = _table()
    fitted = fit_semantic(made, price=0.1)
    assert fitted.accuracy == 1.0
    file = tmp_path / "semantic.json"
    file.write_text(fitted.file.model_dump_json(by_alias=True))
    assert json.loads(file.read_text())["threshold"] == fitted.file.threshold
    assert replay(made, f"semantic:{file}").chosen.s2.mean() == fitted.rho


def test_runs_are_joined_and_their_videos_stay_apart() -> None:
    both = joined([_table(2), _table(3)])
    assert len(both.rows) == len(both.outcome.y1) == 30
    assert len(np.unique(both.outcome.clusters)) == 5


def test_misroutes_show_the_surest_mistakes_of_each_kind() -> None:
    made = _table(2)
    found = misroutes(made, replay(made, "force-s1"), examples=2)
    assert (found.cells.missed, found.cells.harmful, found.cells.wasted) == (6, 0, 0)
    assert [one.question in PAST for one in found.missed] == [True, True]
    everything = misroutes(made, replay(made, "random@1"), examples=1)
    assert (everything.cells.harmful, len(everything.harmful)) == (4, 1)
    assert everything.wasted[0].reason == "drawn with share 1, seed 0"
    assert set(everything.by_part) == {"realtime"}
