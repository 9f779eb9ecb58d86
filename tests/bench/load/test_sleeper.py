"""The load generator in a model's place: it sleeps and says one thing, and no run can be scored with it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.load.sleeper import BACKEND, Sleeper, load, plugged
from shared.errors import ModelError
from shared.messages import Option, Question
from shared.perception import respond
from shared.vlm import KeepsJpeg, ModelSpec, load_vlm

ROOT = Path(__file__).resolve().parents[3]
LOADS = "from shared.vlm import ModelSpec, load_vlm; print(load_vlm(ModelSpec(backend='load-sleep', path='0.5')).name)"


def test_it_takes_its_time_and_gives_the_first_option() -> None:
    options = tuple(Option(key=key, text=key) for key in "CD")
    question = Question(opening="o", key="k", sample="s", t_ask=1.0, text="Which?", options=options)
    sleeper = Sleeper(0.05)
    unit = sleeper.keep(b"no jpeg at all", 0.5, 0)
    began = time.perf_counter()
    draft = respond(sleeper, [unit], question)
    assert time.perf_counter() - began >= 0.05
    assert (draft.choice, draft.frames_ts) == ("C", (0.5,))
    assert isinstance(sleeper, KeepsJpeg)


@pytest.mark.parametrize("path", ["tiny-s1", "-1", "601", "nan"])
def test_a_path_that_is_no_time_to_sleep_is_refused(path: str) -> None:
    with pytest.raises(ModelError, match="give"):
        load(ModelSpec(backend=BACKEND, path=path))


def test_no_run_knows_it_as_a_model() -> None:
    with pytest.raises(ModelError, match="unknown model backend 'load-sleep'"):
        load_vlm(ModelSpec(backend=BACKEND, path="0.5"))


def test_a_process_with_its_settings_knows_it_by_entry_point(tmp_path: Path) -> None:
    settings = plugged(tmp_path, 0.5)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), settings["PYTHONPATH"]))}
    done = subprocess.run(
        [sys.executable, "-P", "-c", LOADS], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "load-sleep 0.5 s (a load generator, no model)"
    assert settings["DSB_MODEL__PATH"] == "0.5"
