"""Statistics of weights (intensity, coherence) beside weight shuffles on the same wiring.

Tests: tests/graphlab/motifs/significance/test_against_null.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from graphlab.motifs.census.weights import motif_weights
from graphlab.motifs.nulls.models import NullOptions, sample_seed
from graphlab.motifs.nulls.registered import weight_null
from graphlab.motifs.significance.against_null import null_columns
from graphlab.statistics.p_values import benjamini_hochberg
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers
from queries.snapshot import Snapshot

if TYPE_CHECKING:
    import pyarrow as pa


def against_shuffles(
    snapshot: Snapshot,
    table: pa.Table,
    size: int,
    null: str,
    samples: int,
    seed: int,
    options: NullOptions,
    workers: Workers = 1,
    progress: Progress | None = None,
    beyond: npt.NDArray[np.float64] | None = None,
) -> pa.Table:
    """A table of ``motif_weights`` with what ``samples`` shuffles of the weights give for intensity and coherence.

    Columns ``intensity_null_mean``, ``_null_std``, ``_z``, the two-sided empirical ``_p`` and ``_q`` are added, so for
    coherence; null where the graph has no instance of the class, and neither z nor p (``_note``: fixed by the null)
    where a shuffle changes nothing. q is over every class, weighting and both statistics.

    Raises:
        UnknownNameError: no such shuffle. AnalysisError: weights that cannot vary, no labels for ``weights-types``.
    """
    import pyarrow as pa

    sampler = weight_null(null).prepare(snapshot, options, seed)
    wanted = list(dict.fromkeys(table["weighting"].to_pylist()))
    drawn: dict[str, list[npt.NDArray[np.float64]]] = {"intensity": [], "coherence": []}
    for number in range(samples):
        again = motif_weights(sampler.draw(sample_seed(seed, number)), size, wanted, workers=workers, beyond=beyond)
        for name, values in drawn.items():
            values.append(again[name].to_numpy(zero_copy_only=False).astype(np.float64))
        if progress:
            progress(number + 1, samples)
    tests = {
        name: null_columns(table[name].to_numpy(zero_copy_only=False).astype(np.float64), np.array(values))
        for name, values in drawn.items()
    }
    q = benjamini_hochberg(np.concatenate([one["p"] for one in tests.values()]))
    for (name, one), own in zip(tests.items(), np.split(q, len(tests)), strict=True):
        for ending, column in (*((key, one[key]) for key in ("null_mean", "null_std", "z", "p")), ("q", own)):
            table = table.append_column(f"{name}_{ending}", pa.array(column, pa.float64(), from_pandas=True))
        table = table.append_column(f"{name}_note", pa.array(one["note"], pa.string()))
    return table
