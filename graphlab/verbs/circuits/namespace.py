"""``graph.circuits``: what the whole wiring does, one verb each.

Tests: tests/graphlab/verbs/circuits/test_flow.py.
"""

from __future__ import annotations

from graphlab.verbs.circuits.carrying import CarryingVerbs
from graphlab.verbs.circuits.compare import CompareVerbs
from graphlab.verbs.circuits.flow import FlowVerbs
from graphlab.verbs.circuits.grouping.clusters import ClusterVerbs
from graphlab.verbs.circuits.grouping.communities import CommunityVerbs
from graphlab.verbs.circuits.matching import MatchVerbs
from graphlab.verbs.circuits.rates import RateVerbs
from graphlab.verbs.circuits.reach import ReachVerbs
from graphlab.verbs.circuits.spiking import SpikingVerbs


class Circuits(
    FlowVerbs,
    ReachVerbs,
    CarryingVerbs,
    SpikingVerbs,
    RateVerbs,
    CompareVerbs,
    CommunityVerbs,
    ClusterVerbs,
    MatchVerbs,
):
    """Flow through the wiring, spikes, statistics, differences from others, communities, homologues.

    ``rerun`` repeats every result, and queries join its table.
    """
