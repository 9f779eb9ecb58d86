from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import tiny_families

from shared.errors import ModelError
from shared.vlm import ModelSpec, Vlm, load_vlm, probed
from shared.vlm.engine import LocalVlm
from shared.vlm.exact import TOLERANCE, difference, require_exact


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_families.save("qwen2_5_vl", tmp_path_factory.mktemp("exact"))


def load(folder: Path, dtype: str) -> LocalVlm:
    vlm = load_vlm(ModelSpec.model_validate({"backend": "qwen", "path": str(folder), "dtype": dtype}))
    assert isinstance(vlm, LocalVlm)
    return vlm


def test_in_float32_the_caches_change_nothing_that_counts(folder: Path) -> None:
    assert require_exact(load(folder, "float32")) <= TOLERANCE


def test_a_half_precision_model_is_refused_in_exact_mode_and_its_difference_told(folder: Path) -> None:
    vlm = load(folder, "bfloat16")
    assert difference(vlm) > TOLERANCE
    with pytest.raises(ModelError, match=r"is not exact: its caches move logits by .*use dtype float32"):
        require_exact(vlm)


def test_the_probe_leaves_nothing_behind(folder: Path) -> None:
    vlm = load(folder, "float32")
    difference(vlm)
    assert vlm.prefixes.stats().streams == 0


def test_a_model_that_is_loaded_tells_what_its_caches_change(folder: Path) -> None:
    half = load(folder, "bfloat16")
    assert probed(half, ModelSpec()) == pytest.approx(difference(half))
    assert probed(half, ModelSpec(probe=False)) is None
    with pytest.raises(ModelError, match="is not exact"):
        probed(half, ModelSpec(exact=True, probe=False))


def test_of_a_model_elsewhere_nothing_is_kept_and_nothing_measured(folder: Path) -> None:
    assert probed(load(folder, "bfloat16"), ModelSpec(backend="openai", exact=True)) is None


def test_a_model_of_another_distribution_that_can_not_be_checked_is_refused_in_exact_mode() -> None:
    class Foreign:
        name, fingerprint, unit_frames, label_logits = "foreign", "", 1, True

    foreign = cast("Vlm", Foreign())
    assert probed(foreign, ModelSpec(backend="foreign")) is None
    with pytest.raises(ModelError, match="'foreign' can't be checked for exact mode: use a built-in backend"):
        probed(foreign, ModelSpec(backend="foreign", exact=True))
