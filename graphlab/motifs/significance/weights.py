"""Weight shuffles on fixed wiring: nulls for statistics of weights (intensity, coherence), not of counts.

``weights`` deals all weights out again, ``weights-pre`` only among the outputs of each neuron (its total
output stays), ``weights-types`` only among connections between the same two cell types.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from graphlab.motifs.census.weights import motif_weights
from graphlab.motifs.kernels.pair_classes import number_labels
from graphlab.motifs.nulls.models import ClosedForm, NullModel, NullOptions, sample_seed
from graphlab.motifs.significance.against_null import beside
from graphlab.statistics.p_values import benjamini_hochberg
from ingest.registry import Registry
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

if TYPE_CHECKING:
    import pyarrow as pa


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


def against_shuffles(
    snapshot: Snapshot,
    table: pa.Table,
    size: int,
    null: str,
    samples: int,
    seed: int,
    options: NullOptions,
    workers: int = 1,
    progress: Progress | None = None,
    beyond: npt.NDArray[np.float64] | None = None,
) -> pa.Table:
    """A table of ``motif_weights`` with what ``samples`` shuffles of the weights give for intensity and coherence.

    Columns ``intensity_null_mean``, ``_null_std``, ``_z``, the two-sided empirical ``_p`` and ``_q`` are added, so for
    coherence; null where the graph has no instance of the class, and neither z nor p (``_note``: fixed by the null)
    where a shuffle changes nothing. q is over every class, weighting and both statistics.

    Raises:
        UnknownNameError: no such shuffle. AnalysisError: weights that cannot vary, no labels for ``weights-types``.
    """
    import pyarrow as pa

    sampler = WEIGHT_NULLS.get(null).prepare(snapshot, options, seed)
    wanted = list(dict.fromkeys(table["weighting"].to_pylist()))
    drawn: dict[str, list[npt.NDArray[np.float64]]] = {"intensity": [], "coherence": []}
    for number in range(samples):
        again = motif_weights(sampler.draw(sample_seed(seed, number)), size, wanted, workers=workers, beyond=beyond)
        for name, values in drawn.items():
            values.append(again[name].to_numpy(zero_copy_only=False).astype(np.float64))
        if progress:
            progress(number + 1, samples)
    found = {
        name: beside(table[name].to_numpy(zero_copy_only=False).astype(np.float64), np.array(values))
        for name, values in drawn.items()
    }
    q = benjamini_hochberg(np.concatenate([one["p"] for one in found.values()]))
    for (name, one), own in zip(found.items(), np.split(q, len(found)), strict=True):
        for ending, column in (*((key, one[key]) for key in ("null_mean", "null_std", "z", "p")), ("q", own)):
            table = table.append_column(f"{name}_{ending}", pa.array(column, pa.float64(), from_pandas=True))
        table = table.append_column(f"{name}_note", pa.array(one["note"], pa.string()))
    return table
