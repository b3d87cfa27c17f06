"""Section: recorded activity beside behaviour, tuning by neuron class, the circuit coloured by tuning.

Tests: tests/graphlab/report/test_page.py.
"""

from __future__ import annotations

import math

from graphlab.report.page import Block, Figure, Figures, Notes, Section, Table
from graphlab.report.section import Subject, report_section


@report_section("activity", "whole graph")
def section(subject: Subject) -> Section | None:
    """Recordings of the graph and the latest tuning; None without recordings."""
    contents = subject.graph.activity.section()
    if contents is None:
        return None
    blocks: list[Block] = [Notes([contents.summary])]
    blocks.append(
        Figures(
            [
                Figure(
                    contents.traces.drawing(),
                    " ".join(
                        ["Traces in the order of their first component, behaviour below.", *contents.traces.notes]
                    ),
                    "traces",
                    contents.traces.drawing(narrow=True),
                )
            ]
        )
    )
    if contents.tuning:
        blocks.append(
            Figures(
                [
                    Figure(svg, f"Neuron classes by tuning to {behavior}, pooled over animals.", f"tuning_{behavior}")
                    for behavior, svg in contents.tuning
                ]
            )
        )
    if contents.circuit is not None:
        blocks.append(
            Figures([Figure(contents.circuit, "Recorded neurons and the connections between them.", "circuit")])
        )
    if contents.classes:
        rows = [
            [
                str(row["behavior"]), str(row["neuron_class"]), str(row["traces"]), str(row["animals"]),
                f"{row['value']:.3f}", _interval(row["lo"], row["hi"]), f"{row['q']:.3g}",
            ]
            for row in contents.classes
        ]  # fmt: skip
        names = ["behaviour", "class", "traces", "animals", "r", "95 % interval", "q"]
        blocks.append(Table(names, rows, numbers=(2, 3, 4, 5, 6)))
    if contents.notes:
        blocks.append(Notes(contents.notes))
    return Section("Activity and behaviour", blocks)


def _interval(lo: float, hi: float) -> str:
    """A dash where one trace alone gives no interval."""
    return f"{lo:.3f} to {hi:.3f}" if math.isfinite(lo) and math.isfinite(hi) else "–"
