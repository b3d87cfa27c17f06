"""Motif classes counted exactly: the counting half of ``graph.motifs``."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from graphlab.store import tables
from graphlab.store.runs import results
from graphlab.verbs.opened import Namespace
from ingest.running.progress import Progress
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
    in one; connections below ``min_weight`` are left out; ``workers`` threads give the same bytes as one;
    ``progress`` is told (done, total); ``record`` keeps the result as a run of a writable graph.
    """

    def census(
        self,
        size: int,
        kind: str = "chemical",
        min_weight: float = 0.0,
        by: str | None = None,
        record: bool = True,
        **options: Any,
    ) -> Census:
        """Exact counts of every dyad, triad or connected tetrad class, induced and not.

        Args:
            by: a column of ``neurons`` (cell_type, super_class): counts among the neurons of each group, too.
            options: workers, progress.

        Raises:
            AnalysisError: another size, counts past 64 bits. UnknownNameError: no such kind or column.
        """
        from graphlab.motifs.census.census import census

        started, kind = datetime.datetime.now(datetime.UTC), self.kind_of(kind)
        view = self.snapshot(kind, min_weight)
        result = census(view, size, by=self.neuron_values(view, by) if by else None, **options)
        if record and not self._folder.read_only:
            parameters = {"size": size, "kind": kind, "min_weight": min_weight, "by": by}
            results.record_census(self._folder, result.to_arrow(), parameters, started)
        return result

    def census_by_neuropil(
        self,
        size: int,
        kind: str = "chemical",
        min_weight: float = 0.0,
        workers: int = 1,
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

        started = datetime.datetime.now(datetime.UTC)
        rows = tables.neuropil_rows(self._folder, kind)
        if not len(rows):
            raise AnalysisError(
                f"no {kind} connection names a neuropil; ingest synapses or connections with a column neuropil"
            )
        pre, post, weight = (rows[name].to_numpy() for name in ("pre_root_id", "post_root_id", "weight"))
        ids = self.snapshot(kind).root_ids
        parts = per_neuropil(ids, pre, post, weight, rows["neuropil"].to_pylist(), min_weight)
        table = census_of_parts(parts, size, workers, progress, len(rows["neuropil"].unique()))
        parameters = {"size": size, "kind": kind, "min_weight": min_weight}
        self._note(record, "census_by_neuropil", table, parameters, started)
        return table

    def census_sweep(
        self,
        size: int,
        thresholds: Sequence[float],
        kind: str = "chemical",
        workers: int = 1,
        progress: Progress | None = None,
        record: bool = True,
    ) -> pa.Table:
        """The census at each least weight of a connection: min_weight, connections, then the columns of a census.

        Raises:
            AnalysisError: no thresholds, or one that is no number.
        """
        from graphlab.motifs.census.census import threshold_sweep

        started, kind = datetime.datetime.now(datetime.UTC), self.kind_of(kind)
        table = threshold_sweep(self.snapshot(kind), size, thresholds, workers, progress)
        parameters = {"size": size, "thresholds": [float(value) for value in thresholds], "kind": kind}
        self._note(record, "census_sweep", table, parameters, started)
        return table

    def orbits(
        self,
        size: int,
        kind: str = "chemical",
        min_weight: float = 0.0,
        workers: int = 1,
        progress: Progress | None = None,
        record: bool = True,
    ) -> Orbits:
        """How often each neuron takes each place of each connected class: 3, 30 or 697 numbers a neuron, exact.

        Raises:
            AnalysisError: another size, counts past 64 bits.
        """
        from graphlab.motifs.census.orbits import orbits

        started, kind = datetime.datetime.now(datetime.UTC), self.kind_of(kind)
        found = orbits(self.snapshot(kind, min_weight), size, workers=workers, progress=progress)
        if record and not self._folder.read_only:
            parameters = {"size": size, "kind": kind, "min_weight": min_weight}
            results.record_table(self._folder, "orbits", found.to_arrow(), parameters, started)
        return found

    def roles(
        self,
        size: int,
        by: str = "cell_type",
        kind: str = "chemical",
        min_weight: float = 0.0,
        workers: int = 1,
        progress: Progress | None = None,
        record: bool = True,
        null: str | None = None,
        samples: int = 100,
        seed: int = 0,
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

        started, kind = datetime.datetime.now(datetime.UTC), self.kind_of(kind)
        view = self.snapshot(kind, min_weight)
        labels = [str(own) for own in view.root_ids] if by == "root_id" else self.neuron_values(view, by)
        parameters: dict[str, Any] = {"size": size, "by": by, "kind": kind, "min_weight": min_weight}
        if null is None:
            table = orbits(view, size, workers=workers, progress=progress).by_label(labels)
        else:
            from graphlab.motifs.significance.against_null import roles_against_null

            options = self._told(null, view, kind)
            table = roles_against_null(view, size, labels, null, samples, seed, options, workers, progress)
            parameters |= {"null": null, "samples": samples, "seed": seed}
        self._note(record, "roles", table, parameters, started)
        return table

    def weights(
        self,
        size: int,
        weightings: Iterable[str] = ("raw", "input", "log"),
        kind: str = "chemical",
        min_weight: float = 0.0,
        workers: int = 1,
        progress: Progress | None = None,
        record: bool = True,
        null: str | None = None,
        samples: int = 100,
        seed: int = 0,
        by: str = "cell_type",
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

        started, kind = datetime.datetime.now(datetime.UTC), self.kind_of(kind)
        wanted = list(weightings)
        view = self.snapshot(kind, min_weight)
        beyond = self.input_beyond(view, kind) if "input" in wanted else None
        table = motif_weights(view, size, wanted, workers=workers, progress=progress, beyond=beyond)
        parameters: dict[str, Any] = {"size": size, "weightings": wanted, "kind": kind, "min_weight": min_weight}
        if null is not None:
            from graphlab.motifs.nulls.models import LABELS
            from graphlab.motifs.nulls.registered import weight_null
            from graphlab.motifs.significance.weights import against_shuffles
            from graphlab.verbs.motif_runs import NullSettings, null_options

            model = weight_null(null)
            chosen = NullSettings(by=by if LABELS in model.needs else None, kind=kind, observable=False)
            options = null_options(self._folder, view, model, chosen)
            table = against_shuffles(view, table, size, null, samples, seed, options, workers, progress, beyond)
            parameters |= {"null": null, "samples": samples, "seed": seed, "by": by}
        self._note(record, "motif_weights", table, parameters, started)
        return table

    def signed_census(
        self,
        transmitters: str,
        kind: str = "chemical",
        min_weight: float = 0.0,
        workers: int = 1,
        progress: Progress | None = None,
        record: bool = True,
        null: str | None = None,
        samples: int = 100,
        seed: int = 0,
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

        started, kind = datetime.datetime.now(datetime.UTC), self.kind_of(kind)
        view = self.snapshot(kind, min_weight)
        chosen = transmitter_map(transmitters)
        signs = chosen.sign_all(self.neuron_values(view, "nt_type"), self.neuron_values(view, "nt_confidence"))
        if view.n and not any(signs):
            raise AnalysisError(
                f"none of {view.n:,} neurons has a sign under the map {chosen.name!r} "
                f"({', '.join(chosen.signs)}); ingest neurons with a column nt_type, or take another map"
            )
        parameters: dict[str, Any] = {"transmitters": transmitters, "kind": kind, "min_weight": min_weight}
        if null is None:
            table = signed_triads(view, signs, workers=workers, progress=progress)
        else:
            from graphlab.motifs.significance.against_null import signed_against_null

            options = self._told(null, view, kind)
            table = signed_against_null(view, signs, null, samples, seed, options, workers, progress)
            parameters |= {"null": null, "samples": samples, "seed": seed}
        self._note(record, "signed_census", table, parameters, started)
        return table

    def _told(self, null: str, view: Snapshot, kind: str) -> NullOptions:
        """What a null of all pairs, observable or not, needs to be told; labels are cell types."""
        from graphlab.motifs.nulls.registered import null_model
        from graphlab.verbs.motif_runs import NullSettings, null_options

        return null_options(self._folder, view, null_model(null), NullSettings(kind=kind, observable=False))

    def _note(
        self, record: bool, verb: str, table: pa.Table, parameters: dict[str, Any], started: datetime.datetime
    ) -> None:
        if record and not self._folder.read_only:
            results.record_table(self._folder, verb, table, parameters, started)

    def repeatable(self) -> dict[str, Callable[[dict[str, Any]], Any]]:
        """How the result of every verb is computed again from its parameters; the run stays as it is."""
        return {
            "census": lambda p: self.census(**p, record=False).to_arrow(),
            "census_by_neuropil": lambda p: self.census_by_neuropil(**p, record=False),
            "census_sweep": lambda p: self.census_sweep(**p, record=False),
            "orbits": lambda p: self.orbits(**p, record=False).to_arrow(),
            "roles": lambda p: self.roles(**p, record=False),
            "motif_weights": lambda p: self.weights(**p, record=False),
            "signed_census": lambda p: self.signed_census(**p, record=False),
        }
