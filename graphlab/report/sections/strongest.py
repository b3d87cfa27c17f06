"""The strongest connections with names and types.

Tests: tests/graphlab/report/test_page.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphlab.report.neurons import neuron_cell, published
from graphlab.report.page import Section, Table
from graphlab.report.section import Subject, report_section

if TYPE_CHECKING:
    from markupsafe import Markup

    from graphlab.exchange.neuroglancer import NeuroglancerDataset

ROWS = 20


@report_section("strongest-connections")
def section(subject: Subject) -> Section | None:
    """The strongest connections with names and types."""
    rows = subject.graph.query(
        """SELECT c.pre_root_id, a.name AS pre_name, a.cell_type AS pre_type, c.post_root_id, b.name AS post_name,
                  b.cell_type AS post_type, c.weight
           FROM connections c JOIN neurons a ON a.root_id = c.pre_root_id JOIN neurons b ON b.root_id = c.post_root_id
           WHERE c.kind = 'chemical' ORDER BY c.weight DESC, c.pre_root_id, c.post_root_id LIMIT $rows""",
        parameters={"rows": ROWS},
    ).to_arrow()
    if not rows.num_rows:
        return None
    dataset = published(subject.info)
    cells: list[list[str | Markup]] = [
        [*(_neuron(row, side, dataset) for side in ("pre", "post")), f"{row['weight']:,g}"] for row in rows.to_pylist()
    ]
    columns = ["presynaptic", "postsynaptic", "weight"]
    return Section("Strongest connections", [Table(columns, cells, numbers=(2,))], {"strongest_connections": rows})


def _neuron(row: dict[str, Any], side: str, dataset: NeuroglancerDataset) -> str | Markup:
    return neuron_cell(row[f"{side}_root_id"], row[f"{side}_name"], row[f"{side}_type"], dataset)
