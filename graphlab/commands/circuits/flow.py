"""Verbs about flow: flow signal, ranks, effective, between, max, paths, diagram; influence; cascade."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from graphlab.commands.circuits.options import Sources, Targets, neurons_of, show, with_weights
from graphlab.commands.options import GraphPath, Json, NoProgress, Output, Seed, Workers, page

Runs = Annotated[int, typer.Option(help="Drawn runs.", min=1)]
Capacity = Annotated[
    str, typer.Option(metavar="NAME", help="Of a connection: its fraction of the input of its target, or its weight.")
]
By = Annotated[str | None, typer.Option(metavar="COLUMN", help="Group neurons by this column.")]


@with_weights
def signal(
    graph: GraphPath, output: Output = None, json: Json = False, no_progress: NoProgress = False, **settings: Any
) -> None:
    """How far upstream each neuron stands: levels within each weak component."""
    from graphlab.commands.terminal import progress_bars
    from graphlab.graph import Graph

    with Graph.open(graph, shared=True) as opened, progress_bars(off=no_progress) as bars:
        result = opened.circuits.signal_flow(progress=bars("steps"), **settings)
    show(result, output, json, "signal flow, upstream first")


@with_weights
def ranks(
    graph: GraphPath,
    source: Sources,
    model: Annotated[str, typer.Option(metavar="NAME", help="deterministic or stochastic.")] = "deterministic",
    runs: Runs = 1000,
    seed: Seed = 0,
    layers: Annotated[int, typer.Option(help="The last layer.", min=2)] = 15,
    workers: Workers = None,
    output: Output = None,
    json: Json = False,
    no_progress: NoProgress = False,
    **settings: Any,
) -> None:
    """How many steps from the sources, connections of little input later (traversal model)."""
    from graphlab.commands.terminal import progress_bars
    from graphlab.config import DuckDBSettings
    from graphlab.graph import Graph

    with Graph.open(graph, shared=True) as opened, progress_bars(off=no_progress) as bars:
        result = opened.circuits.ranks(
            neurons_of(source, "--source"), model=model, runs=runs, seed=seed, layers=layers,
            workers=workers or DuckDBSettings.from_environment().cores, progress=bars("layers"), **settings,
        )  # fmt: skip
    show(result, output, json, f"{model} ranks, nearest first")


@with_weights
def effective(
    graph: GraphPath,
    source: Sources,
    target: Targets,
    layers: Annotated[int, typer.Option(help="Connections to go along, at most.", min=1)] = 5,
    by: By = None,
    cut: Annotated[float, typer.Option(help="Weaker rows are left out.", min=0.0)] = 1e-4,
    workers: Workers = None,
    output: Output = None,
    json: Json = False,
    no_progress: NoProgress = False,
    **settings: Any,
) -> None:
    """What share of the targets' input comes from the sources over one, two, ... connections."""
    from graphlab.commands.terminal import progress_bars
    from graphlab.config import DuckDBSettings
    from graphlab.graph import Graph

    with Graph.open(graph, shared=True) as opened, progress_bars(off=no_progress) as bars:
        result = opened.circuits.effective_connectivity(
            neurons_of(source, "--source"), neurons_of(target, "--target"), layers=layers, by=by, cut=cut,
            workers=workers or DuckDBSettings.from_environment().cores, progress=bars("layers"), **settings,
        )  # fmt: skip
    show(result, output, json, "effective connectivity, layer by layer")


@with_weights
def between(
    graph: GraphPath, source: Sources, target: Targets, output: Output = None, json: Json = False, **settings: Any
) -> None:
    """Neurons between sources and targets, by the weaker of their two fractions."""
    from graphlab.graph import Graph

    with Graph.open(graph, shared=True) as opened:
        ends = neurons_of(source, "--source"), neurons_of(target, "--target")
        result = opened.circuits.intermediates(*ends, **settings)
    show(result, output, json, "between sources and targets")


@with_weights
def maximal(
    graph: GraphPath,
    source: Sources,
    target: Targets,
    capacity: Capacity = "fraction",
    output: Output = None,
    json: Json = False,
    **settings: Any,
) -> None:
    """The most that connections carry from sources to targets, and the smallest cut between them."""
    from graphlab.graph import Graph

    with Graph.open(graph, shared=True) as opened:
        ends = neurons_of(source, "--source"), neurons_of(target, "--target")
        result = opened.circuits.max_flow(*ends, capacity=capacity, **settings)
    show(result, output, json, "connections of a maximal flow")


