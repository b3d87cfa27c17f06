"""What every verb of a graph starts from: the open folder, its wiring and the values of its neurons.

Tests: tests/graphlab/verbs/motifs/test_namespace.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import numpy.typing as npt

from graphlab.store import tables
from graphlab.store.database import read_errors
from graphlab.store.folder import Folder
from graphlab.store.runs.results import ActiveRun, Repetition, start_run
from graphlab.store.wiring.compartments.choice import Compartment, resolved_compartment
from graphlab.store.wiring.functional_edges import resolved_kind
from graphlab.store.wiring.input_totals import input_beyond
from graphlab.store.wiring.snapshots import snapshot as stored_snapshot
from graphlab.verbs.arguments import by_place, checks_of, require_arguments
from queries.snapshot import Snapshot


class OpenGraph:
    """An open graph folder."""

    _folder: Folder

    def __init_subclass__(cls) -> None:
        """Every verb refuses plain arguments of another kind, and reports a damaged database as a StoreError."""
        for name, verb in list(vars(cls).items()):
            if isinstance(verb, FunctionType) and not name.startswith("_"):
                setattr(cls, name, _asked_rightly(verb))

    @property
    def path(self) -> Path:
        return self._folder.path

    @property
    def folder(self) -> Folder:
        """The open folder, which the functions of ``graphlab.store`` take."""
        return self._folder

    def snapshot(self, kind: str = "chemical", min_weight: float = 0.0, compartment: Compartment = None) -> Snapshot:
        """The wiring as memory-mapped CSR arrays, autapses left out.

        Args:
            kind: chemical, electrical or extrasynaptic; response, correlation or lagged_predictive for functional
                edges (of the latest run; ``response@RUN`` for another).
            compartment: only what pairs have there: ``axo-dendritic``, ``axo-axonic``, ... (axo, dendro, somato;
                axonic, dendritic, somatic), labels as ``axon->primary_dendrite`` (``*`` for any, ``unknown`` for
                none), or several of them. ``min_weight`` is of what remains.
        """
        return stored_snapshot(self._folder, kind, min_weight, compartment=compartment)

    def kind_of(self, kind: str) -> str:
        """The kind as a run writes it down: functional edges with their own run, so that it can be done again."""
        return resolved_kind(self._folder, kind)

    def compartment_of(self, compartment: Compartment) -> str | None:
        """Compartments as a run writes them down: by name, with the runs that placed or labelled the synapses."""
        return resolved_compartment(self._folder, compartment)

    def input_beyond(self, snapshot: Snapshot, kind: str = "chemical") -> npt.NDArray[np.float64]:
        """What each neuron receives that the edges of ``snapshot`` do not hold; see ``store.wiring.input_totals``."""
        return input_beyond(self._folder, snapshot, self.kind_of(kind))

    def neuron_values(self, snapshot: Snapshot, column: str) -> list[Any]:
        """A column of ``neurons`` in node order of ``snapshot``, None where unknown."""
        return tables.neuron_values(self._folder, snapshot, column)


def _asked_rightly(verb: Callable[..., Any]) -> Callable[..., Any]:
    @cache  # of the verbs that are called: looking at all takes longer than a short question
    def expected() -> tuple[tuple[str, ...], dict[str, Any]]:
        return by_place(verb)[1:], checks_of(verb)

    @wraps(verb)
    def wrapper(self: OpenGraph, *args: Any, **kwargs: Any) -> Any:
        require_arguments(*expected(), args, kwargs)
        with read_errors(self._folder.path, damage_only=True):
            return verb(self, *args, **kwargs)

    return wrapper


class Namespace(OpenGraph):
    """Verbs of one kind under a name of their own, such as ``graph.motifs``; made on first use."""

    def __init__(self, graph: OpenGraph, repetition: Repetition | None = None) -> None:
        self._folder = graph.folder
        self._repetition = repetition

    def _start_run(
        self,
        verb: str,
        parameters: dict[str, Any],
        inputs: dict[str, str] | None = None,
        seed: int | None = None,
        record: bool = True,
    ) -> ActiveRun:
        """Begin work that leaves a run, or that compares its result with an earlier one's."""
        return start_run(self._folder, verb, parameters, inputs, seed, record=record, repetition=self._repetition)
