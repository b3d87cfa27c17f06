"""``graph.motifs``: motif classes counted exactly, tested against null models, mined by type, listed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlab.motifs.nulls.registered import null_model
from graphlab.store import query_source
from graphlab.store.files import places
from graphlab.store.runs.results import kept_runs, motif_counts
from graphlab.store.wiring.compartments.choice import Compartment
from graphlab.verbs.motifs.counts import MotifCounts
from graphlab.verbs.motifs.null_runs import (
    counted,
    inputs_of,
    mined,
    mined_counts,
    null_options,
    plain_settings,
    positions,
    significance_of,
    significance_rows,
)
from graphlab.verbs.open_graph import OpenGraph
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers

if TYPE_CHECKING:
    import pyarrow as pa

    from graphlab.motifs.mining.typed import Mined
    from graphlab.motifs.significance.motifs import Significance
    from graphlab.motifs.significance.profiles import Profiles


class Motifs(MotifCounts):
    """Motif classes, counted exactly, and what null models say of the counts; ``rerun`` repeats every result."""

    def significance(
        self,
        size: int = 3,
        null: str | None = None,
        samples: int = 1000,
        seed: int = 0,
        *,
        sequential: int = 0,
        workers: Workers = 1,
        progress: Progress | None = None,
        mixing_progress: Progress | None = None,
        **settings: Any,
    ) -> Significance:
        """Every motif class against a null model: ratio first, then z, empirical p and q.

        Finished samples are kept in the graph's ``samples`` folder: after Ctrl-C the same call goes on.

        Args:
            size: 2, 3 or 4.
            null: configuration, reciprocal, block, spatial, er, dyad, triads, or the name that another package gave its
                own; by default reciprocal for 3 and 4, configuration for 2, where reciprocity would fix everything.
            samples: random graphs; with ``sequential`` at most so many.
            seed: the same seed gives the same bytes, whatever the number of ``workers``.
            sequential: stop when every class has so many samples beyond it in both tails (Besag & Clifford 1991).
            settings: of ``NullSettings``: by, kind, min_weight, compartment, steps_per_edge, near, proximity,
                keep_reciprocity, observable.

        Raises:
            AnalysisError: a size, a null or a graph that has no answer. UnknownNameError: with the nearest names.
            InterruptedSamples: on Ctrl-C, with what is done.
        """
        from graphlab.motifs.significance.kept import to_table

        chosen = plain_settings(self, settings)
        parameters = {
            "size": size, "null": null, "samples": samples, "seed": seed, "sequential": sequential, **chosen.plain(),
        }  # fmt: skip
        run = self._start_run("significance", parameters, inputs_of(chosen), seed)
        folder = places.place(self.path, places.SAMPLES) if run.recorded else None
        result = significance_of(
            self, parameters, folder=folder, workers=workers, progress=progress, mixing_progress=mixing_progress
        )
        rows = motif_counts(self._folder, significance_rows(result), size)
        run.finish(counted(result), rows, to_table(result), result.sentence)
        return result

    def mine(
        self,
        size: int = 3,
        null: str = "block",
        samples: int = 100,
        seed: int = 0,
        *,
        by: str = "cell_type",
        split: str | None = None,
        top: int = 100,
        min_count: int = 5,
        workers: Workers = 1,
        progress: Progress | None = None,
        **settings: Any,
    ) -> Mined:
        """Typed motifs (``L2 -> Mi1 -> T4a, L2 -> T4a``), most surprising under the null first.

        Args:
            size: 3 or 4. by: column of ``neurons`` with the types.
            split: None corrects by the largest surprise of each random graph; "random" mines one random half of the
                neurons and tests on the other; "hemisphere" mines the left and tests on the right (column side).
            top: at most so many are given back, or taken to the other half. min_count: rarer ones are only tried.
            settings: as in ``significance``; mutual partners are kept unless ``keep_reciprocity=False``.

        Raises:
            AnalysisError: no types, an empty half, too many sets to look at. UnknownNameError: no such column or null.
        """
        import pyarrow as pa

        chosen = plain_settings(self, {"keep_reciprocity": True, **settings})
        parameters = {
            "size": size, "null": null, "samples": samples, "seed": seed, "split": split, "top": top,
            "min_count": min_count, **chosen.plain(), "by": by,
        }  # fmt: skip
        run = self._start_run("mine", parameters, inputs_of(chosen), seed)
        folder = places.place(self.path, places.SAMPLES) if run.recorded else None
        result = mined(self, parameters, folder=folder, workers=workers, progress=progress)
        table = result.to_arrow()
        rows = pa.table(
            {
                "group": table["pattern"], "motif": table["motif"], "count": table["count"],
                "null_model": pa.array([null] * len(table), pa.string()),
                "samples": pa.array([result.samples] * len(table), pa.int64()),
                "null_mean": table["null_mean"], "ratio": table["ratio"], "p": table["p"], "q": table["q"],
            }
        )  # fmt: skip
        whole = table.replace_schema_metadata({"rule": result.rule, "sentence": result.sentence})
        run.finish(mined_counts(result), motif_counts(self._folder, rows, size), whole, result.rule)
        return result

    def instances(
        self,
        motif: str | int | Sequence[tuple[int, int]],
        size: int = 3,
        *,
        types: Sequence[str] | None = None,
        by: str = "cell_type",
        kind: str = "chemical",
        min_weight: float = 0.0,
        limit: int = 100,
        progress: Progress | None = None,
        compartment: Compartment = None,
    ) -> pa.Table:
        """The strongest instances of a motif: ids by role, types, the weight of every connection, positions in nm.

        Args:
            motif: a name (``030T``, ``"204"``), a code, or edges on roles 0 .. size-1.
            types: wanted by role.

        Returns:
            what ``graphlab.motifs.mining.instances`` gives; metadata ``found`` is the number of all instances.
        """
        from graphlab.motifs.mining.instances import instances

        view = self.snapshot(kind, min_weight, compartment)
        labels = [None if x is None else str(x) for x in self.neuron_values(view, by)]
        place = positions(self._folder, view)
        return instances(
            view, motif, size,
            labels=labels if any(labels) else None, types=types, limit=limit,
            position_nm=place if np.isfinite(place).any() else None, progress=progress,
        )  # fmt: skip

    def pattern_count(
        self,
        pattern: str,
        language: str | None = None,
        *,
        kind: str = "chemical",
        min_weight: float = 0.0,
        compartment: Compartment = None,
    ) -> int:
        """How often a pattern matches; over connections of one kind, least weight, compartment, if any is asked for."""
        if kind == "chemical" and not min_weight and compartment is None:
            from queries.engine import run

            with query_source.question_source(self._folder) as source:
                answer = run(pattern, source, language=language, count=True).to_arrow()
            return int(answer.column(0)[0].as_py())
        count = query_source.pattern_counter(self._folder, pattern, language, self.kind_of(kind))
        return int(count(self.snapshot(kind, min_weight, compartment))[0])

    def pattern_significance(
        self,
        pattern: str,
        language: str | None = None,
        null: str | None = None,
        samples: int = 100,
        seed: int = 0,
        *,
        workers: Workers = 1,
        progress: Progress | None = None,
        **settings: Any,
    ) -> Significance:
        """How often a pattern of any query language matches, against a null of the wiring.

        The pattern runs over ``neurons`` and the ``connections`` of each random graph; weights travel with their
        connections as the null moves them. One class, no correction for trying many patterns.

        Raises:
            ParseError: a text no language reads. AnalysisError: as in ``significance``.
        """
        from graphlab.motifs.significance.motifs import significance

        chosen = plain_settings(self, settings)
        view = self.snapshot(chosen.kind, chosen.min_weight, chosen.compartment)
        name = null or "reciprocal"
        options = null_options(self._folder, view, null_model(name), chosen)
        count = query_source.pattern_counter(self._folder, pattern, language, chosen.kind)
        folder = None
        if not self._folder.read_only:
            # A pattern may read any column of neurons, which the wiring's own hash does not cover.
            own = f"matches-{self._folder.meta('data_version')}-{language or 'auto'}"
            folder = places.place(self.path, places.SAMPLES, own)
        return significance(
            view, count, (pattern,), 3,
            null=name, samples=samples, seed=seed, options=options, workers=workers, progress=progress, folder=folder,
        )  # fmt: skip

    @staticmethod
    def profiles(graphs: Mapping[str, OpenGraph], size: int = 3, **settings: Any) -> Profiles:
        """One profile a graph, comparable whatever their sizes (Milo et al. 2004).

        Args:
            graphs: name -> open graph. settings: of ``significance``.
        """
        from graphlab.motifs.significance.profiles import profiles

        return profiles({name: Motifs(graph).significance(size, **settings) for name, graph in graphs.items()})

    def kept_significance(self, size: int | None = None) -> list[tuple[str, Significance]]:
        """Run and result of every significance recorded on the present data, latest first."""
        from graphlab.motifs.significance.kept import of_table

        kept = [(run.run_id, of_table(table)) for run, table in kept_runs(self._folder, "significance")]
        return [(run, one) for run, one in kept if size is None or one.size == size]

    def kept_mining(self) -> list[tuple[str, pa.Table]]:
        """Run and table of every mining recorded on the present data, latest first."""
        return [(run.run_id, table) for run, table in kept_runs(self._folder, "mine")]

    def repeatable(self) -> dict[str, Callable[..., object]]:
        return {**super().repeatable(), "significance": self.significance, "mine": self.mine}
