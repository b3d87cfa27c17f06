"""Verbs about predictors: train functional, train cell-type, predict."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphlab.commands.options import GraphPath, Json, NoProgress, Output, Quiet, Seed

if TYPE_CHECKING:
    from graphlab.predict.protocol import Run

SHOWN = 3
"""Labels shown of a prediction's summary."""

Predictors = Annotated[
    str | None, typer.Option(metavar="NAME,NAME", help="Predictors to compare; all of the task by default.")
]
Split = Annotated[str | None, typer.Option(help="How to hold out: side, class, neuron, pair; the task's by default.")]
Folds = Annotated[int | None, typer.Option(help="How often to hold out.", min=1)]
Name = Annotated[str | None, typer.Option(help="Of the model; one of this name is replaced.")]
Keep = Annotated[str | None, typer.Option(metavar="PREDICTOR", help="Save this one, not the recommended one.")]
Homologues = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="Column with each neuron's partner or class; worm: by C. elegans names; none."),
]
Vectors = Annotated[
    str | None, typer.Option("--embeddings", metavar="MODEL", help="Joined embeddings to use; none; the only model.")
]
Bootstraps = Annotated[int, typer.Option(help="Samples of classes for the 95 % intervals.", min=10)]
Circular = Annotated[
    bool | None,
    typer.Option(
        "--labels-from-connectivity/--labels-not-from-connectivity",
        help="Whether the labels were defined with connectivity in view; said on the card.",
    ),
]
Importance = Annotated[
    bool, typer.Option("--importance", help="Also tell which features the saved predictor rests on; takes longer.")
]


class TaskName(StrEnum):
    functional = "functional"
    cell_type = "cell-type"


class Outsiders(StrEnum):
    refuse = "refuse"
    leave_out = "leave-out"


