"""The tree of commands."""

from __future__ import annotations

import typer

from bench.cli import (
    analyze,
    batch,
    chaos,
    data,
    dlq,
    experiment,
    load,
    memory,
    models,
    report,
    results,
    route,
    runs,
    scorefile,
    stack,
    stream,
)

__all__ = ["app"]

_EPILOG = """
Examples: `dsb demo` plays a small synthetic benchmark through the whole stack and prints its scores.
`dsb run my.yaml --part realtime --max-samples 20` runs your own configuration.
`dsb up`, and in another shell `dsb run my.yaml --nats nats://127.0.0.1:4222`, keeps the stack between runs.
"""

app = typer.Typer(
    name="dsb",
    help="Benchmark fast and slow vision-language models on live video.",
    epilog=_EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("demo")(runs.demo)
app.command("run")(runs.run)
app.command("run-all")(runs.run_all)
app.command("chaos")(chaos.chaos)
app.command("score")(results.score)
app.command("score-file")(scorefile.score_file)
app.command("up")(stack.up)
app.command("serve")(stack.serve)
app.command("init")(stack.init)
app.command("ps")(stack.ps)
app.command("doctor")(results.doctor)
app.command("version")(results.version)
app.add_typer(batch.app, name="batch")
app.add_typer(analyze.app, name="analyze")
app.add_typer(data.app, name="data")
app.add_typer(dlq.app, name="dlq")
app.add_typer(experiment.app, name="experiment")
app.add_typer(load.app, name="load")
app.add_typer(memory.app, name="memory")
app.add_typer(models.app, name="models")
app.add_typer(report.app, name="report")
app.add_typer(results.app, name="results")
app.add_typer(route.app, name="route")
app.add_typer(stream.app, name="stream")
