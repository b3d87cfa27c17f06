"""Weight shuffles on fixed wiring: nulls for statistics of weights (intensity, coherence), not of counts.

``weights`` deals all weights out again, ``weights-pre`` only among the outputs of each neuron (its total
output stays), ``weights-types`` only among connections between the same two cell types.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from graphlab.motifs.null_models import ClosedForm, NullModel, NullOptions
from graphlab.motifs.pair_classes import number_labels
from ingest.errors import AnalysisError
from ingest.registry import Registry
from queries.snapshot import Snapshot


@dataclass(frozen=True, eq=False)
class ShuffleSampler:
    """Shuffles weights within groups of edges."""

    null: str
    snapshot: Snapshot
    group: npt.NDArray[np.int64]
    """[m] group of every edge."""

    def draw(self, seed: np.random.SeedSequence) -> Snapshot:
        rng = np.random.default_rng(seed)
        # Sorting by group and by a random number within it pairs every edge with one of its group.
        shuffled = np.lexsort((rng.random(len(self.group)), self.group))
        weight = np.empty_like(self.snapshot.weight)
        weight[np.argsort(self.group, kind="stable")] = self.snapshot.weight[shuffled]
        return replace(self.snapshot, weight=weight, meta={**self.snapshot.meta, "null": self.null})


@dataclass(frozen=True)
class ShuffleNull:
    """One of the three shuffles."""

    name: str
    within: str
    """"all", "pre" or "types"."""

    def prepare(self, snapshot: Snapshot, options: NullOptions, seed: int) -> ShuffleSampler:
        if not np.isfinite(snapshot.weight).all():
            bad = int((~np.isfinite(snapshot.weight)).sum())
            raise AnalysisError(f"{bad} of {snapshot.m} connections have a weight that is no finite number")
        if snapshot.m and (snapshot.weight == snapshot.weight[0]).all():
            raise AnalysisError(
                f"all {snapshot.m} connections weigh {snapshot.weight[0]:g}, so a weight shuffle changes nothing"
            )
        if self.within == "all":
            group = np.zeros(snapshot.m, dtype=np.int64)
        elif self.within == "pre":
            group = snapshot.sources().astype(np.int64)
        else:
            if options.labels is None:
                raise AnalysisError("a shuffle within type pairs needs a label per neuron; name one with by=")
            label, names = number_labels(options.labels, snapshot.n)
            group = label[snapshot.sources()].astype(np.int64) * len(names) + label[snapshot.out_target]
        return ShuffleSampler(self.name, snapshot, group)

    def closed_form(
        self, snapshot: Snapshot, class_of_code: npt.NDArray[np.int64], options: NullOptions
    ) -> ClosedForm | None:
        return None

    def sentence(self, options: NullOptions) -> str:
        where = {
            "all": "over all connections",
            "pre": "among the outputs of each neuron",
            "types": "among the connections between each two types",
        }
        return f"Null '{self.name}': the observed wiring with its weights shuffled {where[self.within]}."


WEIGHT_NULLS: Registry[NullModel] = Registry("weight null", "graphlab.weight_nulls")
for _null in (
    ShuffleNull("weights", "all"),
    ShuffleNull("weights-pre", "pre"),
    ShuffleNull("weights-types", "types"),
):
    WEIGHT_NULLS.register(_null.name, _null)
