"""Compiled loops of the traversal model: one stochastic run, and one sweep of the deterministic form.

Tests: tests/graphlab/circuits/flow/test_traversal.py.
"""

from __future__ import annotations

import math

from numba import njit

from graphlab.motifs.kernels.pair_set import chance


@njit(cache=True, nogil=True)
def run_once(start, target, probability, seeds, layers, layer, state, total, visits):  # type: ignore[no-untyped-def]
    """One run; adds the layer of every neuron that was reached to ``total`` and 1 to ``visits``.

    An edge of a visited neuron fires in every step with its probability, so the step of its first firing is geometric:
    drawn once, when its neuron is visited, it says all there is to know.

    Args:
        start, target: outgoing rows. probability: [m]. seeds: int64, layer 1.
        layers: the last layer. layer: int64 [n], scratch. state: of the generator.
    """
    n = len(start) - 1
    last = layers + 1
    for v in range(n):
        layer[v] = last
    for seed in seeds:
        layer[seed] = 1
    for now in range(1, layers + 1):
        for u in range(n):
            if layer[u] != now:
                continue
            total[u] += now
            visits[u] += 1
            for e in range(start[u], start[u + 1]):
                v = target[e]
                if layer[v] <= now + 1:
                    continue
                p = probability[e]
                if p <= 0.0:
                    continue
                wait = 1
                if p < 1.0:
                    drawn = math.log(1.0 - chance(state)) / math.log1p(-p)
                    if drawn >= layers:
                        continue
                    wait = 1 + int(drawn)
                if now + wait < layer[v]:
                    layer[v] = now + wait


@njit(cache=True, nogil=True)
def sweep(in_start, in_source, probability, by_now, fresh, waiting, delivered):  # type: ignore[no-untyped-def]
    """The chance of every neuron to be visited by the next step, from that of its sources; parents independent.

    Args:
        in_start, in_source: incoming rows. probability: [m] in their order.
        by_now: [n] chance to be visited by now. fresh: [n] chance to be visited in this very step.
        waiting: [m] chance that the source is visited and the edge has not fired before this step; brought up to date.
        delivered: [n] filled with the chance to be visited by the next step.
    """
    for v in range(len(in_start) - 1):
        missed = 1.0
        for e in range(in_start[v], in_start[v + 1]):
            u = in_source[e]
            waiting[e] = waiting[e] * (1.0 - probability[e]) + fresh[u]
            missed *= 1.0 - (by_now[u] - waiting[e] * (1.0 - probability[e]))
        delivered[v] = 1.0 - missed
