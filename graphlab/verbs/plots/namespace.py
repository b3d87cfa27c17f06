"""``graph.plot``: one verb a figure, an Altair chart in a notebook and the same as SVG.

Tests: tests/graphlab/verbs/plots/test_plots.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from graphlab.store.wiring.compartments.choice import Compartment
from graphlab.verbs.open_graph import Namespace
from ingest.schema.errors import AnalysisError, SchemaError

if TYPE_CHECKING:
    from graphlab.activity.trace_plot import TracesPlot
    from graphlab.charts.plots.against_null import AgainstNullPlot
    from graphlab.charts.plots.heat_map import HeatMapPlot
    from graphlab.charts.plots.layers import LayersPlot
    from graphlab.charts.plots.partners import PartnersPlot
    from graphlab.charts.plots.points import PointsPlot
    from graphlab.charts.plots.raster import RasterPlot
    from graphlab.graph import Graph
    from graphlab.motifs.significance.motifs import Significance

MOST_NODES = 80
"""Neurons in the drawing of a circuit."""


class Plots(Namespace):
    """Figures. Each is shown by a notebook; ``.save("name.svg")`` writes it, ``.altair()`` gives a chart to change."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self._graph = graph

    def adjacency(
        self,
        by: str = "cell_type",
        pre: Any = None,
        post: Any = None,
        *,
        values: Literal["weight", "connections", "fraction_in", "fraction_out"] = "weight",
        most: int = 40,
        min_weight: float = 0.0,
        kind: str = "chemical",
        compartment: Compartment = None,
    ) -> HeatMapPlot:
        """Who connects with whom, summed over groups, as a heat map with a colour bar.

        Args:
            by: ``neuron`` or a column of ``neurons``. pre, post: neurons by id, name, type, set or criteria.
            values: what the shade is. most: rows, and columns, those that add up to most; the figure names how many
                there are.

        Raises:
            AnalysisError: nothing connects.
        """
        from graphlab.verbs.plots.rows import WORDS, heat_map
        from ingest.schema.errors import UnknownNameError

        if values not in WORDS:
            raise UnknownNameError("values of a heat map", values, WORDS)
        if by == "neuropil":
            raise SchemaError("a heat map has two sides, and neuropils have one; wanted neuron, or a column of neurons")
        if by == "neuron" and values == "connections":
            raise SchemaError("between single neurons every connection counts 1; wanted weight or a fraction")
        fractions = values.startswith("fraction")
        found = self._graph.adjacency(
            by, pre, post, min_weight=min_weight, kind=kind, compartment=compartment, fractions=fractions
        )
        return heat_map(found, by, values, _positive("most", most), kind)

    def circuit(
        self,
        who: Any,
        *,
        by: str = "cell_type",
        min_weight: float = 0.0,
        kind: str = "chemical",
        compartment: Compartment = None,
    ) -> LayersPlot:
        """Some neurons and the connections among them: a layer a type, those that send more than they get on the left.

        Args:
            who: at most 80 neurons by id, name, type, set or criteria. by: column of ``neurons`` that makes layers.

        Raises:
            AnalysisError: none, or more neurons than can be seen. UnknownNeuronError: an id that is none of the graph.
        """
        from graphlab.selection.resolve import root_ids_of
        from graphlab.verbs.everyday.paths import UnknownNeuronError
        from graphlab.verbs.plots.rows import circuit

        ids = root_ids_of(self._folder, who)
        if not 0 < len(ids) <= MOST_NODES:
            told = f"{len(ids):,} neurons, and a drawing shows 1 to {MOST_NODES}"
            raise AnalysisError(f"{told}; choose fewer, or draw their types with graph.plot.adjacency")
        chosen = {"root_id": ids.tolist()}
        found = self._graph.connections(chosen, chosen, min_weight=min_weight, kind=kind, compartment=compartment)
        neurons = self._graph.neurons(chosen).to_arrow().to_pylist()
        absent = set(ids.tolist()) - {row["root_id"] for row in neurons}
        if absent:
            raise UnknownNeuronError(min(absent))
        return circuit(neurons, found.to_arrow().to_pylist(), by, kind)

    def paths(self, source: Any, target: Any, **words: Any) -> LayersPlot:
        """Paths from neurons to neurons: a layer a step, coloured by cell type.

        Args:
            words: as ``graph.paths`` takes them: k, all, max_length, weighted, min_weight, kind, compartment.

        Raises:
            AnalysisError: no path, or more neurons than can be seen.
        """
        from graphlab.verbs.plots.rows import layered_paths

        found = self._graph.paths(source, target, **words)
        if not len(found):
            raise AnalysisError("; ".join(found.notes) or "there is no path")
        plot = layered_paths(found.to_arrow().to_pylist())
        if len(plot.nodes) > MOST_NODES:
            told = f"the paths hold {len(plot.nodes):,} neurons, and a drawing shows {MOST_NODES}"
            raise AnalysisError(f"{told}; ask for fewer paths, or give min_weight")
        return plot

    def partners(
        self,
        who: Any,
        *,
        by: str = "cell_type",
        most: int = 15,
        min_weight: float = 0.0,
        kind: str = "chemical",
        compartment: Compartment = None,
    ) -> PartnersPlot:
        """The heaviest partners of some neurons taken together, inputs and outputs, as bars.

        Args:
            by: ``neuron``, or a column of ``neurons`` to sum by. most: bars of each direction.
        """
        from graphlab.verbs.plots.rows import partner_bars

        words: dict[str, Any] = {"by": by, "min_weight": min_weight, "kind": kind, "compartment": compartment}
        found = {
            "inputs": self._graph.partners(who, direction="in", **words),
            "outputs": self._graph.partners(who, direction="out", **words),
        }
        return partner_bars(found, by, _positive("most", most), f"Partners of {_told(who)}", kind)

    def census(self, result: Significance | None = None, *, size: int = 3) -> AgainstNullPlot:
        """Counts of motif classes against a null model.

        Args:
            result: of ``graph.motifs.significance``; the latest recorded one of ``size`` when absent.

        Raises:
            AnalysisError: none was recorded.
        """
        from graphlab.charts.plots.against_null import AgainstNullPlot
        from graphlab.motifs.significance.drawn import decisive, null_rows, shown_classes

        if result is None:
            kept = self._graph.motifs.kept_significance(size)
            if not kept:
                raise AnalysisError(
                    f"no significance of size {size} was recorded on the present data; "
                    f"run graph.motifs.significance({size}), or `graphlab motifs GRAPH --size {size}`"
                )
            result = kept[0][1]
        shown, tested = shown_classes(result), int(result.tested.sum())
        notes = [result.sentence, f"{result.samples:,} samples; coloured: q < .05 over {tested} classes."]
        if not decisive(result):
            notes[1] = f"{result.samples:,} samples cannot bring one class to q .05, so none is coloured."
        if sum(bool(result.tested[k]) for k in shown) < tested:
            notes.append(f"{len(shown)} of {len(result.classes)} classes, those furthest from the null.")
        title = f"Motifs of {result.size} neurons against the null {result.null}"
        return AgainstNullPlot(title=title, notes=tuple(notes), classes=null_rows(result, shown))

    def embedding(
        self, model: str | None = None, *, by: str = "cell_type", most: int = 4_000, method: str = "pca"
    ) -> PointsPlot:
        """Mean vectors of neurons in a plane, coloured by a column of ``neurons``.

        Args:
            most: neurons in the map; of more, so many are sampled, and the map says so.
            method: ``pca``, the first two principal components; ``umap``, the latest one of ``graph.embeddings.map``.

        Raises:
            AnalysisError: fewer than three neurons have vectors; no UMAP was recorded.
        """
        from graphlab.store.tables import neuron_values

        found = self._graph.embeddings.projection(model, method, _positive("most", most))
        return found.plot(neuron_values(self._folder, found, by))

    def traces(self, animal: str | None = None) -> TracesPlot:
        """Recorded traces of one animal with its behaviour; the animal with most identified neurons when absent.

        Raises:
            AnalysisError: no recordings. UnknownNameError: no such animal.
        """
        from graphlab.activity.section import most_identified, traces_plot
        from graphlab.activity.sessions.session import animals, load

        known = animals(self._graph.activity.folder)
        if not known:
            raise AnalysisError("this graph has no recordings; `graphlab ingest GRAPH FILE --as recordings` adds some")
        session = most_identified(self._folder, known) if animal is None else load(self._folder, [animal])[0]
        return traces_plot(session)

    def raster(self, run_id: str | None = None, *, most: int = 40, trials: int = 5) -> RasterPlot:
        """Spikes and mean rates of a simulation, neurons by rate.

        Args:
            run_id: of ``graph.circuits.simulate``; the latest when absent. most: neurons. trials: of each.

        Raises:
            AnalysisError: no such simulation, or its spikes were not kept.
        """
        from graphlab.verbs.plots.rows import raster

        return raster(self._folder, run_id, _positive("most", most), _positive("trials", trials))


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise SchemaError(f"{name} is {value}; wanted 1 or more")
    return value


def _told(who: Any) -> str:
    """Neurons as a title says them."""
    if isinstance(who, dict):
        return ", ".join(f"{name} {value}" for name, value in who.items())
    if isinstance(who, str | int | np.integer):
        return str(who)
    listed = [str(one) for one in who]
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")
