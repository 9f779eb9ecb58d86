"""The configuration of a run: one YAML file, checked key by key, every default sensible.

An unknown key is refused with its place and the nearest known name; what is left out keeps its default,
inside nested sections too. What is read here becomes the `Profile` that workers play by, the `ModelSpec`s
that they load, and the masked settings in the run's manifest.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from bench.data.ask import AskRules
from bench.data.schema import Part
from bench.run.yaml_source import YamlSource, read_yaml
from shared.errors import ConfigError
from shared.masking import mask
from shared.messages import (
    CacheSpec,
    Mode,
    NoteKind,
    NoteOrder,
    NotePolicy,
    NoteSpec,
    Profile,
    RecallMode,
    RecallSpec,
    Route,
    Slow,
    TurnKind,
    VideoSpec,
    WindowSpec,
)
from shared.routing import fingerprint, policy, route_name
from shared.vlm.spec import ModelSpec

__all__ = [
    "DatasetConfig",
    "MemoryConfig",
    "ModelsConfig",
    "NoteSource",
    "OutputConfig",
    "RunConfig",
    "ScoringConfig",
    "StreamConfig",
    "SystemConfig",
    "config_of",
    "load_config",
]


_ROUNDING = ("kv_reuse", "prefill_stride")
_RECORDED = "recorded"
"""Context of checking what a run was played with, not what one is to be."""
"""Of what is kept: the settings that set the order of sums. The others change no bit of an answer."""


class Section(BaseModel):
    """A frozen section; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DatasetConfig(Section):
    """What is asked."""

    path: str = "demo"
    """An `all.json`, the folder that holds one, or `demo`: the synthetic set, made on first use."""
    parts: tuple[Part, ...] = ()
    """Empty: all that the set holds."""
    max_samples: Annotated[int, Field(ge=1)] | None = None


class ModelsConfig(Section):
    """The models of both systems."""

    s1: ModelSpec = ModelSpec(path="tiny-s1")
    s2: ModelSpec = ModelSpec(path="tiny-s2")


class SystemConfig(Section):
    """The two systems and who answers."""

    s1: WindowSpec = WindowSpec()
    """The fast system's window."""
    s2: WindowSpec = WindowSpec(stride=5, newest=True)
    """The slow system's window: longer, and as many frames."""
    route: str = Route.BOTH.value
    """`both`, `force-s1`, `force-s2`, `rule`, … or an installed policy (docs/routing.md)."""
    answering: Literal["logits"] = "logits"
    """Choices are answered by their labels' logits, in one forward."""
    proactive: Literal["push", "poll"] = "push"
    """`push`: the system speaks by itself. `poll`: it is asked at set times, in the official wording."""
    clue: Literal["probes", "dense"] = "probes"
    """`probes`: an answer is forced at set times. `dense`: its state is followed tick by tick."""
    history: Literal["self", "oracle", "none"] = "self"
    """Earlier answers that a chain's later turns are told: the system's own, the right ones, or none."""
    streaming_embed_cache: CacheSpec = CacheSpec()
    """What is kept of a stream between questions."""

    @field_validator("route")
    @classmethod
    def _known(cls, route: str, info: ValidationInfo) -> str:
        try:
            if info.context is _RECORDED:
                route_name(route)
            else:
                policy(route)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return route


NoteSource = Literal["s1", "oracle", "shuffled", "wrong-video", "random-weights"]
"""`oracle`: about each question's evidence. `shuffled`: S1's, with their times exchanged. `wrong-video`: those of
another video. `random-weights`: of S1 before any training."""
OF_A_QUESTION = ("oracle", "shuffled")
"""Sources whose notes are planted question by question."""


