"""The largest cell types.

Tests: tests/graphlab/report/test_page.py.
"""

from __future__ import annotations

from graphlab.report.page import Section, Table
from graphlab.report.section import Subject, report_section

ROWS = 20


@report_section("cell-types")
def section(subject: Subject) -> Section | None:
    """The largest cell types."""
    rows = subject.graph.query(
        """SELECT cell_type, count(*) AS neurons, CAST(sum(total_out) AS DOUBLE) AS made,
                  CAST(sum(total_in) AS DOUBLE) AS received
           FROM neurons WHERE cell_type IS NOT NULL GROUP BY cell_type ORDER BY neurons DESC, cell_type LIMIT $rows""",
        parameters={"rows": ROWS},
    ).to_arrow()
    if not rows.num_rows:
        return None
    cells = [
        [row["cell_type"], f"{row['neurons']:,}", f"{row['made'] or 0:,g}", f"{row['received'] or 0:,g}"]
        for row in rows.to_pylist()
    ]
    return Section(
        "Cell types", [Table(["type", "neurons", "weight made", "weight received"], cells, numbers=(1, 2, 3))]
    )
