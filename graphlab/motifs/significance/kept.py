"""A significance as one table and back: a row a class with its null counts, the rest in the metadata.

Tests: tests/graphlab/store/test_bit_flips.py.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlab.motifs.significance.mixing import Mixing
from graphlab.motifs.significance.motifs import Significance

if TYPE_CHECKING:
    import pyarrow as pa

KEY = b"graphlab.significance"
BY_CLASS = {
    "observed": np.int64, "mean": np.float64, "std": np.float64, "median": np.float64, "low": np.float64,
    "high": np.float64, "ratio": np.float64, "ratio_low": np.float64, "ratio_high": np.float64,
    "ratio_median": np.float64, "z": np.float64, "z_trusted": np.bool_, "p": np.float64, "p_low": np.float64,
    "p_high": np.float64, "q": np.float64, "tested": np.bool_,
}  # fmt: skip
WHOLE = ("size", "null", "samples", "samples_needed", "seed", "sentence", "caveats", "view_meta")
MIXING = ("acceptance", "moved", "different", "readings", "steps_per_edge", "recommended_steps_per_edge", "trouble")


def to_table(result: Significance) -> pa.Table:
    """Everything of a significance but the autocorrelations of its mixing."""
    import pyarrow as pa

    columns: dict[str, Any] = {"motif": list(result.classes), "note": list(result.notes)}
    columns |= {name: getattr(result, name) for name in BY_CLASS}
    columns["null_counts"] = pa.array(list(result.counts.T), pa.list_(pa.int64()))
    if result.noninduced is not None:
        columns["noninduced"] = result.noninduced
    if result.edges is not None:
        columns["edges"] = pa.array([[list(e) for e in one] for one in result.edges], pa.list_(pa.list_(pa.int32())))
    about: dict[str, Any] = {name: getattr(result, name) for name in WHOLE}
    if result.mixing is not None:
        about["mixing"] = {name: getattr(result.mixing, name) for name in MIXING}
        if not math.isfinite(result.mixing.recommended_steps_per_edge):
            about["mixing"]["recommended_steps_per_edge"] = None
    return pa.table(columns).replace_schema_metadata({KEY: json.dumps(about)})


def of_table(table: pa.Table) -> Significance:
    """The significance that ``to_table`` wrote."""
    about = json.loads(table.schema.metadata[KEY])
    mixing = about.pop("mixing", None)
    if mixing is not None:
        least = mixing.pop("recommended_steps_per_edge")
        mixing = Mixing(
            **mixing,
            autocorrelation=np.empty((0, table.num_rows)),
            recommended_steps_per_edge=math.inf if least is None else least,
        )
    about["caveats"] = tuple(about["caveats"])
    names = set(table.schema.names)
    noninduced = table["noninduced"].to_numpy() if "noninduced" in names else None
    edges = None
    if "edges" in names:
        edges = tuple(tuple((a, b) for a, b in one) for one in table["edges"].to_pylist())
    columns: dict[str, Any] = {name: np.array(table[name].to_pylist(), dtype=kind) for name, kind in BY_CLASS.items()}
    return Significance(
        classes=tuple(table["motif"].to_pylist()),
        notes=tuple(table["note"].to_pylist()),
        counts=np.array(table["null_counts"].to_pylist(), dtype=np.int64).T.copy(),
        mixing=mixing,
        noninduced=noninduced,
        edges=edges,
        **columns,
        **about,
    )
