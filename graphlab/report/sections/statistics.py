"""The latest statistics of the wiring.

Tests: tests/graphlab/report/sections/test_statistics.py.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlab.charts.drawings import curves
from graphlab.report.page import Figure, Figures, Notes, Section, Table
from graphlab.report.section import Subject, report_section

if TYPE_CHECKING:
    import pyarrow as pa

    from graphlab.report.page import Block

CURVE = "rich_club_"
"""Numbers at every degree, which are a figure."""
NULL = ("null_mean", "ratio", "z", "p", "q")


@report_section("statistics", "statistics")
def section(subject: Subject) -> Section | None:
    """Every number of the latest recorded statistics with its N, the null beside it, and what each means."""
    if subject.statistics is None:
        return None
    run, table, words = subject.statistics
    rows = table.to_pylist()
    tested = any(row["null_model"] for row in rows)
    sided = any(row["left_value"] is not None for row in rows)
    columns = ["number", "of", "at", "value", "error", "N", *(["left", "right"] if sided else []),
               *(["null mean", "ratio", "z", "p", "q", "note"] if tested else [])]  # fmt: skip
    cells: list[list[Any]] = []
    for row in rows:
        if row["name"].startswith(CURVE) and row["name"] != "rich_club_neurons":
            continue
        values = [row["value"], row["error"]]
        own = [row["name"], row["label"] or "", _number(row["threshold"]), *map(_number, values)]
        own.append(f"{row['n']:,} {row['unit']}")
        if sided:
            own += [_number(row["left_value"]), _number(row["right_value"])]
        if tested:
            own += [*(_number(row[name]) for name in NULL), row["note"] or ""]
        cells.append(own)
    first = rows[0]
    about = f"Run {run}: {first['neurons']:,} neurons, {first['connections']:,} connections."
    numbers = tuple(k for k, name in enumerate(columns) if name not in ("number", "of", "note"))
    drawn = figures(table)
    blocks: list[Block] = [Table(columns, cells, numbers=numbers), *([Figures(drawn)] if drawn else [])]
    notes = [about, *words.get("notes", []), *words.get("definitions", [])]
    return Section("Statistics of the wiring", [*blocks, Notes(notes)], {"graph_statistics": table})


def figures(table: pa.Table) -> list[Figure]:
    """Rich clubs by total degree: the density among neurons of at least a degree, and its mean under the null."""
    rows = [row for row in table.to_pylist() if row["name"] == "rich_club_total" and row["value"]]
    if not rows:
        return []
    degree = np.array([row["threshold"] for row in rows])
    drawn = {"observed": (degree, np.array([row["value"] for row in rows]))}
    there = np.array([bool(row["null_mean"]) for row in rows])
    if there.any():
        mean = np.array([row["null_mean"] or 0.0 for row in rows])
        drawn["null mean"] = (degree[there], mean[there])
    svg = curves(drawn, "total degree k", "density among degree >= k", "Rich club")
    return [Figure(svg, "Rich club: the density among neurons of at least a total degree.", "rich_club")]


def _number(value: float | None) -> str:
    if value is None or math.isnan(value):
        return ""
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:,.4g}"
