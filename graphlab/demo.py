"""The whole job on a made connectome: files, ingest, questions, motifs, the report. What ``graphlab demo`` runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphlab.graph import Graph
from ingest import synthetic
from ingest.errors import StoreError
from queries.result import Result

Bars = Callable[[str], Callable[[int, int], None] | None]

STRONGEST = """SELECT * FROM GRAPH_TABLE (connectome
  MATCH (a IS neuron)-[s IS synapse]->(b IS neuron)
  COLUMNS (a.cell_type AS pre_type, b.cell_type AS post_type, s.weight AS weight))
ORDER BY weight DESC, pre_type, post_type LIMIT 5"""


@dataclass(frozen=True)
class Demo:
    """What the demo made, and what it has to say."""

    graph: Path
    report: Path
    lines: tuple[str, ...]


def run_demo(directory: Path, *, neurons: int = 1000, seed: int = 0, progress: Bars = lambda name: None) -> Demo:
    """Make a connectome and take it all the way to a report.

    Args:
        directory: new, or empty. neurons, seed: of the made connectome. progress: a bar for each long step.

    Raises:
        StoreError: ``directory`` holds something already.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise StoreError(
            f"{directory} is there already; wanted a new folder. Remove it, or name another: graphlab demo DIR"
        )
    made = synthetic.make(directory / "sources", neurons=neurons, seed=seed, progress=progress("making the connectome"))
    told = [f"made {neurons:,} neurons and {made.synapse_count:,} synapses as files in {directory / 'sources'}"]
    with Graph.create(
        directory / "graph", dataset="made connectome", resolution=synthetic.RESOLUTION.xyz, materialization="1"
    ) as graph:
        sources: list[tuple[Path, str, dict[str, Any]]] = [
            (made.neurons, "neurons", {}),
            (made.synapses, "synapses", {"columns": "cave"}),
            (made.embeddings, "embeddings", {"model": synthetic.MODEL, "segmentation_version": synthetic.VERSION}),
        ]
        for source, as_, options in sources:
            bar = progress(f"reading {source.name}")
            told.append(str(graph.ingest(source, as_=as_, progress=bar, **options)))
        told += ["", "the strongest connections, asked as", *_indented(STRONGEST), *_rows(graph.query(STRONGEST))]
        counts = graph.census(3).counts
        told += ["", f"{counts['030T']:,} feed-forward loops (030T), {counts['030C']:,} three-cycles (030C)"]
        report = graph.report(directory / "report.html")
    told += [
        "",
        f"report: {report}",
        "next:",
        f"  graphlab info {directory / 'graph'}",
        f"  graphlab query {directory / 'graph'} 'FROM neurons LIMIT 5'",
        f"  graphlab motifs {directory / 'graph'} --size 3 --samples 600 --report motifs.html",
    ]
    return Demo(directory / "graph", report, tuple(told))


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]


def _rows(result: Result) -> list[str]:
    return [f"    {row['pre_type']} -> {row['post_type']}  {row['weight']:g}" for row in result.to_arrow().to_pylist()]
