"""Reports: one self-contained HTML file, no scripts, no network, readable in print and in the dark.

A section is an object of the seam ``graphlab.report.section``; the order of a page is a tuple of their names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from graphlab.report.page import Notes, Section, write_page
from graphlab.report.section import NEEDS, SECTIONS, ReportedGraph, Subject, report_section
from graphlab.report.sections import (
    activity,
    cell_types,
    connectivity,
    embedding_map,
    flow,
    methods,
    overview,
    predictions,
    simulation,
    statistics,
    strongest,
)
from graphlab.report.sections.motifs import instances, mining, participation, profiles, tested, triads
from ingest.schema.errors import GraphlabError, UnknownNameError

if TYPE_CHECKING:
    from graphlab.motifs.significance.motifs import Significance

WHOLE = (
    overview.section,
    connectivity.section,
    statistics.section,
    flow.section,
    triads.section,
    tested.section,
    mining.section,
    participation.section,
    strongest.section,
    cell_types.section,
    embedding_map.section,
    simulation.section,
    activity.section,
    predictions.section,
    methods.section,
)
"""A page about a graph; sections of other packages stand before the methods."""
MOTIFS = (overview.section, tested.section, profiles.section, instances.section, mining.section, participation.section,
          methods.section)  # fmt: skip
"""A page about one result."""
OWN = {section.name: section for section in (*WHOLE, *MOTIFS)}
for _name, _section in OWN.items():
    SECTIONS.register(_name, _section)


def write_report(graph: ReportedGraph, path: Path) -> Path:
    """Write everything the graph has to show; under another name until it is whole.

    Args:
        path: the HTML file; its folder is made when missing.
    """
    own = [section.name for section in WHOLE]
    others = [name for name in SECTIONS.names() if name not in OWN]
    subject = Subject(graph)
    return write_page(path, sections(subject, [*own[:-1], *others, own[-1]]), subject.title, "graphlab report")


def write_motif_report(
    graph: ReportedGraph, path: Path, result: Significance, others: Mapping[str, Significance]
) -> Path:
    """Write the report of one significance: figure, instances, profiles beside other graphs, methods.

    Args:
        others: further graphs' results by name, of the same size and null.
    """
    subject = Subject(graph, result, others)
    made = sections(subject, [section.name for section in MOTIFS])
    return write_page(path, made, subject.title, f"motifs of {result.size} against the null '{result.null}'")


def sections(subject: Subject, names: list[str]) -> Iterator[Section]:
    """The sections of these names that have what they need and something to say, in their order.

    One of another package that cannot be made stands on the page with the reason.
    """
    for name in names:
        try:
            section = SECTIONS.get(name)
            for need in section.needs:
                if need not in NEEDS:
                    raise UnknownNameError(f"need of the report section {name!r}", need, NEEDS)
            made = section.make(subject) if all(NEEDS[need](subject) for need in section.needs) else None
        except Exception as error:  # what a section of another package raises is its own; ours are not hidden
            if name in OWN:
                raise
            why = str(error)
            if not isinstance(error, GraphlabError):
                why = f"{type(error).__name__}: {error}. This is a fault of {SECTIONS.origin(name)}"
            made = Section(name, [Notes([f"left out: {why}"])])
        if made is not None:
            yield made


__all__ = ["SECTIONS", "Section", "Subject", "report_section", "write_motif_report", "write_report"]
