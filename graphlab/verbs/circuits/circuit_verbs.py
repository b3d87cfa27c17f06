"""What the verbs of ``graph.circuits`` share: weights from plain settings, neurons by ids or criteria, kept results.

Tests: tests/graphlab/verbs/circuits/test_flow.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from graphlab.circuits.result import CircuitResult
from graphlab.circuits.weights.read import read_weights
from graphlab.circuits.weights.settings import SUMMED, WeightSettings, weight_settings
from graphlab.circuits.weights.weights import Weights
from graphlab.selection.resolve import SPECIAL, root_ids_of
from graphlab.store.runs.results import ActiveRun
from graphlab.verbs.open_graph import Namespace
from ingest.schema.errors import AnalysisError
from ingest.schema.ids import as_root_ids

if TYPE_CHECKING:
    import pyarrow as pa

Ids = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]


class CircuitVerbs(Namespace):
    """Everywhere: ``settings`` are those of ``WeightSettings``: kind, min_weight, denominator, within, signs,
    unknown_signs, sign_of, transmitter_of, min_confidence, proofread, compartment. ``record`` keeps the result as a run
    of a writable graph."""

    def weights(self, **settings: Any) -> Weights:
        """The weights that every verb here works on: wiring, denominators and signs, with what has to be said."""
        return self._read(self._settings(settings))

    def repeatable(self) -> dict[str, Callable[..., object]]:
        """What does the work of a run again, by the verb that the run names, from the run's parameters."""
        return {}

    def _settings(self, given: Mapping[str, Any]) -> WeightSettings:
        chosen = weight_settings(given)
        compartment = None if chosen.compartment == SUMMED else self.compartment_of(chosen.compartment)
        return replace(
            chosen,
            kind=self.kind_of(chosen.kind),
            within=self._choice("within", chosen.within),
            compartment=compartment or SUMMED,
        )

    def _read(self, settings: WeightSettings) -> Weights:
        within = None if settings.within is None else self._ids("within", settings.within)
        return read_weights(self._folder, settings, within)

    def _ids(self, what: str, wanted: Any) -> Ids:
        """Root_ids of a choice of neurons, ascending.

        Raises:
            AnalysisError: nothing was given, or no neuron meets the criteria. ParseError: no such column.
        """
        ids: Ids = np.unique(root_ids_of(self._folder, wanted))
        if not len(ids) and isinstance(wanted, Mapping):
            raise AnalysisError(f"{what}: no neuron of the graph meets {_said(wanted)}; wanted one or more")
        if not len(ids):
            raise AnalysisError(f"{what}: no neuron was given; wanted root_ids, or criteria such as cell_type")
        return ids

    def _choice(self, what: str, wanted: Any) -> Any:
        """Neurons as a run writes them down: criteria as they are, anything else as ids.

        Sets and searches become ids: what they mean can change while the data stay.
        """
        lasting = isinstance(wanted, Mapping) and not set(SPECIAL) & set(wanted)
        chosen = wanted if wanted is None or lasting else self._ids(what, wanted)
        return plain_choice(what, chosen)

    def _nodes(self, what: str, wanted: Any, weights: Weights) -> Ints:
        """Node numbers of a choice of neurons, ascending, each of them a neuron of the weights.

        Raises:
            AnalysisError: as ``_ids``; a named neuron that is not among those of the weights, or none of those met.
        """
        ids = self._ids(what, wanted)
        nodes = weights.graph.indices_of(ids)
        missing = ids[nodes < 0]
        if len(missing) and not isinstance(wanted, Mapping):
            raise AnalysisError(
                f"{what}: neuron {missing[0]} is not among the {weights.n:,} neurons of this analysis "
                f"({len(missing):,} like that); root_ids change with the materialization, see `graphlab info`"
            )
        if len(missing) == len(ids):
            raise AnalysisError(f"{what}: none of the {len(ids):,} neurons of {_said(wanted)} is within the graph")
        return np.sort(nodes[nodes >= 0])

    def _nodes_by(self, nodes: Ints, column: str, weights: Weights) -> dict[str, Ints]:
        """Node numbers by their value of a column of neurons, in the order of the values; unknown ones together."""
        if column == "root_id":
            return {str(weights.graph.root_ids[node]): np.array([node]) for node in nodes.tolist()}
        values = self.neuron_values(weights.graph, column)
        groups: dict[str, list[int]] = {}
        for node in nodes.tolist():
            value = values[node]
            groups.setdefault(f"(no {column})" if value is None else str(value), []).append(node)
        return {name: np.array(groups[name], dtype=np.int64) for name in sorted(groups)}

    def _kept(
        self,
        run: ActiveRun,
        table: pa.Table,
        stored: str,
        notes: Sequence[str],
        about: Mapping[str, Any] | None = None,
    ) -> CircuitResult:
        """Finish the run with rows of one result table, and give them back."""
        run.finish(table, {stored: table}, table, "; ".join(notes))
        return CircuitResult(table, run_id=run.run_id, stored=stored, notes=tuple(notes), about=dict(about or {}))


def plain_choice(what: str, wanted: Any) -> Any:
    """A choice of neurons as a run writes it down: criteria of plain values, or a list of ids."""
    if wanted is None:
        return None
    if isinstance(wanted, Mapping):
        return {str(name): _plain_value(what, value) for name, value in wanted.items()}
    several = hasattr(wanted, "__iter__") and not isinstance(wanted, str)
    ids: list[int] = as_root_ids(wanted if several else [wanted]).tolist()
    return sorted(set(ids))


def _plain_value(what: str, value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "__iter__") and not isinstance(value, Mapping):
        return [_plain_value(what, one) for one in value]
    raise AnalysisError(f"{what}: found {value!r}; a run keeps texts, numbers and lists of them. Choose by root_id")


def _said(wanted: Any) -> str:
    if isinstance(wanted, Mapping):
        return ", ".join(f"{name}={value!r}" for name, value in wanted.items())
    return "the root_ids given"
