from __future__ import annotations

import pytest

from bench.run.driver import model_env
from services.s1.settings import S1Settings
from services.s2.settings import S2Settings
from shared.settings import load
from shared.vlm import ModelSpec

PAID = ModelSpec(
    backend="openai",
    path="m",
    base_url="http://127.0.0.1:1/v1",
    price=(1.0, 2.5),
    seed=3,
    logprobs=True,
    rpm=9,
)


@pytest.mark.parametrize("settings", [S1Settings, S2Settings])
@pytest.mark.parametrize(
    "spec",
    [
        ModelSpec(path="tiny-s1"),
        ModelSpec(path="tiny-s2", random_weights=7, temperature=0.5),
        PAID,
        PAID.model_copy(update={"sampling_temperature": None}),
    ],
)
def test_a_worker_reads_the_model_that_the_run_names(
    monkeypatch: pytest.MonkeyPatch, settings: type[S1Settings | S2Settings], spec: ModelSpec
) -> None:
    for name, value in model_env(spec).items():
        monkeypatch.setenv(name, value)
    assert load(settings).model == spec
