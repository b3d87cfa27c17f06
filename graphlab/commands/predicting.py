"""Verbs about predictors: train a task, predict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphlab.commands.distributed.dividing import PartOption, Shared, divided
from graphlab.commands.options import GraphPath, Json, NoProgress, Output, Quiet, Seed, Workers

if TYPE_CHECKING:
    from graphlab.predict.protocol import TrainingRun
    from ingest.running.task_runners import Workers as RunnerOrThreads

SHOWN = 3
"""Labels shown of a prediction's summary."""

Predictors = Annotated[
    str | None, typer.Option(metavar="NAME,NAME", help="Predictors to compare; all of the task by default.")
]
Split = Annotated[str | None, typer.Option(help="How to hold out: side, class, neuron, pair; the task's by default.")]
Folds = Annotated[int | None, typer.Option(help="How often to hold out.", min=1)]
Name = Annotated[str | None, typer.Option(help="Of the model; the task's by default.")]
Replace = Annotated[bool, typer.Option("--replace", help="Replace a model of this name.")]
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
        help="Whether the labels were defined with connectivity in view; recorded on the card.",
    ),
]
Importance = Annotated[
    bool, typer.Option("--importance", help="Also tell which features the saved predictor rests on; takes longer.")
]


Controls = Annotated[
    bool,
    typer.Option("--controls", help="Also score rewired layers, shuffled labels, leaks and distance; takes longer."),
]


class Outsiders(StrEnum):
    refuse = "refuse"
    leave_out = "leave-out"


