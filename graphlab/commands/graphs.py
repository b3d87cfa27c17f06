"""Verbs that make and fill a graph: init, ingest, describe, recipe, signs, info."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from graphlab.commands.options import (
    As,
    Duplicates,
    GraphPath,
    Json,
    Kind,
    NoProgress,
    Quiet,
    Unknown,
    columns_of,
    pairs_of,
)


def init(
    graph: GraphPath,
    dataset: Annotated[str | None, typer.Option(help="Name of the data set, shown everywhere.")] = None,
    resolution: Annotated[
        str | None, typer.Option(metavar="X,Y,Z", help="nm per voxel, where sources have voxel positions.")
    ] = None,
    materialization: Annotated[str | None, typer.Option(help="Segmentation version that the ids belong to.")] = None,
    json: Json = False,
) -> None:
    """Make a new, empty graph."""
    from dataclasses import asdict

    from graphlab.commands.terminal import print_json
    from graphlab.graph import Graph

    with Graph.create(graph, dataset, resolution, materialization) as made:
        info = made.info()
    if json:
        print_json(asdict(info))
        return
    typer.echo(f"made {graph}; next: graphlab ingest {graph} FILE --as connections")


def ingest(
    graph: GraphPath,
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCE...",
            help="Files, folders that hold one table, or tables of servers (docs/clients.md), in order.",
        ),
    ],
    as_: Annotated[As, typer.Option("--as", help="What the rows are.")],
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="A preset (`graphlab columns` lists them), OURS=THEIRS,..., or both (default: our own names).",
        ),
    ] = None,
    resolution: Annotated[str | None, typer.Option(metavar="X,Y,Z", help="nm per voxel of the source.")] = None,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN=V1,V2", help="Only rows with one of these values.")
    ] = None,
    no_header: Annotated[bool, typer.Option("--no-header", help="The first line is data already.")] = False,
    kind: Annotated[Kind | None, typer.Option(help="Kind of synapse, where the source names none.")] = None,
    duplicates: Annotated[Duplicates | None, typer.Option(help="What to do with repeated rows.")] = None,
    unknown: Annotated[
        Unknown | None,
        typer.Option(help="Neurons that only synapses, connections or skeletons name; add (skeletons: refuse)."),
    ] = None,
    units: Annotated[
        str | None, typer.Option(metavar="nm|um", help="Skeletons: unit of their positions, where it is no voxel.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Embeddings: name of the model.")] = None,
    segmentation_version: Annotated[
        str | None, typer.Option(help="Embeddings: segmentation that their ids belong to.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Of a reader: sheet, variable, matrix, unweighted, ..."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Bring sources in, each in one transaction: all of it or nothing."""
    from dataclasses import asdict

    from graphlab.commands.terminal import print_json, progress_bars
    from graphlab.graph import Graph
    from ingest.clients.address import source_label
    from ingest.schema.errors import GraphlabError

    options: dict[str, Any] = dict(pairs_of(option, "--option"))
    if model:
        options["model"] = model
    if segmentation_version:
        options["segmentation_version"] = segmentation_version
    if units:
        options["units"] = units
    done = []
    faults = []
    with Graph.open(graph) as opened, progress_bars(off=no_progress or quiet) as bars:
        for source in sources:
            try:
                summary = opened.ingest(
                    source,
                    as_=as_.value,
                    columns=columns_of(columns),
                    resolution=resolution,
                    keep={name: value.split(",") for name, value in pairs_of(keep, "--keep")},
                    header=not no_header,
                    kind=kind.value if kind else None,
                    duplicates=duplicates.value if duplicates else None,
                    unknown=unknown.value if unknown else None,
                    progress=bars(f"reading {source_label(source)}"),
                    **options,
                )
            except GraphlabError as error:
                # Animals do not depend on each other: one that fails does not stop those after it.
                if as_.value not in ("recordings", "behavior") or len(sources) == 1:
                    raise
                faults.append(error)
                continue
            done.append(asdict(summary))
            if not json and not quiet:
                typer.echo(str(summary))
    if json:
        print_json(done)
    for fault in faults:
        typer.echo(f"error: {fault}", err=True)
    if faults:
        raise typer.Exit(1)


