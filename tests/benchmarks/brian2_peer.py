"""The peer of the simulation bench: Brian2's compiled standalone, run in an environment of its own.

    python brian2_peer.py FOLDER    builds and compiles FOLDER/brian from FOLDER/network.npz, and runs it once

Later trials start the compiled program again: ``FOLDER/brian/main``.
"""

import os
import sys
from pathlib import Path

import brian2
import numpy as np
from brian2 import Hz, NeuronGroup, PoissonInput, SpikeMonitor, Synapses, ms, mV

EQUATIONS = """
dv/dt = (v_rest - v + g) / (20*ms) : volt (unless refractory)
dg/dt = -g / (5*ms) : volt (unless refractory)
held : second
"""


def main(folder: Path) -> None:
    made = np.load(folder / "network.npz")
    brian2.set_device("cpp_standalone", directory=str(folder / "brian"), build_on_run=False)
    brian2.prefs.devices.cpp_standalone.openmp_threads = 0
    brian2.defaultclock.dt = 0.1 * ms
    n, driven = int(made["neurons"]), made["driven"]
    cells = NeuronGroup(
        n, EQUATIONS, threshold="v > -45*mV", reset="v = -52*mV; g = 0*mV", refractory="held", method="linear",
        namespace={"v_rest": -52 * mV},
    )  # fmt: skip
    cells.v, cells.g = -52 * mV, 0 * mV
    held = np.full(n, 2.2e-3)
    held[driven] = 0
    cells.held = held * brian2.second
    wires = Synapses(cells, cells, "w : volt", on_pre="g += w", delay=1.8 * ms)
    wires.connect(i=made["pre"], j=made["post"])
    wires.w = made["count"] * 0.275 * mV
    inputs = [
        PoissonInput(cells[int(i) : int(i) + 1], "v", N=1, rate=150 * Hz, weight=250 * 0.275 * mV) for i in driven
    ]
    heard = SpikeMonitor(cells)
    network = brian2.Network(cells, wires, *inputs, heard)
    network.run(float(made["seconds"]) * brian2.second)
    brian2.device.build(directory=str(folder / "brian"), compile=True, run=True, debug=False, clean=False)
    print(heard.num_spikes, len(np.unique(heard.i)))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(Path(sys.argv[1]))