def _options(
    graph: GraphPath,
    predictors: Predictors = None,
    split: Split = None,
    folds: Folds = None,
    seed: Seed = 0,
    name: Name = None,
    replace: Replace = False,
    keep: Keep = None,
    homologues: Homologues = None,
    embeddings: Vectors = None,
    bootstraps: Bootstraps = 200,
    labels_from_connectivity: Circular = None,
    importance: Importance = False,
    controls: Controls = False,
    workers: Workers = None,
    part: PartOption = None,
    shared: Shared = None,
    json: Json = False,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Options that every verb of ``graphlab train`` has."""


def _verb(task: str) -> Callable[[Callable[..., dict[str, Any]]], Callable[..., None]]:
    """Makes the verb of a task of its own options, which the function turns into settings, and those that all have."""
    return lambda settings: _trains(task, settings)


def _trains(task: str, settings: Callable[..., dict[str, Any]]) -> Callable[..., None]:
    own, common = (signature(each, eval_str=True).parameters for each in (settings, _options))

    def train(**given: Any) -> None:
        _train(task, settings(**{name: given.pop(name) for name in own}), **given)

    train.__name__, train.__doc__ = task.replace("-", "_"), settings.__doc__
    train.__annotations__ = {**settings.__annotations__, **_options.__annotations__}
    graph, *rest = common.values()
    every = [parameter.replace(kind=Parameter.KEYWORD_ONLY) for parameter in (graph, *own.values(), *rest)]
    train.__signature__ = Signature(every)  # type: ignore[attr-defined]
    return train


@_verb("functional")
def functional(
    responses: Annotated[str | None, typer.Option(metavar="RUN", help="Run of responses; else the latest.")] = None,
    outsiders: Annotated[Outsiders, typer.Option(help="Responses of neurons outside the graph.")] = Outsiders.refuse,
) -> dict[str, Any]:
    """Learn who responds to whom from measured responses, wiring and places; tested on unseen neurons."""
    return {"responses": responses, "outsiders": outsiders.value}


@_verb("cell-type")
def cell_type(
    label: Annotated[str, typer.Option(metavar="COLUMN", help="Column of neurons with the labels.")] = "cell_type",
    unknown: Annotated[
        list[str] | None, typer.Option(metavar="LABEL", help="Counts as no label, instead of unk, unknown, ? and such.")
    ] = None,
    least: Annotated[int, typer.Option(help="Labels of fewer neurons are left out.", min=1)] = 2,
) -> dict[str, Any]:
    """Learn the cell type (or another label) of neurons from wiring and embeddings; tested on the other side."""
    return {"label": label, "least": least, **({"unknown": unknown} if unknown else {})}


@_verb("classifier")
def classifier(
    label: Annotated[str, typer.Option(metavar="COLUMN", help="Column of neurons with the labels.")] = "cell_type",
    unknown: Annotated[
        list[str] | None, typer.Option(metavar="LABEL", help="Counts as no label, instead of unk, unknown, ? and such.")
    ] = None,
    least: Annotated[
        int | None, typer.Option(help="Leave out labels of fewer cells; by default a label of one is refused.", min=2)
    ] = None,
) -> dict[str, Any]:
    """Learn what a column says of cells (cell_type, nt_type, ...) from embeddings alone, with honest doubt."""
    return {"label": label, "least": least, **({"unknown": unknown} if unknown else {})}


@_verb("subcompartment")
def subcompartment(
    within: Annotated[
        float, typer.Option(metavar="NM", help="An embedded node takes the label of a skeleton node this near.")
    ] = 500.0,
    least: Annotated[
        int | None, typer.Option(help="Leave out labels of fewer cells; by default a label of one is refused.", min=2)
    ] = None,
) -> dict[str, Any]:
    """Learn which compartment (axon, dendrite, soma, ...) embedded nodes lie in, from labelled skeletons."""
    return {"within_nm": within, "least": least}


def trainer(task: str) -> Callable[..., None]:
    """The verb of a task that another package offers."""

    def settings(
        settings: Annotated[
            list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting of the task.")
        ] = None,
    ) -> dict[str, Any]:
        return _settings(settings or ())

    settings.__doc__ = f"Learn the task {task!r} of another package."
    return _trains(task, settings)


def _settings(texts: Sequence[str]) -> dict[str, Any]:
    """``NAME=VALUE`` as values: numbers, true, false, null and lists as JSON has them, all else text."""
    from json import loads

    found = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign:
            raise typer.BadParameter(f"{text!r} is no setting; wanted NAME=VALUE", param_hint="--set")
        try:
            found[name] = loads(value)
        except ValueError:
            found[name] = value
    return found


def predict(
    graph: GraphPath,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name of a model of this graph.")],
    task: Annotated[str | None, typer.Option(help="Refuse a model of another task.")] = None,
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
        result = opened.predict.ask(model, task=task, allow_changed=allow_changed, progress=bars("predicting"))
    about: dict[str, Any] = {
        "model": result.model, "task": result.task, "run": result.run_id, "rows": result.table.num_rows,
        "notes": list(result.notes),
    }  # fmt: skip
    if output:
        write_output(result.table, output, about if json else None, f"predictions of run {result.run_id}")
    elif json:
        from graphlab.commands.terminal import rows_of

        print_json({**about, "predictions": rows_of(result.table)})
    elif not quiet:
        print_table(result.summary(), title=f"predictions of {result.model} (run {result.run_id})")
        for note in result.notes:
            typer.echo(f"  - {note}")
        typer.echo("in SQL: FROM predictions WHERE model = " + repr(result.model))


def _train(
    task: str,
    settings: Mapping[str, Any],
    graph: Path,
    predictors: str | None,
    workers: RunnerOrThreads | None,
    part: str | None,
    shared: Path | None,
    json: bool,
    quiet: bool,
    no_progress: bool,
    **options: Any,
) -> None:
    from graphlab.commands.terminal import print_json, print_table, progress_bars
    from graphlab.config import DuckDBSettings
    from graphlab.graph import Graph

    names = [name.strip() for name in predictors.split(",") if name.strip()] if predictors else None

    def print_leaks(step: str, state: TrainingRun) -> None:
        if step == "check_leaks" and not quiet:
            for line in leak_lines(state):
                typer.echo(line, err=json)

    with (
        divided(part, shared, workers or DuckDBSettings.from_environment().cores, json) as division,
        Graph.open(graph, read_only=division.is_part) as opened,
        progress_bars(off=no_progress or quiet or json) as bars,
    ):
        made = opened.predict.train(
            task, predictors=names, workers=division.workers, progress=bars("training"), on_step=print_leaks,
            **options, **settings,
        )  # fmt: skip
    if json:
        print_json(made.card.document())
    elif not quiet:
        base = ", ".join(f"{name} {rate:.1%}" for name, rate in _commonest(made.card.base_rates))
        typer.echo(f"base rates of held-out examples: {base}")
        print_table(made.table, title=f"{made.card.task}, held out by {made.card.split}, 95 % intervals")
        for note in made.notes:
            typer.echo(f"  - {note}")
        if made.controls is not None:
            print_table(made.controls, title=f"controls of {made.card.predictor}")
        typer.echo(f"saved: {made.path} ({made.card.predictor}, run {made.run_id})")
        typer.echo(f"next: graphlab predict {graph} {made.name}")


def leak_lines(state: TrainingRun) -> list[str]:
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
    notes = [] if near is None else [f"  - {line}" for line in near.lines()]
    return [head, "test examples that share with a training example:", *rows, *copies, *notes]


def _commonest(rates: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(rates.items(), key=lambda item: -item[1])[:SHOWN]
