"""Verbs about saved sets: sets list, save, remove, check, from-link; and link.

Tests: tests/graphlab/commands/everyday/test_everyday.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphlab.commands.everyday.who import Who, show, who_of
from graphlab.commands.options import GraphPath, Json, Output, text_of

Name = Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits and _.")]
Replace = Annotated[bool, typer.Option("--replace", help="In the place of a set of that name.")]


def listed(graph: GraphPath, output: Output = None, json: Json = False) -> None:
    """The saved sets of a graph."""
    from graphlab.graph import Graph

    with Graph.open(graph, read_only=True) as opened:
        show(opened.sets.list(), output, json, 0)


def save(graph: GraphPath, name: Name, who: Who, replace: Replace = False, json: Json = False) -> None:
    """Keep neurons under a name, which every verb takes and every query has as $NAME."""
    from graphlab.commands.terminal import print_json
    from graphlab.graph import Graph

    with Graph.open(graph) as opened:
        made = opened.sets.save(name, who_of(opened, who), replace=replace)
    told = {"name": made.name, "neurons": len(made)}
    print_json(told) if json else typer.echo(f"{made.name}: {len(made):,} neurons")


def remove(graph: GraphPath, name: Name) -> None:
    """Forget a set; its neurons stay."""
    from graphlab.graph import Graph

    with Graph.open(graph) as opened:
        opened.sets.remove(name)
    typer.echo(f"set {name} is forgotten")


def check(
    graph: GraphPath,
    pasted: Annotated[str, typer.Argument(metavar="TEXT|@FILE|-", help="Ids, pasted as they are.")],
    earlier: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Table of earlier ids: root_id and, if known, successor_id.")
    ] = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Which pasted ids are current, which are stale and what they became, which are unknown."""
    from graphlab.graph import Graph
    from graphlab.selection.pasted import read_earlier

    known = None if earlier is None else read_earlier(earlier)
    with Graph.open(graph, read_only=True) as opened:
        show(opened.sets.check(text_of(pasted), earlier=known), output, json, 0)


def from_link(
    graph: GraphPath,
    name: Name,
    address: Annotated[str, typer.Argument(metavar="URL|@FILE|-", help="A Neuroglancer address with its state.")],
    layer: Annotated[str | None, typer.Option(help="Segmentation layer, where several have segments.")] = None,
    replace: Replace = False,
) -> None:
    """Keep the neurons that a Neuroglancer address shows."""
    from graphlab.graph import Graph

    with Graph.open(graph) as opened:
        made = opened.sets.from_link(text_of(address), name, layer=layer, replace=replace)
    typer.echo(f"{made.name}: {len(made):,} neurons")


def link(
    graph: GraphPath,
    who: Who,
    segmentation: Annotated[
        str | None, typer.Option(metavar="URL", help="Segmentation, when the data set is not a known one.")
    ] = None,
    json: Json = False,
) -> None:
    """A Neuroglancer address that shows neurons, alone on its line."""
    from graphlab.commands.terminal import print_json
    from graphlab.graph import Graph

    with Graph.open(graph, read_only=True) as opened:
        address = opened.sets.link(who_of(opened, who), segmentation=segmentation)
    print_json({"neuroglancer": address}) if json else typer.echo(address)
