"""``graph.circuits``: what the whole wiring does, one verb each.

Tests: tests/graphlab/verbs/circuits/test_flow.py.
"""

from __future__ import annotations

from graphlab.verbs.circuits.flow import FlowVerbs
from graphlab.verbs.circuits.rates import RateVerbs
from graphlab.verbs.circuits.spiking import SpikingVerbs


class Circuits(FlowVerbs, SpikingVerbs, RateVerbs):
    """Flow through the wiring; ``rerun`` repeats every result, and queries join its table."""
