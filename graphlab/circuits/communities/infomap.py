"""Communities that a random walk stays in: Infomap, the two-level map equation of a directed wiring (Rosvall 2008)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import MissingExtraError
from queries.snapshot import Snapshot

Ints = npt.NDArray[np.int64]


def infomap(graph: Snapshot, rng: np.random.Generator) -> tuple[Ints, float]:
    """([n] community of each neuron, bits a step of the walk takes to tell); one trial on one thread.

    Raises:
        MissingExtraError: the package ``infomap`` is not installed.
    """
    try:
        import infomap as library
    except ImportError:
        raise MissingExtraError("infomap", "communities") from None
    network = library.Network()
    network.add_nodes(range(graph.n))
    links = np.stack([graph.sources(), graph.out_target, graph.weight], axis=1).astype(np.float64)
    network.add_links(links)
    seed = int(rng.integers(1, 2**31))
    options = library.Options(flow_model="directed", two_level=True, num_trials=1, num_threads="1", seed=seed)
    result = library.run(network, options=options)
    modules = result.modules()
    return np.array([modules[node] for node in range(graph.n)], dtype=np.int64), float(result.codelength)
