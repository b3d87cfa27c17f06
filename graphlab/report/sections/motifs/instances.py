"""The strongest instances of the motifs that stand out, with links into Neuroglancer.

Tests: tests/graphlab/report/test_page.py.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from graphlab.charts import drawings
from graphlab.exchange import neuroglancer
from graphlab.motifs.census.classes import classes
from graphlab.motifs.significance.drawn import ratio_text
from graphlab.motifs.significance.motifs import Significance
from graphlab.report.neurons import neuron_cell, published
from graphlab.report.page import Block, Notes, Section, Table, link_to
from graphlab.report.section import ReportedGraph, Subject, report_section
from graphlab.report.sections.motifs.tested import number

if TYPE_CHECKING:
    from markupsafe import Markup


MOTIFS = 3
ROWS = 6
MOST_SETS = 300_000_000
"""Sets of neurons that a report looks at for one motif, some ten seconds of it."""


@report_section("instances", "one result")
def section(subject: Subject) -> Section | None:
    """Top instances of the most over-represented classes."""
    graph, found = subject.graph, subject.found
    if found is None or found.size not in (3, 4):
        return None
    chosen = standing_out(found)
    if not chosen:
        return None
    from graphlab.motifs.kernels.subgraphs import adjacency_of, at_most

    meta = found.view_meta or {}
    kind, least = str(meta.get("kind", "chemical")), float(meta.get("min_weight", 0.0))
    if at_most(adjacency_of(subject.wiring), found.size) > MOST_SETS:
        words = "graphlab instances GRAPH MOTIF lists them, and a higher --min-weight makes it quick"
        return Section(
            "Strongest instances", [Notes([f"This graph is too large to list instances in a report; {words}."])]
        )
    info = subject.info
    dataset = published(info)
    names = named(graph)
    blocks: list[Block] = []
    tables = {}
    for k in chosen:
        one = classes(found.size)[k]
        table = graph.motifs.instances(
            one.name, found.size, kind=kind, min_weight=least, limit=ROWS, compartment=meta.get("compartment")
        )
        tables[f"instances_{found.size}_{one.name}"] = table
        total = int(table.schema.metadata[b"found"])
        picture = drawings.motif(one.edges, found.size, f"Motif {one.name}", numbered=True)
        rows = [cells(row, found.size, names, dataset) for row in table.to_pylist()]
        columns = [*(f"neuron {role}" for role in range(found.size)), "weakest", "total", ""]
        title = (
            f"{one.name}: {ratio_text(found.ratio[k])} the null (q {number(found.q[k]) or 'unknown'}), "
            f"{total:,} instances, the {len(rows)} strongest"
        )
        blocks.append(Table(columns, rows, (found.size, found.size + 1), title, picture))
    blocks.append(Notes(["Strongest by the weakest connection, then by total weight; numbers of neurons as drawn."]))
    return Section("Strongest instances", blocks, tables)


def standing_out(result: Significance) -> list[int]:
    """Up to three tested classes with more than the null expects: q < .05 first, then trusted ones, then by z."""
    more = [k for k in range(len(result.classes)) if result.tested[k] and result.observed[k] > result.mean[k]]

    def rank(k: int) -> tuple[bool, bool, float]:
        z = float(result.z[k])
        return bool(result.q[k] < 0.05), bool(result.z_trusted[k]), z if math.isfinite(z) else 0.0

    return sorted(more, key=rank, reverse=True)[:MOTIFS]


def named(graph: ReportedGraph) -> dict[int, str]:
    """Names of the neurons that have one."""
    table = graph.to_arrow("neurons").select(["root_id", "name"])
    return {row["root_id"]: row["name"] for row in table.to_pylist() if row["name"]}


def cells(
    row: dict[str, Any], size: int, names: dict[int, str], dataset: neuroglancer.NeuroglancerDataset
) -> list[str | Markup]:
    """One instance as a row of the page."""
    shown: list[str | Markup] = []
    for role in range(size):
        root = row[f"neuron_{role}"]
        shown.append(neuron_cell(root, names.get(root), row.get(f"type_{role}"), dataset))
    address = neuroglancer.instance_link(row, size, dataset)
    shown += [f"{row['weakest']:g}", f"{row['total']:g}"]
    return [*shown, link_to(address, "Neuroglancer") if address else ""]
