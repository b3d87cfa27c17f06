"""The flow half of ``graph.circuits``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphlab.circuits.result import CircuitResult
from graphlab.circuits.weights.weights import require_connections
from graphlab.verbs.circuits.circuit_verbs import CircuitVerbs
from ingest.running.progress import Progress


class FlowVerbs(CircuitVerbs):
    """Where signals go."""

    def signal_flow(self, *, record: bool = True, progress: Progress | None = None, **settings: Any) -> CircuitResult:
        """How far upstream each neuron stands (Varshney et al. 2011): high for inputs, low for outputs.

        Levels have mean 0 within each weak component, and those of two components cannot be compared.

        Returns:
            root_id, component (0 is the largest), neurons (of it), flow (null in a component of one neuron); by
            component, highest first.

        Raises:
            AnalysisError: no connections, or an iteration without an end.
        """
        import pyarrow as pa

        from graphlab.circuits.flow.signal_flow import signal_flow

        chosen = self._settings(settings)
        run = self._start_run("signal_flow", chosen.plain(), record=record)
        weights = self._read(chosen)
        require_connections(weights)
        found = signal_flow(weights.graph, progress)
        order = np.lexsort((weights.graph.root_ids, -np.nan_to_num(found.flow), found.component))
        sizes = found.sizes[found.component]
        table = pa.table(
            {
                "root_id": pa.array(weights.graph.root_ids[order], pa.uint64()),
                "component": pa.array(found.component[order], pa.int64()),
                "neurons": pa.array(sizes[order], pa.int64()),
                "flow": pa.array(found.flow[order], pa.float64(), mask=np.isnan(found.flow[order])),
            }
        )
        several, alone = int((found.sizes > 1).sum()), int((found.sizes == 1).sum())
        note = (
            f"signal flow: {several:,} weak components of two neurons or more, the largest of {found.sizes[0]:,} of "
            f"{weights.n:,} neurons; {alone:,} neurons without partners have none. Levels of two components are never "
            "compared"
        )
        about = {"components": several, "alone": alone, "steps": found.steps}
        return self._kept(run, table, "signal_flow", [note, *weights.notes], about)

    def repeatable(self) -> dict[str, Callable[..., object]]:
        """What does the work of a run again, by the verb that the run names, from the run's parameters."""
        return {**super().repeatable(), "signal_flow": self.signal_flow}
