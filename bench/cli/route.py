"""`dsb route`: routing policies replayed on a paired run, where they go wrong, trained, compared, rerun."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["app"]

Run = Annotated[str, typer.Argument(help="The folder of a run with --route both.", show_default=False)]
Policies = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        help="Like rule, random@0.3, cascade@0.7, semantic, learned:FILE, llm:MODEL, oracle. May be repeated.",
    ),
]
Policy = Annotated[str, typer.Option("--policy", help="The policy.")]
Parts = Annotated[list[str] | None, typer.Option("--part", help="Only this part. May be repeated.")]
Cost = Annotated[
    str, typer.Option(help="What an answer costs: seconds (of work), latency, tokens, usd or calls.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_USUAL = ("force-s1", "force-s2", "random@0.5", "rule", "semantic", "cascade@0.7", "oracle")

app = typer.Typer(help="Replay, train and compare routing policies.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Replay, train and compare routing policies."""


@app.command("simulate")
def simulate(
    run: Run,
    policies: Policies = None,
    part: Parts = None,
    cost: Cost = "seconds",
    curves: Annotated[str, typer.Option(help="Write the points of all curves to this CSV file.")] = "",
    as_json: Json = False,
) -> None:
    """Replay policies on a paired run: what each would have scored and cost, at its own and at every threshold.

    Nothing is asked again but the policies. Example: dsb route simulate runs/mine --policy rule --policy oracle
    """
    from bench.cli.routing import show_simulation

    show_simulation(run, policies or list(_USUAL), part or [], cost, curves=curves, as_json=as_json)


@app.command("train")
def train(
    runs: Annotated[list[str], typer.Argument(help="Folders of runs with --route both.", show_default=False)],
    out: Annotated[str, typer.Option(help="The policy file to write.", show_default=False)],
    kind: Annotated[
        str, typer.Option(help="learned (a classifier), or semantic (the threshold of prototypes).")
    ] = "learned",
    price: Annotated[
        float, typer.Option("--lambda", min=0.0, help="What S2's extra cost is worth, in accuracy.")
    ] = 0.1,
    part: Parts = None,
    cost: Cost = "seconds",
    seed: Annotated[int, typer.Option(help="Of the folds.")] = 0,
) -> None:
    """Fit a policy on paired runs, checked on videos that it did not see, and write it to a file.

    Example: dsb route train runs/other --out router.json, then dsb run my.yaml --route learned:router.json
    """
    from bench.cli.routing import train_policy

    train_policy(runs, out, kind, part or [], cost, price=price, seed=seed)


@app.command("misroutes")
def misroutes(
    run: Run,
    policy: Policy = "rule",
    part: Parts = None,
    cost: Cost = "seconds",
    examples: Annotated[int, typer.Option(min=0, help="Questions shown of each kind.")] = 3,
    as_json: Json = False,
) -> None:
    """What a policy did wrong on a paired run: missed, harmful and wasted questions, with examples of each.

    Example: dsb route misroutes runs/mine --policy semantic --examples 5
    """
    from bench.cli.routing import show_misroutes

    show_misroutes(run, policy, part or [], cost, examples=examples, as_json=as_json)


@app.command("compare")
def compare(
    runs: Annotated[
        list[str], typer.Argument(help="Two or more runs on the same questions.", show_default=False)
    ],
    cost: Cost = "seconds",
    as_json: Json = False,
) -> None:
    """Routed runs side by side: accuracy, S2's share and cost, and what each has over the first, by whole videos.

    Example: dsb route compare runs/force-s2 runs/rule runs/learned
    """
    from bench.cli.routing import show_comparison

    show_comparison(runs, cost, as_json=as_json)


@app.command("rerun")
def rerun(
    run: Run,
    policy: Policy = "rule",
    name: Annotated[str, typer.Option(help="Of the new run folder; made from both by default.")] = "",
    nats: Annotated[
        str, typer.Option(envvar="DSB_NATS_URL", help="Run against the services at this broker.")
    ] = "",
) -> None:
    """Make the run that a policy would have made: copy the answers that are there, and ask only what is missing.

    What is missing: questions whose path has no record, and later turns of chains that were told another path's
    answers. Call it again after an interruption. Example: dsb route rerun runs/mine --policy rule
    """
    from bench.cli.routing import rerun_run

    rerun_run(run, policy, name, nats=nats)
