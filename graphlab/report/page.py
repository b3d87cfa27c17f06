"""One self-contained HTML file about a graph: no scripts, no network, readable in print and in the dark."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from graphlab import drawings
from graphlab.motifs.classes import classes
from graphlab.motifs.dyads import reciprocity
from graphlab.store.runs import versions

if TYPE_CHECKING:
    from graphlab.graph import Graph

TOP_ROWS = 20
MAP_POINTS = 4_000
"""Neurons in the embedding map; more are sampled, and the caption says so."""


@dataclass(frozen=True)
class Card:
    name: str
    value: str
    figure: Markup | None = None


@dataclass(frozen=True)
class Figure:
    svg: Markup
    caption: str


@dataclass(frozen=True)
class Cards:
    cards: list[Card]
    kind: str = "cards"


@dataclass(frozen=True)
class Figures:
    figures: list[Figure]
    kind: str = "figures"


@dataclass(frozen=True)
class Table:
    columns: list[str]
    rows: list[list[str]]
    numbers: tuple[int, ...] = ()
    """Columns that are set right-aligned."""
    kind: str = "table"


@dataclass(frozen=True)
class Notes:
    notes: list[str]
    kind: str = "notes"


@dataclass(frozen=True)
class Quote:
    text: str
    kind: str = "quote"


Block = Cards | Figures | Table | Notes | Quote


@dataclass(frozen=True)
class Section:
    """One part of the page; a section without blocks is left out."""

    title: str
    blocks: list[Block] = field(default_factory=list)


def overview(graph: Graph) -> Section:
    """Dataset, versions, counts, and what a reader should know."""
    info = graph.info()
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
        ["connection recipe", _recipe(info.recipe)],
    ]
    facts += [
        [
            f"embeddings {m['model']}",
            f"{m['nodes']:,} nodes of {m['neurons']:,} neurons, segmentation {m['segmentation_version']}",
        ]
        for m in info.embeddings
    ]
    return Section("Overview", [Cards(cards), Table(["", ""], facts), Notes(info.notes)])


def connectivity(graph: Graph) -> Section:
    """Degrees, weights, reciprocity."""
    snapshot = graph.snapshot()
    if not snapshot.m:
        return Section("Connectivity")
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


def motifs(graph: Graph) -> Section:
    """The triad census, drawn."""
    if graph.snapshot().n < 3:
        return Section("Triads")
    census = graph.census(3)
    cards = [
        Card(f"{name}: {census.noninduced[name]:,} non-induced", f"{count:,}", _triad(name))
        for name, count in census.counts.items()
    ]
    notes = [
        "Induced counts of all 16 triad classes (mutual, asymmetric and null dyads; D down, U up, C cyclic, "
        "T transitive). "
        "Counts alone say nothing about significance: compare them with a null model.",
        *census.notes,
    ]
    return Section("Triads", [Cards(cards), Notes(notes)])


def top_connections(graph: Graph) -> Section:
    """The strongest connections with names and types."""
    rows = graph.query(
        """SELECT c.pre_root_id, a.name AS pre_name, a.cell_type AS pre_type, c.post_root_id, b.name AS post_name,
                  b.cell_type AS post_type, c.weight
           FROM connections c JOIN neurons a ON a.root_id = c.pre_root_id JOIN neurons b ON b.root_id = c.post_root_id
           WHERE c.kind = 'chemical' ORDER BY c.weight DESC, c.pre_root_id, c.post_root_id LIMIT $rows""",
        parameters={"rows": TOP_ROWS},
    ).to_arrow()
    if not rows.num_rows:
        return Section("Strongest connections")
    cells = [
        [
            *(_neuron(row, side) for side in ("pre", "post")),
            row["pre_type"] or "",
            row["post_type"] or "",
            f"{row['weight']:,g}",
        ]
        for row in rows.to_pylist()
    ]
    columns = ["presynaptic", "postsynaptic", "type", "type", "weight"]
    return Section("Strongest connections", [Table(columns, cells, numbers=(4,))])


def cell_types(graph: Graph) -> Section:
    """The largest cell types."""
    rows = graph.query(
        """SELECT cell_type, count(*) AS neurons, CAST(sum(total_out) AS DOUBLE) AS made,
                  CAST(sum(total_in) AS DOUBLE) AS received
           FROM neurons WHERE cell_type IS NOT NULL GROUP BY cell_type ORDER BY neurons DESC, cell_type LIMIT $rows""",
        parameters={"rows": TOP_ROWS},
    ).to_arrow()
    if not rows.num_rows:
        return Section("Cell types")
    cells = [
        [row["cell_type"], f"{row['neurons']:,}", f"{row['made'] or 0:,g}", f"{row['received'] or 0:,g}"]
        for row in rows.to_pylist()
    ]
    return Section(
        "Cell types", [Table(["type", "neurons", "weight made", "weight received"], cells, numbers=(1, 2, 3))]
    )


def embedding_map(graph: Graph) -> Section:
    """Mean vectors of neurons in their first two principal components, coloured by cell type."""
    figures = []
    snapshot = graph.snapshot()
    types = dict(zip(snapshot.root_ids.tolist(), graph.neuron_values(snapshot, "cell_type"), strict=True))
    for model in graph.info().embeddings:
        embeddings = graph.embeddings(model["model"])
        ids = embeddings.root_ids
        if len(ids) < 3:
            continue
        if len(ids) > MAP_POINTS:
            ids = np.sort(np.random.default_rng(0).choice(ids, MAP_POINTS, replace=False))
        points, explained = principal_components(embeddings.mean(ids).astype(np.float64))
        groups = [str(types.get(int(root)) or "untyped") for root in ids]
        sampled = f"{len(ids):,} of {len(embeddings.root_ids):,} neurons, sampled. " if len(ids) == MAP_POINTS else ""
        axes = [f"PC {i + 1} ({share:.1%} of variance)" for i, share in enumerate(explained)]
        figures.append(
            Figure(
                drawings.scatter(
                    points[:, 0], points[:, 1], groups, axes[0], axes[1], f"Embedding map, {model['model']}"
                ),
                f"{sampled}Model {model['model']}: mean vector of each neuron over its nodes (a mixture of its "
                "compartments), centred, principal components; coloured by cell type.",
            )
        )
    return Section("Embedding map", [Figures(figures)] if figures else [])


def methods(graph: Graph) -> Section:
    """A paragraph to paste."""
    info = graph.info()
    used = versions()
    source = f"{info.dataset or 'The data'}"
    if info.materialization:
        source += f" (materialization {info.materialization})"
    text = (
        f"{source} was held in a graphlab {used['graphlab-connectome']} graph (data version {info.data_version}): "
        f"{info.counts['neurons_in_graph']:,} neurons and {info.counts['chemical']:,} chemical connections. "
        f"Connections: {_recipe(info.recipe)}; autapses ({info.counts['autapses']:,}) were left out of the census. "
        "Triads were counted exactly (Davis & Leinhardt 1972 classes) by triangle listing in degree order. "
        f"Python {used['python']}, DuckDB {used['duckdb']}, NumPy {used['numpy']}, Numba {used['numba']}."
    )
    return Section("Methods", [Quote(text)])


SECTIONS: tuple[Callable[[Graph], Section], ...] = (
    overview,
    connectivity,
    motifs,
    top_connections,
    cell_types,
    embedding_map,
    methods,
)


def write_report(graph: Graph, path: Path) -> Path:
    """Write the report; under another name until it is whole.

    Args:
        path: the HTML file; its folder is made when missing.
    """
    sections = [section for make in SECTIONS if (section := make(graph)).blocks]
    info = graph.info()
    today = datetime.datetime.now().astimezone().date().isoformat()
    page = _environment().get_template("report.html.j2")
    text = page.render(
        title=info.dataset or graph.path.name,
        subtitle=f"graphlab report, {today}",
        version=versions()["graphlab-connectome"],
        sections=sections,
        arrow_head=drawings.arrow_head(),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_text(text, encoding="utf-8")
        new.rename(path)
    finally:
        new.unlink(missing_ok=True)
    return path


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


def _environment() -> Environment:
    # Everything that is not Markup made in this file's own drawings is escaped.
    loader = PackageLoader("graphlab", "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _triad(name: str) -> Markup:
    edges = next(one.edges for one in classes(3) if one.name == name)
    return drawings.motif(edges, 3, f"Triad {name}")


def _neuron(row: dict[str, Any], side: str) -> str:
    name, root = row[f"{side}_name"], str(row[f"{side}_root_id"])
    return f"{name} ({root})" if name else root


def _recipe(recipe: dict[str, Any]) -> str:
    told = []
    if recipe.get("min_score") is not None:
        told.append(f"synapses of score {recipe['min_score']:g} or more")
    if recipe.get("merge_within_nm") is not None:
        told.append(f"synapses of one pair within {recipe['merge_within_nm']:g} nm counted once")
    return "; ".join(told) or "every synapse of the sources counts"
