"""Figures of a recorded run, those that reports and ``graph.plot`` draw, by the tables that hold its result.

Tests: tests/graphlab/web/test_figures.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphlab.charts.drawings import curves
from graphlab.charts.standing_alone import framed, standalone
from graphlab.graph import Graph
from graphlab.report.page import Figure
from graphlab.report.sections.flow import levels_by_type
from graphlab.report.sections.statistics import figures as statistics_figures
from graphlab.store.runs.results import each_kept_run, tables_of
from ingest.schema.errors import AnalysisError

MOST_SEEDS = 4
"""Groups of seeds of one run that have a figure each."""
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Drawn:
    """One figure of a run."""

    name: str
    caption: str
    svg: str
    """A file of its own, in light and dark."""


def figures_of(graph: Graph, run_id: str, verb: str) -> list[Drawn]:
    """What there is to see of a run; nothing where its result has no picture.

    Args:
        verb: of the run.
    """
    made: list[Figure] = []
    for table in tables_of(graph.folder, run_id):
        if table in BY_TABLE:
            made += BY_TABLE[table](graph, run_id)
    if verb in BY_VERB:
        made += BY_VERB[verb](graph, run_id)
    return [
        Drawn(one.name or f"figure_{k + 1}", one.caption, standalone(framed(one.svg, one.caption, ())))
        for k, one in enumerate(made)
    ]


def _asked(graph: Graph, sql: str, run_id: str, **more: Any) -> Any:
    return graph.query(sql, "sql", parameters={"run": run_id, **more}).to_arrow()


def _simulation(graph: Graph, run_id: str) -> Iterator[Figure]:
    try:
        plot = graph.plot.raster(run_id)
    except AnalysisError:  # its spikes were not kept
        return
    yield Figure(plot.drawing(), " ".join([f"{plot.title}.", *plot.notes]), "simulation_raster")


def _doses(graph: Graph, run_id: str) -> Iterator[Figure]:
    rows: Rows = _asked(
        graph,
        "SELECT drive_hz, synapse_mv, any_value(neurons_active) AS active FROM simulation_doses WHERE run_id = $run "
        "AND drive_hz > 0 GROUP BY ALL HAVING active > 0 ORDER BY synapse_mv, drive_hz",
        run_id,
    ).to_pylist()
    drawn = {}
    for size in sorted({row["synapse_mv"] for row in rows}):
        mine = [row for row in rows if row["synapse_mv"] == size]
        drawn[f"{size:g} mV a synapse"] = (
            np.array([row["drive_hz"] for row in mine], dtype=float),
            np.array([row["active"] for row in mine], dtype=float),
        )
    if drawn:
        svg = curves(drawn, "drive (Hz)", "neurons that fired", "Dose and response")
        yield Figure(svg, "Neurons that fired at each drive; doses that moved none are not drawn.", "dose_response")


def _by_type(sql: str, value: str, title: str, name: str) -> Callable[[Graph, str], Iterator[Figure]]:
    def draw(graph: Graph, run_id: str) -> Iterator[Figure]:
        found = _asked(graph, sql, run_id)
        if found.num_rows:
            table, shown, svg = levels_by_type(found.to_pandas(), value, title)
            left = f" {len(table) - len(shown):,} types in the middle are not drawn." if len(shown) < len(table) else ""
            yield Figure(svg, f"{title}: median and quartiles.{left}", name)

    return draw


def _influence(graph: Graph, run_id: str) -> Iterator[Figure]:
    seeds = _asked(graph, "SELECT DISTINCT seeds FROM influence WHERE run_id = $run ORDER BY 1", run_id)[0].to_pylist()
    for k, one in enumerate(seeds[:MOST_SEEDS]):
        found = _asked(
            graph,
            "SELECT coalesce(n.cell_type, '(no type)') AS cell_type, i.adjusted FROM influence i JOIN neurons n "
            "USING (root_id) WHERE i.run_id = $run AND i.seeds = $seeds",
            run_id,
            seeds=one,
        )
        if found.num_rows:
            table, shown, svg = levels_by_type(found.to_pandas(), "adjusted influence", f"Influence of {one}")
            left = f" {len(table) - len(shown):,} types in the middle are not drawn." if len(shown) < len(table) else ""
            more = f" The first {MOST_SEEDS} of {len(seeds):,} groups of seeds." if len(seeds) > MOST_SEEDS else ""
            told = f"Influence of {one} by cell type, adjusted score: median and quartiles.{left}{more}"
            yield Figure(svg, told, f"influence_{k + 1}")


def _significance(graph: Graph, run_id: str) -> Iterator[Figure]:
    one = next((one for run, one in graph.motifs.kept_significance() if run == run_id), None)
    if one is not None:
        plot = graph.plot.census(one)
        yield Figure(plot.drawing(), " ".join([f"{plot.title}.", *plot.notes]), "motifs_against_null")


def _statistics(graph: Graph, run_id: str) -> Iterator[Figure]:
    found = next((rows for run, rows in each_kept_run(graph.folder, "statistics") if run.run_id == run_id), None)
    if found is not None:
        yield from statistics_figures(found.filter(found["root_id"].is_null()).drop_columns(["root_id"]))


BY_TABLE: Mapping[str, Callable[[Graph, str], Iterator[Figure]]] = {
    "simulation_rates": _simulation,
    "simulation_doses": _doses,
    "signal_flow": _by_type(
        "SELECT coalesce(n.cell_type, '(no type)') AS cell_type, r.flow FROM signal_flow r JOIN neurons n "
        "USING (root_id) WHERE r.run_id = $run AND r.component = 0 AND r.flow IS NOT NULL",
        "signal flow", "Signal flow of the largest component by cell type", "signal_flow",
    ),
    "traversal_ranks": _by_type(
        "SELECT coalesce(n.cell_type, '(no type)') AS cell_type, r.rank FROM traversal_ranks r JOIN neurons n "
        "USING (root_id) WHERE r.run_id = $run AND r.rank IS NOT NULL",
        "layer", "Layers from the seeds by cell type, of neurons that were reached", "ranks",
    ),
    "cascades": _by_type(
        "SELECT coalesce(n.cell_type, '(no type)') AS cell_type, r.hop FROM (SELECT root_id, run_id, "
        "arg_max(hop, visited) AS hop FROM cascades WHERE visited > 0 GROUP BY ALL) r JOIN neurons n USING (root_id) "
        "WHERE r.run_id = $run",
        "hop", "Hop at which most runs of the cascade visit a neuron, by cell type", "cascade",
    ),
    "influence": _influence,
}  # fmt: skip
BY_VERB: Mapping[str, Callable[[Graph, str], Iterator[Figure]]] = {
    "significance": _significance,
    "statistics": _statistics,
}