@with_weights
def paths(
    graph: GraphPath,
    source: Sources,
    target: Targets,
    most: Annotated[int, typer.Option(help="At most this many, widest first.", min=1)] = 20,
    capacity: Capacity = "fraction",
    output: Output = None,
    json: Json = False,
    **settings: Any,
) -> None:
    """The paths that carry the maximal flow from sources to targets."""
    from graphlab.graph import Graph

    with Graph.open(graph, shared=True) as opened:
        ends = neurons_of(source, "--source"), neurons_of(target, "--target")
        result = opened.circuits.flow_paths(*ends, most=most, capacity=capacity, **settings)
    show(result, output, json, "paths of a maximal flow")


@with_weights
def diagram(
    graph: GraphPath,
    source: Sources,
    target: Targets,
    output: Annotated[Path, typer.Option("-o", "--output", callback=page, help="Where to write the SVG file.")],
    by: Annotated[str, typer.Option(metavar="COLUMN", help="Column of neurons with the types.")] = "cell_type",
    most: Annotated[int, typer.Option(help="Types at most; the others are drawn as one.", min=1)] = 30,
    capacity: Capacity = "fraction",
    json: Json = False,
    **settings: Any,
) -> None:
    """Draw the maximal flow between types, in layers from the sources."""
    from graphlab.commands.terminal import print_json
    from graphlab.graph import Graph
    from ingest.running.whole_files import write_atomically

    with Graph.open(graph, read_only=True) as opened:
        ends = neurons_of(source, "--source"), neurons_of(target, "--target")
        drawn = opened.circuits.flow_diagram(*ends, by=by, most=most, capacity=capacity, **settings)
    with write_atomically(output) as new:
        new.write_text(str(drawn), encoding="utf-8")
    print_json({"output": str(output)}) if json else typer.echo(f"figure in {output}")


@with_weights
def influence(
    graph: GraphPath,
    source: Sources,
    each: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Every group of sources by itself, root_id for each; together if absent."),
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option("--target", metavar="NEURONS", help="Whose scores are kept; all when absent.")
    ] = None,
    silence: Annotated[
        list[str] | None, typer.Option("--silence", metavar="NEURONS", help="Neurons that send nothing.")
    ] = None,
    gain: Annotated[float, typer.Option(help="The leading eigenvalue after scaling, below 1.")] = 0.99,
    scale: Annotated[
        str, typer.Option(metavar="NAME", help="By the eigenvalue of the whole wiring (fixed), or after silencing.")
    ] = "fixed",
    counted: Annotated[str, typer.Option(metavar="NAME", help="count of synapses, or fraction of input.")] = "count",
    output: Output = None,
    json: Json = False,
    no_progress: NoProgress = False,
    **settings: Any,
) -> None:
    """Steady influence of the sources on all others, beside what any source would do."""
    from graphlab.commands.terminal import progress_bars
    from graphlab.graph import Graph

    with Graph.open(graph, shared=True) as opened, progress_bars(off=no_progress) as bars:
        result = opened.circuits.influence(
            neurons_of(source, "--source"), each=each, targets=neurons_of(target, "--target"),
            silenced=neurons_of(silence, "--silence"), gain=gain, scale=scale, counted=counted,
            progress=bars("products"), **settings,
        )  # fmt: skip
    show(result, output, json, "influence, largest first")


@with_weights
def cascade(
    graph: GraphPath,
    source: Sources,
    end: Annotated[
        list[str] | None, typer.Option("--end", metavar="NEURONS", help="Neurons that are reached and send nothing on.")
    ] = None,
    synapse_chance: Annotated[float, typer.Option(help="Of one synapse to transmit.")] = 0.05,
    hops: Annotated[int, typer.Option(help="Transmissions, at most.", min=1)] = 8,
    runs: Runs = 1000,
    seed: Seed = 0,
    workers: Workers = None,
    output: Output = None,
    json: Json = False,
    no_progress: NoProgress = False,
    **settings: Any,
) -> None:
    """How a signal spreads from the sources, one transmission a neuron."""
    from graphlab.commands.terminal import progress_bars
    from graphlab.config import DuckDBSettings
    from graphlab.graph import Graph

    with Graph.open(graph, shared=True) as opened, progress_bars(off=no_progress) as bars:
        result = opened.circuits.cascade(
            neurons_of(source, "--source"), ends=neurons_of(end, "--end"), synapse_chance=synapse_chance, hops=hops,
            runs=runs, seed=seed, workers=workers or DuckDBSettings.from_environment().cores, progress=bars("runs"),
            **settings,
        )  # fmt: skip
    show(result, output, json, "cascade, hop by hop")
