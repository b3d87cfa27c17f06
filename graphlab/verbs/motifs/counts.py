"""Motif classes counted exactly: the counting half of ``graph.motifs``.

Tests: tests/graphlab/verbs/motifs/test_namespace.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from graphlab.config import DuckDBSettings
from graphlab.store import tables
from graphlab.store.files import places
from graphlab.store.runs.results import motif_counts
from graphlab.store.wiring.compartments.choice import Compartment
from graphlab.verbs.open_graph import Namespace
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers
from ingest.schema.errors import AnalysisError

if TYPE_CHECKING:
    import pyarrow as pa

    from graphlab.motifs.census.census import Census
    from graphlab.motifs.census.orbits import Orbits
    from graphlab.motifs.nulls.models import NullOptions
    from queries.snapshot import Snapshot


class MotifCounts(Namespace):
    """Motif classes, counted exactly.

    Everywhere: ``size`` is 2, 3 or 4; ``kind`` is one that ``snapshot`` takes, synaptic or functional, never several
    in one; ``compartment`` takes only what pairs have there (``axo-dendritic``, see ``snapshot``); connections below
    ``min_weight`` are left out; ``workers`` threads give the same bytes as one;
    ``progress`` is told (done, total); ``record`` keeps the result as a run of a writable graph.
    """

    def census(
        self,
        size: int,
        kind: str = "chemical",
        min_weight: float = 0.0,
        by: str | None = None,
        record: bool = True,
        compartment: Compartment = None,
        **options: Any,
    ) -> Census:
        """Exact counts of every dyad, triad or connected tetrad class, induced and not.

        Triads that would take more memory than ``GRAPHLAB_MEMORY`` are counted from a file, and a note says so.

        Args:
            by: a column of ``neurons`` (cell_type, super_class): counts among the neurons of each group, too.
            options: workers, progress.

        Raises:
            AnalysisError: another size, counts past 64 bits. UnknownNameError: no such kind or column.
        """
        from graphlab.motifs.census.census import census
        from graphlab.motifs.census.larger import Room

        kind = self.kind_of(kind)
        chosen = self._chosen(compartment)
        parameters = {"size": size, "kind": kind, "min_weight": min_weight, "by": by, **chosen}
        run = self._start_run("census", parameters, record=record)
        view = self.snapshot(kind, min_weight, **chosen)
        labels = self.neuron_values(view, by) if by else None
        scratch = places.place(self._folder.path, places.SCRATCH)
        room = Room(DuckDBSettings.from_environment().memory_bytes, scratch)
        result = census(view, size, by=labels, room=room, **options)
        table = result.to_arrow()
        run.finish(table, motif_counts(self._folder, table, size))
        return result

    def census_by_neuropil(
        self,
        size: int,
        kind: str = "chemical",
        min_weight: float = 0.0,
        workers: Workers = 1,
        progress: Progress | None = None,
        record: bool = True,
    ) -> pa.Table:
        """The census of the connections made in each neuropil, among the neurons that connect there.

        Args:
            min_weight: applied to what a pair has in the neuropil.

        Returns:
            Rows group (the neuropil), neurons, connections, motif, edges, count, count_noninduced.

        Raises:
            AnalysisError: no connection of this kind has a neuropil.
        """
        from graphlab.motifs.census.census import census_of_parts
        from graphlab.motifs.census.parts import per_neuropil

        parameters = {"size": size, "kind": kind, "min_weight": min_weight}
        run = self._start_run("census_by_neuropil", parameters, record=record)
        rows = tables.neuropil_rows(self._folder, kind)
        if not len(rows):
            raise AnalysisError(
                f"no {kind} connection names a neuropil; ingest synapses or connections with a column neuropil"
            )
        pre, post, weight = (rows[name].to_numpy() for name in ("pre_root_id", "post_root_id", "weight"))
        ids = self.snapshot(kind).root_ids
        parts = per_neuropil(ids, pre, post, weight, rows["neuropil"].to_pylist(), min_weight)
        table = census_of_parts(parts, size, workers, progress, len(rows["neuropil"].unique()))
        run.finish(table)
        return table

    def census_sweep(
        self,
        size: int,
        thresholds: Sequence[float],
        kind: str = "chemical",
        workers: Workers = 1,
        progress: Progress | None = None,
        record: bool = True,
        compartment: Compartment = None,
    ) -> pa.Table:
        """The census at each least weight of a connection: min_weight, connections, then the columns of a census.

        Raises:
            AnalysisError: no thresholds, or one that is no number.
        """
        from graphlab.motifs.census.census import threshold_sweep

        kind = self.kind_of(kind)
        chosen = self._chosen(compartment)
        parameters = {"size": size, "thresholds": [float(value) for value in thresholds], "kind": kind, **chosen}
        run = self._start_run("census_sweep", parameters, record=record)
        table = threshold_sweep(self.snapshot(kind, **chosen), size, thresholds, workers, progress)
        run.finish(table)
        return table

    def orbits(
        self,
        size: int,
        kind: str = "chemical",
        min_weight: float = 0.0,
        workers: Workers = 1,
        progress: Progress | None = None,
        record: bool = True,
        compartment: Compartment = None,
    ) -> Orbits:
        """How often each neuron takes each place of each connected class: 3, 30 or 697 numbers a neuron, exact.

        Raises:
            AnalysisError: another size, counts past 64 bits.
        """
        from graphlab.motifs.census.orbits import orbits

        kind = self.kind_of(kind)
        chosen = self._chosen(compartment)
        run = self._start_run("orbits", {"size": size, "kind": kind, "min_weight": min_weight, **chosen}, record=record)
        counts = orbits(self.snapshot(kind, min_weight, **chosen), size, workers=workers, progress=progress)
        if run.needed:
            run.finish(counts.to_arrow())
        return counts

    def roles(
        self,
        size: int,
        by: str = "cell_type",
        kind: str = "chemical",
        min_weight: float = 0.0,
        workers: Workers = 1,
        progress: Progress | None = None,
        record: bool = True,
        null: str | None = None,
        samples: int = 100,
        seed: int = 0,
        compartment: Compartment = None,
    ) -> pa.Table:
        """The orbits summed over groups of neurons, such as cell types: which places each group takes in all motifs.

        Args:
            by: a column of ``neurons``; ``root_id``: every neuron by itself.
            null: also against graphs of this null of wiring; one that needs labels takes cell types.
            samples, seed: of the null; the same seed gives the same bytes.

        Returns:
            Rows group, neurons, motif, orbit, roles, count, per_neuron; with a null also null_mean, null_std, z, p, q
            (over all rows) and note (what the null fixes has neither z nor p).
        """
        from graphlab.motifs.census.orbits import orbits

        kind = self.kind_of(kind)
        chosen = self._chosen(compartment)
        parameters: dict[str, Any] = {"size": size, "by": by, "kind": kind, "min_weight": min_weight, **chosen}
        run = self._start_run("roles", {**parameters, **_drawn(null, samples, seed)}, record=record)
        view = self.snapshot(kind, min_weight, **chosen)
        labels = [str(own) for own in view.root_ids] if by == "root_id" else self.neuron_values(view, by)
        if null is None:
            table = orbits(view, size, workers=workers, progress=progress).by_label(labels)
        else:
            from graphlab.motifs.significance.against_null import roles_against_null

            options = self._told(null, view, kind)
            table = roles_against_null(view, size, labels, null, samples, seed, options, workers, progress)
        run.finish(table)
        return table

    def weights(
        self,
        size: int,
        weightings: Iterable[str] = ("raw", "input", "log"),
        kind: str = "chemical",
        min_weight: float = 0.0,
        workers: Workers = 1,
        progress: Progress | None = None,
        record: bool = True,
        null: str | None = None,
        samples: int = 100,
        seed: int = 0,
        by: str = "cell_type",
        compartment: Compartment = None,
    ) -> pa.Table:
        """Intensity, coherence and mean weight of every edge of each connected class (Onnela et al. 2005).

        Args:
            weightings: raw, input (share of all input of the postsynaptic neuron:
                before any threshold, fragments in, autapses out), log (ln(1 + weight)).
            null: also against shuffled weights on the same wiring: weights (over all connections), weights-pre (among
                the outputs of each neuron), weights-types (between the same two groups, named by ``by``).
            samples, seed: of the null; the same seed gives the same bytes.

        Raises:
            AnalysisError: weights that are not positive, more tetrads than are listed.
            UnknownNameError: no such weighting.
        """
        from graphlab.motifs.census.weights import motif_weights

        kind, wanted = self.kind_of(kind), list(weightings)
        part = self._chosen(compartment)
        parameters: dict[str, Any] = {"size": size, "weightings": wanted, "kind": kind, "min_weight": min_weight}
        parameters |= part
        if null is not None:
            parameters |= {**_drawn(null, samples, seed), "by": by}
        run = self._start_run("motif_weights", parameters, record=record)
        view = self.snapshot(kind, min_weight, **part)
        beyond = self.input_beyond(view, kind) if "input" in wanted else None
        table = motif_weights(view, size, wanted, workers=workers, progress=progress, beyond=beyond)
        if null is not None:
            from graphlab.motifs.nulls.models import LABELS
            from graphlab.motifs.nulls.registered import weight_null
            from graphlab.motifs.significance.weights import against_shuffles
            from graphlab.verbs.motifs.null_runs import NullSettings, null_options

            model = weight_null(null)
            chosen = NullSettings(by=by if LABELS in model.needs else None, kind=kind, observable=False)
            options = null_options(self._folder, view, model, chosen)
            table = against_shuffles(view, table, size, null, samples, seed, options, workers, progress, beyond)
        run.finish(table)
        return table

    def signed_census(
        self,
        transmitters: str,
        kind: str = "chemical",
        min_weight: float = 0.0,
        workers: Workers = 1,
        progress: Progress | None = None,
        record: bool = True,
        null: str | None = None,
        samples: int = 100,
        seed: int = 0,
        compartment: Compartment = None,
    ) -> pa.Table:
        """Triads by class and signs of their connections; ``?`` where a transmitter is unknown or has no sign.

        Args:
            transmitters: the map from transmitters to signs: fly, worm, mouse or synthetic.
            null: also against graphs of this null of wiring in which every neuron keeps its sign; one that needs
                labels takes cell types; adds null_mean, null_std, z, p, q (over all patterns) and note.
            samples, seed: of the null; the same seed gives the same bytes.

        Raises:
            UnknownNameError: no such map. AnalysisError: no neuron has a sign under it.
        """
        from graphlab.motifs.census.signed import signed_triads
        from ingest.schema.transmitters import transmitter_map

        kind, part = self.kind_of(kind), self._chosen(compartment)
        parameters: dict[str, Any] = {"transmitters": transmitters, "kind": kind, "min_weight": min_weight, **part}
        run = self._start_run("signed_census", {**parameters, **_drawn(null, samples, seed)}, record=record)
        view = self.snapshot(kind, min_weight, **part)
        chosen = transmitter_map(transmitters)
        signs = chosen.sign_all(self.neuron_values(view, "nt_type"), self.neuron_values(view, "nt_confidence"))
        if view.n and not any(signs):
            raise AnalysisError(
                f"none of {view.n:,} neurons has a sign under the map {chosen.name!r} "
                f"({', '.join(chosen.signs)}); ingest neurons with a column nt_type, or take another map"
            )
        if null is None:
            table = signed_triads(view, signs, workers=workers, progress=progress)
        else:
            from graphlab.motifs.significance.against_null import signed_against_null

            options = self._told(null, view, kind)
            table = signed_against_null(view, signs, null, samples, seed, options, workers, progress)
        run.finish(table)
        return table

    def _chosen(self, compartment: Compartment) -> dict[str, Any]:
        """The parameter of a run, and of a snapshot, that says which compartments; none for whole connections."""
        return {} if compartment is None else {"compartment": self.compartment_of(compartment)}

    def _told(self, null: str, view: Snapshot, kind: str) -> NullOptions:
        """What a null of all pairs, observable or not, needs to be told; labels are cell types."""
        from graphlab.motifs.nulls.registered import null_model
        from graphlab.verbs.motifs.null_runs import NullSettings, null_options

        return null_options(self._folder, view, null_model(null), NullSettings(kind=kind, observable=False))

    def repeatable(self) -> dict[str, Callable[..., object]]:
        """What does the work of a run again, by the verb that the run names, from the run's parameters."""
        return {
            "census": self.census,
            "census_by_neuropil": self.census_by_neuropil,
            "census_sweep": self.census_sweep,
            "orbits": self.orbits,
            "roles": self.roles,
            "motif_weights": self.weights,
            "signed_census": self.signed_census,
        }


def _drawn(null: str | None, samples: int, seed: int) -> dict[str, Any]:
    """Parameters of a comparison with a null."""
    return {} if null is None else {"null": null, "samples": samples, "seed": seed}
