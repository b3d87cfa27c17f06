"""Verbs that show: demo, report, draw, and what there is to name: columns, runs, models.

Tests: tests/graphlab/test_cli.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from graphlab.commands.circuits.options import NEURONS, neurons_of
from graphlab.commands.options import GraphPath, Json, NoProgress, Page, outside
from ingest.schema.errors import GraphlabError, UnknownNameError

FIGURES: dict[str, tuple[str, ...]] = {
    "adjacency": ("pre", "post", "by", "values", "most", "min_weight", "kind"),
    "circuit": ("neurons", "by", "min_weight", "kind"),
    "paths": ("source", "target", "k", "min_weight", "kind"),
    "partners": ("neurons", "by", "most", "min_weight", "kind"),
    "census": ("size",),
    "embedding": ("model", "by"),
    "traces": ("animal",),
    "raster": ("run", "most", "trials"),
}
"""Figures of ``graphlab draw`` -> the options that each takes."""
WANTED = {"circuit": ("neurons",), "partners": ("neurons",), "paths": ("source", "target")}
PARAMETERS = {"neurons": "who", "run": "run_id"}
"""Options whose parameter has another name."""


def _flag(name: str) -> str:
    return f"-{name}" if len(name) == 1 else f"--{name.replace('_', '-')}"


def _who(name: str, about: str) -> Any:
    return typer.Option(f"--{name}", metavar="NEURONS", help=f"{about}: {NEURONS}.")


def demo(
    directory: Annotated[
        Path, typer.Argument(metavar="[DIR]", callback=outside, help="New folder for the demo.")
    ] = Path("demo"),
    neurons: Annotated[int, typer.Option(help="Size of the made connectome.", min=50)] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same connectome.")] = 0,
    json: Json = False,
    no_progress: NoProgress = False,
) -> None:
    """Make a connectome, ingest it, query it, count its motifs, write the report."""
    from graphlab.commands.terminal import print_json, progress_bars
    from graphlab.demo import run_demo

    with progress_bars(off=no_progress) as bars:
        result = run_demo(directory, neurons=neurons, seed=seed, progress=bars)
    if json:
        print_json({"graph": str(result.graph), "report": str(result.report), "lines": result.lines})
        return
    for line in result.lines:
        typer.echo(line)


def report(
    graph: GraphPath,
    output: Page = None,
    json: Json = False,
) -> None:
    """Write one self-contained HTML file a colleague can open without installing anything."""
    from graphlab.commands.terminal import print_json
    from graphlab.graph import Graph

    with Graph.open(graph, shared=True) as opened:
        written = str(opened.report(output))
    print_json({"report": written}) if json else typer.echo(f"report: {written}")


def draw(
    graph: GraphPath,
    figure: Annotated[str, typer.Argument(metavar="FIGURE", help=f"One of {', '.join(FIGURES)}.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", callback=outside, help="An .svg file, or .vl.json (Vega-Lite, by Altair).")
    ],
    neurons: Annotated[list[str] | None, _who("neurons", "Of circuit and partners")] = None,
    pre: Annotated[list[str] | None, _who("pre", "Of adjacency, presynaptic")] = None,
    post: Annotated[list[str] | None, _who("post", "Of adjacency, postsynaptic")] = None,
    source: Annotated[list[str] | None, _who("source", "Where paths start")] = None,
    target: Annotated[list[str] | None, _who("target", "Where paths end")] = None,
    by: Annotated[str | None, typer.Option(metavar="COLUMN", help="Groups: neuron, or a column of neurons.")] = None,
    values: Annotated[
        str | None, typer.Option(help="Of adjacency: weight, connections, fraction_in or fraction_out.")
    ] = None,
    most: Annotated[int | None, typer.Option(help="At most this many rows or bars.", min=1)] = None,
    min_weight: Annotated[float | None, typer.Option(help="Weaker connections are left out.")] = None,
    kind: Annotated[str | None, typer.Option(help="Kind of connections; chemical when absent.")] = None,
    k: Annotated[int | None, typer.Option("-k", help="Of paths: the k best of each pair of ends.", min=1)] = None,
    size: Annotated[int | None, typer.Option(help="Of census: neurons in a motif.")] = None,
    model: Annotated[str | None, typer.Option(help="Of embedding.")] = None,
    animal: Annotated[str | None, typer.Option(help="Of traces.")] = None,
    run: Annotated[str | None, typer.Option(help="Of raster: a simulation; the latest when absent.")] = None,
    trials: Annotated[int | None, typer.Option(help="Of raster: trials of each neuron.", min=1)] = None,
    json: Json = False,
) -> None:
    """Draw a figure of a graph, or of its results, as SVG: wiring, motifs, embeddings, activity."""
    from graphlab.commands.terminal import print_json
    from graphlab.graph import Graph

    who = {"neurons": neurons, "pre": pre, "post": post, "source": source, "target": target}
    others = {
        "by": by, "values": values, "most": most, "min_weight": min_weight, "kind": kind, "k": k, "size": size,
        "model": model, "animal": animal, "run": run, "trials": trials,
    }  # fmt: skip
    given: dict[str, Any] = {name: neurons_of(items, f"--{name}") for name, items in who.items() if items is not None}
    given |= {name: value for name, value in others.items() if value is not None}
    if figure not in FIGURES:
        raise UnknownNameError("figure", figure, FIGURES)
    strange = [name for name in given if name not in FIGURES[figure]]
    missing = [name for name in WANTED.get(figure, ()) if name not in given]
    if strange or missing:
        flags = ", ".join(map(_flag, strange or missing))
        takes = ", ".join(map(_flag, FIGURES[figure]))
        raise GraphlabError(f"{figure} {'takes no' if strange else 'wants'} {flags}; it takes {takes}")
    words = {PARAMETERS.get(name, name): value for name, value in given.items()}
    with Graph.open(graph, read_only=True) as opened:
        drawn = getattr(opened.plot, figure)(**words)
        written = str(drawn.save(output))
    if json:
        print_json({"figure": written, "title": drawn.title, "notes": list(drawn.notes)})
        return
    typer.echo(f"{drawn.title}: {written}")
    for note in drawn.notes:
        typer.echo(f"  - {note}")


def columns(
    preset: Annotated[
        str | None, typer.Argument(metavar="[PRESET]", help="One preset of --columns; everything when absent.")
    ] = None,
    json: Json = False,
) -> None:
    """Which columns a graph has, what else they are read as, and the presets of --columns."""
    from graphlab.commands.terminal import print_json
    from ingest import column_page

    if preset is not None:
        told = "\n".join(column_page.preset(preset))
        print_json(column_page.document()["presets"][preset]) if json else typer.echo(told.rstrip())
    else:
        print_json(column_page.document()) if json else typer.echo(column_page.page().rstrip())


def runs(
    graph: GraphPath,
    verb: Annotated[str | None, typer.Option(help="Only these: ingest, census, significance, ...")] = None,
    json: Json = False,
) -> None:
    """What was done to a graph and computed from it, the latest last; `graphlab rerun` repeats one."""
    from graphlab.commands.terminal import print_json, print_table, rows_of
    from graphlab.graph import Graph

    with Graph.open(graph, read_only=True) as opened:
        found = opened.runs(verb)
    if json:
        print_json(rows_of(found))
    else:
        shown = ["run_id", "verb", "started", "seconds", "inputs", "current", "message"]
        print_table(found.select(shown), limit=found.num_rows)


def models(graph: GraphPath, json: Json = False) -> None:
    """The models a graph knows: embeddings by the encoder that made them, and saved predictors."""
    from graphlab.commands.terminal import print_json
    from graphlab.graph import Graph

    with Graph.open(graph, read_only=True) as opened:
        embeddings, cards = opened.info().embeddings, opened.predict.cards()
    if json:
        print_json({"embeddings": embeddings, "predictors": [card.document() for card in cards]})
        return
    for model in embeddings:
        typer.echo(
            f"{model['model']}: embeddings of {model['neurons']:,} neurons, {model['nodes']:,} nodes, "
            f"segmentation {model['segmentation_version']}"
        )
    for card in cards:
        typer.echo(f"{card.name}: {card.predictor} of {card.task}, classes {', '.join(card.classes)}")
    if not embeddings and not cards:
        typer.echo(
            "no models; graphlab ingest GRAPH SHARDS --as embeddings brings some in, graphlab train makes predictors"
        )