class MemoryConfig(Section):
    """What is written to memory and read from it (docs/memory.md)."""

    enabled: bool = True
    """Off: nothing is written and nothing is read, as with mode `none`."""
    source: NoteSource = "s1"
    """Who writes: S1 while it watches, or, as controls, the bench itself beforehand."""
    every_s: Annotated[float, Field(gt=0)] = 5.0
    """Seconds of stream time between notes."""
    writer: NotePolicy = "every"
    """`every`, or `on_change`: no note where S1 says the same as at the tick before."""
    also: tuple[TurnKind, ...] = ()
    """Written beside what S1 sees: `user` (what was asked), `answer`, `event` (what the system said by itself)."""
    mode: RecallMode = RecallMode.LONG
    """What S2 reads: `none`, `short` (the newest notes), `long` (those that fit the question), `both`."""
    k: Annotated[int, Field(ge=1, le=64)] = 6
    """Notes that fit the question, at most."""
    recent: Annotated[int, Field(ge=1, le=64)] = 6
    """Newest notes, at most."""
    kinds: tuple[NoteKind, ...] = ()
    """Only these kinds; empty: all."""
    back_s: Annotated[float, Field(gt=0)] | None = None
    """Only the last so many seconds of stream time."""
    recency: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Weight of freshness against similarity."""
    half_life_s: Annotated[float, Field(gt=0)] = 30.0
    """Age at which a note is half as fresh, seconds of stream time."""
    mmr: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Maximal marginal relevance; 1: relevance alone."""
    pool: Annotated[int, Field(ge=1, le=1024)] = 64
    """Most similar notes among which recency and MMR choose."""
    order: NoteOrder = "time"
    """How notes stand in the prompt: `time` or `similarity`."""
    frames: Annotated[int, Field(ge=0, le=64)] = 0
    """Frames that notes point to and S2 fetches, at most."""
    frames_kept: Annotated[int, Field(ge=1, le=2048)] = 512
    """How many frames back a note may point to one."""
    store: str = "edge:"
    """`http(s)://…`, `edge:<folder>`, `memory:`; of the services that the run starts itself."""
    encoder: str = "minilm"

    def notes(self) -> NoteSpec:
        """What is to be written; beside the controls' notes nothing is."""
        wanted = self.enabled and self.mode is not RecallMode.NONE and self.source == "s1"
        also = tuple(sorted(set(self.also))) if wanted else ()
        return NoteSpec(enabled=wanted, every_s=self.every_s, writer=self.writer, also=also)

    def recall(self) -> RecallSpec:
        """What S2 is to read."""
        told = self.model_dump(include=set(RecallSpec.model_fields))
        return RecallSpec(**told, about="question" if self.source in OF_A_QUESTION else "stream")


class StreamConfig(Section):
    """How streams are played and questions asked."""

    mode: Literal["capacity", "live", "offline"] = "capacity"
    """`offline` plays in this process, without services: the plain reference."""
    concurrency: Annotated[int, Field(ge=1, le=1024)] = 4
    """Openings at once."""
    horizon_s: Annotated[float, Field(gt=0)] = 60.0
    """Seconds of stream time for which a standing question stands, at most."""
    tick_s: Annotated[float, Field(gt=0)] = 1.0
    """Seconds of stream time between two looks at a standing question."""
    credit: Annotated[int, Field(ge=1)] = 64
    """Frames that the reader may be ahead of the owner (capacity mode)."""
    ask_retry_s: Annotated[float, Field(gt=0)] = 1.0
    """The first pause before the same ask is sent again, wall clock; it grows to five times this."""
    stall_s: Annotated[float, Field(gt=0)] = 120.0
    """Wall-clock seconds without any progress after which a question ends as `timeout`."""
    answer_s: Annotated[float, Field(gt=0)] = 30.0
    """Wall-clock seconds that an answer may take in live mode."""
    slow: Slow = Slow.DROP_OLDEST
    """What gives way in live mode to who falls behind: `drop-oldest`, `drop-newest`, `downsample` or `block`."""
    seed: int = 0
    """Of the statistics, and of whatever else is drawn."""


class ScoringConfig(Section):
    """How answers are judged; a run can be scored again by others."""

    text: Literal["exact", "normalised", "embedding", "judge"] = "normalised"
    """How free text is compared with the gold. `judge` asks a model, which the environment names."""


class OutputConfig(Section):
    """Where the run folder goes."""

    dir: str = "runs"
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,40}$")] = ""
    """Of the folder; made from the time when empty."""
    compact: bool = False
    """Leave out the text of answers that rules read, frame lists, notes and histories; their hashes stay."""


