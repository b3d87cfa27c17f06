"""The rate model of ``graph.circuits``, and measured responses beside it.

Tests: tests/graphlab/verbs/circuits/test_simulation.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphlab.circuits.result import CircuitResult
from graphlab.circuits.weights.weights import require_connections
from graphlab.verbs.circuits.circuit_verbs import CircuitVerbs
from ingest.running.progress import Progress


class RateVerbs(CircuitVerbs):
    """Activity without spikes; ``activate`` and ``silence`` are neurons, ``signs`` has to be named."""

    def simulate_rates(
        self,
        activate: Any,
        *,
        silence: Any = None,
        level: float = 1.0,
        steps: int = 20,
        tau_steps: float = 1.0,
        gain: float = 1.0,
        record: bool = True,
        **settings: Any,
    ) -> CircuitResult:
        """The rate model: activity spreads along signed shares of input, saturates and fades.

        Returns:
            root_id, role, peak, peak_step (from 1), last; of neurons that were ever active, highest peak first.

        Raises:
            AnalysisError: no signs, an empty drive, no step.
        """
        from graphlab.circuits.simulation.network import mask, require_signs
        from graphlab.circuits.simulation.rates import RateModel, simulate_rates
        from graphlab.circuits.simulation.tables import activity_table

        chosen = self._settings(settings)
        parameters = {
            **chosen.plain(), "activate": self._choice("activate", activate),
            "silence": self._choice("silence", silence), "level": level, "steps": steps, "tau_steps": tau_steps,
            "gain": gain,
        }  # fmt: skip
        run = self._start_run("simulate_rates", parameters, record=record)
        require_signs(chosen.signs)
        weights = self._read(chosen)
        require_connections(weights)
        driven = self._nodes("activate", activate, weights)
        silenced = self._nodes("silence", silence, weights) if silence is not None else np.empty(0, np.int64)
        share = weights.incoming(weights.signed(weights.fractions()))
        rates = simulate_rates(share, driven, mask(silenced, weights.n), RateModel(tau_steps, gain), steps, level)
        table = activity_table(weights, driven, silenced, rates)
        notes = [
            f"rates: {steps} steps, tau {tau_steps:g} steps, gain {gain:g}, input {level:g} to {len(driven):,} "
            f"neurons, {len(silenced):,} silenced; rates lie between 0 and 1 and have no unit",
            *weights.notes,
        ]
        return self._kept(run, table, "simulation_activity", notes)

    def simulated_responses(
        self,
        *,
        responses: str | None = None,
        steps: int = 20,
        tau_steps: float = 1.0,
        gain: float = 1.0,
        level: float = 1.0,
        seed: int = 0,
        progress: Progress | None = None,
        record: bool = True,
        **settings: Any,
    ) -> CircuitResult:
        """Measured responses beside the rate model with one neuron stimulated at a time, and beside plain wiring.

        Args:
            responses: run of measured responses; the latest when None. seed: of the bootstrap.

        Returns:
            predictor (rate model, share of input, connection), measure (auroc of who responded, spearman with the
            size), value, low and high (95 %, over stimulated neurons), stimulated, pairs.

        Raises:
            AnalysisError: no signs, no measured responses. UnknownNameError: no such run.
        """
        import pyarrow as pa

        from graphlab.circuits.simulation.network import require_signs
        from graphlab.circuits.simulation.rates import RateModel, simulate_rates
        from graphlab.circuits.simulation.responses import measured_responses, scored

        chosen = self._settings(settings)
        model = RateModel(tau_steps, gain)
        parameters = {
            **chosen.plain(), "responses": responses, "steps": steps, "tau_steps": tau_steps, "gain": gain,
            "level": level, "seed": seed,
        }  # fmt: skip
        run = self._start_run("simulated_responses", parameters, record=record)
        require_signs(chosen.signs)
        weights = self._read(chosen)
        require_connections(weights)
        measured = measured_responses(self._folder, weights.graph.root_ids, responses)
        share = weights.incoming(weights.signed(weights.fractions()))
        peaks, quiet = np.zeros(len(measured.pre)), np.zeros(weights.n, np.bool_)
        stimulated = np.unique(measured.pre)
        for done, node in enumerate(stimulated, 1):
            at = np.flatnonzero(measured.pre == node)
            peaks[at] = simulate_rates(share, np.array([node]), quiet, model, steps, level)[:, measured.post[at]].max(0)
            if progress:
                progress(done, len(stimulated))
        edge = weights.graph.edges_of(measured.pre, measured.post)
        direct = np.where(edge >= 0, weights.fractions()[np.maximum(edge, 0)], 0.0) if weights.m else peaks * 0
        predictors = {"rate model": peaks, "share of input": direct, "connection": (edge >= 0).astype(np.float64)}
        rows = [
            {"predictor": name, **row} for name, values in predictors.items() for row in scored(values, measured, seed)
        ]
        table = pa.Table.from_pylist(rows).select(
            ["predictor", "measure", "value", "low", "high", "stimulated", "pairs"]
        )
        notes = [
            f"responses are those of run {measured.run_id}; {measured.outside:,} pairs have a neuron that is not in "
            "this wiring, and were left out. The rate model has no fitted constant",
            *weights.notes,
        ]
        return self._kept(run, table, "simulation_responses", notes)

    def repeatable(self) -> dict[str, Callable[..., object]]:
        """What does the work of a run again, by the verb that the run names, from the run's parameters."""
        verbs = (self.simulate_rates, self.simulated_responses)
        return {**super().repeatable(), **{verb.__name__: verb for verb in verbs}}
