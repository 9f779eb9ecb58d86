from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import tiny_families
import tiny_llava
import torch
from pydantic import ValidationError

from shared.errors import ModelError, OutOfMemory
from shared.vlm import ModelSpec, PromptParts, load_vlm
from shared.vlm.engine import LocalVlm

PARTS = PromptParts(question="What?", labels=("A", "B"))


def loaded(**settings: object) -> LocalVlm:
    vlm = load_vlm(ModelSpec.model_validate(settings))
    assert isinstance(vlm, LocalVlm)
    return vlm


def quantized(vlm: LocalVlm) -> set[str]:
    return {name for name, module in vlm.model.named_modules() if "bit" in type(module).__name__}


@pytest.mark.parametrize(
    ("family", "kind"), [("llava", "int8"), ("llava", "nf4"), ("qwen2_vl", "nf4"), ("smolvlm", "int8")]
)
def test_quantization_takes_the_language_model_and_leaves_tower_and_projector(
    family: str, kind: str, tmp_path: Path
) -> None:
    folder = tiny_families.save(family, tmp_path / family)
    backend = tiny_families.BACKENDS[family]
    whole = loaded(backend=backend, path=str(folder))
    small = loaded(backend=backend, path=str(folder), quantization=kind)
    names = quantized(small)
    assert len(names) == 3 * 7  # four projections of attention and three of the MLP, in three layers
    assert all(".language_model." in name or ".text_model." in name for name in names)
    frame = tiny_llava.images(1)
    rows, same = small.encode(frame, [0.0], 0).feats, whole.encode(frame, [0.0], 0).feats
    assert torch.equal(rows, same)
    unit = small.encode(frame, [0.0], 0)
    assert sum(small.choose(PromptParts([unit], question="What?", labels=("A", "B"))).probs.values()) == (
        pytest.approx(1.0)
    )
    assert small.generate(PromptParts([unit], question="What?"), max_new_tokens=3).output_tokens > 0
    assert small.fingerprint != whole.fingerprint


def test_int8_answers_nearly_as_the_whole_model_does(checkpoint: Path) -> None:
    whole, small = loaded(path=str(checkpoint)), loaded(path=str(checkpoint), quantization="int8")
    assert small.choose(PARTS).probs["A"] == pytest.approx(whole.choose(PARTS).probs["A"], abs=0.1)
    assert small.model.get_memory_footprint() < whole.model.get_memory_footprint()


def test_without_bitsandbytes_quantization_names_the_extra(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.vlm.placement.find_spec", lambda name: None)
    with pytest.raises(
        ModelError, match=r"^quantization 'nf4' needs the package 'bitsandbytes': pip install"
    ):
        loaded(path=str(checkpoint), quantization="nf4")


def test_nf4_is_refused_where_rows_are_no_whole_blocks() -> None:
    with pytest.raises(ModelError, match=r"layer \S+ has 160 inputs, no multiple of 64: use int8"):
        loaded(path="tiny-s2", quantization="nf4")
    assert quantized(loaded(path="tiny-s2", quantization="int8"))


def test_auto_is_the_dtype_of_the_checkpoint(tmp_path: Path) -> None:
    folder = tiny_llava.save(tmp_path / "toy")
    assert loaded(path=str(folder), dtype="auto").model.dtype == torch.float32
    loaded(path=str(folder), dtype="bfloat16").model.save_pretrained(folder)
    assert loaded(path=str(folder), dtype="auto").model.dtype == torch.bfloat16
    assert loaded(path=str(folder), dtype="auto", random_weights=1).model.dtype == torch.bfloat16
    assert loaded(path=str(folder)).model.dtype == torch.float32


def test_a_device_map_places_the_model_and_changes_no_answer(checkpoint: Path) -> None:
    plain, mapped = loaded(path=str(checkpoint)), loaded(path=str(checkpoint), device_map={"": "cpu"})
    assert mapped.model.device == torch.device("cpu")
    assert mapped.choose(PARTS) == plain.choose(PARTS)


def test_a_device_map_that_names_a_missing_device_is_refused_in_one_line(checkpoint: Path) -> None:
    with pytest.raises(ModelError, match=r"can't be loaded on \{'': 'cuda:77'\}") as caught:
        loaded(path=str(checkpoint), device_map={"": "cuda:77"})
    assert "\n" not in str(caught.value)


def test_the_attention_asked_for_is_used_and_answers_alike(checkpoint: Path) -> None:
    eager, usual = loaded(path=str(checkpoint), attn_implementation="eager"), loaded(path=str(checkpoint))
    assert eager.model.config.get_text_config()._attn_implementation == "eager"
    assert usual.model.config.get_text_config()._attn_implementation == "sdpa"
    assert eager.choose(PARTS).probs["A"] == pytest.approx(usual.choose(PARTS).probs["A"], abs=1e-4)
    assert eager.fingerprint != usual.fingerprint


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"device": "cuda", "device_map": "auto"}, "give one of them"),
        ({"random_weights": 1, "quantization": "int8"}, "leave one of them out"),
        ({"quantization": "int4"}, "nf4"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        ModelSpec.model_validate(settings)


def test_an_impossible_allocation_is_told_apart_from_other_failures(
    vlm: LocalVlm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(*_: object, **__: object) -> torch.Tensor:
        return torch.empty(1 << 60)

    monkeypatch.setattr(vlm, "forward", forward)
    with pytest.raises(
        OutOfMemory, match="failed at choosing an option: out of memory: use a smaller window"
    ):
        vlm.choose(PARTS)


_CHILD = """
import resource, sys
import tiny_llava
from shared.errors import DsbError
from shared.messages import Form, Question
from shared.perception import respond
from shared.vlm import ModelSpec, load_vlm

vlm = load_vlm(ModelSpec(path=sys.argv[1], attn_implementation="eager"))
unit = vlm.encode(tiny_llava.images(1), [0.0], 0)
units = [type(unit)(unit.feats, unit.deep, unit.grid, (float(i),), i) for i in range(int(sys.argv[2]))]
question = Question(opening="o", sample="s", key="q", text="What?", form=Form.TEXT, t_ask=1e3)
respond(vlm, units[:2], question)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
for room_mb in sys.argv[3:]:
    resource.setrlimit(resource.RLIMIT_AS, (used + (int(room_mb) << 20), resource.RLIM_INFINITY))
    try:
        draft = respond(vlm, units, question)
        print(draft.partial, draft.frames_idx[0], len(draft.frames_idx))
    except DsbError as error:
        print(error)
"""


def starved(folder: Path, *, units: int, rooms_mb: tuple[int, ...]) -> list[str]:
    """What a child says that may take so much more memory, asked about so many frames, for each room."""
    ran = subprocess.run(
        [sys.executable, "-c", _CHILD, str(folder), str(units), *map(str, rooms_mb)],
        capture_output=True,
        text=True,
        timeout=240,
        env={"PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return ran.stdout.splitlines()


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are enforced by Linux only")
def test_out_of_memory_is_answered_with_the_newer_half_or_recorded(tmp_path: Path) -> None:
    folder = tiny_llava.save(tmp_path / "toy", context=8192)
    half, nothing = starved(folder, units=160, rooms_mb=(280, 40))
    assert half == "oom_retry 80 80"
    assert "failed at generating text: out of memory: use a smaller window, dtype or model" in nothing
