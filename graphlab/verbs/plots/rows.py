"""From rows of answers to the data of figures.

Tests: tests/graphlab/verbs/plots/test_plots.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphlab.charts.plots.heat_map import HeatMapPlot
from graphlab.charts.plots.layers import UNTYPED, LayersPlot, Node
from graphlab.charts.plots.partners import Partner, PartnersPlot
from graphlab.charts.plots.raster import RasterPlot
from graphlab.store.database import arrow
from graphlab.store.folder import Folder
from ingest.schema.errors import AnalysisError, UnknownNameError
from queries.result import Result

UNKNOWN = "(unknown)"
WORDS = {
    "weight": "weight",
    "connections": "connections",
    "fraction_in": "fraction of input",
    "fraction_out": "fraction of output",
}
"""What a heat map can shade -> its words."""


def heat_map(found: Result, by: str, values: str, most: int, kind: str) -> HeatMapPlot:
    """The matrix of an adjacency: the rows and columns that add up to most, in that order."""
    if not len(found):
        raise AnalysisError("; ".join(found.notes) or "no connection to draw")
    rows = [row for row in found if row[values] is not None and row[values] == row[values]]
    ends = [[_label(row, by, end) for row in rows] for end in ("pre", "post")]
    order = []
    for names in ends:
        total: dict[str, float] = {}
        for name, row in zip(names, rows, strict=True):
            total[name] = total.get(name, 0.0) + row[values]
        order.append(sorted(total, key=lambda name: (-total[name], name)))
    shown = (order[0][:most], order[1][:most])
    place = [{name: k for k, name in enumerate(names)} for names in shown]
    matrix = np.zeros((len(shown[0]), len(shown[1])))
    for a, b, row in zip(*ends, rows, strict=True):
        if a in place[0] and b in place[1]:
            matrix[place[0][a], place[1][b]] += row[values]
    what = "neurons" if by == "neuron" else f"values of {by}"
    notes = [
        f"The {most} {side} {what} that add up to most, of {len(names):,}."
        for side, names in zip(("presynaptic", "postsynaptic"), order, strict=True)
        if len(names) > most
    ]
    return HeatMapPlot(
        title=f"{kind.capitalize()} connections by {by.replace('_', ' ')}", notes=(*notes, *found.notes),
        names=shown, values=matrix, what=WORDS[values],
    )  # fmt: skip


def _label(row: Mapping[str, Any], by: str, end: str) -> str:
    if by != "neuron":
        value = row[f"{by}_{end}"]
        return UNKNOWN if value is None else str(value)
    root = str(row[f"{end}_root_id"])
    name = row.get(f"name_{end}")
    return f"{name} {root}" if name else root


def circuit(neurons: list[dict[str, Any]], pairs: list[dict[str, Any]], by: str, kind: str) -> LayersPlot:
    """Neurons in layers by a column; the layers that send more than they get to the left."""
    if by not in neurons[0]:
        raise UnknownNameError("column of neurons", by, neurons[0])
    group = {row["root_id"]: UNTYPED if row[by] is None else str(row[by]) for row in neurons}
    sent: dict[str, float] = dict.fromkeys(group.values(), 0.0)
    moved: dict[str, float] = dict.fromkeys(group.values(), 0.0)
    for pair in pairs:
        a, b = group[pair["pre_root_id"]], group[pair["post_root_id"]]
        if a != b:
            sent[a] += pair["weight"]
            sent[b] -= pair["weight"]
            moved[a] += pair["weight"]
            moved[b] += pair["weight"]
    layers = sorted(sent, key=lambda name: (-sent[name] / moved[name] if moved[name] else 0.0, name))
    layer = {name: k for k, name in enumerate(layers)}
    rows = sorted(neurons, key=lambda row: (layer[group[row["root_id"]]], row["name"] or "", row["root_id"]))
    nodes = [
        Node(row["root_id"], row["name"] or str(row["root_id"]), group[row["root_id"]], layer[group[row["root_id"]]])
        for row in rows
    ]
    place = {node.root_id: k for k, node in enumerate(nodes)}
    kept = [pair for pair in pairs if pair["pre_root_id"] != pair["post_root_id"]]
    edges = sorted((place[pair["pre_root_id"]], place[pair["post_root_id"]], pair["weight"]) for pair in kept)
    autapses = len(pairs) - len(kept)
    return LayersPlot(
        title=f"{len(nodes)} neurons and the {len(edges)} {kind} connections among them", nodes=nodes, edges=edges,
        headings=layers, notes=(f"{autapses} autapses (a neuron onto itself) are not drawn.",) if autapses else (),
    )  # fmt: skip


def layered_paths(rows: list[dict[str, Any]]) -> LayersPlot:
    """Paths over one another; a neuron stands at its earliest step."""
    first: dict[int, int] = {}
    about: dict[int, dict[str, Any]] = {}
    weights: dict[tuple[int, int], float] = {}
    before = 0
    for row in rows:
        root = row["root_id"]
        first[root] = min(first.get(root, row["step"]), row["step"])
        about[root] = row
        if row["step"]:
            weights[before, root] = row["weight"]
        before = root

    def order_of(root: int) -> tuple[int, str, str, int]:
        return first[root], about[root]["cell_type"] or "", about[root]["name"] or "", root

    order = sorted(first, key=order_of)
    nodes = [
        Node(root, about[root]["name"] or str(root), about[root]["cell_type"] or UNTYPED, first[root]) for root in order
    ]
    place = {root: k for k, root in enumerate(order)}
    edges = sorted((place[a], place[b], weight) for (a, b), weight in weights.items())
    paths = len({row["path"] for row in rows})
    headings = ["source", *(f"step {step}" for step in range(1, max(first.values(), default=0) + 1))]
    title = f"{paths:,} path{'' if paths == 1 else 's'} over {len(nodes):,} neurons"
    return LayersPlot(title=title, nodes=nodes, edges=edges, headings=headings)


def partner_bars(found: Mapping[str, Result], by: str, most: int, title: str, kind: str) -> PartnersPlot:
    """The first partners of each direction as bars."""
    bars, notes = [], [f"{kind.capitalize()} connections; shares are of all input, or all output, of the neurons."]
    for direction, answer in found.items():
        for row in answer.head(most):
            if by == "neuron":
                name = " ".join(str(part) for part in (row["name"], row["root_id"]) if part)
            else:
                name = UNKNOWN if row[by] is None else str(row[by])
            bars.append(Partner(direction, name, row["weight"], row["fraction"]))
        if len(answer) > most:
            notes.append(f"{most} of {len(answer):,} {direction}.")
        notes += answer.notes
    return PartnersPlot(title=title, notes=tuple(dict.fromkeys(notes)), partners=bars)


def raster(folder: Folder, run_id: str | None, most: int, trials: int) -> RasterPlot:
    """The neurons of highest rates of a simulation, and their spikes."""
    runs = arrow(
        folder.cursor(),
        "SELECT run_id, parameters FROM runs WHERE verb = 'simulate' AND run_id IN (SELECT run_id FROM "
        "simulation_rates) AND (? IS NULL OR run_id = ?) ORDER BY started DESC, run_id LIMIT 1",
        [run_id, run_id],
    ).to_pylist()
    if not runs:
        wanted = "no simulation was recorded" if run_id is None else f"no recorded simulation is run {run_id!r}"
        raise AnalysisError(f"{wanted}; graph.circuits.simulate, or `graphlab simulate spikes`, makes one")
    run, parameters = runs[0]["run_id"], json.loads(runs[0]["parameters"])
    if not parameters["keep_spikes"]:
        raise AnalysisError(f"the spikes of run {run} were not kept; simulate again, keeping them")
    rates = arrow(
        folder.cursor(),
        "SELECT r.root_id, r.rate_hz, n.name, n.cell_type, r.role, count(*) OVER () AS neurons FROM simulation_rates r "
        "LEFT JOIN neurons n USING (root_id) WHERE r.run_id = ? ORDER BY r.rate_hz DESC, r.root_id LIMIT ?",
        [run, most],
    ).to_pylist()
    place = {row["root_id"]: k for k, row in enumerate(rates)}
    spikes = arrow(
        folder.cursor(),
        "SELECT root_id, time_ms, trial FROM simulation_spikes WHERE run_id = ? AND trial < ? AND root_id IN "
        "(SELECT unnest(?::UBIGINT[])) ORDER BY root_id, trial, time_ms",
        [run, trials, list(place)],
    )
    every, total = int(parameters["trials"]), rates[0]["neurons"] if rates else 0
    notes = [f"Rates are means over {every} trial{'' if every == 1 else 's'}."]
    if every > trials:
        notes.append(f"Spikes of the first {trials} trials.")
    if total > len(rates):
        notes.append(f"The {len(rates)} of {total:,} neurons with the highest rates.")
    return RasterPlot(
        title=f"Simulated spikes, run {run}", notes=tuple(notes), rates_hz=[row["rate_hz"] for row in rates],
        names=[" · ".join(str(row[of]) for of in ("name", "cell_type", "root_id") if row[of]) for row in rates],
        neuron=np.array([place[root] for root in spikes["root_id"].to_pylist()], dtype=np.int64),
        time_ms=spikes["time_ms"].to_numpy().astype(np.float64), trial=spikes["trial"].to_numpy().astype(np.int64),
        trials=min(every, trials), duration_ms=float(parameters["duration_ms"]),
    )  # fmt: skip
