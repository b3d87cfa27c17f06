"""Verbs that show: demo, report, and what there is to name: columns, runs, models.

Tests: tests/graphlab/test_cli.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphlab.commands.options import GraphPath, Json, NoProgress, Page, outside


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
