"""What simulations write: rates, spikes, doses, silencing, activity of the rate model.

Tests: tests/graphlab/verbs/circuits/test_simulation.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from graphlab.circuits.simulation.spiking import Spikes
from graphlab.circuits.weights.weights import Weights

if TYPE_CHECKING:
    import pyarrow as pa

Nodes = npt.NDArray[np.int64]


def rates_of(spikes: Spikes, nodes: Nodes) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64] | list[None]]:
    """Mean and standard deviation over trials of the rates of ``nodes``, Hz."""
    rates = by_trial(spikes, nodes)
    return rates.mean(0), (rates.std(0, ddof=1) if spikes.trials > 1 else [None] * len(nodes))


def by_trial(spikes: Spikes, nodes: Nodes) -> npt.NDArray[np.float64]:
    """[trials, nodes] rates, Hz."""
    place = np.full(spikes.n, -1, np.int64)
    place[nodes] = np.arange(len(nodes))
    at = place[spikes.node]
    flat = spikes.trial[at >= 0].astype(np.int64) * len(nodes) + at[at >= 0]
    counts = np.bincount(flat, minlength=spikes.trials * len(nodes)).reshape(spikes.trials, len(nodes))
    rates: npt.NDArray[np.float64] = counts / spikes.duration_s
    return rates


def mean_by_trial(spikes: Spikes, nodes: Nodes) -> npt.NDArray[np.float64]:
    """[trials] mean rate of ``nodes``, Hz."""
    rates: npt.NDArray[np.float64] = by_trial(spikes, nodes).mean(1)
    return rates


def _roles(driven: Nodes, silenced: Nodes, nodes: Nodes) -> list[str | None]:
    quiet, fed = set(silenced.tolist()), set(driven.tolist())
    named = {(True, True): "driven, silenced", (True, False): "driven", (False, True): "silenced"}
    return [named.get((node in fed, node in quiet)) for node in nodes.tolist()]


def rates_table(weights: Weights, driven: Nodes, silenced: Nodes, spikes: Spikes) -> pa.Table:
    """Neurons that spiked and driven ones, highest rate first."""
    import pyarrow as pa

    nodes = np.union1d(spikes.nodes(), driven)
    rates = by_trial(spikes, nodes)
    rate, sd = rates_of(spikes, nodes)
    ids = weights.graph.root_ids[nodes]
    table = pa.table(
        {
            "root_id": pa.array(ids, pa.uint64()),
            "role": pa.array(_roles(driven, silenced, nodes), pa.string()),
            "spikes": pa.array(np.rint(rates.sum(0) * spikes.duration_s).astype(np.int64), pa.int64()),
            "rate_hz": pa.array(rate, pa.float64()),
            "sd_hz": pa.array(sd, pa.float64()),
            "trials_active": pa.array((rates > 0).sum(0), pa.int64()),
        }
    )
    return table.take(np.lexsort((ids, -rate)))


def spikes_table(weights: Weights, spikes: Spikes) -> pa.Table:
    """Every spike, by trial, then time."""
    import pyarrow as pa

    return pa.table(
        {
            "trial": pa.array(spikes.trial, pa.int32()),
            "time_ms": pa.array(np.round(spikes.step * spikes.step_ms, 9), pa.float64()),
            "root_id": pa.array(weights.graph.root_ids[spikes.node], pa.uint64()),
        }
    )


def dose_table(weights: Weights, targets: Nodes, dose: float, strength: float, spikes: Spikes) -> pa.Table:
    """Rates of ``targets`` at one dose."""
    import pyarrow as pa

    rate, sd = rates_of(spikes, targets)
    return pa.table(
        {
            "drive_hz": pa.array([dose] * len(targets), pa.float64()),
            "synapse_mv": pa.array([strength] * len(targets), pa.float64()),
            "root_id": pa.array(weights.graph.root_ids[targets], pa.uint64()),
            "rate_hz": pa.array(rate, pa.float64()),
            "sd_hz": pa.array(sd, pa.float64()),
            "neurons_active": pa.array([len(spikes.nodes())] * len(targets), pa.int64()),
        }
    )


def silencing_table(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows of ``silencing`` in their types."""
    import pyarrow as pa

    floats = ("intact_hz", "silenced_hz", "difference_hz", "sd_hz", "share")
    fields = [("candidate", pa.string()), ("neurons", pa.int64()), *((name, pa.float64()) for name in floats)]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def activity_table(weights: Weights, driven: Nodes, silenced: Nodes, rates: npt.NDArray[np.float64]) -> pa.Table:
    """Neurons that the rate model ever made active, highest peak first."""
    import pyarrow as pa

    nodes = np.flatnonzero(rates.max(0) > 0)
    peak = rates[:, nodes].max(0)
    ids = weights.graph.root_ids[nodes]
    table = pa.table(
        {
            "root_id": pa.array(ids, pa.uint64()),
            "role": pa.array(_roles(driven, silenced, nodes), pa.string()),
            "peak": pa.array(peak, pa.float64()),
            "peak_step": pa.array(rates[:, nodes].argmax(0) + 1, pa.int64()),
            "last": pa.array(rates[-1, nodes], pa.float64()),
        }
    )
    return table.take(np.lexsort((ids, -peak)))
