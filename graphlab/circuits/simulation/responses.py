"""Simulated beside measured responses: who responds when one neuron is stimulated.

Intervals resample stimulated neurons, since the targets of one stimulus share its trials.

Tests: tests/graphlab/circuits/simulation/test_responses.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphlab.statistics.intervals import percentile_interval
from graphlab.statistics.scores import auroc, spearman
from graphlab.store.database import arrow
from graphlab.store.folder import Folder
from graphlab.store.wiring.functional_edges import response_run
from ingest.schema.errors import AnalysisError
from ingest.schema.ids import rows_of

Floats = npt.NDArray[np.float64]
Nodes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Measured:
    """Pairs of a stimulated and an observed neuron, each once, no autapses."""

    pre: Nodes
    post: Nodes
    responded: Floats
    """1, 0, or NaN without a verdict."""
    value: Floats
    """The size of the response, NaN where unknown."""
    run_id: str
    outside: int
    """Pairs left out because a neuron of them is not in the wiring."""


def measured_responses(folder: Folder, root_ids: npt.NDArray[np.uint64], run_id: str | None) -> Measured:
    """Mean over animals of the measured responses of one run, the latest when None.

    Raises:
        AnalysisError: none are stored, or none between neurons of the wiring. UnknownNameError: no such run.
    """
    run_id = response_run(folder, run_id)
    rows = arrow(
        folder.cursor(),
        "SELECT pre_root_id, post_root_id, avg(CAST(connected AS DOUBLE)) AS responded, "
        "avg(value ORDER BY animal) AS value "
        "FROM functional_connections WHERE run_id = ? AND kind = 'response' AND pre_root_id <> post_root_id "
        "GROUP BY ALL ORDER BY ALL",
        [run_id],
    )
    pre, post = (rows_of(root_ids, rows[f"{end}_root_id"].to_numpy()) for end in ("pre", "post"))
    inside = (pre >= 0) & (post >= 0)
    if not inside.any():
        raise AnalysisError(f"none of the {len(inside):,} measured responses is between two neurons of the wiring")
    share, value = (rows[name].to_numpy().astype(np.float64)[inside] for name in ("responded", "value"))
    verdict = np.where(np.isnan(share), np.nan, share > 0.5)
    return Measured(pre[inside], post[inside], verdict, value, run_id, int((~inside).sum()))


def scored(
    predicted: Floats, measured: Measured, seed: int, draws: int = 1000
) -> list[dict[str, float | int | str | None]]:
    """AUROC of who responded and Spearman correlation with the size, each with its 95 % interval.

    Args:
        predicted: [pairs]. draws: of the bootstrap.
    """
    rows: list[dict[str, float | int | str | None]] = []
    for measure in ("auroc", "spearman"):
        truth = measured.responded if measure == "auroc" else measured.value
        known = np.isfinite(truth)
        if not known.any():
            continue
        stimuli, at = np.unique(measured.pre[known], return_inverse=True)
        score, answer = predicted[known], truth[known]

        def value_of(weight: Floats, measure: str = measure, score: Floats = score, answer: Floats = answer) -> float:
            if measure == "auroc":
                return auroc(score, answer > 0, weight)
            return spearman(score, answer, weight)

        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(len(rows),)))
        drawn = [
            value_of(np.bincount(rng.integers(0, len(stimuli), len(stimuli)), minlength=len(stimuli))[at].astype(float))
            for _ in range(draws)
        ]
        low, high = percentile_interval(drawn)
        value = value_of(np.ones(len(score)))
        rows.append(
            {
                "measure": measure, "value": value if np.isfinite(value) else None,
                "low": low if np.isfinite(low) else None, "high": high if np.isfinite(high) else None,
                "stimulated": len(stimuli), "pairs": len(score),
            }
        )  # fmt: skip
    return rows
