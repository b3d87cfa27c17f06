"""The triad census, drawn.

Tests: tests/graphlab/report/test_page.py.
"""

from __future__ import annotations

from graphlab.charts import drawings
from graphlab.motifs.census.classes import classes
from graphlab.report.page import Card, Cards, Notes, Section
from graphlab.report.section import Subject, report_section


@report_section("triads")
def section(subject: Subject) -> Section | None:
    """The triad census, drawn."""
    if subject.wiring.n < 3:
        return None
    census = subject.graph.motifs.census(3)
    drawn = {one.name: drawings.motif(one.edges, 3, f"Triad {one.name}") for one in classes(3)}
    cards = [
        Card(f"{name}: {census.noninduced[name]:,} non-induced", f"{count:,}", drawn[name])
        for name, count in census.counts.items()
    ]
    notes = [
        "Induced counts of all 16 triad classes (mutual, asymmetric and null dyads; D down, U up, C cyclic, "
        "T transitive). "
        "Counts alone say nothing about significance: compare them with a null model.",
        *census.notes,
    ]
    return Section("Triads", [Cards(cards), Notes(notes)], {"triad_census": census.to_arrow()})
