"""The graph without any label: all that features are computed from, whether a model is trained or asked.

Tests: tests/graphlab/predict/controls/test_ablation.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.predict.inputs.features import RootIds
from queries.snapshot import Snapshot

POSITIONS, SIDES, VECTORS = "positions", "sides", "embeddings"
"""Parts of a graph that tasks and predictors may need beside its connections."""
CONNECTIONS, WINDOWS, NODES = "connections", "windows", "nodes"
"""What a predictor cannot do without: partners, or the single windows of a cell's embeddings. A task that needs windows
or nodes looks at no connections: its things are cells with all their windows, or every embedded node by itself."""


@dataclass(frozen=True, eq=False)
class Wiring:
    """Neurons and connections, with what else is known of the neurons; lists are [n], in the order of ``root_ids``."""

    root_ids: RootIds
    """[n] ascending."""
    snapshots: Mapping[str, Snapshot]
    """``chemical``, and ``electrical`` and ``extrasynaptic`` where there are such."""
    position_nm: Floats | None = None
    """[n, 3], NaN rows where unknown."""
    side: Sequence[str | None] | None = None
    vectors: Floats | None = None
    """[n, width] mean embeddings, NaN rows where there are none."""

    @property
    def parts(self) -> frozenset[str]:
        """Which of connections, positions, sides and embeddings are known."""
        known = {POSITIONS: self.position_nm, SIDES: self.side, VECTORS: self.vectors}
        there = frozenset(name for name, values in known.items() if values is not None)
        return there | {CONNECTIONS} if self.snapshots else there

    def named(self, source: Ints, target: Ints) -> tuple[RootIds, RootIds]:
        """Ids of both ends of examples, uint64 [k] each: the neuron twice where it is one neuron."""
        return self.root_ids[source], self.root_ids[target]

    def placed(self) -> np.ndarray:
        """[n] whether a neuron has a position; all count where places are unknown or not looked at."""
        if self.position_nm is None:
            return np.ones(len(self.root_ids), dtype=bool)
        return np.asarray(np.isfinite(self.position_nm).all(axis=1))
