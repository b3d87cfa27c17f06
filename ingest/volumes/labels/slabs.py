"""A volume in slabs along z, searched in threads beside each other.

Tests: tests/ingest/volumes/labels/test_labels.py.
"""

from __future__ import annotations

import os
from itertools import pairwise

import numpy as np

from ingest.running.task_runners import InTurn, TaskRunner, Workers, runner_of

THREADS = os.cpu_count() or 1
SMALL = 1 << 20
"""Voxels below which threads cost more than they save."""


def runner_for(voxels: int, workers: Workers) -> TaskRunner:
    """A runner that sees the caller's arrays; the caller's own thread for small volumes."""
    runner = runner_of(workers)
    return runner if runner.shares_memory and voxels >= SMALL else InTurn()


def slabs_of(planes: int, workers: int) -> list[slice]:
    """As many slabs as workers, none empty unless the volume is."""
    edges = np.linspace(0, planes, min(workers, max(planes, 1)) + 1).astype(int)
    return [slice(a, b) for a, b in pairwise(edges.tolist())]
