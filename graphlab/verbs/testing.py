"""Verbs that test motifs against null models, mine typed motifs, and find their instances."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlab.store import query_source
from graphlab.store.files import places
from graphlab.store.runs import results
from graphlab.verbs.asking import Asking
from graphlab.verbs.null_settings import NullSettings, inputs_of, null_options, positions
from ingest.schema.errors import AnalysisError, UnknownNameError
from queries.snapshot import Snapshot

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from graphlab.motifs.mining.typed import Mined
    from graphlab.motifs.nulls.ensembles import Progress
    from graphlab.motifs.significance.motifs import Significance
    from graphlab.motifs.significance.profiles import Profiles


class Testing(Asking):
    """Motifs against null models; every result is a run that ``rerun`` does again."""

    __test__ = False
    """Not a test case, whatever its name begins with."""

    def significance(
        self,
        size: int = 3,
        null: str | None = None,
        samples: int = 1000,
        seed: int = 0,
        *,
        sequential: int = 0,
        workers: int = 1,
        progress: Progress | None = None,
        mixing_progress: Progress | None = None,
        **settings: Any,
    ) -> Significance:
        """Every motif class against a null model: ratio first, then z, empirical p and q.

        Finished samples are kept in the graph's ``samples`` folder: after Ctrl-C the same call goes on.

        Args:
            size: 2, 3 or 4.
            null: configuration, reciprocal, block, spatial, er, dyad or triads; by default reciprocal for 3 and 4,
                configuration for 2, where reciprocity would fix everything.
            samples: random graphs; with ``sequential`` at most so many.
            seed: the same seed gives the same bytes, whatever the number of ``workers``.
            sequential: stop when every class has so many samples beyond it in both tails (Besag & Clifford 1991).
            settings: of ``NullSettings``: by, kind, min_weight, steps_per_edge, near, proximity, keep_reciprocity,
                observable.

        Raises:
            AnalysisError: a size, a null or a graph that has no answer. UnknownNameError: with the nearest names.
            InterruptedSamples: on Ctrl-C, with what is done.
        """
        from graphlab.motifs.significance.kept import to_table

        started = datetime.datetime.now(datetime.UTC)
        chosen = self._settings(settings)
        parameters = {
            "size": size, "null": null, "samples": samples, "seed": seed, "sequential": sequential, **chosen.plain(),
        }  # fmt: skip
        folder = None if self._folder.read_only else places.place(self.path, places.SAMPLES)
        found = self._significance(
            parameters, folder=folder, workers=workers, progress=progress, mixing_progress=mixing_progress
        )
        if not self._folder.read_only:
            results.record(
                self._folder, "significance", significance_rows(found), counted(found), parameters, started,
                inputs=inputs_of(chosen), seed=seed, message=found.sentence, kept=to_table(found),
            )  # fmt: skip
        return found

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
        workers: int = 1,
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

        started = datetime.datetime.now(datetime.UTC)
        chosen = self._settings({"keep_reciprocity": True, **settings})
        parameters = {
            "size": size, "null": null, "samples": samples, "seed": seed, "split": split, "top": top,
            "min_count": min_count, **chosen.plain(), "by": by,
        }  # fmt: skip
        folder = None if self._folder.read_only else places.place(self.path, places.SAMPLES)
        mined = self._mine(parameters, folder=folder, workers=workers, progress=progress)
        if not self._folder.read_only:
            table = mined.to_arrow()
            rows = pa.table(
                {
                    "group": table["pattern"], "motif": table["motif"], "count": table["count"],
                    "null_model": pa.array([null] * len(table), pa.string()),
                    "samples": pa.array([mined.samples] * len(table), pa.int64()),
                    "null_mean": table["null_mean"], "ratio": table["ratio"], "p": table["p"], "q": table["q"],
                }
            )  # fmt: skip
            results.record(
                self._folder, "mine", rows, mined_counts(mined), parameters, started,
                inputs=inputs_of(chosen), seed=seed, message=mined.rule,
                kept=table.replace_schema_metadata({"rule": mined.rule, "sentence": mined.sentence}),
            )  # fmt: skip
        return mined

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
    ) -> pa.Table:
        """The strongest instances of a motif: ids by role, types, the weight of every connection, positions in nm.

        Args:
            motif: a name (``030T``, ``"204"``), a code, or edges on roles 0 .. size-1.
            types: wanted by role.

        Returns:
            what ``graphlab.motifs.mining.instances`` gives; metadata ``found`` is the number of all instances.
        """
        from graphlab.motifs.mining.instances import instances

        view = self.snapshot(kind, min_weight)
        labels = [None if x is None else str(x) for x in self.neuron_values(view, by)]
        place = positions(self._folder, view)
        return instances(
            view, motif, size,
            labels=labels if any(labels) else None, types=types, limit=limit,
            position_nm=place if np.isfinite(place).any() else None, progress=progress,
        )  # fmt: skip

    def pattern_count(
        self, pattern: str, language: str | None = None, *, kind: str = "chemical", min_weight: float = 0.0
    ) -> int:
        """How often a pattern matches; over the connections of one kind and least weight, if any is asked for."""
        if kind == "chemical" and not min_weight:
            answer = self.query(pattern, language, count=True).to_arrow()
            return int(answer.column(0)[0].as_py())
        count = query_source.pattern_counter(self._folder, pattern, language, self.kind_of(kind))
        return int(count(self.snapshot(kind, min_weight))[0])

    def pattern_significance(
        self,
        pattern: str,
        language: str | None = None,
        null: str | None = None,
        samples: int = 100,
        seed: int = 0,
        *,
        workers: int = 1,
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

        chosen = self._settings(settings)
        view = self.snapshot(chosen.kind, chosen.min_weight)
        name = null or "reciprocal"
        options = null_options(self._folder, view, name, chosen)
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
    def profiles(graphs: Mapping[str, Testing], size: int = 3, **settings: Any) -> Profiles:
        """One profile a graph, comparable whatever their sizes (Milo et al. 2004).

        Args:
            graphs: name -> open graph. settings: of ``significance``.
        """
        from graphlab.motifs.significance.profiles import profiles

        return profiles({name: graph.significance(size, **settings) for name, graph in graphs.items()})

    def kept_significance(self, size: int | None = None) -> list[tuple[str, Significance]]:
        """Run and result of every significance recorded on the present data, latest first."""
        from graphlab.motifs.significance.kept import of_table

        found = [(run.run_id, of_table(table)) for run, table in results.kept_runs(self._folder, "significance")]
        return [(run, one) for run, one in found if size is None or one.size == size]

    def kept_mining(self) -> list[tuple[str, pa.Table]]:
        """Run and table of every mining recorded on the present data, latest first."""
        return [(run.run_id, table) for run, table in results.kept_runs(self._folder, "mine")]

    def _settings(self, given: Mapping[str, Any]) -> NullSettings:
        chosen = settings_of(given)
        return replace(chosen, kind=self.kind_of(chosen.kind))

    def _significance(self, parameters: Mapping[str, Any], **how: Any) -> Significance:
        from graphlab.motifs.nulls.models import default_null
        from graphlab.motifs.significance.motifs import motif_significance

        given = dict(parameters)
        size, null, samples, seed, sequential = (
            given.pop(name) for name in ("size", "null", "samples", "seed", "sequential")
        )
        chosen = settings_of(given)
        if size not in (2, 3, 4):
            raise AnalysisError(f"motifs of {size} neurons are not counted; the sizes are 2, 3 and 4")
        view = self.snapshot(chosen.kind, chosen.min_weight)
        name = null or default_null(size)
        options = null_options(self._folder, view, name, chosen)
        return motif_significance(
            view, size, null=name, samples=samples, seed=seed, sequential=sequential, options=options, **how
        )

    def _significance_again(self, parameters: Mapping[str, Any]) -> results.Recomputed:
        from graphlab.motifs.significance.kept import to_table

        found = self._significance(parameters)
        return results.Recomputed(counted(found), to_table(found))

    def _mine(self, parameters: Mapping[str, Any], **how: Any) -> Mined:
        from graphlab.motifs.mining.typed import mine

        given = dict(parameters)
        names = ("size", "null", "samples", "seed", "split", "top", "min_count", "by")
        size, null, samples, seed, split, top, min_count, by = (given.pop(name) for name in names)
        chosen = settings_of(given)
        view = self.snapshot(chosen.kind, chosen.min_weight)
        options = null_options(self._folder, view, null, chosen)
        labels = [None if x is None or x == "" else str(x) for x in self.neuron_values(view, by)]
        half: str | npt.NDArray[np.bool_] | None = split
        rule = ""
        if split == "hemisphere":
            half, rule, labels = self._hemispheres(view, labels)
        elif split not in (None, "random"):
            raise UnknownNameError("split", str(split), ("random", "hemisphere"))
        return mine(
            view, labels, size, null=null, samples=samples, seed=seed, options=replace(options, labels=labels),
            split=half, split_rule=rule, top=top, min_count=min_count, **how,
        )  # fmt: skip

    def _hemispheres(
        self, view: Snapshot, labels: list[str | None]
    ) -> tuple[npt.NDArray[np.bool_], str, list[str | None]]:
        """Left neurons, the rule in words, and the types of the neurons on one of the two sides."""
        side = [str(x or "").strip().lower() for x in self.neuron_values(view, "side")]
        left, right = (np.array([x in words for x in side]) for words in (("left", "l"), ("right", "r")))
        if not left.any() or not right.any():
            raise AnalysisError(
                f"a split by hemisphere needs neurons with side left and right, and found {int(left.sum())} and "
                f"{int(right.sum())}; ingest neurons with a column side, or split at random"
            )
        kept = [label if sided else None for label, sided in zip(labels, left | right, strict=True)]
        return left, f"left hemisphere mined ({int(left.sum())} neurons), right held out ({int(right.sum())})", kept

    def _mine_again(self, parameters: Mapping[str, Any]) -> results.Recomputed:
        mined = self._mine(parameters)
        return results.Recomputed(mined_counts(mined), mined.to_arrow())


def settings_of(given: Mapping[str, Any]) -> NullSettings:
    """The settings of these names; UnknownNameError with the nearest ones for another."""
    known = [field.name for field in fields(NullSettings)]
    for name in given:
        if name not in known:
            raise UnknownNameError("setting of a null", name, known)
    plain: dict[str, Any] = {name: str(value) if isinstance(value, Path) else value for name, value in given.items()}
    return NullSettings(**plain)


def significance_rows(found: Significance) -> pa.Table:
    """The rows of a significance as columns of ``motif_counts``."""
    import pyarrow as pa

    table = found.to_arrow()
    table = table.append_column("null_model", pa.array([found.null] * len(table), pa.string()))
    return table.append_column("samples", pa.array([found.samples] * len(table), pa.int64()))


def counted(found: Significance) -> pa.Table:
    """The whole numbers of a significance: what a rerun must give byte for byte."""
    import pyarrow as pa

    return pa.table(
        {
            "motif": list(found.classes),
            "count": found.observed,
            "null_counts": pa.array(list(found.counts.T), pa.list_(pa.int64())),
        }
    )


def mined_counts(mined: Mined) -> pa.Table:
    """What a rerun of a mining must give byte for byte: motifs in order, counts, and p, a ratio of two of them."""
    return mined.to_arrow().select(["pattern", "motif", "code", "types", "count", "p", "test_count"])
