"""Every statistic by its name: ours are entered here, others come by the entry point ``graphlab.statistics``.

Tests: tests/contracts/test_statistics.py.
"""

from __future__ import annotations

from graphlab.circuits.statistics import clustering, components, connections, distances, hubs, types
from graphlab.circuits.statistics.statistic import STATISTICS, Statistic

OURS: tuple[Statistic, ...] = (
    connections.size,
    connections.degrees,
    connections.weights,
    connections.reciprocity,
    clustering.clustering,
    components.components,
    distances.Paths(),
    distances.Betweenness(),
    distances.SmallWorld(),
    hubs.assortativity,
    hubs.rich_club,
    hubs.cores,
    hubs.centralities,
    components.percolation,
    components.thresholds,
    connections.transmitters,
    hubs.roles,
    hubs.type_assortativity,
    types.left_right,
)
__all__ = ["OURS", "STATISTICS"]
for _one in OURS:
    STATISTICS.register(_one.name, _one)
