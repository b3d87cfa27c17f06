"""The statistics of ``graph.circuits``: numbers of the wiring beside null graphs, connections between types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from graphlab.circuits.result import CircuitResult
from graphlab.circuits.weights.settings import WeightSettings
from graphlab.circuits.weights.weights import Weights
from graphlab.motifs.nulls.models import observable_part
from graphlab.store import tables
from graphlab.store.files import places
from graphlab.store.runs.results import each_kept_run
from graphlab.verbs.circuits.circuit_verbs import CircuitVerbs
from graphlab.verbs.motifs.null_runs import NullSettings, inputs_of, null_options, settings_of
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers
from ingest.schema.errors import AnalysisError, UnknownNameError

if TYPE_CHECKING:
    import pyarrow as pa

    from graphlab.circuits.statistics.table import GraphStatistics
    from queries.snapshot import Snapshot

OF_WEIGHTS = ("kind", "min_weight", "within", "proofread", "compartment")
"""Settings of weights that statistics have; they count connections and divide by nothing."""
OF_NULLS = tuple(field.name for field in fields(NullSettings) if field.name not in OF_WEIGHTS)


@dataclass(frozen=True, eq=False, repr=False)
class StatisticsResult(CircuitResult):
    """The rows of ``graph_statistics``, the numbers behind them, and those of every neuron."""

    found: GraphStatistics | None = None
    neurons: pa.Table | None = None
    """root_id, measure, value, label: the rows of ``neuron_statistics``."""

    def value(self, name: str, at: float | None = None, label: str = "") -> float:
        """One number by its name, and its threshold and label where it has them."""
        assert self.found is not None
        return self.found.value(name, at, label)


class StatisticsVerbs(CircuitVerbs):
    """Numbers of a wiring."""

    def statistics(
        self,
        names: Sequence[str] | None = None,
        null: str | None = None,
        samples: int = 100,
        seed: int = 0,
        *,
        sides: bool = False,
        pivots: int = 256,
        exact_up_to: int = 20_000,
        club_degree: int = 37,
        workers: Workers = 1,
        record: bool = True,
        progress: Progress | None = None,
        null_progress: Progress | None = None,
        mixing_progress: Progress | None = None,
        **settings: Any,
    ) -> StatisticsResult:
        """Statistics of the wiring, with N beside each number, and against a null model where one is named.

        Args:
            names: statistics, as ``graphlab stats --help`` lists them; by default all whose columns are there, of
                which reciprocity, clustering, components, assortativity and rich-club go against a null.
            null: a registered null model; of degrees (configuration), of mutual partners too (reciprocal), ...
            samples: random graphs. seed: of pivots, draws and random graphs.
            sides: also the numbers of left and right neurons alone: the yardstick of noise.
            pivots: sources of searches (256 at least) in graphs of more than ``exact_up_to`` neurons; numbers that
                rest on them have an ``error``.
            club_degree: total degree from which a neuron is in the rich club, a broadcaster or an integrator.
            settings: of weights: kind, min_weight, within, proofread, compartment; of the null: by, steps_per_edge,
                near, proximity, keep_reciprocity, observable.

        Returns:
            statistic, name, label, threshold, value, error, n, unit, neurons, connections, left_value, right_value,
            null_model, samples, null_mean, null_std, ratio, z, p, q, note.

        Raises:
            UnknownNameError: no such statistic, null or setting. AnalysisError: no connections, weights that are all
                0, a column or a side that is missing. InterruptedSamples: on Ctrl-C, with what is done.
        """
        from graphlab.circuits.statistics.statistic import Told
        from graphlab.circuits.statistics.table import TESTED, against_null, any_null, chosen

        weighing, rewiring = self._split(settings)
        told = Told(seed=seed, pivots=pivots, exact_up_to=exact_up_to, club_degree=club_degree, workers=workers)
        wanted = None if names is None else _listed(names)
        parameters = {
            "names": wanted, "null": null, "samples": samples, "seed": seed, "sides": sides, "pivots": pivots,
            "exact_up_to": exact_up_to, "club_degree": club_degree,
            **{name: getattr(weighing, name) for name in OF_WEIGHTS},
            **({name: getattr(rewiring, name) for name in OF_NULLS} if null is not None else {}),
        }  # fmt: skip
        run = self._start_run("statistics", parameters, inputs_of(rewiring), seed, record=record)
        weights = self._read(weighing)
        graph, notes = weights.graph, connection_notes(weights)
        if null is not None:
            model = any_null(null)
            options = null_options(self._folder, graph, model, rewiring)
            part = observable_part(graph, options)
            if part is not graph:
                notes.append(
                    f"{graph.m - part.m:,} of {graph.m:,} connections are outside the pairs whose axon and dendrite "
                    "were proofread, which a null cannot rewire; they are left out (observable=False keeps them)"
                )
                graph = part
        columns = self.columns_of(graph)
        ours, left_out = chosen(wanted, list(columns))
        told = replace(told, columns=columns)
        found = measured(graph, ours, told, sides, wanted is None, progress)
        if null is not None:
            tested = list(found.measured) if wanted is not None else [name for name in TESTED if name in found.measured]
            folder = places.place(self.path, places.SAMPLES) if run.recorded else None
            against = against_null(
                graph, found, tested, told, null,
                samples=samples, seed=seed, options=options, workers=workers, folder=folder, progress=null_progress,
                mixing_progress=mixing_progress,
            )  # fmt: skip
            found = replace(found, against=against)
            notes += [against.sentence, *against.notes]
            if wanted is None:
                notes.append(f"of the default statistics {', '.join(tested)} went against the null; name others")
        notes = [*notes, *left_out, *found.notes]
        table, neurons = found.to_arrow(), found.neurons_to_arrow(graph.root_ids)
        whole = _whole(table, neurons, notes, found.sentences)
        run.finish(whole, {"graph_statistics": table, "neuron_statistics": neurons}, whole, "; ".join(notes))
        return StatisticsResult(
            table, run_id=run.run_id, stored="graph_statistics", notes=tuple(notes), found=found, neurons=neurons,
            about={"neurons": graph.n, "connections": graph.m, "definitions": list(found.sentences)},
        )  # fmt: skip

    def type_connections(self, by: str = "cell_type", *, record: bool = True, **settings: Any) -> CircuitResult:
        """Connections between cell types: share of cells, mean, sd, fractions of input, both sides.

        Args:
            by: column of ``neurons`` that names the types.

        Returns:
            what ``circuits.statistics.types.type_connections`` gives, with the denominator of fractions.

        Raises:
            AnalysisError: no connections, or no types. UnknownNameError: no such column.
        """
        import pyarrow as pa

        from graphlab.circuits.statistics.statistic import require_connections
        from graphlab.circuits.statistics.types import type_connections

        chosen = self._settings(settings)
        run = self._start_run("type_connections", {"by": by, **chosen.plain()}, record=record)
        weights = self._read(chosen)
        require_connections(weights.graph)
        types = texts(tables.neuron_values(self._folder, weights.graph, by))
        sides = texts(tables.neuron_values(self._folder, weights.graph, "side"))
        table = type_connections(weights.graph, types, sides if any(sides) else None, weights.total_in)
        table = table.append_column("denominator", pa.array([weights.denominator] * table.num_rows, pa.string()))
        typed = sum(one is not None for one in types)
        notes = [f"{typed:,} of {weights.n:,} neurons have a {by}; connections of the others are left out"]
        if not any(sides):
            notes.append("no neuron has a side, so nothing is said of left and right")
        return self._kept(run, table, "type_connections", [*notes, *weights.notes])

    def latest_statistics(self) -> tuple[str, pa.Table, Mapping[str, list[str]]] | None:
        """Run, rows and words (notes, definitions) of the last recorded ``statistics`` on the present data."""
        import json

        for run, table in each_kept_run(self._folder, "statistics"):
            rows = table.filter(table["root_id"].is_null()).drop_columns(["root_id"])
            return run.run_id, rows, json.loads((table.schema.metadata or {}).get(b"graphlab.statistics", b"{}"))
        return None

    def columns_of(self, graph: Snapshot) -> dict[str, list[str | None]]:
        """The columns that any statistic needs and that some neuron has a value in."""
        from graphlab.circuits.statistics.registered import STATISTICS

        found = {}
        for name in sorted({need for _, one in STATISTICS for need in one.needs}):
            try:
                values = texts(tables.neuron_values(self._folder, graph, name))
            except UnknownNameError:  # no source brought the column
                continue
            if any(values):
                found[name] = values
        return found

    def _split(self, settings: Mapping[str, Any]) -> tuple[WeightSettings, NullSettings]:
        known = (*OF_WEIGHTS, *OF_NULLS)
        for name in settings:
            if name not in known:
                raise UnknownNameError("setting of statistics", name, known)
        own = {name: value for name, value in settings.items() if name in OF_WEIGHTS}
        weighing = self._settings({**own, "denominator": "in-graph"})
        others = {name: value for name, value in settings.items() if name in OF_NULLS}
        rewiring = settings_of({**others, "kind": weighing.kind, "min_weight": weighing.min_weight})
        return weighing, rewiring

    def repeatable(self) -> dict[str, Callable[..., object]]:
        """What does the work of a run again, by the verb that the run names, from the run's parameters."""
        return {**super().repeatable(), "statistics": self.statistics, "type_connections": self.type_connections}


