"""The spiking kernel: integrate-and-fire neurons advanced only where something happens to them.

Between two arrivals the equations are linear, so a neuron jumps over any number of steps at once, by tables of powers.
A bound on how high its voltage can still rise says whether it must be looked at in every step (it is awake) or can wait
for its next arrival (it sleeps). A brain of which few neurons fire costs what those few cost.

Tests: tests/graphlab/circuits/simulation/test_spikes.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

NEVER = 1e-9
"""mV below the threshold that the bound keeps, so that rounding never lets a neuron sleep through a spike."""


@njit(cache=True, nogil=True)
def _advance(neuron, step, voltage, drive, advanced, voltage_kept, drive_kept, drive_given):  # type: ignore[no-untyped-def]
    """Move one neuron to ``step`` by the exact solution."""
    left = step - advanced[neuron]
    u, g = voltage[neuron], drive[neuron]
    while left > 0:
        k = min(left, len(voltage_kept) - 1)
        u = voltage_kept[k] * u + drive_given[k] * g
        g = drive_kept[k] * g
        left -= k
    voltage[neuron], drive[neuron], advanced[neuron] = u, g, step


@njit(cache=True, nogil=True)
def spikes_of_trial(  # type: ignore[no-untyped-def]
    start,
    target,
    weight,
    input_start,
    input_neuron,
    input_jump,
    refractory,
    silenced,
    voltage_kept,
    drive_kept,
    drive_given,
    rise,
    threshold,
    reset,
    delay,
):
    """Every spike of one trial. A step integrates, then tests the threshold, then delivers, then resets.

    What arrives at a neuron that is refractory, or that spikes in this very step, is lost.

    Args:
        start int64 [n+1], target int32, weight float64: CSR of what a spike adds to the drive of its targets, mV.
        input_start int64 [steps+1], input_neuron int32: inputs of each step; input_jump float64 [n]: what one adds to
            the voltage, mV.
        refractory int32 [n]: steps; silenced bool [n]: spikes of these reach nobody.
        voltage_kept, drive_kept, drive_given float64 [k]: what k steps leave of the voltage and of the drive, and what
            they make of a drive in voltage.
        rise: most that a drive of 1 mV can still add to the voltage. threshold, reset: mV above rest. delay: steps.

    Returns:
        step int32 and neuron int32 of each spike, by step, then neuron.
    """
    n, steps = len(start) - 1, len(input_start) - 1
    voltage, drive = np.zeros(n), np.zeros(n)
    advanced = np.full(n, -1, np.int32)  # the step up to which a neuron is integrated
    free = np.zeros(n, np.int32)  # the first step in which it takes what arrives
    awake, is_awake = np.empty(n, np.int32), np.zeros(n, np.bool_)
    awakes = 0
    spike_step, spike_neuron = np.empty(1024, np.int32), np.empty(1024, np.int32)
    spikes = 0
    first = np.zeros(steps + 1, np.int64)  # spikes of step s: first[s] .. first[s+1]
    for step in range(steps):
        first[step] = spikes
        kept = 0
        for at in range(awakes):
            i = awake[at]
            _advance(i, step, voltage, drive, advanced, voltage_kept, drive_kept, drive_given)
            if voltage[i] > threshold:
                if spikes == len(spike_step):
                    spike_step = np.concatenate((spike_step, np.empty(spikes, np.int32)))
                    spike_neuron = np.concatenate((spike_neuron, np.empty(spikes, np.int32)))
                spike_step[spikes], spike_neuron[spikes] = step, i
                spikes += 1
                free[i] = step + max(refractory[i], 1)
                is_awake[i] = False
            elif max(voltage[i], 0.0) + rise * max(drive[i], 0.0) < threshold - NEVER:
                is_awake[i] = False
            else:
                awake[kept] = i
                kept += 1
        awakes = kept
        spike_neuron[first[step] : spikes].sort()
        first[step + 1] = spikes
        if step >= delay:
            for at in range(first[step - delay], first[step - delay + 1]):
                j = spike_neuron[at]
                if silenced[j]:
                    continue
                for edge in range(start[j], start[j + 1]):
                    i = target[edge]
                    if step < free[i]:
                        continue
                    if advanced[i] < step:
                        _advance(i, step, voltage, drive, advanced, voltage_kept, drive_kept, drive_given)
                    drive[i] += weight[edge]
                    if not is_awake[i] and max(voltage[i], 0.0) + rise * max(drive[i], 0.0) >= threshold - NEVER:
                        is_awake[i] = True
                        awake[awakes] = i
                        awakes += 1
        for at in range(input_start[step], input_start[step + 1]):
            i = input_neuron[at]
            if step < free[i]:
                continue
            if advanced[i] < step:
                _advance(i, step, voltage, drive, advanced, voltage_kept, drive_kept, drive_given)
            voltage[i] += input_jump[i]
            if not is_awake[i] and max(voltage[i], 0.0) + rise * max(drive[i], 0.0) >= threshold - NEVER:
                is_awake[i] = True
                awake[awakes] = i
                awakes += 1
        for at in range(first[step], spikes):
            i = spike_neuron[at]
            voltage[i], drive[i] = reset, 0.0
            advanced[i] = free[i] - 1
    return spike_step[:spikes].copy(), spike_neuron[:spikes].copy()
