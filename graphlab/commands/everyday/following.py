"""Verbs that follow connections or likeness: paths, neighbors, similar; and what lies at a point.

Tests: tests/graphlab/commands/everyday/test_everyday.py.
"""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from graphlab.commands.everyday.who import HEAD, WHO, Rows, Who, Within, part_of, show, who_of
from graphlab.commands.options import GraphPath, Json, Kind, MinWeight, Output


def paths(
    graph: GraphPath,
    source: Annotated[str, typer.Argument(metavar="FROM", help=f"Where paths begin: {WHO}.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="Where they end, said likewise.")],
    k: Annotated[int | None, typer.Option("-k", help="The k best paths of each pair.", min=1)] = None,
    every: Annotated[bool, typer.Option("--all", help="All shortest paths instead of one.")] = False,
    max_length: Annotated[int | None, typer.Option(help="All paths of at most so many connections.", min=1)] = None,
    weighted: Annotated[
        Literal["inverse", "fraction"] | None,
        typer.Option(help="Cheapest first: 1 / weight, or -log(fraction)."),
    ] = None,
    min_weight: MinWeight = 0.0,
    kind: Kind = Kind.chemical,
    within: Within = None,
    rows: Rows = HEAD,
    output: Output = None,
    json: Json = False,
) -> None:
    """Paths from neurons to neurons, one row a neuron of a path."""
    from graphlab.graph import Graph

    with Graph.open(graph, read_only=True) as opened:
        found = part_of(opened, within).paths(
            who_of(opened, source), who_of(opened, target), k=k, all=every, max_length=max_length, weighted=weighted,
            min_weight=min_weight, kind=kind.value,
        )  # fmt: skip
        show(found, output, json, rows)


def neighbors(
    graph: GraphPath,
    who: Who,
    hops: Annotated[int, typer.Option(help="At most so many connections away.", min=0)] = 1,
    direction: Annotated[Literal["out", "in", "any"], typer.Option(help="Along connections, against, both.")] = "out",
    min_weight: MinWeight = 0.0,
    kind: Kind = Kind.chemical,
    within: Within = None,
    rows: Rows = HEAD,
    output: Output = None,
    json: Json = False,
) -> None:
    """Every neuron at most so many connections away, nearest first."""
    from graphlab.graph import Graph

    with Graph.open(graph, read_only=True) as opened:
        found = part_of(opened, within).neighborhood(
            who_of(opened, who), hops, direction=direction, min_weight=min_weight, kind=kind.value
        )
        show(found, output, json, rows)


def similar(
    graph: GraphPath,
    who: Annotated[str, typer.Argument(metavar="NEURON", help="One neuron, by name or id.")],
    k: Annotated[int, typer.Option("-k", help="So many.", min=1)] = 10,
    metric: Annotated[Literal["standardised", "cosine"], typer.Option(help="How to compare.")] = "standardised",
    model: Annotated[str | None, typer.Option(help="Embedding model; may be left out when there is one.")] = None,
    rows: Rows = 0,
    output: Output = None,
    json: Json = False,
) -> None:
    """The neurons whose mean embeddings are most alike."""
    from graphlab.graph import Graph

    with Graph.open(graph, read_only=True) as opened:
        show(opened.similar(who_of(opened, who), k, metric=metric, model=model), output, json, rows)


def at(
    graph: GraphPath,
    point: Annotated[str, typer.Argument(metavar="X,Y,Z", help="In nm, or in voxels of --resolution.")],
    resolution: Annotated[str | None, typer.Option(metavar="X,Y,Z", help="nm per voxel of the point.")] = None,
    k: Annotated[int, typer.Option("-k", help="So many neurons.", min=1)] = 1,
    within_nm: Annotated[float | None, typer.Option("--within-nm", help="None that is further away.")] = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """The neuron at a point: by its nearest synapse, embedded node or own point, with the distance."""
    from graphlab.graph import Graph

    with Graph.open(graph, read_only=True) as opened:
        found = opened.places.at(point.split(","), k=k, within_nm=within_nm, resolution=resolution)  # type: ignore[arg-type]
        show(found, output, json, 0)


def profile(
    graph: GraphPath,
    who: Annotated[
        str | None, typer.Argument(metavar="[NEURONS]", help=f"Which neurons; all when absent: {WHO}.")
    ] = None,
    by: Annotated[str, typer.Option("--by", metavar="COLUMN", help="neuron, or a column to sum by.")] = "neuron",
    rows: Rows = HEAD,
    output: Output = None,
    json: Json = False,
) -> None:
    """The neuropil profile of neurons or types: what they receive and send where."""
    from graphlab.graph import Graph

    with Graph.open(graph, read_only=True) as opened:
        show(opened.places.neuropils(who_of(opened, who), by=by), output, json, rows)
