"""Reports: one self-contained HTML file, no scripts, no network, readable in print and in the dark.

A section is a function from a graph to a ``Section``, or None where it has nothing to say; the order of a page is a
tuple of them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from graphlab.report.page import MakeSection, write_page
from graphlab.report.sections import (
    activity,
    cell_types,
    connectivity,
    embedding_map,
    methods,
    overview,
    predictions,
    strongest,
)
from graphlab.report.sections.motifs import instances, mining, participation, profiles, tested, triads

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from graphlab.graph import Graph
    from graphlab.motifs.significance.motifs import Significance

SECTIONS: tuple[MakeSection, ...] = (
    overview.section,
    connectivity.section,
    triads.section,
    tested.section,
    mining.section,
    participation.section,
    strongest.section,
    cell_types.section,
    embedding_map.section,
    activity.section,
    predictions.section,
    methods.section,
)


def write_report(graph: Graph, path: Path) -> Path:
    """Write everything the graph has to show; under another name until it is whole.

    Args:
        path: the HTML file; its folder is made when missing.
    """
    title = graph.info().dataset or graph.path.name
    return write_page(graph, path, SECTIONS, title, "graphlab report")


def write_motif_report(graph: Graph, path: Path, found: Significance, others: Mapping[str, Significance]) -> Path:
    """Write the report of one significance: figure, instances, profiles beside other graphs, methods.

    Args:
        others: further graphs' results by name, of the same size and null.
    """
    title = graph.info().dataset or graph.path.name
    named = {title: found, **others} if found.size > 2 else {}
    sections: tuple[MakeSection, ...] = (
        overview.section,
        partial(tested.section, results=(found,)),
        partial(profiles.section, results=named),
        partial(instances.section, found=found),
        mining.section,
        partial(participation.section, settings=found),
        partial(methods.section, results=(found,)),
    )
    return write_page(graph, path, sections, title, f"motifs of {found.size} against the null '{found.null}'")
