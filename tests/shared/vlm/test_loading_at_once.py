from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import torch

from shared.memory.encoder import load_encoder
from shared.vlm import ModelSpec, load_vlm
from shared.vlm.engine import LocalVlm


def weights(name: str) -> torch.Tensor:
    vlm = load_vlm(ModelSpec(path=name))
    assert isinstance(vlm, LocalVlm)
    tied: torch.Tensor = vlm.model.lm_head.weight
    return tied


def test_models_and_encoders_that_are_loaded_at_once_are_whole_and_so_are_those_after_them() -> None:
    before = weights("tiny-s1")
    with ThreadPoolExecutor(6) as pool:
        encoders = [pool.submit(load_encoder, "minilm") for _ in range(2)]
        for found in [pool.submit(weights, "tiny-s1") for _ in range(12)]:
            assert torch.equal(found.result(), before)
        assert len({encoder.result().name for encoder in encoders}) == 1
    assert torch.equal(weights("tiny-s1"), before)