def functional(
    graph: GraphPath,
    responses: Annotated[str | None, typer.Option(metavar="RUN", help="Run of responses; else the latest.")] = None,
    outsiders: Annotated[Outsiders, typer.Option(help="Responses of neurons outside the graph.")] = Outsiders.refuse,
    predictors: Predictors = None,
    split: Split = None,
    folds: Folds = None,
    seed: Seed = 0,
    name: Name = None,
    keep: Keep = None,
    homologues: Homologues = None,
    embeddings: Vectors = None,
    bootstraps: Bootstraps = 200,
    labels_from_connectivity: Circular = None,
    importance: Importance = False,
    json: Json = False,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Learn who responds to whom from measured responses, wiring and places; tested on unseen neurons."""
    options = {"responses": responses, "outsiders": outsiders.value}
    _train(
        graph, "functional", predictors, json, quiet, no_progress, split=split, folds=folds, seed=seed, name=name,
        keep=keep, homologues=homologues, embeddings=embeddings, bootstraps=bootstraps,
        labels_from_connectivity=labels_from_connectivity, importance=importance, **options,
    )  # fmt: skip


def cell_type(
    graph: GraphPath,
    label: Annotated[str, typer.Option(metavar="COLUMN", help="Column of neurons with the labels.")] = "cell_type",
    unknown: Annotated[
        list[str] | None, typer.Option(metavar="LABEL", help="Counts as no label, instead of unk, unknown, ? and such.")
    ] = None,
    least: Annotated[int, typer.Option(help="Labels of fewer neurons are left out.", min=1)] = 2,
    predictors: Predictors = None,
    split: Split = None,
    folds: Folds = None,
    seed: Seed = 0,
    name: Name = None,
    keep: Keep = None,
    homologues: Homologues = None,
    embeddings: Vectors = None,
    bootstraps: Bootstraps = 200,
    labels_from_connectivity: Circular = None,
    importance: Importance = False,
    json: Json = False,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Learn the cell type (or another label) of neurons from wiring and embeddings; tested on the other side."""
    options = {"label": label, "unknown": unknown or None, "least": least}
    _train(
        graph, "cell-type", predictors, json, quiet, no_progress, split=split, folds=folds, seed=seed, name=name,
        keep=keep, homologues=homologues, embeddings=embeddings, bootstraps=bootstraps,
        labels_from_connectivity=labels_from_connectivity, importance=importance, **options,
    )  # fmt: skip


TRAIN = (functional, cell_type)
"""Verbs of ``graphlab train``."""


def predict(
    graph: GraphPath,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name of a model of this graph.")],
    task: Annotated[TaskName | None, typer.Option(help="Refuse a model of another task.")] = None,
    allow_changed: Annotated[
        bool, typer.Option("--allow-changed", help="Use it on a graph that changed since training; the run says so.")
    ] = False,
    output: Output = None,
    json: Json = False,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Ask a saved model about every neuron or pair; results are the table predictions."""
    from graphlab.commands.terminal import print_json, print_table, progress_bars, write_output
    from graphlab.graph import Graph

    with Graph.open(graph) as opened, progress_bars(off=no_progress or quiet or json) as bars:
        found = opened.predict.ask(
            model, task=task.value if task else None, allow_changed=allow_changed, progress=bars("predicting")
        )
    about: dict[str, Any] = {
        "model": found.model, "task": found.task, "run": found.run_id, "rows": found.table.num_rows,
        "notes": list(found.notes),
    }  # fmt: skip
    if output:
        write_output(found.table, output, about if json else None, f"predictions of run {found.run_id}")
    elif json:
        from graphlab.commands.terminal import rows_of

        print_json({**about, "predictions": rows_of(found.table)})
    elif not quiet:
        print_table(found.summary(), title=f"predictions of {found.model} (run {found.run_id})")
        for note in found.notes:
            typer.echo(f"  - {note}")
        typer.echo("in SQL: FROM predictions WHERE model = " + repr(found.model))


def _train(
    graph: Path, task: str, predictors: str | None, json: bool, quiet: bool, no_progress: bool, **options: Any
) -> None:  # fmt: skip
    from graphlab.commands.terminal import print_json, print_table, progress_bars
    from graphlab.graph import Graph

    names = [name.strip() for name in predictors.split(",") if name.strip()] if predictors else None

    def told(step: str, state: Run) -> None:
        if step == "check_leaks" and not quiet:
            for line in leak_lines(state):
                typer.echo(line, err=json)

    with Graph.open(graph) as opened, progress_bars(off=no_progress or quiet or json) as bars:
        made = opened.predict.train(task, predictors=names, progress=bars("training"), told=told, **options)
    if json:
        print_json(made.card)
    elif not quiet:
        base = ", ".join(f"{name} {rate:.1%}" for name, rate in _commonest(made.card["base_rates"]))
        typer.echo(f"base rates of held-out examples: {base}")
        print_table(made.table, title=f"{made.card['task']}, held out by {made.card['split']}, 95 % intervals")
        for note in made.notes:
            typer.echo(f"  - {note}")
        typer.echo(f"saved: {made.path} ({made.card['predictor']}, run {made.run_id})")
        typer.echo(f"next: graphlab predict {graph} {made.name}")


def leak_lines(state: Run) -> list[str]:
    """What test examples share with training examples, before anything is fitted."""
    folds = state.folds
    train, test = (sum(len(getattr(fold, part)) for fold in folds) / len(folds) for part in ("train", "test"))
    head = (
        f"{state.task.examples.m:,} labelled examples, held out by {state.task.split}: {len(folds)} folds, "
        f"{train:,.0f} to train on and {test:,.0f} to test, on average"
    )
    promised = state.folds[0].promises
    rows = []
    for name, share in state.leaks.items():
        if name in state.unchecked:
            rows.append(f"  {name:<14}      –  (not checked: {state.unchecked[name]})")
        else:
            rows.append(
                f"  {name:<14} {share:6.1%}{'  (the split promises none: checked)' if name in promised else ''}"
            )
    near = state.near
    copies = [f"  {'near copy':<14} {share:6.1%}  by {kind}" for kind, share in near.share.items()] if near else []
    told = [] if near is None else [f"  - {line}" for line in near.lines()]
    return [head, "test examples that share with a training example:", *rows, *copies, *told]


def _commonest(rates: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(rates.items(), key=lambda item: -item[1])[:SHOWN]
