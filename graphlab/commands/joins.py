"""Verbs that bring embeddings and the graph together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphlab.commands.options import GraphPath, Json, NoProgress

Model = Annotated[str | None, typer.Option(help="Name of the model; may be left out when there is one.")]


def join_embeddings(
    graph: GraphPath,
    model: Model = None,
    id_map: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CSV or Parquet with root_id and embedded_root_id.")
    ] = None,
    radius: Annotated[
        float | None, typer.Option(metavar="NM", help="Instead: the segment of the nearest node within this reach.")
    ] = None,
    segmentation_version: Annotated[
        str | None, typer.Option(help="Of the graph's ids, where the graph names no materialization.")
    ] = None,
    json: Json = False,
) -> None:
    """Find each neuron among the embedded segments: by id, through an id map, or by place."""
    from graphlab.commands.terminal import print_json
    from graphlab.graph import Graph

    with Graph.open(graph) as opened:
        joined = opened.embeddings.join(
            model, id_map=id_map, radius_nm=radius, segmentation_version=segmentation_version
        )
    if json:
        print_json(
            {
                "run_id": joined.run_id,
                "model": joined.model,
                "how": joined.how,
                "neurons": joined.neurons,
                "joined": joined.joined,
                "coverage": joined.coverage if joined.neurons else None,
                "ambiguous_ids": [str(number) for number in joined.ambiguous_ids.tolist()],
            }
        )
    else:
        typer.echo(str(joined))


def place_synapses(
    graph: GraphPath,
    radius: Annotated[float, typer.Option(metavar="NM", help="Reach from the synapse to the embedded node.")],
    model: Model = None,
    json: Json = False,
    no_progress: NoProgress = False,
) -> None:
    """Give every synapse the nearest embedded node of its two neurons, kept in synapse_embeddings."""
    from dataclasses import asdict

    from graphlab.commands.terminal import print_json, progress_bars
    from graphlab.graph import Graph

    with Graph.open(graph) as opened, progress_bars(off=no_progress) as bars:
        placed = opened.embeddings.place_synapses(radius, model, progress=bars("placing synapses"))
    if json:
        print_json(asdict(placed))
    else:
        typer.echo(str(placed))
