"""Verbs about flow: flow signal."""

from __future__ import annotations

from typing import Any

from graphlab.commands.circuits.options import show, with_weights
from graphlab.commands.options import GraphPath, Json, NoProgress, Output


@with_weights
def signal(
    graph: GraphPath,
    output: Output = None,
    json: Json = False,
    no_progress: NoProgress = False,
    **settings: Any,
) -> None:
    """How far upstream each neuron stands: levels within each weak component."""
    from graphlab.commands.terminal import progress_bars
    from graphlab.graph import Graph

    with Graph.open(graph, shared=True) as opened, progress_bars(off=no_progress) as bars:
        result = opened.circuits.signal_flow(progress=bars("steps"), **settings)
    show(result, output, json, "signal flow, upstream first")


FLOW = (signal,)
"""Verbs of ``graphlab flow``."""
