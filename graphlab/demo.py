"""The whole job on a made connectome: files, ingest, questions, motifs, the report. What ``graphlab demo`` runs."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphlab.graph import Graph
from ingest.running.progress import Bars
from ingest.schema.errors import StoreError
from ingest.synthetic import connectome
from ingest.synthetic.wiring import PLANTED_WEIGHT
from queries.result import Result

STRONGEST = """SELECT * FROM GRAPH_TABLE (connectome
  MATCH (a IS neuron)-[s IS synapse]->(b IS neuron)
  COLUMNS (a.cell_type AS pre_type, b.cell_type AS post_type, s.weight AS weight, s.sign AS sign))
ORDER BY weight DESC, pre_type, post_type LIMIT 5"""
PLACED = """SELECT side, count(*) AS synapses, round(avg(distance_nm)) AS mean_nm
FROM synapse_embeddings GROUP BY side ORDER BY side DESC"""
PLANTED = """SELECT count(*) AS loops FROM GRAPH_TABLE (connectome
  MATCH (a IS neuron)-[x IS synapse]->(b IS neuron)-[y IS synapse]->(c IS neuron), (a)-[z IS synapse]->(c)
  WHERE x.weight >= $weight AND y.weight >= $weight AND z.weight >= $weight
  COLUMNS (a.root_id AS a))"""
REACH_NM = 5_000.0
PROJECT = "graphlab-connectome"
TRAINED: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "functional": (
        ("logistic regression", "calibrated logistic regression", "synapse count", "distance", "identity rates"),
        {"folds": 5, "keep": "logistic regression", "embeddings": "none", "importance": True},
    ),
    "cell-type": (("logistic regression", "label propagation", "spectral logistic"), {"folds": 2, "importance": True}),
}
"""Task -> predictors, the first beside its baselines, and options of ``graph.predict.train``."""
RECORDED, FRAMES = 60, 4_000
"""Traces of half an hour: enough for shifted behaviour to tell drivers from followers."""


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
    made = connectome.make(
        directory / "sources",
        neurons=neurons,
        seed=seed,
        recorded=RECORDED,
        frames=FRAMES,
        progress=progress("making the connectome"),
    )
    lines = [f"made {neurons:,} neurons and {made.synapse_count:,} synapses as files in {directory / 'sources'}"]
    with Graph.create(
        directory / "graph", dataset="made connectome", resolution=connectome.RESOLUTION.xyz, materialization="1"
    ) as graph:
        sources: list[tuple[Path, str, dict[str, Any]]] = [
            (made.neurons, "neurons", {}),
            (made.synapses, "synapses", {"columns": "cave"}),
            (made.embeddings, "embeddings", {"model": connectome.MODEL, "segmentation_version": connectome.VERSION}),
            (made.recordings, "recordings", {}),
            (made.behavior, "behavior", {}),
        ]
        for source, as_, options in sources:
            bar = progress(f"reading {source.name}")
            lines.append(str(graph.ingest(source, as_=as_, progress=bar, **options)))
        lines.append(str(graph.set_signs("synthetic")))
        lines.append(str(graph.embeddings.place_synapses(REACH_NM, progress=progress("placing synapses"))))
        lines += ["", "the strongest connections, asked as", *_indented(STRONGEST), *_rows(graph.query(STRONGEST))]
        lines += ["", "embedded nodes near synapses, asked as", *_indented(PLACED), *_rows(graph.query(PLACED))]
        counts = graph.motifs.census(3).counts
        lines += ["", f"{counts['030T']:,} feed-forward loops (030T), {counts['030C']:,} three-cycles (030C)"]
        planted = len(json.loads(made.truth.read_text(encoding="utf-8"))["planted"]["instances"])
        loops = graph.query(PLANTED, parameters={"weight": float(PLANTED_WEIGHT)}).to_arrow()["loops"][0]
        lines.append(
            f"{loops} loops whose three connections have {PLANTED_WEIGHT:g} synapses or more; "
            f"the maker planted {planted} (see {made.truth})"
        )
        lines += ["", "neurons that drive behaviour, others held fixed; the maker's own are in truth.json"]
        tuned = graph.activity.correlate(
            "tuning", seed=seed, measures=("linear",), surrogates=1999, progress=progress("tuning")
        )
        lines += [f"  {note}" for note in tuned.notes if "q <=" in note]
        driving = graph.activity.correlate("drivers", seed=seed, progress=progress("drivers"))
        lines += [f"  {note}" for note in driving.notes]
        lines += ["", *_predictions(graph, made.responses, seed, progress)]
        report = graph.report(directory / "report.html")
    lines += ["", f"report: {report}", "next:", *(f"  {line}" for line in next_steps(directory / "graph"))]
    return Demo(directory / "graph", report, tuple(lines))


def _predictions(graph: Graph, responses: Path, seed: int, progress: Bars) -> list[str]:
    """Train a predictor of responses and one of cell types, few predictors each so that it takes seconds."""
    try:
        import safetensors  # noqa: F401
        import sklearn  # noqa: F401
    except ImportError:
        return [f"no predictors were trained; this adds them: pip install '{PROJECT}[gnn]'"]
    from graphlab.predict.saved_runs import estimate_text

    graph.activity.correlate("response", source=responses)
    lines = ["trained to predict who responds to whom, and cell types; tested on neurons that training never saw"]
    for task, (predictors, options) in TRAINED.items():
        model = graph.predict.train(
            task, predictors=predictors, seed=seed, bootstraps=100, progress=progress(f"training {task}"), **options
        )
        metric = next(iter(model.card.scores[predictors[0]]))
        lines += [f"  {task}, {metric} [95 % interval]: " + ", ".join(
            f"{name} {estimate_text(model.card.scores[name][metric])}" for name in predictors)]  # fmt: skip
    return lines


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]


def _rows(result: Result) -> list[str]:
    """Rows as text, a column of its own for each value."""
    rows = [[_shown(value) for value in row.values()] for row in result.to_arrow().to_pylist()]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    return ["    " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def next_steps(graph: Path) -> list[str]:
    """Lines that a shell takes as they are, from the folder the demo was started in."""
    start = f"{_command()} {{}} {shlex.quote(str(graph))}"
    return [
        start.format("info"),
        start.format("query") + " 'FROM neurons LIMIT 5'",
        start.format("query")
        + " 'MATCH (a:Neuron)-[:ConnectsTo]->(b:Neuron) RETURN a.cell_type, b.cell_type, count(*) LIMIT 5'",
        start.format("motifs") + " --size 3 --by super_class",
    ]


def _command() -> str:
    """How this very graphlab is called: by name where the shell finds it, else by its path."""
    started, installed = Path(sys.argv[0]), shutil.which("graphlab")
    if installed is not None and started.exists() and Path(installed).resolve() == started.resolve():
        return "graphlab"
    if started.name == "graphlab" and started.exists():
        return shlex.quote(str(started))
    return f"{shlex.quote(sys.executable)} -m graphlab.cli"
