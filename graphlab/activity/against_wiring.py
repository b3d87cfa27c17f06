"""Questions that need the wiring too: structure against function, enrichment.

Tests: tests/graphlab/activity/test_correlate.py.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from graphlab.activity.answers import Answer
from graphlab.activity.wiring.structure import pair_structure
from graphlab.store import tables
from graphlab.store.database import arrow, first_row
from graphlab.store.folder import Folder
from graphlab.store.wiring.functional_edges import edge_run
from graphlab.store.wiring.snapshots import snapshot
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError
from ingest.schema.ids import rows_of


def structure_function(folder: Folder, run_id: str | None, progress: Progress | None, **options: Any) -> Answer:
    """Table ``structure_function``: does the wiring say which pairs are functionally connected?"""
    from graphlab.activity.wiring.structure_function import compare

    chosen, _ = edge_run(folder, run_id)
    # Several animals measured one pair: it is connected when most of them say so.
    edges = arrow(
        folder.cursor(),
        "SELECT any_value(kind) AS kind, pre_root_id, post_root_id, bool_or(directed) AS directed, "
        "avg(CAST(connected AS DOUBLE)) > 0.5 AS connected FROM functional_connections "
        "WHERE run_id = ? AND connected IS NOT NULL GROUP BY pre_root_id, post_root_id ORDER BY 2, 3",
        [chosen],
    )
    if not edges.num_rows:
        raise AnalysisError(
            f"run {chosen}: no pair has a verdict (connected or q); structure cannot be compared with it"
        )
    pre, post = (edges[name].combine_chunks().to_numpy() for name in ("pre_root_id", "post_root_id"))
    view = snapshot(folder)
    ids = np.intersect1d(np.union1d(pre, post), view.root_ids)
    if len(ids) < 3:
        raise AnalysisError(f"run {chosen}: {len(ids)} of its neurons are in the graph; wanted at least 3")
    label = np.full((len(ids), len(ids)), -1, dtype=np.int8)
    inside = np.isin(pre, ids) & np.isin(post, ids)
    i, j = rows_of(ids, pre[inside]), rows_of(ids, post[inside])
    verdict = edges["connected"].combine_chunks().to_numpy(zero_copy_only=False)[inside].astype(np.int8)
    label[i, j] = verdict
    if not bool(edges["directed"][0].as_py()):
        label[j, i] = verdict
    node = view.indices_of(ids)
    columns = [
        np.array(tables.neuron_values(folder, view, name), dtype=np.float64) for name in ("x_nm", "y_nm", "z_nm")
    ]
    position = np.stack(columns, axis=1)[node]
    types = tables.neuron_values(folder, view, "cell_type")
    electrical = snapshot(folder, "electrical")
    structure = pair_structure(view, electrical, ids, position, [types[at] for at in node])
    rows, notes = compare(structure, label, progress=progress, **options)
    kind = str(edges["kind"][0].as_py())
    out = pa.Table.from_pylist([{"kind": kind, **asdict(row)} for row in rows], schema=STRUCTURE)
    lost = int((~inside).sum())
    notes.append(f"functional edges of run {chosen} ({kind}), {len(ids):,} neurons of the graph")
    if lost:
        notes.append(f"{lost:,} pairs have a neuron that the graph does not; they are left out")
    return Answer({"structure_function": out}, notes)


def tuning_run(folder: Folder, run_id: str | None, behavior: str) -> str:
    """The named run of tuning to a behaviour; the latest when None.

    Raises:
        AnalysisError: no run (of that name) has such tuning.
    """
    row = first_row(
        folder.connection,
        "SELECT run_id FROM behavior_tuning JOIN runs USING (run_id) WHERE behavior = ? AND (? IS NULL OR run_id = ?) "
        "ORDER BY started DESC, run_id DESC LIMIT 1",
        [behavior, run_id, run_id],
    )
    if row is None:
        which = "no run" if run_id is None else f"run {run_id} does not exist, or it"
        raise AnalysisError(
            f"{which} has tuning to {behavior!r}; run `graphlab correlate GRAPH --what tuning` before the enrichment"
        )
    return str(row[0])


def enrichment(folder: Folder, run_id: str | None, behavior: str, level: float, draws: int, seed: int) -> Answer:
    """Table ``behavior_enrichment`` for one behaviour of a run of tuning; the latest run when None."""
    from graphlab.activity.wiring.enrichment import communities, enrich

    chosen = tuning_run(folder, run_id, behavior)
    # One measure decides: the smallest q of several would not be a q. A neuron encodes when it does in at least
    # half of the animals in which it was seen.
    encoding = arrow(
        folder.cursor(),
        "SELECT root_id, avg(CAST(best <= ? AS DOUBLE)) >= 0.5 AS encodes FROM (SELECT root_id, animal, min(q) AS best "
        "FROM behavior_tuning WHERE run_id = ? AND behavior = ? AND root_id IS NOT NULL AND NOT isnan(q) AND measure = "
        "(SELECT measure FROM behavior_tuning WHERE run_id = ? ORDER BY measure <> 'linear', measure LIMIT 1) "
        "GROUP BY root_id, animal) GROUP BY root_id ORDER BY root_id",
        [level, chosen, behavior, chosen],
    )
    view = snapshot(folder)
    node = view.indices_of(encoding["root_id"].combine_chunks().to_numpy())
    encodes = encoding["encodes"].combine_chunks().to_numpy(zero_copy_only=False)
    inside = node >= 0
    if not inside.any():
        raise AnalysisError("no recorded, identified neuron is in the graph; names or root_ids must agree with it")
    labels = {
        "cell_type": tables.neuron_values(folder, view, "cell_type"),
        "super_class": tables.neuron_values(folder, view, "super_class"),
        "community": communities(view, seed),
    }
    rows = enrich(view, node[inside], node[inside & encodes], labels, draws, seed)
    out = pa.Table.from_pylist([{"behavior": behavior, **asdict(one)} for one in rows], schema=ENRICHMENT)
    note = (
        f"{behavior}: {int(encodes[inside].sum())} encoding neurons among {int(inside.sum())} recorded, identified "
        f"ones of the graph (tuning run {chosen}, q <= {level:g} in at least half of the animals)"
    )
    return Answer({"behavior_enrichment": out}, [note])


_TEXT, _NUMBER = pa.string(), pa.float64()
STRUCTURE = pa.schema(
    [("kind", _TEXT), ("quantity", _TEXT), ("structure", _TEXT), ("group", _TEXT), ("pairs", pa.int64())]
    + [(name, _NUMBER) for name in ("value", "lo", "hi", "null_mean", "null_std", "p", "q")]
)
ENRICHMENT = pa.schema(
    [("behavior", _TEXT), ("label_kind", _TEXT), ("label", _TEXT), ("neurons", pa.int64()), ("encoding", pa.int64())]
    + [(name, _NUMBER) for name in ("value", "null_mean", "null_std", "ratio", "p", "q")]
)