class RunConfig(Section):
    """A run. Each section is optional."""

    dataset: DatasetConfig = DatasetConfig()
    model: ModelsConfig = ModelsConfig()
    video: VideoSpec = VideoSpec()
    system: SystemConfig = SystemConfig()
    memory: MemoryConfig = MemoryConfig()
    stream: StreamConfig = StreamConfig()
    scoring: ScoringConfig = ScoringConfig()
    output: OutputConfig = OutputConfig()

    def profile(self) -> Profile:
        """What a worker needs to play an opening; offline plays by the profile of capacity mode."""
        mode = Mode.LIVE if self.stream.mode == "live" else Mode.CAPACITY
        return Profile(
            mode=mode,
            video=self.video,
            s1=self.system.s1,
            s2=self.system.s2,
            notes=self.memory.notes(),
            recall=self.memory.recall(),
            cache=self.system.streaming_embed_cache,
            credit=self.stream.credit,
            slow=self.stream.slow,
        )

    def ask_rules(self) -> AskRules:
        """How standing questions and chains are asked."""
        return AskRules(
            proactive=self.system.proactive,
            clue=self.system.clue,
            history=self.system.history,
            horizon_s=self.stream.horizon_s,
            tick_s=self.stream.tick_s,
        )

    def masked(self) -> dict[str, Any]:
        """Every setting, secrets masked, for the manifest."""
        return {key: mask(value) for key, value in self.model_dump(mode="json").items()}

    def identity(self) -> dict[str, Any]:
        """The settings that can change an answer: two halves of a resumed run must agree in them."""
        whole = self.masked()
        kept = whole["system"]["streaming_embed_cache"]
        return {
            "dataset": whole["dataset"],
            "model": whole["model"],
            "video": whole["video"],
            "system": {
                **whole["system"],
                **({"route_file": mark} if (mark := fingerprint(self.system.route)) else {}),
                "streaming_embed_cache": {key: kept[key] for key in _ROUNDING},
            },
            "memory": {key: value for key, value in whole["memory"].items() if key != "store"},
            "stream": {key: whole["stream"][key] for key in ("mode", "horizon_s", "tick_s")}
            | ({"slow": whole["stream"]["slow"]} if self._drops_otherwise else {}),
        }

    @property
    def _drops_otherwise(self) -> bool:
        """Whether other frames may be missing than by the default: of a live run only."""
        return self.stream.mode == "live" and self.stream.slow is not Slow.DROP_OLDEST

    def override(self, settings: Mapping[str, Any]) -> RunConfig:
        """A copy with settings by dotted key (`stream.mode`); those that are None stay as they are."""
        data = self.model_dump(mode="json")
        for key, value in settings.items():
            if value is not None:
                _put(data, key, value)
        return _check(data, None)


def load_config(path: str | Path | None, overrides: Mapping[str, Any] | None = None) -> RunConfig:
    """Read a YAML file (None: the defaults), then override by dotted key; `ConfigError` in one line."""
    source = read_yaml(Path(path)) if path is not None else None
    config = _check(source.value if source else {}, source)
    return config.override(overrides or {})


def config_of(settings: Mapping[str, Any]) -> RunConfig:
    """The configuration that a manifest's settings describe; raises `ConfigError`.

    A policy's file need not be there: runs are scored and shown where nobody will play them.
    """
    return _check(settings, None, context=_RECORDED)


def _merge(base: Any, over: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(over, Mapping):
        return base if isinstance(base, dict) and over is None else over
    return {**base, **{key: _merge(base.get(key), value) for key, value in over.items()}}


def _put(data: dict[str, Any], key: str, value: Any) -> None:
    *above, last = key.split(".")
    for name in above:
        data = data.setdefault(name, {})
    data[last] = value


def _check(data: Any, source: YamlSource | None, *, context: object = None) -> RunConfig:
    try:
        return RunConfig.model_validate(_merge(RunConfig().model_dump(mode="json"), data), context=context)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    where = f"{source.where(key)}: " if source else ""
    if first["type"] == "extra_forbidden":
        raise ConfigError(f"{where}{key} is not a setting{_nearest(key)}")
    text = " ".join(first["msg"].removeprefix("Value error, ").split())
    raise ConfigError(f"{where}{key} is {str(mask(first.get('input'), key))[:60]!r}: {text}")


def _nearest(key: str) -> str:
    known = list(_settings(RunConfig, ""))
    *above, last = key.split(".")
    siblings = [name for name in known if name.split(".")[:-1] == above]
    elsewhere = [name for name in known if name.split(".")[-1] == last]
    close = difflib.get_close_matches(last, [name.split(".")[-1] for name in siblings], 1)
    if close and not elsewhere:
        return f"; did you mean {'.'.join([*above, close[0]])}?"
    if elsewhere:
        return f"; did you mean {' or '.join(elsewhere)}?"
    return f"; known here: {', '.join(name.split('.')[-1] for name in siblings)}"


def _settings(model: type[BaseModel], prefix: str) -> list[str]:
    names: list[str] = []
    for name, field in model.model_fields.items():
        names.append(f"{prefix}{name}")
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names += _settings(field.annotation, f"{prefix}{name}.")
    return names
