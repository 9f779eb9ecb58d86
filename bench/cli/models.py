"""`dsb models`: look at models, fetch them, train the tiny ones that ship."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # the command line starts without heavy packages
    from bench.modelcheck import Report

__all__ = ["app"]

app = typer.Typer(help="Check, fetch and train models.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Check, fetch and train models."""


@app.command("train-tiny")
def train_tiny(
    out: Annotated[str, typer.Option(help="Where tiny-s1/ and tiny-s2/ are written.", show_default=False)],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same models.")] = 0,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="tiny-s1 or tiny-s2; both by default. May be repeated."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A few steps only, to see that it runs.")] = False,
) -> None:
    """Train tiny-s1 and tiny-s2 on the synthetic world's training scenes.

    A stopped training goes on where it was when it is started again.

    Example: dsb models train-tiny --out models
    """
    from pathlib import Path

    from bench.tiny.train import train

    train(
        Path(out), seed=seed, models=tuple(model or ("tiny-s1", "tiny-s2")), quick=quick, progress=typer.echo
    )


@app.command("check")
def check(
    path: Annotated[
        str, typer.Argument(help="A checkpoint folder, or a model that ships.", show_default=False)
    ],
    backend: Annotated[
        str | None, typer.Option(help="The family; by default it goes by the checkpoint's type.")
    ] = None,
    dtype: Annotated[str, typer.Option(help="float32, bfloat16, float16 or auto.")] = "auto",
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 or mps.")] = "cpu",
    quantization: Annotated[str, typer.Option(help="none, int8 or nf4.")] = "none",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say whether a model will run here, how large it is and what it needs; then ask it about one frame.

    Exit code 0 when it ran, 1 when it won't run here. Nothing is loaded that does not fit in memory.

    Example: dsb models check models/Qwen2.5-VL-3B-Instruct --dtype bfloat16
    """
    from pydantic import ValidationError

    from bench.modelcheck import check_model
    from shared.errors import ConfigError
    from shared.vlm import ModelSpec

    settings = {"dtype": dtype, "device": device, "quantization": quantization}
    try:
        spec = ModelSpec.model_validate({"path": path, "threads": threads, **settings})
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"--{first['loc'][0]} {first['input']!r}: {first['msg']}") from error
    report = check_model(spec, backend=backend)
    if as_json:
        typer.echo(report.model_dump_json())
    else:
        for line in _lines(report):
            typer.echo(line)
    raise typer.Exit(0 if report.runs else 1)


def _lines(report: Report) -> Iterator[str]:
    if report.model_type or report.kind:
        what = " ".join(filter(None, (report.kind, report.model_type)))
        yield f"model    {what}" + (f", backend {report.backend}" if report.backend else "")
    if report.parameters is not None and report.disk_bytes is not None:
        vision = (
            f", {_short(report.vision_parameters)} of them for vision" if report.vision_parameters else ""
        )
        stored = ", ".join(sorted(report.stored))
        yield f"size     {_short(report.parameters)} parameters{vision}; {_bytes(report.disk_bytes)} on disk ({stored})"
    if report.need_bytes is not None and report.free_bytes is not None:
        bits = f" {report.quantization}" if report.quantization != "none" else ""
        where = f"{report.device}, {report.dtype}{bits}"
        yield f"memory   about {_bytes(report.need_bytes)} ({where}); {_bytes(report.free_bytes)} free"
    times = {"load": report.load_s, "one input": report.encode_s, "one answer": report.answer_s}
    if taken := [f"{what} {seconds:.2f} s" for what, seconds in times.items() if seconds is not None]:
        yield "time     " + ", ".join(taken)
    if report.answer:
        yield f"answer   {report.answer!r}"
    yield "runs     yes" if report.runs else f"runs     no: {report.error}"


def _short(count: int | None) -> str:
    return f"{(count or 0) / 1e6:,.1f} M"


def _bytes(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


@app.command("fetch")
def fetch(
    name: Annotated[str, typer.Argument(help="owner/name on the hub or on ModelScope.", show_default=False)],
    to: Annotated[str, typer.Option(help="The folder that its files are put in.", show_default=False)],
    revision: Annotated[
        str | None, typer.Option(help="A branch, tag or commit; by default main (ModelScope: master).")
    ] = None,
    source: Annotated[str, typer.Option(help="hub or modelscope.")] = "hub",
    router: Annotated[
        bool, typer.Option("--router", help="It is a router: policy files (JSON, TOML), without weights.")
    ] = False,
) -> None:
    """Fetch a model's files for offline use: vision-language models, encoders of notes, routers.

    Started again, it keeps the files that are whole, and goes on with the others.

    Hub: HF_ENDPOINT names another hub or mirror, HF_TOKEN is for gated models. ModelScope: MODELSCOPE_DOMAIN and
    MODELSCOPE_API_TOKEN. Free space is looked at first.

    Example: dsb models fetch HuggingFaceTB/SmolVLM2-256M-Video-Instruct --to models/smolvlm
    """
    from pathlib import Path

    from bench.fetch import fetch_model, routes_in, source_named

    place = source_named(source)
    done = fetch_model(name, Path(to).expanduser(), revision=revision, source=place, router=router)
    typer.echo(f"{done.files} files, {_bytes(done.size)}, of {name} at {done.revision[:12]} in {done.folder}")
    for route in routes_in(done.folder) if router else ():
        typer.echo(f"route    {route}")
