"""The verbs of ``graph.circuits`` about direction, layers and cascades."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphlab.circuits.result import CircuitResult
from graphlab.circuits.weights.settings import one_of
from graphlab.circuits.weights.weights import require_connections
from graphlab.verbs.circuits.circuit_verbs import CircuitVerbs
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers

MODELS = ("deterministic", "stochastic")


class FlowVerbs(CircuitVerbs):
    """Where signals go."""

    def signal_flow(self, *, record: bool = True, progress: Progress | None = None, **settings: Any) -> CircuitResult:
        """How far upstream each neuron stands (Varshney et al. 2011): high for inputs, low for outputs.

        Levels have mean 0 within each weak component, and those of two components cannot be compared.

        Returns:
            root_id, component (0 is the largest), neurons (of it), flow (null in a component of one neuron); by
            component, highest first.

        Raises:
            AnalysisError: no connections, or an iteration without an end.
        """
        import pyarrow as pa

        from graphlab.circuits.flow.signal_flow import signal_flow

        chosen = self._settings(settings)
        run = self._start_run("signal_flow", chosen.plain(), record=record)
        weights = self._read(chosen)
        require_connections(weights)
        found = signal_flow(weights.graph, progress)
        order = np.lexsort((weights.graph.root_ids, -np.nan_to_num(found.flow), found.component))
        sizes = found.sizes[found.component]
        table = pa.table(
            {
                "root_id": pa.array(weights.graph.root_ids[order], pa.uint64()),
                "component": pa.array(found.component[order], pa.int64()),
                "neurons": pa.array(sizes[order], pa.int64()),
                "flow": pa.array(found.flow[order], pa.float64(), mask=np.isnan(found.flow[order])),
            }
        )
        several, alone = int((found.sizes > 1).sum()), int((found.sizes == 1).sum())
        note = (
            f"signal flow: {several:,} weak components of two neurons or more, the largest of {found.sizes[0]:,} of "
            f"{weights.n:,} neurons; {alone:,} neurons without partners have none. Levels of two components are never "
            "compared"
        )
        about = {"components": several, "alone": alone, "steps": found.steps}
        return self._kept(run, table, "signal_flow", [note, *weights.notes], about)

    def ranks(
        self,
        sources: Any,
        *,
        model: str = "deterministic",
        runs: int = 1000,
        seed: int = 0,
        layers: int = 15,
        workers: Workers = 1,
        record: bool = True,
        progress: Progress | None = None,
        **settings: Any,
    ) -> CircuitResult:
        """How many steps from some neurons, connections of little input later (traversal model; Schlegel et al. 2021).

        Args:
            sources: root_ids, names, or criteria (``{"super_class": "sensory"}``); layer 1.
            model: ``deterministic`` follows chances, ``stochastic`` draws ``runs`` runs.
            seed: of the stochastic model; the same bytes whatever the number of ``workers``.
            layers: the last one; what is not reached by then is not reached.

        Returns:
            root_id, rank (mean layer where reached; null where never), reached (chance), model, denominator; by rank.

        Raises:
            AnalysisError: no such sources, no connections. UnknownNameError: no such model.
        """
        import pyarrow as pa

        from graphlab.circuits.flow.traversal import deterministic_ranks, stochastic_ranks

        one_of("model", model, MODELS)
        chosen, plain = self._settings(settings), self._choice("sources", sources)
        parameters: dict[str, Any] = {"sources": plain, "model": model, "layers": layers, **chosen.plain()}
        if model == "stochastic":
            parameters |= {"runs": runs, "seed": seed}
        run = self._start_run("ranks", parameters, seed=seed if model == "stochastic" else None, record=record)
        weights = self._read(chosen)
        require_connections(weights)
        seeds = self._nodes("sources", plain, weights)
        if model == "stochastic":
            found = stochastic_ranks(weights, seeds, runs, seed, layers, workers, progress)
        else:
            found = deterministic_ranks(weights, seeds, layers, progress)
        order = np.lexsort((weights.graph.root_ids, found.rank))
        table = pa.table(
            {
                "root_id": pa.array(weights.graph.root_ids[order], pa.uint64()),
                "rank": pa.array(found.rank[order], pa.float64(), mask=np.isnan(found.rank[order])),
                "reached": pa.array(found.reached[order], pa.float64()),
                "model": pa.array([model] * weights.n, pa.string()),
                "denominator": pa.array([weights.denominator] * weights.n, pa.string()),
            }
        )
        never = int(np.isnan(found.rank).sum())
        drawn = f", {runs:,} runs from seed {seed}" if model == "stochastic" else ", parents taken as independent"
        note = (
            f"ranks: {model} traversal from {len(seeds):,} neurons over {layers} layers{drawn}; {never:,} of "
            f"{weights.n:,} neurons are never reached. Ranks tell the distance from the sources, signal flow the "
            "direction"
        )
        about = {"sources": len(seeds), "never_reached": never}
        return self._kept(run, table, "traversal_ranks", [note, *weights.notes], about)

    def cascade(
        self,
        sources: Any,
        *,
        ends: Any = None,
        synapse_chance: float = 0.05,
        hops: int = 8,
        runs: int = 1000,
        seed: int = 0,
        workers: Workers = 1,
        record: bool = True,
        progress: Progress | None = None,
        **settings: Any,
    ) -> CircuitResult:
        """How a signal spreads from some neurons, one transmission a neuron (Winding et al. 2023).

        Args:
            sources: root_ids, names, or criteria; active at hop 0.
            ends: neurons that are reached and do not transmit, such as outputs of the brain.
            synapse_chance: of one synapse to transmit; a connection of A synapses does with 1 - (1 - chance)^A.
            hops: transmissions, at most. seed: the same bytes whatever the number of ``workers``.
            settings: with ``signs``, inhibitory neurons take from the chances of excitatory connections onto the same
                targets, and excite nobody.

        Returns:
            root_id, hop, visited (share of runs that reach it at this hop), reached (share that reach it at all); a row
            for every neuron and hop that any run has; by hop, then by share.

        Raises:
            AnalysisError: no such sources or ends, no connections, a chance that is none.
        """
        import pyarrow as pa

        from graphlab.circuits.flow.cascade import cascade

        chosen, plain = self._settings(settings), self._choice("sources", sources)
        stops = self._choice("ends", ends)
        parameters = {
            "sources": plain, "ends": stops, "synapse_chance": synapse_chance, "hops": hops, "runs": runs, "seed": seed,
            **chosen.plain(),
        }  # fmt: skip
        run = self._start_run("cascade", parameters, seed=seed, record=record)
        weights = self._read(chosen)
        require_connections(weights)
        seeds = self._nodes("sources", plain, weights)
        silent = np.zeros(0, np.int64) if stops is None else self._nodes("ends", stops, weights)
        found = cascade(weights, seeds, silent, synapse_chance, hops, runs, seed, workers, progress)
        hop, node = np.nonzero(found.visits)
        order = np.lexsort((weights.graph.root_ids[node], -found.visits[hop, node], hop))
        hop, node = hop[order], node[order]
        table = pa.table(
            {
                "root_id": pa.array(weights.graph.root_ids[node], pa.uint64()),
                "hop": pa.array(hop, pa.int64()),
                "visited": pa.array(found.visits[hop, node] / runs, pa.float64()),
                "reached": pa.array(found.reached[node], pa.float64()),
            }
        )
        half = found.reached >= 0.5
        kind = "inhibitory neurons take away" if weights.sign is not None else "every neuron excites"
        note = (
            f"cascade: {runs:,} runs from {len(seeds):,} neurons, {hops} hops (transmissions), chance "
            f"{synapse_chance:g} a synapse, {kind}; {int(half.sum()):,} neurons are reached in half of the runs or more"
        )
        if len(silent):
            note += f", {int(half[silent].sum()):,} of the {len(silent):,} ends among them"
        about = {"reached_in_half": int(half.sum()), "ends_reached_in_half": int(half[silent].sum())}
        return self._kept(run, table, "cascades", [note, *weights.notes], about)

    def repeatable(self) -> dict[str, Callable[..., object]]:
        """What does the work of a run again, by the verb that the run names, from the run's parameters."""
        verbs = (self.signal_flow, self.ranks, self.cascade)
        return {**super().repeatable(), **{verb.__name__: verb for verb in verbs}}
