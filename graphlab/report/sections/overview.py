"""What the graph is: dataset, versions, counts, recipe, and what to know before reading on.

Tests: tests/graphlab/report/test_page.py.
"""

from __future__ import annotations

from graphlab.report.page import Card, Cards, Notes, Section, Table
from graphlab.report.section import Subject, report_section
from graphlab.store.wiring.recipe import recipe_text


@report_section("overview")
def section(subject: Subject) -> Section:
    """Dataset, versions, counts, and what a reader should know."""
    info = subject.info
    shown = ("neurons", "chemical", "electrical", "extrasynaptic", "synapses", "total_weight")
    names = {"chemical": "chemical connections", "electrical": "electrical connections", "total_weight": "total weight"}
    names["extrasynaptic"] = "extrasynaptic connections"
    cards = [
        Card(names.get(name, name), f"{info.counts[name]:,}")
        for name in shown
        if info.counts[name] or name in ("neurons", "chemical")
    ]
    facts = [
        ["dataset", info.dataset or "not named"],
        ["materialization", info.materialization or "not given"],
        ["data version", info.data_version],
        ["voxel (nm)", info.resolution or "not given"],
        ["connection recipe", recipe_text(info.recipe)],
    ]
    facts += [["part of the graph", info.subset]] if info.subset else []
    facts += [
        [
            f"embeddings {m['model']}",
            f"{m['nodes']:,} nodes of {m['neurons']:,} neurons, segmentation {m['segmentation_version']}",
        ]
        for m in info.embeddings
    ]
    return Section("Overview", [Cards(cards), Table(["", ""], facts), Notes(info.notes)])
