"""Makes brian2_spikes.npz: twenty networks of 200 neurons and the spikes that Brian2 gives them.

Run it in an environment of its own, with Brian2 2.9 and numpy below 2:

    python make_brian2_spikes.py brian2_spikes.npz

The model is that of Shiu et al. 2024 (leaky integration, exponential drive, both frozen while refractory). Every
network gets one stored train of input spikes, so nothing is drawn here that the test would have to draw again.
"""

import sys

import brian2
import numpy as np
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, SpikeMonitor, Synapses, ms, mV

NEURONS, STEPS, STEP_MS = 200, 2500, 0.1
WEIGHT_MV, INPUT_MV = 0.275, 250 * 0.275

EQUATIONS = """
dv/dt = (v_rest - v + g) / (20*ms) : volt (unless refractory)
dg/dt = -g / (5*ms) : volt (unless refractory)
held : second
"""


def network(seed: int) -> dict[str, np.ndarray]:
    """Few or many connections, strong or weak, with more or less inhibition; some neurons silenced."""
    rng = np.random.default_rng(seed)
    share = (0.02, 0.05, 0.1, 0.2)[seed % 4]
    pre, post = np.nonzero(rng.random((NEURONS, NEURONS)) < share)
    inhibitory = rng.random(NEURONS) < (0.0, 0.2, 0.4)[seed % 3]
    count = rng.integers(1, (150, 60, 30, 20)[seed % 4], len(pre)) * np.where(inhibitory[pre], -1, 1)
    driven = np.sort(rng.choice(NEURONS, 20, replace=False))
    fed = rng.random((STEPS, len(driven))) < 0.015
    fed[rng.integers(0, STEPS, 20)] = True  # all driven neurons in one step
    step, which = np.nonzero(fed)
    silenced = np.sort(rng.choice(NEURONS, 10 * (seed % 2), replace=False))
    return {
        "pre": pre.astype(np.uint8),
        "post": post.astype(np.uint8),
        "count": count.astype(np.int16),
        "driven": driven.astype(np.uint8),
        "silenced": silenced.astype(np.uint8),
        "input_step": step.astype(np.int16),
        "input_neuron": driven[which].astype(np.uint8),
    }


def spikes(made: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    brian2.defaultclock.dt = STEP_MS * ms
    names = {"v_rest": -52 * mV, "weight": WEIGHT_MV * mV, "jump": INPUT_MV * mV}
    cells = NeuronGroup(
        NEURONS,
        EQUATIONS,
        threshold="v > -45*mV",
        reset="v = -52*mV; g = 0*mV",
        refractory="held",
        method="exact",
        namespace=names,
    )
    cells.v, cells.g, cells.held = -52 * mV, 0 * mV, 2.2 * ms
    cells.held[made["driven"].astype(int)] = 0 * ms
    wires = Synapses(cells, cells, "w : volt", on_pre="g += w", delay=1.8 * ms)
    wires.connect(i=made["pre"].astype(int), j=made["post"].astype(int))
    count = np.where(np.isin(made["pre"], made["silenced"]), 0, made["count"])
    wires.w = count * WEIGHT_MV * mV
    feeder = SpikeGeneratorGroup(NEURONS, made["input_neuron"].astype(int), made["input_step"] * STEP_MS * ms)
    feed = Synapses(feeder, cells, on_pre="v_post += jump", namespace=names)
    feed.connect(j="i")
    heard = SpikeMonitor(cells)
    Network(cells, wires, feeder, feed, heard).run(STEPS * STEP_MS * ms)
    step = np.rint(np.asarray(heard.t / ms) / STEP_MS).astype(np.int64)
    order = np.lexsort((np.asarray(heard.i), step))
    return step[order], np.asarray(heard.i)[order]


def main(path: str) -> None:
    brian2.prefs.codegen.target = "numpy"
    stored: dict[str, np.ndarray] = {}
    for seed in range(20):
        made = network(seed)
        step, neuron = spikes(made)
        print(seed, len(made["pre"]), len(step), flush=True)
        stored |= {f"{seed}/{name}": values for name, values in made.items()}
        stored |= {f"{seed}/spike_step": step.astype(np.int16), f"{seed}/spike_neuron": neuron.astype(np.uint8)}
    np.savez_compressed(path, **stored)


if __name__ == "__main__":
    main(sys.argv[1])
