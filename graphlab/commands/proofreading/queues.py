"""``graphlab merge-errors``, ``split-errors``, ``label-synapses`` and ``unseen-types``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphlab.commands.options import GraphPath, Json, NoProgress, Output, Quiet, Seed

if TYPE_CHECKING:
    from graphlab.predict.proofread.queue import ErrorQueue
    from graphlab.predict.proofread.unseen_types import UnseenTypes

AllowChanged = Annotated[
    bool, typer.Option("--allow-changed", help="Use it on a graph that changed since training; the run says so.")
]


def label_synapses(
    graph: GraphPath,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model of the task subcompartment.")],
    least_probability: Annotated[
        float | None, typer.Option(metavar="P", help="Labels less probable leave a synapse unknown.")
    ] = None,
    allow_changed: AllowChanged = False,
    json: Json = False,
    no_progress: NoProgress = False,
) -> None:
    """Give synapses the compartments that a model predicts from embeddings; doubtful nodes leave them unknown."""
    from dataclasses import asdict

    from graphlab.commands.terminal import print_json, progress_bars
    from graphlab.graph import Graph

    with Graph.open(graph) as opened, progress_bars(off=no_progress or json) as bars:
        done = opened.predict.label_synapses(
            model, least_probability=least_probability, allow_changed=allow_changed, progress=bars("predicting")
        )
    if json:
        print_json(asdict(done))
    else:
        typer.echo(str(done))


def merge_errors(
    graph: GraphPath,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A classifier of this graph that looks at windows.")],
    most: Annotated[int, typer.Option(help="Neurons to list.", min=1)] = 100,
    least: Annotated[int, typer.Option(help="Windows on either side of a cut.", min=1)] = 3,
    allow_changed: AllowChanged = False,
    output: Output = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """List neurons that may be two cells by their embeddings, the likeliest first, with a link to the place."""
    from graphlab.graph import Graph

    with Graph.open(graph) as opened:
        found = opened.predict.merge_errors(model, most=most, least=least, allow_changed=allow_changed)
    _print(found, f"possible merge errors by {model}", {"model": model}, output, json, quiet)


def split_errors(
    graph: GraphPath,
    within: Annotated[float, typer.Option(metavar="NM", help="How near two ends are.")] = 2_000.0,
    windows: Annotated[int, typer.Option(help="Windows looked at beside each end.", min=1)] = 4,
    most: Annotated[int, typer.Option(help="Pairs to list.", min=1)] = 100,
    embeddings: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Joined embeddings to use; the only model by default.")
    ] = None,
    output: Output = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """List pairs of segments that may be one cell: they end near each other, and their embeddings agree there."""
    from graphlab.graph import Graph

    with Graph.open(graph) as opened:
        found = opened.predict.split_errors(within_nm=within, windows=windows, most=most, embeddings=embeddings)
    _print(found, "possible split errors", {}, output, json, quiet)


def unseen_types(
    graph: GraphPath,
    label: Annotated[str, typer.Option(metavar="COLUMN", help="Column of neurons with the labels.")] = "cell_type",
    unseen: Annotated[
        str | None, typer.Option(metavar="LABEL,LABEL", help="Labels to hold out whole; a third of them by default.")
    ] = None,
    predictors: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME", help="logistic regression, sngp and residual ensemble by default."),
    ] = None,
    least: Annotated[
        int | None, typer.Option(help="Leave out labels of fewer cells; by default a label of one is refused.", min=2)
    ] = None,
    seed: Seed = 0,
    bootstraps: Annotated[int, typer.Option(help="Samples of cells for the 95 % intervals.", min=10)] = 400,
    homologues: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column with each neuron's partner or class; none.")
    ] = None,
    embeddings: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Joined embeddings to use; the only model by default.")
    ] = None,
    output: Output = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Tell how well doubt knows cells of types that nobody taught: some labels are held out whole."""
    from graphlab.graph import Graph

    held, named = (
        None if text is None else [one.strip() for one in text.split(",") if one.strip()]
        for text in (unseen, predictors)
    )
    with Graph.open(graph) as opened:
        found = opened.predict.unseen_types(
            label, unseen=held, predictors=named, least=least, seed=seed, bootstraps=bootstraps, homologues=homologues,
            embeddings=embeddings,
        )  # fmt: skip
    _print(found, f"doubt of cells of unseen {label}", {"label": label}, output, json, quiet)


def _print(
    found: ErrorQueue | UnseenTypes, title: str, about: dict[str, Any], output: Path | None, json: bool, quiet: bool
) -> None:
    from graphlab.commands.terminal import print_json, print_table, rows_of, write_output

    told = {**about, "run": found.run_id, "rows": len(found), "notes": list(found.notes)}
    if output:
        write_output(found.table, output, told if json else None, f"{title} (run {found.run_id})")
    elif json:
        print_json({**told, found.stored: rows_of(found.table)})
    elif not quiet:
        with_links = "link" in found.table.column_names
        shown = found.table.drop_columns(["link"]) if with_links else found.table
        print_table(shown, title=f"{title} (run {found.run_id})" + ("; -o FILE has the links" if with_links else ""))
        for note in found.notes:
            typer.echo(f"  - {note}")
