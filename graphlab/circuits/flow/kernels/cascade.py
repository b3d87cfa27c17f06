"""The compiled loop of one cascade.

Tests: tests/graphlab/circuits/flow/test_cascade.py.
"""

from __future__ import annotations

from numba import njit

from graphlab.motifs.kernels.pair_set import chance


@njit(cache=True, nogil=True)
def cascade_once(start, target, chance_of, sign, silent, seeds, hops, state, hop, queue, inhibition, visits):  # type: ignore[no-untyped-def]
    """One run; adds 1 to ``visits`` [hops + 1, n] at the hop of every neuron that was reached.

    Args:
        start, target: outgoing rows. chance_of: [m] of a connection to transmit.
        sign: int8 [m] 1 or -1, or an empty array where everything excites.
        silent: bool [n] neurons that are recorded and do not transmit. seeds: int64, hop 0.
        state: of the generator. hop, queue: int64 [n], scratch. inhibition: float64 [n], zeros, and zeros afterwards.
    """
    n = len(start) - 1
    for v in range(n):
        hop[v] = -1
    begin = end = 0
    for seed in seeds:
        if hop[seed] < 0:
            hop[seed] = 0
            visits[0, seed] += 1
            queue[end] = seed
            end += 1
    signed = len(sign) > 0
    for now in range(1, hops + 1):
        stop = end
        if signed:
            for at in range(begin, stop):
                u = queue[at]
                if not silent[u]:
                    for e in range(start[u], start[u + 1]):
                        if sign[e] < 0:
                            inhibition[target[e]] += chance_of[e]
        for at in range(begin, stop):
            u = queue[at]
            if silent[u]:
                continue
            for e in range(start[u], start[u + 1]):
                v = target[e]
                if hop[v] >= 0 or (signed and sign[e] < 0):
                    continue
                p = chance_of[e] - inhibition[v]
                if p > 0.0 and chance(state) < p:
                    hop[v] = now
                    visits[now, v] += 1
                    queue[end] = v
                    end += 1
        if signed:
            for at in range(begin, stop):
                u = queue[at]
                if not silent[u]:
                    for e in range(start[u], start[u + 1]):
                        inhibition[target[e]] = 0.0
        begin = stop
        if begin == end:
            break
