"""Signals arrive after networks have come and gone."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("openvino")
AFTER = """
import faulthandler, gc, os, signal
import numpy as np
import openvino.opset13 as op
from openvino import Model
from gpu_embed.engines.openvino_core import openvino_core

faulthandler.enable()
heard = []
signal.signal(signal.SIGUSR1, lambda *_: heard.append(1))

def network(width):
    x = op.parameter([1, width], np.float32)
    return openvino_core("embed").compile_model(Model([op.relu(x)], [x], "made"), "CPU")

one, two = network(2), network(3)
del one
gc.collect()
del two
gc.collect()
os.kill(os.getpid(), signal.SIGUSR1)
print("heard", len(heard))
"""


def test_signals_arrive_after_networks_are_gone() -> None:
    done = subprocess.run([sys.executable, "-c", AFTER], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (0, "heard 1\n"), done.stderr
