"""Queues of places to look at: rows kept as a table under their run, each with a link to its place.

Tests: tests/graphlab/commands/proofreading/test_queues.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from graphlab.exchange import neuroglancer
from graphlab.store.folder import Folder
from graphlab.store.information import information
from graphlab.store.runs.results import ActiveRun
from queries.result import Result


@dataclass(frozen=True, eq=False)
class ErrorQueue(Result):
    """Places that may be wrong, the likeliest first; queries find the rows, without links, in the table ``stored``."""

    engine: str = "proofread"
    run_id: str = ""
    stored: str = ""


def kept_queue(run: ActiveRun, stored: str, rows: pa.Table, links: pa.Array, notes: Sequence[str]) -> ErrorQueue:
    """Write the rows of a queue under their run, and give them back with their links."""
    if run.needed:
        run.finish(rows, {stored: rows}, whole=rows, message="; ".join(notes) or None)
    return ErrorQueue(rows.append_column("link", links), run_id=run.run_id, stored=stored, notes=tuple(notes))


def links_to(
    folder: Folder, places: Iterable[tuple[Sequence[int], Sequence[tuple[float, float, float]], str]]
) -> pa.Array:
    """A Neuroglancer link for each (segments, a point in nm of each, what is said); null where nothing can be shown."""
    info = information(folder)
    shown = neuroglancer.dataset_of(info.dataset, info.materialization, None, info.resolution)
    links = []
    for segments, points, said in places:
        made = neuroglancer.state(list(segments), list(points), [said] * len(segments), shown)
        links.append(neuroglancer.link(made) if made["layers"] else None)
    return pa.array(links, pa.string())
