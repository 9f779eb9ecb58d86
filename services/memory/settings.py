"""Settings of the memory service: `DSB_MEMORY_*`, and what every service has."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from shared.settings import ServiceSettings

__all__ = ["Settings"]


class Settings(ServiceSettings):
    """Which engine and which encoder."""

    memory_store: str = "edge:"
    """`http(s)://host:port` (Qdrant), `edge:<path>` (in process), `memory:`. `edge:` alone is a temporary
    folder: name one where notes shall outlive the process."""
    memory_api_key: SecretStr = SecretStr("")
    """Of the Qdrant server."""
    memory_replicas: Annotated[int, Field(ge=1)] = 1
    """Servers of a Qdrant cluster that keep each note; of a collection that is made anew."""
    memory_encoder: str = "minilm"
    """`minilm`, a model's folder, or a hub name."""
    memory_device: str = "cpu"
    memory_threads: Annotated[int, Field(ge=0)] = 1
    """Torch's threads; 0 leaves torch's own choice."""
    memory_texts: Annotated[int, Field(ge=0)] = 1024
    """Texts whose vectors are remembered, some 5 KB each: what is written or asked again need not be encoded again."""
    memory_ttl_s: Annotated[float, Field(ge=0)] = 0.0
    """Notes are removed so many seconds of wall clock after they were stored; 0 keeps them."""
    memory_sweep_s: Annotated[float, Field(gt=0)] = 60.0
    """How often is looked for notes that are too old."""
