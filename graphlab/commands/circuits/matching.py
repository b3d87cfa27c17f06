"""``graphlab match``: homologues of two sides of a brain, or of two brains.

Tests: tests/graphlab/commands/circuits/test_matching.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from graphlab.commands.circuits.options import NEURONS, neurons_of, show, with_weights
from graphlab.commands.options import GraphPath, Json, NoProgress, Output, Seed


@with_weights
def match(
    graph: GraphPath,
    first: Annotated[list[str], typer.Option("--first", metavar="NEURONS", help=f"One side: {NEURONS}.")],
    second: Annotated[list[str], typer.Option("--second", metavar="NEURONS", help="The other side.")],
    other: Annotated[
        Path | None, typer.Option(metavar="GRAPH", help="The graph of the second side; this one when absent.")
    ] = None,
    known: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of neurons that holds known partners' root_ids.")
    ] = None,
    no_across: Annotated[bool, typer.Option("--no-across", help="Leave connections between the sides out.")] = False,
    within_type: Annotated[
        str | None, typer.Option("--within-type", metavar="COLUMN", help="Match only neurons of one value: cell_type.")
    ] = None,
    alike: Annotated[
        list[str] | None, typer.Option("--alike", metavar="COLUMN", help="Equal values speak for a pair; repeated.")
    ] = None,
    likeness: Annotated[float, typer.Option(help="How much equal values weigh beside the wiring.")] = 1.0,
    starts: Annotated[int, typer.Option(help="Searches from shuffled neurons.")] = 5,
    folds: Annotated[int, typer.Option(help="Parts of the known pairs held out for confidence; 0 for none.")] = 5,
    across_versions: Annotated[
        bool, typer.Option("--across-versions", help="Allow two materializations of one data set.")
    ] = False,
    seed: Seed = 0,
    output: Output = None,
    json: Json = False,
    no_progress: NoProgress = False,
    **settings: Any,
) -> None:
    """Homologues: which neuron of one side is which of the other, by wiring, each with its confidence."""
    from graphlab.commands.terminal import progress_bars
    from graphlab.graph import Graph

    with Graph.open(graph, shared=True) as opened, progress_bars(off=no_progress) as bars:
        result = opened.circuits.match(
            neurons_of(first, "--first"), neurons_of(second, "--second"), other=other, known=known,
            across=not no_across, within_type=within_type, alike=alike or (), likeness=likeness, starts=starts,
            folds=folds, seed=seed, across_versions=across_versions, progress=bars("searches"), **settings,
        )  # fmt: skip
    show(result, output, json, "matched neurons, surest first")
