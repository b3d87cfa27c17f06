"""The latest signal flow by type: who stands upstream, and who down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from graphlab.charts.levels import levels
from graphlab.report.page import Figure, Figures, Notes, Section, Table
from graphlab.report.section import Subject, report_section

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup

ROWS = 40
"""Types listed and drawn; of more, half from either end."""


@report_section("signal-flow", "connections")
def section(subject: Subject) -> Section | None:
    """Levels of the largest component by cell type, of the latest run of ``circuits.signal_flow`` on these data."""
    version = {"version": str(subject.wiring.meta.get("data_version"))}
    runs = subject.graph.query(
        "SELECT run_id, message FROM runs WHERE verb = 'signal_flow' AND data_version = $version "
        "AND run_id IN (SELECT run_id FROM signal_flow) ORDER BY started DESC, run_id LIMIT 1",
        parameters=version,
    ).to_arrow().to_pylist()  # fmt: skip
    if not runs:
        return None
    found = subject.graph.query(
        "SELECT coalesce(n.cell_type, '(no type)') AS cell_type, s.flow FROM signal_flow s "
        "JOIN neurons n USING (root_id) WHERE s.run_id = $run AND s.component = 0 AND s.flow IS NOT NULL",
        parameters={"run": runs[0]["run_id"]},
    ).to_arrow().to_pandas()  # fmt: skip
    if not len(found):
        return None
    table, shown, drawn = levels_by_type(found, "signal flow", "Signal flow by cell type")
    cells = [
        [str(row[0]), f"{int(row[1]):,}", *(f"{value:.3g}" for value in row[2:])]
        for row in shown.itertuples(index=False)
    ]
    notes = [f"Run {runs[0]['run_id']}: {runs[0]['message']}."]
    if len(shown) < len(table):
        notes.append(f"{len(table) - len(shown):,} types between the first and the last {ROWS // 2} are not listed.")
    columns = ["cell type", "neurons", "lower quartile", "median", "upper quartile"]
    rows = pa.table(
        {
            "cell_type": pa.array(table["cell_type"].tolist(), pa.string()),
            "neurons": pa.array(table["count"].astype(int).tolist(), pa.int64()),
            **{
                name: pa.array(table[column].tolist(), pa.float64())
                for name, column in (("lower_quartile", "25%"), ("median", "50%"), ("upper_quartile", "75%"))
            },
        }
    )
    figure = Figures([Figure(drawn, "Levels of the largest component: median and quartiles", "signal_flow")])
    return Section("Signal flow", [figure, Table(columns, cells, numbers=(1, 2, 3, 4)), Notes(notes)],
                   {"signal_flow_by_type": rows})  # fmt: skip


def levels_by_type(found: Any, value: str, title: str) -> tuple[pd.DataFrame, pd.DataFrame, Markup]:
    """Median and quartiles of each type, highest median first: all of them, those drawn, the drawing.

    Args:
        found: a frame of two columns, the type and a number of each neuron. value: what the number is.
    """
    kind, number = found.columns
    table = found.groupby(kind)[number].describe()[["count", "25%", "50%", "75%"]].reset_index()
    table = table.sort_values(["50%", kind], ascending=[False, True])
    shown = table if len(table) <= ROWS else table.iloc[np.r_[: ROWS // 2, len(table) - ROWS // 2 : len(table)]]
    rows: list[Any] = [(str(row[0]), *(float(one) for one in row[2:])) for row in shown.itertuples(index=False)]
    return table, shown, levels(rows, value, title)
