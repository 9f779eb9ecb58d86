"""Which model to load, and how: the `model` section of a run and of a worker's settings."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["ModelSpec"]


class ModelSpec(BaseModel):
    """One model as a user asks for it; imports no model library."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: str = "llava"
    """A built-in family, or a name of the entry point group `dualstreambench.vlm`."""
    path: str = "tiny-s1"
    """A model that ships with the package, by name, or a checkpoint folder."""
    dtype: Literal["float32", "bfloat16", "float16", "auto"] = "float32"
    """Equality of cached and plain forward passes is promised for `float32` only; `auto`: the checkpoint's own."""
    device: str = "cpu"
    """Where it runs, as torch names it: `cpu`, `cuda`, `cuda:1`, `mps`."""
    device_map: Literal["auto", "balanced", "balanced_low_0", "sequential"] | dict[str, str | int] | None = (
        None
    )
    """Spreads a model over devices: a way to do so, or device by module name. Takes the place of `device`."""
    attn_implementation: Literal["eager", "sdpa", "flash_attention_2", "flex_attention"] | None = None
    """How attention is computed; null: the model's own choice."""
    quantization: Literal["none", "int8", "nf4"] = "none"
    """Bits of the language model's linear layers, by bitsandbytes; vision tower and projector stay whole."""
    threads: Annotated[int, Field(ge=1)] = 1
    """CPU threads of one forward pass; a setting of the whole process."""
    random_weights: Annotated[int, Field(ge=0)] | None = None
    """Seed for random weights in the same architecture: a negative control, and its name says so."""
    temperature: Annotated[float, Field(gt=0)] | None = None
    """Divides label logits before the softmax; by default that of `dsb.json` in the folder, else 1."""
    prefix_budget_mb: Annotated[int, Field(ge=0)] = 1024
    """Room for the computed prefixes of all streams, MiB; the least recently used one goes first."""
    exact: bool = False
    """Refuse to start where kept frames and prefixes change logits by more than rounding, on a probe clip."""
    probe: bool = True
    """Measure that change at start, and tell it: a dozen frames and a few prompts."""

    answering: Literal["logits", "generate"] = "logits"
    """`logits`: a label is read off one forward pass, with a calibrated confidence. `generate`: it is written, and read
    from the text when scores are made; so it always is with providers, and wherever `structured` asks for JSON."""
    structured: bool = False
    """Answers are JSON: answer, confidence, evidence times, rationale (shared/vlm/structured.py)."""
    thinking_tokens: Annotated[int, Field(ge=0)] | None = None
    """Most tokens of thought before an answer, beside those of the reply; 0: told not to think; null: as the model
    does by itself. Notes are written without."""
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """Most tokens of one reply; null: what the caller asks for (64, of JSON 320)."""
    stop: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(max_length=4)] = ()
    """A reply ends before the first of these texts."""
    sampling_temperature: Annotated[float, Field(ge=0, le=2)] | None = 0.0
    """0 is greedy, or as greedy as a provider gets; null is not sent, for models that refuse the parameter. It is
    about what is written: labels read off logits are never drawn."""
    seed: int | None = None
    """Of sampling, where the provider takes one (Anthropic does not); a local model draws by seed and question."""

    # What follows is for providers only (`openai`, `anthropic`, `google`), whose model is named by `path`.
    base_url: Annotated[str, Field(pattern=r"^https?://[^@?#\s]+$")] | None = None
    """Another server that speaks the provider's protocol; keys come from the environment, never from here."""
    logprobs: bool = False
    """Ask for the probabilities of labels, where the provider's model gives them; else confidence is null."""
    timeout_s: Annotated[float, Field(gt=0)] = 60.0
    """Wall-clock seconds that one try may take."""
    max_retries: Annotated[int, Field(ge=0)] = 6
    """Tries after the first one, of what may pass: overload, server errors, broken connections."""
    max_concurrency: Annotated[int, Field(ge=1, le=256)] = 4
    """Requests under way at once, in one process."""
    rpm: Annotated[int, Field(ge=1)] | None = None
    """Requests a minute, in one process; null: no limit of ours."""
    tpm: Annotated[int, Field(ge=1)] | None = None
    """Tokens a minute, prompt and reply, in one process."""
    price: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]] | None = None
    """US dollars per million prompt tokens and reply tokens; null: from the price table, where it is known."""

    @model_validator(mode="after")
    def _placeable(self) -> Self:
        if self.device_map is not None and self.device != "cpu":
            raise ValueError(f"device {self.device!r} and device_map {self.device_map!r}: give one of them")
        if self.random_weights is not None and (self.device_map is not None or self.quantization != "none"):
            raise ValueError("random_weights with device_map or quantization: leave one of them out")
        return self

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        if self.structured and self.stop:
            raise ValueError(
                f"structured with stop {list(self.stop)!r}: JSON has an end of its own, leave stop out"
            )
        return self
