"""Weight shuffles: the groups that weights stay in, and graphs whose weights cannot vary."""

from __future__ import annotations

import numpy as np
import pytest

from graphlab.motifs.nulls.models import NullOptions, sample_seed
from graphlab.motifs.nulls.registered import weight_null, weight_null_names
from graphlab.testing.null_models import NEURONS as N
from graphlab.testing.null_models import example_graph, example_options
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

LABELS = example_options().labels
assert LABELS is not None


@pytest.mark.parametrize("name", weight_null_names())
def test_weight_shuffles_keep_wiring_and_their_groups(name: str) -> None:
    before = example_graph()
    after = weight_null(name).prepare(before, NullOptions(labels=LABELS), 0).draw(sample_seed(0, 0))
    assert np.array_equal(after.out_target, before.out_target)
    assert not np.array_equal(after.weight, before.weight)
    assert np.array_equal(np.sort(after.weight), np.sort(before.weight))
    source = before.sources()
    if name == "weights-pre":
        for node in range(N):
            assert sorted(after.weight[source == node]) == sorted(before.weight[source == node])
    if name == "weights-types":
        pair = np.array([f"{LABELS[a]}>{LABELS[b]}" for a, b in zip(source, before.out_target, strict=True)])
        for which in set(pair.tolist()):
            assert sorted(after.weight[pair == which]) == sorted(before.weight[pair == which])


def test_weight_shuffles_refuse_what_cannot_vary() -> None:
    flat = Snapshot.from_edges(np.arange(1, 4, dtype=np.uint64), [0, 1], [1, 2], [2.0, 2.0])
    with pytest.raises(AnalysisError, match="changes nothing"):
        weight_null("weights").prepare(flat, NullOptions(), 0)
    broken = Snapshot.from_edges(np.arange(1, 4, dtype=np.uint64), [0, 1], [1, 2], [2.0, np.nan])
    with pytest.raises(AnalysisError, match="no finite number"):
        weight_null("weights").prepare(broken, NullOptions(), 0)
    with pytest.raises(AnalysisError, match="label per neuron"):
        weight_null("weights-types").prepare(example_graph(), NullOptions(), 0)
