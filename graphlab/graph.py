"""Graph: the one object people hold. Verbs of the command line are its methods, or its namespaces'."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from graphlab.store import tables
from graphlab.store.files import places
from graphlab.store.folder import Folder
from graphlab.store.information import GraphInfo, describe, information, runs_of
from graphlab.store.runs import runs
from graphlab.store.runs.results import PART, Repetition, Rerun
from graphlab.store.runs.waiting import record_waiting
from graphlab.store.wiring.recipe import Recipe
from graphlab.verbs.everyday.citing import CitingVerbs
from graphlab.verbs.everyday.compare import CompareVerbs
from graphlab.verbs.everyday.neurons import NeuronVerbs
from graphlab.verbs.everyday.partners import PartnerVerbs
from graphlab.verbs.everyday.paths import PathVerbs
from graphlab.verbs.everyday.subset import PartVerbs
from graphlab.verbs.export import ExportVerbs
from graphlab.verbs.queries import QueryVerbs
from graphlab.verbs.similar import SimilarityVerbs
from graphlab.verbs.words import WordVerbs
from ingest.reader import ReadRequest
from ingest.schema.errors import SchemaError, VersionError
from ingest.schema.space import Resolution

if TYPE_CHECKING:
    import pyarrow as pa

    from graphlab.motifs.significance.motifs import Significance
    from graphlab.store.intake import IngestSummary
    from graphlab.store.removal.sources import DroppedSource
    from graphlab.store.wiring.signs import SignCounts
    from graphlab.verbs.activity import Activity
    from graphlab.verbs.circuits.namespace import Circuits
    from graphlab.verbs.embeddings import Embeddings
    from graphlab.verbs.everyday.places import Places
    from graphlab.verbs.everyday.sets import Sets
    from graphlab.verbs.everyday.synapses import Synapses
    from graphlab.verbs.live.following import Live
    from graphlab.verbs.motifs.namespace import Motifs
    from graphlab.verbs.plots.namespace import Plots
    from graphlab.verbs.predict import Predict
    from graphlab.verbs.skeletons import Skeletons
    from ingest.running.progress import Progress


class Graph(
    QueryVerbs,
    ExportVerbs,
    NeuronVerbs,
    PartnerVerbs,
    CompareVerbs,
    CitingVerbs,
    PartVerbs,
    PathVerbs,
    SimilarityVerbs,
    WordVerbs,
):
    """A connectome in a folder: ingest, ask, count, report.

    >>> with Graph.create("worm") as graph:          # doctest: +SKIP
    ...     graph.ingest("edges.csv", as_="connections")
    ...     graph.motifs.census(3)
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    @classmethod
    def create(
        cls,
        path: str | Path,
        dataset: str | None = None,
        resolution: str | Sequence[float] | None = None,
        materialization: str | None = None,
    ) -> Graph:
        """A new graph folder.

        Args:
            resolution: nm per voxel XYZ (``"4,4,40"``), the default for sources with voxel positions.
            materialization: segmentation version that the root_ids belong to.
        """
        return cls(Folder.create(path, dataset, resolution, materialization))

    @classmethod
    def open(cls, path: str | Path, read_only: bool = False, shared: bool = False, sets: bool = False) -> Graph:
        """An existing graph; several read-only processes may share it, a writing one excludes all others.

        Args:
            shared: let others read while results are computed; only to write them is the graph taken for a moment.
            sets: with ``read_only``: sets of neurons may be saved and removed, and nothing else is written; no other
                process may have the graph open then.
        """
        folder = Folder.open(path, read_only, shared, sets)
        if not (read_only or shared):
            try:
                if folder.meta(runs.FOLLOWING) is not None:  # a process was killed while it followed events
                    from graphlab.store.live.going import settle

                    settle(folder)
                record_waiting(folder)
            except BaseException:
                folder.close()
                raise
        return cls(folder)

    def close(self) -> None:
        self._folder.close()

    def __enter__(self) -> Graph:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @cached_property
    def motifs(self) -> Motifs:
        """Censuses, null tests, mining, instances: ``graph.motifs.census(3)``."""
        from graphlab.verbs.motifs.namespace import Motifs

        return Motifs(self)

    @cached_property
    def circuits(self) -> Circuits:
        """Where signals go through the whole wiring: ``graph.circuits.signal_flow()``."""
        from graphlab.verbs.circuits.namespace import Circuits

        return Circuits(self)

    @cached_property
    def sets(self) -> Sets:
        """Saved sets of neurons, pasted ids, links: ``graph.sets.save("mine", {"cell_type": "MBON"})``."""
        from graphlab.verbs.everyday.sets import Sets

        return Sets(self)

    @cached_property
    def synapses(self) -> Synapses:
        """Single synapses: ``graph.synapses.between("AVAL", "DA1")``."""
        from graphlab.verbs.everyday.synapses import Synapses

        return Synapses(self)

    @cached_property
    def places(self) -> Places:
        """The neuron at a point, neuropil profiles: ``graph.places.at([4_000, 5_000, 600])``."""
        from graphlab.verbs.everyday.places import Places

        return Places(self)

    @cached_property
    def plot(self) -> Plots:
        """Figures, shown by a notebook and written as SVG: ``graph.plot.adjacency()``."""
        from graphlab.verbs.plots.namespace import Plots

        return Plots(self)

    @cached_property
    def activity(self) -> Activity:
        """Recordings against behaviour and wiring: ``graph.activity.correlate("tuning")``."""
        from graphlab.verbs.activity import Activity

        return Activity(self._whole_only("activity"))

    @cached_property
    def embeddings(self) -> Embeddings:
        """Embeddings opened, joined, placed, computed, averaged: ``graph.embeddings.join()``."""
        from graphlab.verbs.embeddings import Embeddings

        return Embeddings(self._whole_only("embeddings"))

    @cached_property
    def skeletons(self) -> Skeletons:
        """Cable, synapses placed on it, compartments: ``graph.skeletons.measure()``."""
        from graphlab.verbs.skeletons import Skeletons

        return Skeletons(self._whole_only("skeletons"))

    @cached_property
    def predict(self) -> Predict:
        """Predictors trained and asked: ``graph.predict.train("cell-type")``."""
        from graphlab.verbs.predict import Predict

        return Predict(self._whole_only("predict"))

    @cached_property
    def live(self) -> Live:
        """Events followed, dead letters: ``graph.live.follow("events/")``."""
        from graphlab.verbs.live.following import Live

        return Live(self._whole_only("live"))

    def ingest(
        self,
        source: Any,
        as_: str,
        columns: str | Mapping[str, str] | None = None,
        resolution: str | Sequence[float] | None = None,
        keep: Mapping[str, Sequence[str]] | None = None,
        header: bool = True,
        kind: str | None = None,
        duplicates: str | None = None,
        unknown: str | None = None,
        progress: Progress | None = None,
        **options: Any,
    ) -> IngestSummary:
        """Bring one source in, all of it or nothing; the same source again is a no-op.

        Args:
            source: a path, an address of a server's table (``cave://``, ``neuprint://``), a pandas, polars or
                pyarrow table, a graph of networkx or igraph, a matrix of NumPy or scipy, or neurons of navis.
            as_: neurons, synapses, connections, skeletons, embeddings, recordings or behavior.
            columns: a preset of ``graphlab columns`` (``"cave"``), with pairs (``"cave,size=volume"``), or ours ->
                theirs; None for our own names.
            resolution: nm per voxel XYZ; the graph's own when absent.
            keep: source column -> values whose rows stay.
            kind: chemical (default), electrical or extrasynaptic.
            duplicates: sum, first or refuse; by default rows of one source are summed, a pair that an
                earlier source brought is refused.
            unknown: what becomes of neurons that only synapses, connections or skeletons name: add, keep (out of the
                graph) or refuse; None adds, and refuses skeletons of no neuron.
            options: of a reader (``sheet``, ``variable``, ``rows`` and ``labels`` of a matrix), of skeletons
                (``units``: nm or um, ``labels``: what their structure types mean) or of embeddings (``model``,
                ``segmentation_version``).

        Raises:
            SchemaError, IdError, ReadError, VersionError: the graph is as it was before.
        """
        from graphlab.store.intake import Policy
        from graphlab.store.intake import ingest as ingest_source

        request = ReadRequest(
            as_=as_,
            columns=columns,
            resolution=Resolution.parse(resolution) if resolution is not None else None,
            keep={name: tuple(str(value) for value in values) for name, values in (keep or {}).items()},
            header=header,
            options=options,
        )
        policy = Policy(kind, duplicates, unknown)
        with self._folder.only_writer():  # what is there already is looked up before the transaction
            return ingest_source(self._folder, source, request, policy, progress)

    def drop_source(self, source: str | Path) -> DroppedSource:
        """Undo one ingest: the graph is as if the source had never come in. Results that used it are named.

        What follows from the tables (connections, totals, signs, which neurons there are) is made again; joins of
        embeddings to neurons or synapses that changed are forgotten; results of runs stay and are named.

        Args:
            source: name of its file as ``info`` lists it, or the id of its run.

        Raises:
            UnknownNameError: no such source. SchemaError: it was dropped before, its name is that of several, or
                another source would be refused without it. The graph is as it was before.
        """
        from graphlab.store.removal.sources import drop_source

        with self._folder.only_writer():
            version = str(self._folder.meta("data_version"))
            dropped = drop_source(self._folder, source)
        if dropped.data_version != version:
            old = [card.name for card in self.predict.cards() if card.graph.get("data_version") == version]
            if old:
                dropped.notes.append(f"predictors trained on data that had it: {', '.join(old)}; train them again")
        return dropped

    def info(self) -> GraphInfo:
        """Versions, counts, embeddings, recipe, and what to know before asking."""
        return information(self._folder)

    def describe(
        self,
        dataset: str | None = None,
        resolution: str | Sequence[float] | None = None,
        materialization: str | None = None,
    ) -> list[str]:
        """Say what was not said when the graph was made; what is None stays. Gives notes.

        Args:
            resolution: nm per voxel XYZ of sources to come; positions that are there stay as they are.

        Raises:
            VersionError: the ids are of another materialization already.
        """
        return describe(self._folder, dataset, resolution, materialization)

    def runs(self, verb: str | None = None) -> pa.Table:
        """What was done to the graph and computed from it, the latest last; of one verb where it is named."""
        return runs_of(self._folder, verb)

    def subset(
        self,
        who: Any = None,
        *,
        neuropil: str | Sequence[str] | None = None,
        min_weight: float = 0.0,
        regex: bool = False,
    ) -> Graph:
        """A part of the graph that is asked like a graph: ``graph.subset({"side": "left"}).motifs.census(3)``.

        Its neurons are fixed when it is made. Questions in every language, paths, censuses, null tests, circuits and
        reports see the part alone; runs are recorded in this graph with the part they are of, and ``rerun`` repeats
        them. Fractions are of a neuron's whole stored totals. Embeddings, activity and predictors are asked of the
        whole graph. It needs no closing, and ends with this graph.

        Args:
            who: neurons by id, name, type, set or criteria; None for all.
            neuropil: only connections in it, or in these; a connection weighs what it has there. Only neurons that
                connect there are in the part.
            min_weight: connections of less (in the neuropils) are left out; neurons stay.
            regex: texts of criteria are regular expressions.

        Raises:
            SchemaError: no neuron meets it, an id that is none of the graph. UnknownNameError: no such neuropil.
        """
        return Graph(self._part(who, neuropil, min_weight, regex))

    def as_of(self, when: int | datetime.datetime) -> Graph:
        """The graph as it was earlier, while it followed live events; asked like a graph, and only read.

        Neurons, connections, neuropils and compartments are those of then; single synapses are not kept.

        Args:
            when: a position (events taken, as ``graphlab live`` tells it), or a moment with its time zone.

        Raises:
            VersionError: before the history that is kept, or the data changed otherwise since.
        """
        from graphlab.store.live.history import EarlierFolder, position_at

        folder = self._whole_only("as_of")._folder
        return Graph(EarlierFolder(folder, position_at(folder, when)))

    def _graph_of(self, part: Mapping[str, Any] | None) -> Graph:
        """The whole graph, or the part that a run is of.

        Raises:
            VersionError: the part holds other neurons than when the run was made.
        """
        whole = Graph(self._folder.whole)
        if part is None:
            return whole
        again = whole.subset(
            part["neurons"], neuropil=part["neuropil"] or None, min_weight=part["min_weight"], regex=part["regex"]
        )
        if again.folder.part.key != part["key"]:
            raise VersionError(
                f"the run is of {again.folder.part}, which holds other neurons than when it was made: a saved set has "
                "changed since"
            )
        return again

    def _whole_only(self, what: str) -> Graph:
        """This graph, where it is no part.

        Raises:
            SchemaError: it is one.
        """
        if self._folder.part is not None:
            raise SchemaError(f"{what} is asked of the whole graph; this is {self._folder.part}")
        return self

    def set_recipe(self, min_score: float | None = None, merge_within_nm: float | None = None) -> GraphInfo:
        """Make the connections anew from the synapses, by this recipe; recorded in the graph."""
        from graphlab.store.wiring.recipe_change import change_recipe

        change_recipe(self._folder, Recipe(min_score, merge_within_nm))
        return self.info()

    def set_signs(self, transmitters: str, min_confidence: float | None = None) -> SignCounts:
        """Give neurons and connections a column ``sign`` (1, -1, null) by a named map: fly, worm, mouse, synthetic."""
        from graphlab.store.wiring.signs import set_signs

        return set_signs(self._folder, transmitters, min_confidence)

    def rerun(self, run_id: str) -> Rerun:
        """Recompute a recorded result and compare: counts, ids and text to the byte, floats within 1e-9."""
        from graphlab.verbs.circuits.namespace import Circuits
        from graphlab.verbs.embeddings import Embeddings
        from graphlab.verbs.motifs.namespace import Motifs
        from graphlab.verbs.predict import Predict
        from graphlab.verbs.skeletons import Skeletons

        run = runs.get(self._folder, run_id)
        again, graph = Repetition(self._folder, run), self._graph_of(run.parameters.get(PART))
        kinds = (Motifs, Embeddings, Circuits, Skeletons, Predict)
        namespaces = [kind(graph, again) for kind in kinds]
        return again.by({verb: do for namespace in namespaces for verb, do in namespace.repeatable().items()})

    def report(
        self,
        path: str | Path | None = None,
        motifs: Significance | None = None,
        compare: Mapping[str, Significance] | None = None,
    ) -> Path:
        """Write the self-contained HTML report, and every table beside it in ``<name>_files``.

        Args:
            path: ``reports/report.html`` in the graph when absent.
            motifs: write about this result of ``significance`` instead of the whole graph.
            compare: results of other graphs by name, for profiles in one figure.
        """
        from graphlab.report import write_motif_report, write_report

        part = self._folder.part
        name = "report.html" if part is None else f"report-{part.key}.html"
        target = Path(path) if path else places.place(self.path, places.REPORTS, name)
        if motifs is None:
            return write_report(self, target)
        return write_motif_report(self, target, motifs, compare or {})

    def _repr_html_(self) -> str:
        """What it holds and what to know before asking, for a notebook."""
        from queries.result import html_table

        info = self.info()
        known = {"dataset": info.dataset, "materialization": info.materialization, "voxel (nm)": info.resolution,
                 "data version": info.data_version, "part of the graph": info.subset}  # fmt: skip
        facts = [[name, str(value)] for name, value in known.items() if value]
        facts += [[name.replace("_", " "), f"{count:,}"] for name, count in info.counts.items() if count]
        facts += [[f"embeddings {one['model']}", f"{one['neurons']:,} neurons"] for one in info.embeddings]
        return html_table([self.path.name, ""], facts, info.notes)

    def __repr__(self) -> str:
        if self._folder.closed:
            return f"<Graph {self.path.name}: closed>"
        counts = tables.row_counts(self._folder)
        version = self._folder.meta("materialization")
        return (
            f"<Graph "
            f"{self._folder.meta('dataset') or self.path.name}{f', materialization {version}' if version else ''}: "
            f"{counts['neurons']:,} neurons, {counts['connections']:,} connections, {counts['synapses']:,} synapses"
            f"{f'; {self._folder.part}' if self._folder.part is not None else ''}>"
        )
