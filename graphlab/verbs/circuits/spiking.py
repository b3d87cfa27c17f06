"""The spiking part of ``graph.circuits``: spikes, doses, and what silencing takes away.

Tests: tests/graphlab/verbs/circuits/test_simulation.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from graphlab.circuits.result import CircuitResult
from graphlab.circuits.weights.weights import Weights, require_connections
from graphlab.verbs.circuits.circuit_verbs import CircuitVerbs
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers
from ingest.schema.errors import AnalysisError, UnknownNameError
from queries.result import Result

if TYPE_CHECKING:
    from graphlab.circuits.simulation.drive import Drive
    from graphlab.circuits.simulation.neurons import Neuron
    from graphlab.circuits.simulation.spiking import Spikes
    from graphlab.circuits.weights.settings import WeightSettings

Nodes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class Simulation(CircuitResult):
    """Rates of the neurons that spiked, and the spikes: trial, time_ms, root_id."""

    spikes: Result | None = None
    """None where they were not kept."""


@dataclass(frozen=True, eq=False)
class _Setup:
    """One simulation, ready to run with other silenced sets, doses and drives."""

    weights: Weights
    neuron: Neuron
    driven: Nodes
    silenced: Nodes


class SpikingVerbs(CircuitVerbs):
    """What a driven brain does. ``activate`` and ``silence`` are ids or criteria; ``signs`` has to be named."""

    def simulate(
        self,
        activate: Any = None,
        *,
        silence: Any = None,
        drive_hz: float = 150.0,
        spike_times: Mapping[Any, Sequence[float]] | None = None,
        duration_ms: float = 1000.0,
        trials: int = 30,
        seed: int = 0,
        neuron: Mapping[str, float] | None = None,
        keep_spikes: bool = True,
        workers: Workers = 1,
        progress: Progress | None = None,
        record: bool = True,
        **settings: Any,
    ) -> Simulation:
        """Spikes of every neuron while some are driven: leaky integrate-and-fire as in Shiu et al. 2024.

        Args:
            activate: neurons that receive random inputs at ``drive_hz``; or give ``spike_times``, root_id -> ms.
            silence: neurons whose spikes reach nobody.
            neuron: constants of ``graphlab.circuits.simulation.neurons.Neuron`` that differ from the published ones.
            keep_spikes: write every spike to ``simulation_spikes``, too; rates are always kept.

        Returns:
            root_id, role (driven, silenced or null), spikes (of all trials), rate_hz and sd_hz (over trials),
            trials_active; neurons that spiked and driven ones, highest rate first.

        Raises:
            AnalysisError: no signs, an empty drive, times off the grid, a step that is too long, weights that are no
                numbers, given times with several trials.
        """
        from graphlab.circuits.simulation.tables import rates_table, spikes_table
        from graphlab.store.runs.results import digests

        chosen = self._settings(settings)
        times = self._times(spike_times)
        if (activate is None) == (times is None):
            raise AnalysisError("name the neurons to activate, or their spike_times: one of the two")
        if times is not None and trials not in (1, 30):
            raise AnalysisError(f"trials is {trials}; with given spike_times every trial is the same, so there is 1")
        trials = 1 if times is not None else trials
        parameters = {
            **chosen.plain(), "activate": self._choice("activate", activate), "spike_times": times,
            "silence": self._choice("silence", silence), "drive_hz": drive_hz, "duration_ms": duration_ms,
            "trials": trials, "seed": seed, "neuron": _plain_constants(neuron), "keep_spikes": keep_spikes,
        }  # fmt: skip
        run = self._start_run("simulate", parameters, record=record)
        setup = self._setup(chosen, activate if times is None else sorted(int(one) for one in times), silence, neuron)
        drive = self._drive(setup, drive_hz, times)
        spikes = _spikes(setup, drive, duration_ms, trials, seed, workers, progress)
        rates = rates_table(setup.weights, setup.driven, setup.silenced, spikes)
        tables, notes = {"simulation_rates": rates}, [*_notes(setup, spikes, drive_hz, times), *setup.weights.notes]
        every = spikes_table(setup.weights, spikes) if keep_spikes else None
        if every is not None:
            tables["simulation_spikes"] = every
        run.finish(digests(tables), tables, None, "; ".join(notes))
        about = {"trials": trials, "spikes": len(spikes.step), "neurons_active": len(spikes.nodes())}
        return Simulation(
            rates, run_id=run.run_id, stored="simulation_rates", notes=tuple(notes), about=about,
            spikes=None if every is None else Result(every, engine="circuits"),
        )  # fmt: skip

    def dose_response(
        self,
        activate: Any,
        read: Any,
        *,
        drive_hz: Sequence[float] = (10.0, 25.0, 50.0, 100.0, 150.0, 200.0),
        synapse_mv: Sequence[float] | None = None,
        silence: Any = None,
        duration_ms: float = 1000.0,
        trials: int = 10,
        seed: int = 0,
        neuron: Mapping[str, float] | None = None,
        workers: Workers = 1,
        progress: Progress | None = None,
        record: bool = True,
        **settings: Any,
    ) -> CircuitResult:
        """Rates of the neurons in ``read`` at every drive and every strength of a synapse.

        Returns:
            drive_hz, synapse_mv, root_id, rate_hz, sd_hz (over trials), neurons_active (of the whole brain).

        Raises:
            AnalysisError: as ``simulate``; no drive or strength.
        """
        import pyarrow as pa

        from graphlab.circuits.simulation.tables import dose_table

        chosen = self._settings(settings)
        strengths = [_neuron(neuron).synapse_mv] if synapse_mv is None else [float(one) for one in synapse_mv]
        doses = [float(one) for one in drive_hz]
        if not strengths or not doses:
            raise AnalysisError("no dose was given; name at least one drive_hz, and one synapse_mv or none")
        parameters = {
            **chosen.plain(), "activate": self._choice("activate", activate), "read": self._choice("read", read),
            "drive_hz": doses, "synapse_mv": strengths, "silence": self._choice("silence", silence),
            "duration_ms": duration_ms, "trials": trials, "seed": seed, "neuron": _plain_constants(neuron),
        }  # fmt: skip
        run = self._start_run("dose_response", parameters, record=record)
        setup = self._setup(chosen, activate, silence, neuron)
        targets = self._nodes("read", read, setup.weights)
        parts = []
        cells = [(dose, strength) for strength in strengths for dose in doses]
        for done, (dose, strength) in enumerate(cells, 1):
            other = _Setup(
                setup.weights, _neuron({**(neuron or {}), "synapse_mv": strength}), setup.driven, setup.silenced
            )
            spikes = _spikes(other, self._drive(other, dose, None), duration_ms, trials, seed, workers, None)
            parts.append(dose_table(setup.weights, targets, dose, strength, spikes))
            if progress:
                progress(done, len(cells))
        notes = [_model_note(setup, duration_ms, trials), *setup.weights.notes]
        return self._kept(run, pa.concat_tables(parts), "simulation_doses", notes)

    def silencing(
        self,
        activate: Any,
        read: Any,
        candidates: Any,
        *,
        by: str | None = None,
        drive_hz: float = 150.0,
        silence: Any = None,
        duration_ms: float = 1000.0,
        trials: int = 10,
        seed: int = 0,
        neuron: Mapping[str, float] | None = None,
        workers: Workers = 1,
        progress: Progress | None = None,
        record: bool = True,
        **settings: Any,
    ) -> CircuitResult:
        """Who is needed: the mean rate of ``read`` with each candidate silenced, beside the whole brain's.

        The driven neurons receive the same inputs with and without.

        Args:
            by: a column of ``neurons`` such as cell_type: its groups among the candidates are silenced together.

        Returns:
            candidate (a root_id or the group as text), neurons, intact_hz, silenced_hz, difference_hz and its sd_hz
            over trials, share (difference over intact; null where nothing fired); the most needed first.

        Raises:
            AnalysisError: as ``simulate``; no candidate left.
        """
        from graphlab.circuits.simulation.tables import mean_by_trial, silencing_table

        chosen = self._settings(settings)
        parameters = {
            **chosen.plain(), "activate": self._choice("activate", activate), "read": self._choice("read", read),
            "candidates": self._choice("candidates", candidates), "by": by, "drive_hz": drive_hz,
            "silence": self._choice("silence", silence), "duration_ms": duration_ms, "trials": trials, "seed": seed,
            "neuron": _plain_constants(neuron),
        }  # fmt: skip
        run = self._start_run("silencing", parameters, record=record)
        setup = self._setup(chosen, activate, silence, neuron)
        targets = self._nodes("read", read, setup.weights)
        groups = self._groups(setup.weights, self._nodes("candidates", candidates, setup.weights), by)
        drive = self._drive(setup, drive_hz, None)
        intact = mean_by_trial(_spikes(setup, drive, duration_ms, trials, seed, workers, None), targets)
        rows = []
        for done, (name, nodes) in enumerate(groups, 1):
            quiet = _Setup(setup.weights, setup.neuron, setup.driven, np.union1d(setup.silenced, nodes))
            left = mean_by_trial(_spikes(quiet, drive, duration_ms, trials, seed, workers, None), targets)
            gone = intact - left
            rows.append(
                {
                    "candidate": name, "neurons": len(nodes), "intact_hz": float(intact.mean()),
                    "silenced_hz": float(left.mean()), "difference_hz": float(gone.mean()),
                    "sd_hz": float(gone.std(ddof=1)) if trials > 1 else None,
                    "share": float(gone.mean() / intact.mean()) if intact.any() else None,
                }
            )  # fmt: skip
            if progress:
                progress(done, len(groups))
        rows.sort(key=lambda row: (-row["difference_hz"], row["candidate"]))  # type: ignore[operator]
        table = silencing_table(rows)
        notes = [_model_note(setup, duration_ms, trials), *setup.weights.notes]
        return self._kept(run, table, "simulation_silencing", notes, {"intact_hz": float(intact.mean())})

    def repeatable(self) -> dict[str, Callable[..., object]]:
        """What does the work of a run again, by the verb that the run names, from the run's parameters."""
        verbs = (self.simulate, self.dose_response, self.silencing)
        return {**super().repeatable(), **{verb.__name__: verb for verb in verbs}}

    def _setup(
        self, chosen: WeightSettings, activate: Any, silence: Any, constants: Mapping[str, float] | None
    ) -> _Setup:
        from graphlab.circuits.simulation.network import require_signs

        require_signs(chosen.signs)
        cell = _neuron(constants)
        weights = self._read(chosen)
        require_connections(weights)
        driven = self._nodes("activate", activate, weights)
        silenced = self._nodes("silence", silence, weights) if silence is not None else np.empty(0, np.int64)
        return _Setup(weights, cell, driven, silenced)

    def _times(self, given: Mapping[Any, Sequence[float]] | None) -> dict[str, list[float]] | None:
        """Given spike times as a run writes them down: root_id as text -> ms."""
        if given is None:
            return None
        times: dict[str, list[float]] = {}
        for name, values in given.items():
            ids = self._ids("spike_times", name)
            if len(ids) != 1 or str(ids[0]) in times:
                raise AnalysisError(f"spike_times: {name!r} names {len(ids)} neurons or one again; wanted one a list")
            times[str(ids[0])] = [float(value) for value in values]
        if not any(times.values()):
            raise AnalysisError("nothing drives the simulation: spike_times hold no time; give at least one")
        return {name: values for name, values in times.items() if values}

    @staticmethod
    def _drive(setup: _Setup, drive_hz: float, times: dict[str, list[float]] | None) -> Drive:
        from graphlab.circuits.simulation.drive import GivenDrive, RandomDrive

        if times is None:
            return RandomDrive(setup.driven, drive_hz)
        pairs = [(int(neuron), time) for neuron, given in times.items() for time in given]
        ids = np.array([neuron for neuron, _ in pairs], np.uint64)
        return GivenDrive(setup.weights.graph.indices_of(ids), np.array([time for _, time in pairs], np.float64))

    def _groups(self, weights: Weights, nodes: Nodes, by: str | None) -> list[tuple[str, Nodes]]:
        if by is None:
            return [(str(weights.graph.root_ids[node]), np.array([node])) for node in nodes]
        values = self.neuron_values(weights.graph, by)
        groups: dict[str, list[int]] = {}
        for node in nodes.tolist():
            if values[node] is not None:
                groups.setdefault(str(values[node]), []).append(node)
        if not groups:
            raise AnalysisError(
                f"none of the {len(nodes):,} candidates has a {by}; leave `by` out to silence each alone"
            )
        return [(name, np.array(members)) for name, members in sorted(groups.items())]


