"""What the graph is: dataset, versions, counts, recipe, and what to know before reading on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphlab.report.page import Card, Cards, Notes, Section, Table

if TYPE_CHECKING:
    from graphlab.graph import Graph


def section(graph: Graph) -> Section | None:
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
        ["connection recipe", recipe_text(info.recipe)],
    ]
    facts += [
        [
            f"embeddings {m['model']}",
            f"{m['nodes']:,} nodes of {m['neurons']:,} neurons, segmentation {m['segmentation_version']}",
        ]
        for m in info.embeddings
    ]
    return Section("Overview", [Cards(cards), Table(["", ""], facts), Notes(info.notes)])


def recipe_text(recipe: dict[str, Any]) -> str:
    """The connection recipe in words."""
    told = []
    if recipe.get("min_score") is not None:
        told.append(f"synapses of score {recipe['min_score']:g} or more")
    if recipe.get("merge_within_nm") is not None:
        told.append(f"synapses of one pair within {recipe['merge_within_nm']:g} nm counted once")
    return "; ".join(told) or "every synapse of the sources counts"
