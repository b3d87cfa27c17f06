"""What an answer has to say beside its rows: ids that are no neurons, and which criterion matched nothing.

Tests: tests/graphlab/verbs/everyday/test_connections.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from graphlab.selection.resolve import nearest, nearest_words, root_ids_of
from graphlab.store.folder import Folder
from ingest.schema.ids import RootIds, as_root_ids
from queries.ir.connectome import NEURONS

_LISTED = 5


def about_answer(
    folder: Folder,
    ends: Mapping[str, Mapping[str, Any] | None],
    rows: int,
    *,
    regex: bool = False,
    wanted: str = "",
) -> tuple[str, ...]:
    """Sentences about an answer, none where all went well.

    Args:
        ends: what was asked of neurons, as ``criteria_of`` gives it, by what the neurons were to be (pre, post).
        rows: of the answer.
        wanted: what was looked for among neurons that are there, for an answer without rows.
    """
    # One id that has an answer is one of a neuron.
    notes = [
        note
        for name, criteria in ends.items()
        if not (rows and criteria and len(_several(criteria.get("root_id", ()))) == 1)
        for note in _ids_missing(folder, name, criteria)
    ]
    if rows:
        return tuple(notes)
    numbers = {}
    for name, criteria in ends.items():
        if criteria:
            ids = root_ids_of(folder, criteria, regex)
            numbers[name] = len(ids) - len(not_neurons(folder, ids))
            if not numbers[name]:
                notes += _nothing(folder, name, criteria, regex)
    if wanted and all(numbers.values()):
        told = " and ".join(f"{n:,} neuron{'' if n == 1 else 's'} as {name}" for name, n in numbers.items())
        notes.append(f"{told + ' match, and ' if told else ''}{wanted}")
    return tuple(notes)


def not_neurons(folder: Folder, ids: RootIds) -> RootIds:
    """Those of some ids that no neuron of the graph has, in order."""
    cursor = folder.cursor()
    cursor.register("asked", pa.table({"root_id": pa.array(ids, pa.uint64())}))
    rows = cursor.execute("SELECT root_id FROM neurons SEMI JOIN asked USING (root_id)").fetchall()
    there = {row[0] for row in rows}
    return np.array([i for i in ids.tolist() if i not in there], dtype=np.uint64)


def _ids_missing(folder: Folder, name: str, criteria: Mapping[str, Any] | None) -> list[str]:
    if not criteria or "root_id" not in criteria:
        return []
    ids = as_root_ids(_several(criteria["root_id"]))
    missing = not_neurons(folder, ids)
    if not len(missing):
        return []
    told = ", ".join(str(i) for i in missing[:_LISTED].tolist()) + (", ..." if len(missing) > _LISTED else "")
    are = f"{told} is no neuron" if len(missing) == 1 else f"{len(missing):,} of {len(ids):,} ids are no neurons"
    return [f"{name}: {are} of this graph{'' if len(missing) == 1 else ': ' + told}"]


def _several(given: Any) -> list[Any]:
    return list(given) if hasattr(given, "__iter__") and not isinstance(given, str) else [given]


def _nothing(folder: Folder, name: str, criteria: Mapping[str, Any], regex: bool) -> list[str]:
    """Which criterion alone matches nothing; or that none does, and all together do."""
    counts: dict[str, int] = {}
    for key, value in criteria.items():
        ids = root_ids_of(folder, {key: value}, regex)
        counts[key] = len(ids) - (len(not_neurons(folder, ids)) if key == "root_id" else 0)
    empty = [key for key, count in counts.items() if not count]
    if not empty:
        told = ", ".join(f"{key} {count:,}" for key, count in counts.items())
        return [f"{name}: each criterion matches neurons ({told}), and no neuron meets all of them"]
    if "root_id" in empty and not _several(criteria["root_id"]):
        return [f"{name}: the search, the set or the list that was given holds no neuron"]
    # Ids that are no neurons were told already.
    return [f"{name}: no neuron has {_said(folder, key, criteria[key])}" for key in empty if key != "root_id"]


def _said(folder: Folder, key: str, value: Any) -> str:
    column = dict(NEURONS.aliases).get(key, key)
    near = ""
    if isinstance(value, str):
        known = {str(row[0]) for row in folder.cursor().execute("DESCRIBE neurons").fetchall() if row[1] == "VARCHAR"}
        if column in known:
            near = nearest_words(value, nearest(folder, value, (column,)))
    return f"{key} {value!r}{near}"
