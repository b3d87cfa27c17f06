"""Functional edges beside the synaptic ones: one run of one kind at a time, as a relation and as a snapshot."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from graphlab.store.database import arrow, first_row
from graphlab.store.folder import Folder
from ingest.schema.errors import AnalysisError, UnknownNameError
from ingest.schema.ids import rows_of
from ingest.schema.words import FUNCTIONAL_KINDS, KINDS
from queries.ir.connectome import FUNCTIONAL_EDGES
from queries.snapshot import Snapshot

_BOTH_WAYS = """SELECT run_id, kind, measure, pre_root_id, post_root_id, value, lag_s, q, connected, animal
    FROM functional_connections
    UNION ALL SELECT run_id, kind, measure, post_root_id, pre_root_id, value, lag_s, q, connected, animal
    FROM functional_connections WHERE NOT directed AND pre_root_id <> post_root_id"""
# The order of addition is said, so that a mean has the same bytes whatever the threads.
_PAIRS = f"""SELECT pre_root_id, post_root_id, kind, measure, run_id,
    coalesce(avg(abs(coalesce(value, 0)) ORDER BY animal), 0) AS weight, avg(value ORDER BY animal) AS value,
    avg(lag_s ORDER BY animal) AS lag_s, min(q) AS q, avg(CAST(connected AS DOUBLE)) > 0.5 AS connected,
    count(*) AS measurements FROM ({_BOTH_WAYS}) GROUP BY ALL"""
_LATEST = """SELECT arg_max(f.run_id, (r.started, f.run_id)) FROM (SELECT DISTINCT run_id, kind
    FROM functional_connections) AS f JOIN runs AS r USING (run_id) GROUP BY f.kind"""


def relation(runs: Mapping[str, str]) -> str:
    """CREATE TEMP VIEW of ``functional_edges``: the connected pairs of the latest run of each kind, or of ``runs``.

    One row an ordered pair and kind; undirected pairs stand both ways. ``weight`` is the size of the value, ``value``
    keeps its sign, both the mean over animals, most of which have to call the pair connected.
    """
    chosen = "".join(f" AND (kind <> {_text(kind)} OR run_id = {_text(run)})" for kind, run in runs.items())
    latest = f"(run_id IN ({_LATEST}){''.join(f' OR kind = {_text(kind)}' for kind in runs)})"
    return (
        f"CREATE OR REPLACE TEMP VIEW {FUNCTIONAL_EDGES} AS SELECT * EXCLUDE (connected) FROM ({_PAIRS}) "
        f"WHERE connected AND {latest}{chosen}"
    )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def edge_run(folder: Folder, run_id: str | None = None, kind: str | None = None) -> tuple[str, str]:
    """(run, kind) of the named run of functional edges; the latest when None, of measured responses if there are any.

    Args:
        kind: the kind that the run must be of.

    Raises:
        AnalysisError: there is none. UnknownNameError: no such run (of that kind).
    """
    rows = folder.connection.execute(
        "SELECT DISTINCT f.run_id, f.kind, r.started FROM functional_connections f JOIN runs r USING (run_id) "
        "WHERE ? IS NULL OR f.kind = ? ORDER BY f.kind = 'response', r.started, f.run_id",
        [kind, kind],
    ).fetchall()
    if not rows:
        raise AnalysisError(
            f"this graph has no functional edges{f' of the kind {kind}' if kind else ''}; make some with `graphlab "
            "correlate GRAPH --what correlation` (or lagged), or bring measured ones with --what response --source FILE"
        )
    known = {str(row[0]): str(row[1]) for row in rows}
    if run_id is not None and run_id not in known:
        raise UnknownNameError("run of functional edges" if kind is None else f"run of {kind}", run_id, known)
    chosen = run_id or str(rows[-1][0])
    return chosen, known[chosen]


def resolved_kind(folder: Folder, kind: str) -> str:
    """A kind of connections as a run writes it down: functional kinds with the run their edges are of.

    Args:
        kind: chemical, electrical, extrasynaptic; response, correlation or lagged_predictive for the latest run of
            that kind; ``response@RUN`` for the named one.

    Raises:
        UnknownNameError: no such kind, or no such run of it. AnalysisError: no run of that kind.
    """
    name, at, run_id = kind.partition("@")
    if name in FUNCTIONAL_KINDS:
        return f"{name}@{edge_run(folder, run_id if at else None, name)[0]}"
    if kind not in KINDS:
        raise UnknownNameError("kind", kind, (*KINDS, *FUNCTIONAL_KINDS))
    return kind


def functional_snapshot(
    folder: Folder, run_id: str | None = None, max_q: float | None = None, min_weight: float = 0.0
) -> Snapshot:
    """Functional edges of one run as a graph for motifs, paths and predictors; undirected ones go both ways.

    Weights are |value|, the mean over animals; nodes are all neurons that a pair of the run names. A pair that was
    never measured counts as not connected; ``meta["unmeasured"]`` says how many ordered pairs these are.

    Args:
        run_id: as ``edge_run`` takes it. max_q: connected means q at most this; None takes the run's own verdict.
    """
    chosen, kind = edge_run(folder, run_id)
    edges = arrow(
        folder.cursor(),
        "SELECT pre_root_id, post_root_id, weight, "
        f"coalesce(CASE WHEN $q IS NULL THEN connected ELSE q <= $q END, false) AND weight >= $least AS kept "
        f"FROM ({_PAIRS}) WHERE run_id = $run ORDER BY 1, 2",
        {"q": max_q, "least": min_weight, "run": chosen},
    )
    pre, post, weight = (edges[name].combine_chunks().to_numpy() for name in ("pre_root_id", "post_root_id", "weight"))
    kept = edges["kept"].combine_chunks().to_numpy(zero_copy_only=False)
    ids = np.union1d(pre, post)
    meta = {
        "dataset": folder.meta("dataset"), "kind": f"{kind}@{chosen}", "min_weight": float(min_weight),
        "functional_run": chosen, "unmeasured": len(ids) * (len(ids) - 1) - int((pre != post).sum()),
    }  # fmt: skip
    return Snapshot.from_edges(ids, rows_of(ids, pre[kept]), rows_of(ids, post[kept]), weight[kept], meta)


def response_run(folder: Folder, run_id: str | None) -> str:
    """The named run of measured responses; the latest when None."""
    rows = folder.connection.execute(
        "SELECT DISTINCT f.run_id, r.started FROM functional_connections f JOIN runs r USING (run_id) "
        "WHERE f.kind = 'response' ORDER BY r.started, f.run_id"
    ).fetchall()
    known = [str(row[0]) for row in rows]
    if run_id is not None and run_id not in known:
        raise UnknownNameError("run of measured responses", run_id, known)
    if not known:
        other = first_row(folder.connection, "SELECT count(*) FROM functional_connections")
        more = f" ({other[0]:,} functional edges of other kinds are here; they are correlations)" if other[0] else ""
        raise AnalysisError(
            f"this graph has no measured responses{more}; bring them with `graphlab correlate GRAPH --what "
            "response --source FILE`"
        )
    return run_id or known[-1]
