"""Profiles of several graphs in one figure.

Tests: tests/graphlab/report/test_page.py.
"""

from __future__ import annotations

from markupsafe import Markup

from graphlab.charts import analyses
from graphlab.motifs.census.classes import classes
from graphlab.motifs.significance.profiles import profiles
from graphlab.report.page import Block, Figure, Figures, Section, Table
from graphlab.report.section import Subject, report_section

MOST_DRAWN = 20


@report_section("profiles", "one result", "other graphs")
def section(subject: Subject) -> Section | None:
    """One line a graph over the motif classes, and how alike the lines are."""
    import pyarrow as pa

    if subject.found is None or subject.found.size == 2:
        return None
    size, results = subject.found.size, {subject.title: subject.found, **subject.others}
    if len(results) < 2:
        return None
    compared = profiles(results)
    by_name = {one.name: one for one in classes(size)}
    few = len(compared.classes) <= MOST_DRAWN
    edges = [by_name[name].edges for name in compared.classes] if few else None
    drawn = (compared.graphs, compared.classes, compared.values, edges, size)
    ylabel = "normalised z" if size == 3 else "normalised ratio"
    svg, small = (analyses.profile_lines(*drawn, ylabel, compared.kind, narrow) for narrow in (False, True))
    how = "z scores" if size == 3 else "(count - mean) / (count + mean + 4)"
    caption = (
        f"{compared.kind.capitalize()} (Milo et al. 2004): {how} scaled to length 1, so that graphs of different "
        "sizes compare. A class without z counts as 0."
    )
    blocks: list[Block] = [Figures([Figure(svg, caption, f"profiles_{size}", small)])]
    alike = compared.correlation()
    rows: list[list[str | Markup]] = [
        [name, *(f"{value:.2f}" for value in line)] for name, line in zip(compared.graphs, alike, strict=True)
    ]
    columns = ["correlation of profiles", *(str(k + 1) for k in range(len(rows)))]
    blocks.append(Table(columns, rows, numbers=tuple(range(1, len(columns)))))
    return Section("Profiles", blocks, {f"profiles_{size}": pa.Table.from_pylist(compared.rows())})
