from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import tiny_llava
import torch
from pydantic import ValidationError

from shared.errors import ModelError
from shared.vlm import ModelSpec, PromptParts, backends, load_vlm, shipped
from shared.vlm.engine import LocalVlm


def copy(checkpoint: Path, to: Path) -> Path:
    shutil.copytree(checkpoint, to)
    return to


def refusal(spec: ModelSpec) -> str:
    with pytest.raises(ModelError) as caught:
        load_vlm(spec)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_importing_the_model_layer_imports_no_torch() -> None:
    code = "import sys, shared.vlm.spec; print({'torch', 'transformers'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_an_unknown_backend_lists_those_that_there_are() -> None:
    message = refusal(ModelSpec(backend="lava"))
    assert message.startswith("unknown model backend 'lava': there are anthropic, google, internvl, llava, ")


def test_a_wrong_path_lists_the_models_that_ship() -> None:
    message = refusal(ModelSpec(path="no/such/model"))
    assert message.startswith("no model at 'no/such/model'")
    assert all(name in message for name in shipped())


def test_a_folder_without_weights_is_no_checkpoint(tmp_path: Path) -> None:
    assert "is no checkpoint: it needs config.json and *.safetensors" in refusal(
        ModelSpec(path=str(tmp_path))
    )


def test_an_unsupported_model_type_is_named(checkpoint: Path, tmp_path: Path) -> None:
    folder = copy(checkpoint, tmp_path / "other")
    (folder / "config.json").write_text('{"model_type": "qwen9"}')
    assert "model of type 'qwen9': backend 'llava' loads llava" in refusal(ModelSpec(path=str(folder)))


def test_an_unreadable_config_is_named(checkpoint: Path, tmp_path: Path) -> None:
    folder = copy(checkpoint, tmp_path / "other")
    (folder / "config.json").write_text("{")
    assert "config.json can't be read as JSON" in refusal(ModelSpec(path=str(folder)))


def test_truncated_weights_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    folder = copy(checkpoint, tmp_path / "other")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "model 'other' can't be loaded" in refusal(ModelSpec(path=str(folder)))


def test_missing_weights_are_refused_and_not_made_up(checkpoint: Path, tmp_path: Path) -> None:
    folder = copy(checkpoint, tmp_path / "other")
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    del tensors[next(name for name in tensors if "multi_modal_projector" in name)]
    safetensors.torch.save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    assert "lacks 1 weights" in refusal(ModelSpec(path=str(folder)))


def test_a_model_without_chat_template_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    folder = copy(checkpoint, tmp_path / "other")
    (folder / "chat_template.jinja").unlink()
    assert "has no chat template" in refusal(ModelSpec(path=str(folder)))


def test_a_device_that_is_not_there_is_refused(checkpoint: Path) -> None:
    assert "can't be loaded on 'cuda:77'" in refusal(ModelSpec(path=str(checkpoint), device="cuda:77"))


def test_a_temperature_that_is_no_number_above_zero_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    folder = copy(checkpoint, tmp_path / "other")
    (folder / "dsb.json").write_text('{"temperature": 0}')
    assert "temperature 0 must be a number above 0" in refusal(ModelSpec(path=str(folder)))


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValidationError, match="pathh"):
        ModelSpec.model_validate({"pathh": "tiny-s1"})


def embedding(vlm: object) -> torch.Tensor:
    assert isinstance(vlm, LocalVlm)
    weight: torch.Tensor = vlm.model.get_input_embeddings().weight
    return weight


def test_random_weights_keep_the_architecture_and_their_seed_and_say_so(
    vlm: LocalVlm, checkpoint: Path
) -> None:
    state = torch.random.get_rng_state()
    seven, again, eight = (
        load_vlm(ModelSpec(path=str(checkpoint), random_weights=seed)) for seed in (7, 7, 8)
    )
    assert torch.equal(state, torch.random.get_rng_state())
    assert (seven.name, eight.name) == ("toy!random7", "toy!random8")
    assert embedding(seven).shape == embedding(vlm).shape
    assert torch.equal(embedding(seven), embedding(again))
    assert not torch.allclose(embedding(seven), embedding(vlm))
    assert not torch.allclose(embedding(seven), embedding(eight))
    assert len({vlm.fingerprint, seven.fingerprint, eight.fingerprint}) == 3
    assert seven.fingerprint == again.fingerprint


def test_the_fingerprint_follows_weights_and_settings_and_not_the_place(
    checkpoint: Path, tmp_path: Path
) -> None:
    def of(folder: Path, temperature: float | None = None) -> str:
        return load_vlm(ModelSpec(path=str(folder), temperature=temperature)).fingerprint

    here = of(checkpoint)
    assert of(copy(checkpoint, tmp_path / "moved")) == here
    assert of(tiny_llava.save(tmp_path / "other", seed=1)) != here
    assert of(checkpoint, temperature=2.0) != here


def test_the_temperature_comes_from_the_folder_unless_it_is_set(checkpoint: Path, tmp_path: Path) -> None:
    folder = copy(checkpoint, tmp_path / "other")
    (folder / "dsb.json").write_text(json.dumps({"temperature": 2.0}))
    by_folder, by_spec = ModelSpec(path=str(folder)), ModelSpec(path=str(checkpoint), temperature=2.0)
    assert load_vlm(by_folder).fingerprint == load_vlm(by_spec).fingerprint


def test_words_have_a_temperature_of_their_own(checkpoint: Path, tmp_path: Path) -> None:
    folder = copy(checkpoint, tmp_path / "other")
    (folder / "dsb.json").write_text(json.dumps({"temperature": 1.0, "word_temperature": 1e6}))
    heated, plain = (
        load_vlm(ModelSpec(path=str(folder))),
        load_vlm(ModelSpec(path=str(checkpoint), temperature=1.0)),
    )
    words = PromptParts(question="Has a star appeared?", labels=("yes", "no"))
    letters = PromptParts(question="Where is the star now?", labels=("A", "B"))
    assert heated.choose(words).probs["yes"] == pytest.approx(0.5, abs=1e-4)
    assert plain.choose(words).probs["yes"] != pytest.approx(0.5, abs=1e-4)
    assert heated.choose(letters) == plain.choose(letters)


def test_another_distribution_adds_a_backend_by_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "extra_vlm-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: extra-vlm\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[dualstreambench.vlm]\nextra = extra_vlm:load\nbroken = gone_vlm:load\nllava = extra_vlm:load\n"
    )
    (tmp_path / "extra_vlm.py").write_text("def load(spec):\n    return 'extra ' + spec.path\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert set(backends()) >= {"extra", "broken", "llava"}
    assert load_vlm(ModelSpec(backend="extra", path="x")) == "extra x"  # type: ignore[comparison-overlap]
    assert "model backend 'broken' can't be imported" in refusal(ModelSpec(backend="broken"))
    assert "no model at 'x'" in refusal(ModelSpec(backend="llava", path="x"))


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_model_loads_by_name_and_answers(name: str) -> None:
    loaded = load_vlm(ModelSpec(path=name))
    unit = loaded.encode(tiny_llava.images(1), [0.0], 0)
    assert loaded.name == name
    assert loaded.generate(PromptParts([unit], question="What?"), max_new_tokens=4).prompt_tokens > 0