def describe(
    graph: GraphPath,
    dataset: Annotated[str | None, typer.Option(help="Name of the data set, shown everywhere.")] = None,
    resolution: Annotated[str | None, typer.Option(metavar="X,Y,Z", help="nm per voxel of sources to come.")] = None,
    materialization: Annotated[str | None, typer.Option(help="Segmentation version that the ids belong to.")] = None,
    json: Json = False,
) -> None:
    """Say of a graph what was not said when it was made."""
    from dataclasses import asdict

    from graphlab.commands.terminal import print_json
    from graphlab.graph import Graph

    with Graph.open(graph) as opened:
        notes = opened.describe(dataset, resolution, materialization)
        found = opened.info()
    if json:
        print_json({**asdict(found), "notes": [*notes, *found.notes]})
        return
    voxels = f"voxels of {found.resolution} nm" if found.resolution else "voxel size not given"
    typer.echo(f"{found.dataset or graph.name}: materialization {found.materialization or 'not given'}, {voxels}")
    for note in notes:
        typer.echo(f"  - {note}")


def drop_source(
    graph: GraphPath,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Its file name, or the id of its run (see info).")],
    json: Json = False,
) -> None:
    """Undo one ingest: the graph is as if that source had never come in."""
    from dataclasses import asdict

    from graphlab.commands.terminal import print_json
    from graphlab.graph import Graph

    with Graph.open(graph) as opened:
        dropped = opened.drop_source(source)
    print_json(asdict(dropped)) if json else typer.echo(str(dropped))


def recipe(
    graph: GraphPath,
    min_score: Annotated[float | None, typer.Option(help="Synapses below this score do not count.")] = None,
    merge_within: Annotated[
        float | None, typer.Option(metavar="NM", help="Synapses of one pair closer than this count once.")
    ] = None,
    json: Json = False,
) -> None:
    """Make the connections anew from the synapses, by a recorded recipe."""
    from dataclasses import asdict

    from graphlab.commands.terminal import print_json
    from graphlab.graph import Graph
    from graphlab.store.wiring.recipe import recipe_text

    with Graph.open(graph) as opened:
        info = opened.set_recipe(min_score, merge_within)
    if json:
        print_json(asdict(info))
        return
    typer.echo(f"{info.counts['connections']:,} connections; {recipe_text(info.recipe)}")


def signs(
    graph: GraphPath,
    transmitters: Annotated[str, typer.Option("--map", help="fly, worm, mouse or synthetic.")],
    min_confidence: Annotated[
        float | None, typer.Option(help="Less confident predictions are unknown; the map's own cut by default.")
    ] = None,
    json: Json = False,
) -> None:
    """Give neurons and connections a sign (1, -1 or none) by a named map of transmitters."""
    from dataclasses import asdict

    from graphlab.commands.terminal import print_json
    from graphlab.graph import Graph

    with Graph.open(graph) as opened:
        summary = opened.set_signs(transmitters, min_confidence)
    print_json(asdict(summary)) if json else typer.echo(str(summary))


def info(graph: GraphPath, json: Json = False) -> None:
    """Versions, counts, and what to know before asking."""
    from dataclasses import asdict

    from graphlab.commands.terminal import print_json
    from graphlab.graph import Graph
    from graphlab.store.wiring.recipe import recipe_text

    with Graph.open(graph, read_only=True) as opened:
        summary = opened.info()
    if json:
        print_json(asdict(summary))
        return
    typer.echo(f"{summary.dataset or graph.name}  ({summary.path})")
    voxels = f"voxels of {summary.resolution} nm" if summary.resolution else "voxel size not given"
    typer.echo(f"  materialization {summary.materialization or 'not given'}, {voxels}")
    for name, count in summary.counts.items():
        label = "chemical weight" if name == "total_weight" else name.replace("_", " ")
        typer.echo(f"  {label:22} {count:>14,}")
    for source in summary.sources:
        rows = "rows" if source["rows"] is None else f"{source['rows']:,} rows"
        typer.echo(f"  source {source['source']}: {rows} of {source['as_']} (run {source['run_id']})")
    for model in summary.embeddings:
        typer.echo(
            f"  embeddings {model['model']}: {model['nodes']:,} nodes of {model['neurons']:,} neurons, "
            f"{model['width']} numbers, segmentation {model['segmentation_version']}"
        )
    if summary.recipe:
        typer.echo(f"  recipe: {recipe_text(summary.recipe)}; weight: {summary.recipe['weight_counts']}")
    for note in summary.notes:
        typer.echo(f"  - {note}")
