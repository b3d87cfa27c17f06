"""Mean vectors of neurons in their first two principal components, coloured by cell type."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graphlab.charts import drawings
from graphlab.report.page import Block, Figure, Figures, Notes, Section
from graphlab.report.section import Subject, report_section
from ingest.schema.errors import ReadError

MAP_POINTS = 4_000
"""Neurons in the map; more are sampled, and the caption says so."""


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
        ids = embeddings.root_ids
        if len(ids) < 3:
            continue
        if len(ids) > MAP_POINTS:
            ids = np.sort(np.random.default_rng(0).choice(ids, MAP_POINTS, replace=False))
        points, explained = principal_components(embeddings.mean(ids).astype(np.float64))
        groups = [str(types.get(int(root)) or "untyped") for root in ids]
        sampled = f"{len(ids):,} of {len(embeddings.root_ids):,} neurons, sampled. " if len(ids) == MAP_POINTS else ""
        axes = [f"PC {i + 1} ({share:.1%} of variance)" for i, share in enumerate(explained)]
        shown = (points[:, 0], points[:, 1], groups, axes[0], axes[1], f"Embedding map, {model['model']}")
        figures.append(
            Figure(
                drawings.scatter(*shown),
                f"{sampled}Model {model['model']}: mean vector of each neuron over its nodes (a mixture of its "
                "compartments), centred, principal components; coloured by cell type.",
                f"embedding_map_{model['model']}",
                drawings.scatter(*shown, narrow=True),
            )
        )
    blocks: list[Block] = [Figures(figures)] if figures else []
    blocks += [Notes(unread)] if unread else []
    return Section("Embedding map", blocks) if blocks else None


def principal_components(
    vectors: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The first two principal components of centred vectors.

    Args:
        vectors: float64 [n, width], n >= 2.

    Returns:
        points float64 [n, 2]; the share of variance of each. Signs make the largest loading positive.
    """
    centred = vectors - vectors.mean(axis=0)
    _, sizes, loadings = np.linalg.svd(centred, full_matrices=False)
    loadings = loadings[:2] * np.sign(loadings[:2][np.arange(2), np.abs(loadings[:2]).argmax(axis=1)])[:, None]
    total = float((sizes**2).sum())
    shares = sizes[:2] ** 2 / total if total else np.zeros(2)
    return centred @ loadings.T, shares
