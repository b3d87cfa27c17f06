"""Verbs about neurons that belong together: communities, spectral, clusters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphlab.commands.circuits.options import NEURONS, neurons_of, show
from graphlab.commands.options import GraphPath, Json, MinWeight, MotifKind, NoProgress, Output, Seed


def communities(
    graph: GraphPath,
    method: Annotated[
        str, typer.Option(metavar="NAME", help="leiden, infomap (extra communities), or block-model.")
    ] = "leiden",
    resolution: Annotated[
        float | None, typer.Option(help="Of leiden, 1 when absent; higher for more communities.")
    ] = None,
    blocks: Annotated[
        int | None, typer.Option(help="Of block-model; as many as Leiden finds communities when absent.", min=1)
    ] = None,
    seeds: Annotated[int, typer.Option(help="Random starts; the best division is kept.", min=1)] = 10,
    seed: Seed = 0,
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="Compare with this column of neurons, or main_neuropil; repeatable. cell_type and main_neuropil "
            "where there are such, when absent.",
        ),
    ] = None,
    kind: MotifKind = "chemical",
    min_weight: MinWeight = 0.0,
    within: Annotated[list[str] | None, typer.Option(metavar="NEURONS", help=f"Only these neurons: {NEURONS}.")] = None,
    proofread: Annotated[
        bool, typer.Option("--proofread", help="Only proofread axons onto proofread dendrites.")
    ] = False,
    output: Output = None,
    json: Json = False,
    no_progress: NoProgress = False,
) -> None:
    """Neurons that belong together by their wiring; how sure that is, and how it agrees with cell types."""
    from graphlab.commands.terminal import progress_bars
    from graphlab.graph import Graph

    with Graph.open(graph, shared=True) as opened, progress_bars(off=no_progress) as bars:
        result = opened.circuits.communities(
            method, resolution=resolution, blocks=blocks, seeds=seeds, seed=seed, against=against or None, kind=kind,
            min_weight=min_weight, within=neurons_of(within, "--within"), proofread=proofread,
            progress=bars("starts"),
        )  # fmt: skip
    show(result, output, json, "communities, largest first")


def spectral(
    graph: GraphPath,
    dimensions: Annotated[int, typer.Option(help="For senders, and as many for receivers.", min=1)] = 16,
    kind: MotifKind = "chemical",
    min_weight: MinWeight = 0.0,
    within: Annotated[list[str] | None, typer.Option(metavar="NEURONS", help=f"Only these neurons: {NEURONS}.")] = None,
    proofread: Annotated[
        bool, typer.Option("--proofread", help="Only proofread axons onto proofread dendrites.")
    ] = False,
    output: Output = None,
    json: Json = False,
) -> None:
    """Coordinates of every neuron as sender and as receiver, for queries and classifiers."""
    from graphlab.graph import Graph

    with Graph.open(graph, shared=True) as opened:
        result = opened.circuits.spectral(
            dimensions, kind=kind, min_weight=min_weight, within=neurons_of(within, "--within"), proofread=proofread
        )
    show(result, output, json, "spectral coordinates")


def clusters(
    graph: GraphPath,
    neurons: Annotated[
        list[str] | None, typer.Option(metavar="NEURONS", help=f"Whom to cluster, all when absent: {NEURONS}.")
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="COLUMN", help="Cluster the types of this column instead.")] = None,
    direction: Annotated[str, typer.Option(metavar="NAME", help="both, outputs or inputs.")] = "both",
    linkage: Annotated[str, typer.Option(metavar="NAME", help="average, complete or single.")] = "average",
    cut: Annotated[float, typer.Option(help="Height (1 - cosine) below which leaves are one cluster.")] = 0.5,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Also a heat map in the order of the leaves, up to 200.")
    ] = None,
    kind: MotifKind = "chemical",
    min_weight: MinWeight = 0.0,
    within: Annotated[list[str] | None, typer.Option(metavar="NEURONS", help=f"Only these neurons: {NEURONS}.")] = None,
    proofread: Annotated[
        bool, typer.Option("--proofread", help="Only proofread axons onto proofread dendrites.")
    ] = False,
    output: Output = None,
    json: Json = False,
) -> None:
    """Neurons or types with like partners: a dendrogram by the cosine of their connectivity."""
    from graphlab.graph import Graph

    with Graph.open(graph, shared=True) as opened:
        result = opened.circuits.connectivity_clusters(
            neurons_of(neurons, "--neurons"), by, direction=direction, linkage=linkage, cut=cut, kind=kind,
            min_weight=min_weight, within=neurons_of(within, "--within"), proofread=proofread,
        )  # fmt: skip
    if figure is not None:
        from graphlab.charts.standing_alone import standalone
        from ingest.running.whole_files import write_atomically

        drawn = standalone(result.figure())
        with write_atomically(figure) as new:
            new.write_text(drawn, encoding="utf-8")
    show(result, output, json, "leaves of the dendrogram, in order")
