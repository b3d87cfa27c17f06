"""Mean vectors of neurons in their first two principal components, coloured by cell type."""

from __future__ import annotations

from graphlab.embeddings.map import LEAST, MAP_POINTS, by_components
from graphlab.report.page import Block, Figure, Figures, Notes, Section
from graphlab.report.section import Subject, report_section
from ingest.schema.errors import ReadError


@report_section("embedding-map", "embeddings")
def section(subject: Subject) -> Section | None:
    """Mean vectors of neurons in their first two principal components, coloured by cell type."""
    figures = []
    snapshot = subject.graph.snapshot()
    types = dict(zip(snapshot.root_ids.tolist(), subject.graph.neuron_values(snapshot, "cell_type"), strict=True))
    unread: list[str] = []
    for model in subject.info.embeddings:
        try:
            embeddings = subject.graph.embeddings.open(model["model"])
        except ReadError as error:
            unread.append(f"Model {model['model']} is left out: {error}")
            continue
        if len(embeddings.root_ids) < LEAST:
            continue
        found = by_components(embeddings, MAP_POINTS)
        plot = found.plot([types.get(root) for root in found.root_ids.tolist()])
        shares = " ".join(plot.notes)
        figures.append(
            Figure(
                plot.drawing(),
                f"{shares} Mean vector of each neuron over its nodes (a mixture of its compartments), centred, "
                "principal components; coloured by cell type.",
                f"embedding_map_{model['model']}",
                plot.drawing(narrow=True),
            )
        )
    blocks: list[Block] = [Figures(figures)] if figures else []
    blocks += [Notes(unread)] if unread else []
    return Section("Embedding map", blocks) if blocks else None
