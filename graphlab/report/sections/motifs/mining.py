"""Typed motifs of the latest mining.

Tests: tests/graphlab/report/test_page.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphlab.charts import drawings
from graphlab.motifs.census.codes import edges_of
from graphlab.report.page import Notes, Section, Table
from graphlab.report.section import Subject, report_section

if TYPE_CHECKING:
    from markupsafe import Markup


ROWS = 15


@report_section("mining", "mining")
def section(subject: Subject) -> Section:
    """The most surprising typed motifs of the latest recorded mining, with the number tried."""
    table = subject.graph.motifs.kept_mining()[0][1]
    split = table["test_count"][0].as_py() >= 0
    rows: list[list[str | Markup]] = []
    for row in table.slice(0, ROWS).to_pylist():
        size = len(row["types"])
        drawn = drawings.motif(edges_of(row["code"], size), size, row["pattern"], numbered=True)
        dots = ", ".join(f"{k} {name}" for k, name in enumerate(row["types"]))
        cells: list[str | Markup] = [drawn, dots, row["pattern"], f"{row['count']:,}", f"{row['null_mean']:,.3g}",
                                     f"{row['ratio']:.3g}×", f"{row['surprise']:.1f}", f"{row['p']:.2g}"]  # fmt: skip
        rows.append([*cells, f"{row['q']:.2g}"] if split else cells)
    columns = ["", "types of the dots", "typed motif", "count", "null mean", "ratio", "surprise", "p"] + (
        ["q, other half"] if split else []
    )
    about = table.schema.metadata
    notes = [about[b"rule"].decode(), about[b"sentence"].decode()]
    return Section(
        "Typed motifs",
        [Table(columns, rows, numbers=tuple(range(3, len(columns)))), Notes(notes)],
        {"typed_motifs": table},
    )