def _plain_constants(given: Mapping[str, float] | None) -> dict[str, float]:
    return asdict(_neuron(given))


def _neuron(given: Mapping[str, float] | None) -> Neuron:
    from dataclasses import fields

    from graphlab.circuits.simulation.neurons import Neuron

    known = [field.name for field in fields(Neuron)]
    for name in given or {}:
        if name not in known:
            raise UnknownNameError("constant of a neuron", name, known)
    return Neuron(**(given or {}))


def _spikes(
    setup: _Setup, drive: Drive, duration_ms: float, trials: int, seed: int, workers: Workers, progress: Progress | None
) -> Spikes:
    from graphlab.circuits.simulation.network import network_of
    from graphlab.circuits.simulation.spiking import simulate_spikes

    network = network_of(setup.weights, setup.silenced)
    return simulate_spikes(network, drive, setup.neuron, duration_ms, trials, seed, workers, progress)


def _model_note(setup: _Setup, duration_ms: float, trials: int) -> str:
    cell = setup.neuron
    return (
        f"spikes: {len(setup.driven):,} neurons driven, {len(setup.silenced):,} silenced, {trials:,} trials of "
        f"{duration_ms:g} ms in steps of {cell.step_ms:g} ms (integrate, threshold, synapses, reset); a synapse adds "
        f"{cell.synapse_mv:g} mV, an input {cell.input_mv:g} mV; what arrives while refractory is lost"
    )


def _notes(setup: _Setup, spikes: Spikes, drive_hz: float, times: dict[str, list[float]] | None) -> list[str]:
    drive = f"random inputs at {drive_hz:g} Hz" if times is None else "given spike times"
    active = f"{len(spikes.nodes()):,} of {setup.weights.n:,} neurons spiked, {len(spikes.step):,} spikes in all"
    return [f"{_model_note(setup, spikes.duration_s * 1000, spikes.trials)}; {drive}", active]