def measured(
    graph: Snapshot, names: Sequence[str], told: Any, sides: bool, lenient: bool, progress: Progress | None = None
) -> GraphStatistics:
    """The named statistics of a graph, and of its two sides where asked for."""
    from graphlab.circuits.statistics.by_side import statistics_of_sides
    from graphlab.circuits.statistics.table import measure_all

    if sides and "side" not in told.columns:
        raise AnalysisError(
            "left and right need the column 'side' of neurons, in which no neuron has a value; ingest neurons with "
            'their sides (columns="side=THEIRS"). They are not taken from positions, since an image may be mirrored, '
            "as that of FAFB is"
        )
    found = measure_all(graph, names, told, progress, lenient=lenient)
    if not sides:
        return found
    return replace(found, left_right=statistics_of_sides(graph, told.columns["side"], list(found.measured), told))


def connection_notes(weights: Weights) -> list[str]:
    """What has to be said of the connections that statistics are about."""
    meta = weights.graph.meta
    least = float(meta.get("min_weight", 0.0))
    pairs = f"pairs of at least {least:g}" if least else "all pairs"
    first = f"connections: {meta.get('kind', 'chemical')}, {pairs} (summed over neuropils), autapses out"
    return [first, *weights.notes[1:]]


def texts(values: Sequence[Any]) -> list[str | None]:
    """Values of a column as text, None where there is none."""
    return [None if value is None or value == "" else str(value) for value in values]


def _listed(names: Sequence[str]) -> list[str]:
    if isinstance(names, str):
        raise AnalysisError(f"names is the text {names!r}; wanted a list of statistics, such as [{names!r}]")
    return list(names)


def _whole(table: pa.Table, neurons: pa.Table, notes: Sequence[str], sentences: Sequence[str]) -> pa.Table:
    """Both tables as one, which is what a rerun compares; rows of the first have no root_id."""
    import json

    import pyarrow as pa

    own = neurons.rename_columns(["root_id", "name", "value", "label"])
    together = pa.concat_tables([table, own], promote_options="default").combine_chunks()
    words = json.dumps({"notes": list(notes), "definitions": list(sentences)})
    return together.replace_schema_metadata({"graphlab.statistics": words})
