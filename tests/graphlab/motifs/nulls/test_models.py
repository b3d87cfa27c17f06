"""What every null is told: defaults and observable pairs."""

from __future__ import annotations

import numpy as np
import pytest

from graphlab.motifs.nulls.models import NullOptions, observable_part
from graphlab.testing.null_models import NEURONS as N
from graphlab.testing.null_models import example_graph
from ingest.schema.errors import AnalysisError


def test_observable_masks_that_do_not_fit() -> None:
    with pytest.raises(AnalysisError, match="one true or false for each of 40"):
        observable_part(example_graph(), NullOptions(observable_pre=np.ones(3, dtype=bool)))
    with pytest.raises(AnalysisError, match="none of the"):
        observable_part(example_graph(), NullOptions(observable_pre=np.zeros(N, dtype=bool)))
    everything = NullOptions(observable_pre=np.ones(N, dtype=bool))
    whole = example_graph()
    assert observable_part(whole, everything) is whole
