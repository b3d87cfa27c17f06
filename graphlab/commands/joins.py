"""Verbs that bring embeddings, skeletons and the graph together."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphlab.commands.options import GraphPath, Json, NoProgress, Output
from ingest.schema.errors import SchemaError

if TYPE_CHECKING:
    from graphlab.store.embeddings.places import SynapsePlaces
    from graphlab.store.skeletons.placement import PlacedSynapses


class On(StrEnum):
    embeddings = "embeddings"
    skeletons = "skeletons"


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
    radius: Annotated[float, typer.Option(metavar="NM", help="Reach from the synapse to the node; none is farther.")],
    on: Annotated[On, typer.Option(help="Nodes of embeddings, or of skeletons.")] = On.embeddings,
    model: Model = None,
    json: Json = False,
    no_progress: NoProgress = False,
) -> None:
    """Give every synapse the nearest node of its two neurons: embedded ones, or those of skeletons and compartments."""
    from dataclasses import asdict

    from graphlab.commands.terminal import print_json, progress_bars
    from graphlab.graph import Graph

    with Graph.open(graph) as opened, progress_bars(off=no_progress) as bars:
        bar = bars("placing synapses")
        placed: SynapsePlaces | PlacedSynapses
        if on is On.skeletons:
            if model:
                raise SchemaError("--model names embeddings; leave it out with --on skeletons")
            placed = opened.skeletons.place_synapses(radius, progress=bar)
        else:
            placed = opened.embeddings.place_synapses(radius, model, progress=bar)
    if json:
        print_json(asdict(placed))
    else:
        typer.echo(str(placed))


class By(StrEnum):
    neuron = "neuron"
    compartment = "compartment"


def skeletons(
    graph: GraphPath,
    by: Annotated[By, typer.Option(help="A row a neuron, or a row a compartment of each.")] = By.neuron,
    output: Output = None,
    json: Json = False,
) -> None:
    """Print the cable length and the synapse density of neurons, or of their compartments."""
    from graphlab.commands.terminal import print_json, print_table, rows_of, write_output
    from graphlab.graph import Graph

    with Graph.open(graph, read_only=True) as opened:
        table = opened.skeletons.measure(by.value)
    if output:
        write_output(table, output, {} if json else None)
    elif json:
        print_json(rows_of(table))
    else:
        print_table(table, title=f"skeletons by {by.value}")
