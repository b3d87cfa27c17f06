"""Counts against nulls on a page: what too few samples cannot decide is not coloured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from graphlab import Graph
from graphlab.motifs.significance.drawn import shown_classes, tone
from graphlab.report.sections.motifs.tested import caption, figure


@pytest.mark.parametrize(("samples", "decides"), [(60, False), (600, True)])
def test_too_few_samples_colour_nothing(tmp_path: Path, samples: int, decides: bool) -> None:
    # Every triangle of a ring of triangles is a feedforward loop, which swapping takes apart.
    rng = np.random.default_rng(0)
    pairs = {(3 * k + a, 3 * k + b) for k in range(20) for a, b in ((0, 1), (1, 2), (0, 2))}
    pairs |= {(int(a), int(b)) for a, b in rng.integers(0, 60, (60, 2)) if a != b}
    table = pa.table({"pre_name": [f"n{a}" for a, _ in pairs], "post_name": [f"n{b}" for _, b in pairs],
                      "weight": [1.0] * len(pairs)})  # fmt: skip
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pa.table({"name": [f"n{k}" for k in range(60)]}), as_="neurons")
        graph.ingest(table, as_="connections")
        result = graph.motifs.significance(3, null="configuration", samples=samples, seed=1)
    shown = shown_classes(result)
    assert (result.samples >= result.samples_needed) == decides
    tones = {tone(result, k) for k in shown}
    assert bool(tones & {"more", "less"}) == decides
    assert ('class="mark more"' in figure(result, shown)) == decides
    assert ("cannot bring one class among" in caption(result, shown)) != decides
