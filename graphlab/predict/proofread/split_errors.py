"""Pairs of segments that may be one cell: they end near each other, and their embeddings agree there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.predict.proofread.agreement import Agreement
from graphlab.predict.proofread.queue import ErrorQueue, kept_queue, links_to
from graphlab.predict.proofread.seen_runs import start_seen_run
from graphlab.predict.proofread.trees import loose_tree
from graphlab.predict.tasks.embedded_cells import EmbeddedCells, embedded_cells
from graphlab.store.database import arrow
from graphlab.store.folder import Folder
from graphlab.store.runs.results import Repetition
from ingest.schema.errors import AnalysisError

VERB = "split errors"
STORED = "split_errors"
MOST_PAIRS = 20_000_000
"""Pairs of ends that are compared at once."""
AT_A_TIME = 200_000


@dataclass(frozen=True, eq=False)
class Ends:
    """Where cables end, [ends], with the windows there."""

    cell: Ints
    """[ends] which segment."""
    points_nm: Floats
    """[ends, 3]"""
    near: Floats
    """[ends, width] mean of the windows nearest to the end."""
    next: Floats
    """[ends, width] mean of as many windows behind those; NaN where the segment has too few."""


def split_errors(
    folder: Folder,
    *,
    within_nm: float = 2_000.0,
    windows: int = 4,
    most: int = 100,
    embeddings: str | None = None,
    repetition: Repetition | None = None,
) -> ErrorQueue:
    """The pairs of segments that are most likely one cell, the likeliest first.

    What the windows at two ends would be like on one cable is learned, without labels, from windows that lie beside
    each other at the ends of all segments. The score is the log likelihood of one cable against two. Nothing is
    decided: it is an order to look at ends in.

    Args:
        within_nm: how near two ends are. windows: at each end. most: rows.
        embeddings: the model; the only one by default.

    Returns:
        rank, root_id, other_root_id (the smaller id first), score, gap_nm, x_nm, y_nm, z_nm (half way between the
        ends), link (Neuroglancer; null where nothing can be shown). Of two segments their best pair of ends.

    Raises:
        AnalysisError: too few ends to learn from, no two near each other, too many, a length or number that is none.
        SchemaError: no embeddings, several models and none named.
    """
    if not (np.isfinite(within_nm) and within_nm > 0) or windows < 1 or most < 1:
        raise AnalysisError(
            f"within_nm is {within_nm}, windows {windows}, most {most}; wanted a length above 0 nm and two "
            "numbers from 1 on"
        )
    nodes = embedded_cells(folder, nodes=True, embeddings=embeddings)
    assert nodes.embeddings is not None, "things are embedded"
    run = start_seen_run(
        folder, VERB,
        {"within_nm": float(within_nm), "windows": windows, "most": most, "embeddings": nodes.embeddings["model"],
         "seen": dict(nodes.hashes)}, None, repetition,
    )  # fmt: skip
    ids = np.unique(nodes.root_ids)
    ends, short = _ends(folder, nodes, windows)
    whole = np.isfinite(ends.next).all(axis=1)
    agreement = Agreement.fit(ends.near[whole], ends.next[whole])
    pairs, gap = _near_pairs(ends, float(within_nm))
    parts = [pairs[at : at + AT_A_TIME] for at in range(0, len(pairs), AT_A_TIME)]
    score = np.concatenate([agreement.score(ends.near[part[:, 0]], ends.near[part[:, 1]]) for part in parts])
    cells = np.sort(ends.cell[pairs], axis=1)
    order = np.lexsort((pairs[:, 1], pairs[:, 0], cells[:, 1], cells[:, 0], -score))
    _, first = np.unique(cells[order], axis=0, return_index=True)
    best = order[np.sort(first)][:most]
    middle = ends.points_nm[pairs[best]].mean(axis=1)
    rows = pa.table(
        {
            "rank": pa.array(np.arange(1, len(best) + 1), pa.int64()),
            "root_id": pa.array(ids[cells[best, 0]], pa.uint64()),
            "other_root_id": pa.array(ids[cells[best, 1]], pa.uint64()),
            "score": pa.array(score[best], pa.float64()),
            "gap_nm": pa.array(gap[best], pa.float64()),
            **{f"{axis}_nm": pa.array(middle[:, k], pa.float64()) for k, axis in enumerate("xyz")},
        }
    )
    notes = [
        f"{len(ends.cell):,} ends of {len(ids) - short:,} segments; {len(first):,} pairs of segments end within "
        f"{within_nm:g} nm of each other"
    ]
    if short:
        notes.append(f"{short:,} segments have fewer than {windows} windows, and are not looked at")
    shown = zip(ends.cell[pairs[best]], ends.points_nm[pairs[best]].tolist(), score[best].tolist(), strict=True)
    links = links_to(
        folder,
        (
            (ids[two].tolist(), [(x, y, z) for x, y, z in points], f"one cell? {value:.1f}")
            for two, points, value in shown
        ),
    )
    return kept_queue(run, STORED, rows, links, notes)


def _ends(folder: Folder, nodes: EmbeddedCells, windows: int) -> tuple[Ends, int]:
    """(ends of every segment with windows enough, how many segments have too few)."""
    from scipy.spatial import KDTree

    assert nodes.points_nm is not None, "nodes have places"
    cells, first = np.unique(nodes.root_ids, return_index=True)
    tips = _skeleton_tips(folder, nodes)
    owner, places, near, behind, short = [], [], [], [], 0
    for number, (begin, end) in enumerate(zip(first, np.append(first[1:], len(nodes.root_ids)), strict=True)):
        if end - begin < windows:
            short += 1
            continue
        points = nodes.points_nm[begin:end].astype(np.float64)
        vectors = nodes.windows.vectors[begin:end]
        own = tips.get(int(cells[number]))
        ends = _loose_tips(int(cells[number]), points) if own is None else own
        count = min(2 * windows, len(points))
        _, at = KDTree(points).query(ends, k=np.arange(1, count + 1))
        taken = vectors[np.asarray(at)].astype(np.float64)
        owner.append(np.full(len(ends), number))
        places.append(ends)
        near.append(taken[:, :windows].mean(axis=1))
        whole = count == 2 * windows
        behind.append(taken[:, windows:].mean(axis=1) if whole else np.full_like(near[-1], np.nan))
    if not owner:
        raise AnalysisError(f"no segment has {windows} windows; ask for fewer (windows=, --windows)")
    return Ends(*(np.concatenate(part) for part in (owner, places, near, behind))), short


def _skeleton_tips(folder: Folder, nodes: EmbeddedCells) -> dict[int, Floats]:
    """Places [tips, 3] of the nodes of each skeleton that have one neighbour at most."""
    cursor = folder.cursor()
    cursor.register("wanted", pa.table({"root_id": pa.array(np.unique(nodes.root_ids), pa.uint64())}))
    rows = arrow(
        cursor,
        """WITH mine AS (FROM skeletons SEMI JOIN wanted USING (root_id)),
                below AS (SELECT root_id, parent AS node_id, count(*) AS children FROM mine
                          WHERE parent IS NOT NULL GROUP BY ALL)
           SELECT root_id, x_nm, y_nm, z_nm FROM mine LEFT JOIN below USING (root_id, node_id)
           WHERE coalesce(children, 0) + CAST(parent IS NOT NULL AS INTEGER) <= 1 ORDER BY root_id, node_id""",
    )
    owner = rows["root_id"].to_numpy()
    points = np.stack([rows[f"{axis}_nm"].to_numpy() for axis in "xyz"], axis=1).astype(np.float64)
    cells, first = np.unique(owner, return_index=True)
    return dict(zip(cells.tolist(), np.split(points, first[1:]), strict=True)) if len(cells) else {}


def _loose_tips(cell: int, points: Floats) -> Floats:
    """Places of the windows with one neighbour at most on the shortest tree over all of them."""
    place, parents = loose_tree(cell, points)
    degree = (parents >= 0).astype(np.int64)
    np.add.at(degree, parents[parents >= 0], 1)
    return points[degree[place] <= 1]


def _near_pairs(ends: Ends, within_nm: float) -> tuple[Ints, Floats]:
    """([pairs, 2] ends of two segments that lie near each other, [pairs] how far apart)."""
    from scipy.spatial import KDTree

    tree = KDTree(ends.points_nm)
    count = (int(tree.count_neighbors(tree, within_nm)) - len(ends.cell)) // 2
    if count > MOST_PAIRS:
        raise AnalysisError(
            f"{count:,} pairs of ends lie within {within_nm:g} nm; at most {MOST_PAIRS:,} are compared. Ask for nearer "
            "ones (within_nm=, --within)"
        )
    pairs = tree.query_pairs(within_nm, output_type="ndarray").astype(np.int64).reshape(-1, 2)
    pairs = pairs[ends.cell[pairs[:, 0]] != ends.cell[pairs[:, 1]]]
    if not len(pairs):
        raise AnalysisError(
            f"no two segments end within {within_nm:g} nm of each other; ask for more (within_nm=, --within)"
        )
    return pairs, np.linalg.norm(ends.points_nm[pairs[:, 0]] - ends.points_nm[pairs[:, 1]], axis=1)
