"""Degrees, weights, reciprocity.

Tests: tests/graphlab/report/test_page.py.
"""

from __future__ import annotations

import numpy as np

from graphlab.charts import drawings
from graphlab.motifs.census.dyads import reciprocity
from graphlab.report.page import Card, Cards, Figure, Figures, Section
from graphlab.report.section import Subject, report_section


@report_section("connectivity", "connections")
def section(subject: Subject) -> Section:
    """Degrees, weights, reciprocity."""
    snapshot = subject.wiring
    degrees = {
        "outgoing": np.diff(snapshot.out_start).astype(np.float64),
        "incoming": np.diff(snapshot.in_start).astype(np.float64),
    }
    weights = {"weight": np.asarray(snapshot.weight, dtype=np.float64)}
    figures = [
        Figure(
            drawings.distribution(degrees, "partners", "neurons per partner", "Degree distribution"),
            "Neurons by number of partners, logarithmic bins; neurons without partners are not drawn.",
        ),
        Figure(
            drawings.distribution(weights, "weight of a connection", "connections per unit", "Weight distribution"),
            f"Connections by weight; median {np.median(snapshot.weight):g}, largest {snapshot.weight.max():g}.",
        ),
    ]
    density = snapshot.m / max(snapshot.n * (snapshot.n - 1), 1)
    cards = [
        Card("reciprocity", f"{reciprocity(snapshot):.4f}"),
        Card("density", f"{density:.3g}"),
        Card("mean partners out", f"{snapshot.m / snapshot.n:.2f}"),
    ]
    return Section("Connectivity", [Cards(cards), Figures(figures)])
