"""Verb about statistics: stats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from graphlab.commands.circuits.options import NEURONS, neurons_of, show
from graphlab.commands.distributed.dividing import PartOption, Shared, divided
from graphlab.commands.options import (
    GraphPath,
    Json,
    MinWeight,
    MotifKind,
    NoProgress,
    Output,
    Seed,
    Workers,
)
from ingest.schema.errors import AnalysisError

SHOWN = ("name", "label", "threshold", "value", "error", "n", "unit", "left_value", "right_value", "null_mean", "ratio",
         "z", "p", "q", "note")  # fmt: skip
"""Columns that fit a terminal, those that hold something; -o and --json give all."""


def stats(
    graph: GraphPath,
    statistic: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="size, degrees, weights, reciprocity, clustering, components, paths, betweenness, small-world, "
            "assortativity, rich-club, cores, centralities, percolation, thresholds, transmitters, roles, "
            "type-assortativity, left-right, or one that another package offers; repeatable. All when absent.",
        ),
    ] = None,
    null: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Against random graphs: configuration, reciprocal, block, spatial, er, dyad, triads, weights, "
            "weights-pre, weights-types, or one that another package offers.",
        ),
    ] = None,
    samples: Annotated[int, typer.Option(help="Random graphs of --null.", min=1)] = 100,
    seed: Seed = 0,
    sides: Annotated[
        bool, typer.Option("--sides", help="Also left and right neurons alone: how much two sides differ.")
    ] = False,
    types: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Connections between the types of this column instead.")
    ] = None,
    compare: Annotated[
        list[Path] | None, typer.Option(metavar="GRAPH", help="Differences from this graph instead; repeatable.")
    ] = None,
    with_: Annotated[
        list[Path] | None, typer.Option("--with", metavar="GRAPH", help="A further graph of this one's group.")
    ] = None,
    level: Annotated[str, typer.Option(help="What --compare compares: statistics, types or motifs.")] = "statistics",
    size: Annotated[int, typer.Option(help="Neurons of the motifs of --level motifs.", min=2, max=4)] = 3,
    across_versions: Annotated[
        bool, typer.Option("--across-versions", help="Compare different materializations of one data set.")
    ] = False,
    kind: MotifKind = "chemical",
    min_weight: MinWeight = 0.0,
    within: Annotated[list[str] | None, typer.Option(metavar="NEURONS", help=f"Only these neurons: {NEURONS}.")] = None,
    proofread: Annotated[
        bool, typer.Option("--proofread", help="Only proofread axons onto proofread dendrites.")
    ] = False,
    by: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Labels of a null that needs them; types of --level types (cell_type)."),
    ] = None,
    steps: Annotated[float, typer.Option(help="Swaps tried per connection and random graph.")] = 10.0,
    near: Annotated[str, typer.Option(help="What spatial keeps: soma (distance) or neuropil (shared).")] = "soma",
    proximity: Annotated[
        Path | None, typer.Option(metavar="FILE", help="spatial by arbor proximity: pre_root_id, post_root_id, class.")
    ] = None,
    pivots: Annotated[int, typer.Option(help="Sources of searches past 20,000 neurons.", min=256)] = 256,
    club_degree: Annotated[int, typer.Option(help="Total degree from which a neuron is in the rich club.", min=1)] = 37,
    workers: Workers = None,
    part: PartOption = None,
    shared: Shared = None,
    output: Output = None,
    json: Json = False,
    no_progress: NoProgress = False,
) -> None:
    """Statistics of the wiring, N beside each number; against a null model; between types; against other graphs."""
    from graphlab.commands.terminal import progress_bars
    from graphlab.config import DuckDBSettings
    from graphlab.graph import Graph

    if types is not None and compare:
        raise AnalysisError("--types and --compare are two questions; types of two graphs: --compare G --level types")
    if null is not None and (types is not None or compare):
        raise AnalysisError("--null is for the statistics of one graph, not for --types or --compare")
    if shared is not None and null is None:
        raise AnalysisError("--part and --shared divide the random graphs of --null; give it, or leave them out")
    threads = workers or DuckDBSettings.from_environment().cores
    settings: dict[str, Any] = {
        "kind": kind, "min_weight": min_weight, "within": neurons_of(within, "--within"), "proofread": proofread,
    }  # fmt: skip
    with (
        divided(part, shared, threads, json) as division,
        Graph.open(graph, read_only=division.is_part, shared=not division.is_part) as opened,
        progress_bars(off=no_progress) as bars,
    ):
        if compare:
            result = opened.circuits.compare(
                compare, level, with_=with_ or (), names=statistic, by=by or "cell_type", size=size, seed=seed,
                across_versions=across_versions, workers=threads, progress=bars("graphs"), **settings,
            )  # fmt: skip
            show(result, output, json, f"differences of {level}, second group minus first")
            return
        if types is not None:
            result = opened.circuits.type_connections(types, **settings)
            show(result, output, json, "connections between types, strongest first")
            return
        if null is not None:
            settings |= {"by": by, "steps_per_edge": steps, "near": near}
            settings["proximity"] = None if proximity is None else str(proximity)
        found = opened.circuits.statistics(
            statistic, null, samples, seed, sides=sides, pivots=pivots, club_degree=club_degree,
            workers=division.workers, progress=bars("statistics"), null_progress=bars("null samples"),
            mixing_progress=bars("does the null mix"), **settings,
        )  # fmt: skip
        if not division.is_part:
            show(found, output, json, "statistics", shown=SHOWN)
