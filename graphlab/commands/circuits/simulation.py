"""Verbs about simulation: simulate spikes | rates | doses | silencing | responses.

Tests: tests/graphlab/commands/circuits/test_simulation.py.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Any

import typer

from graphlab.commands.circuits.options import NEURONS, neurons_of, show, with_weights
from graphlab.commands.distributed.dividing import PartOption, Shared, divided
from graphlab.commands.options import GraphPath, Json, NoProgress, Output, Seed, Workers
from graphlab.config import DuckDBSettings
from ingest.schema.errors import GraphlabError

Activate = Annotated[list[str], typer.Option("--activate", metavar="NEURONS", help=f"Driven neurons: {NEURONS}.")]
Silence = Annotated[
    list[str] | None, typer.Option("--silence", metavar="NEURONS", help="Neurons whose spikes reach nobody.")
]
Read = Annotated[list[str], typer.Option("--read", metavar="NEURONS", help=f"Whose rates are told: {NEURONS}.")]
DriveHz = Annotated[float, typer.Option("--drive-hz", help="Rate of the random inputs of a driven neuron.")]
DurationMs = Annotated[float, typer.Option("--duration-ms", help="Model time of a trial.")]
Trials = Annotated[int, typer.Option(help="Trials, each with its own random inputs.")]
Constants = Annotated[
    list[str] | None,
    typer.Option("--neuron", metavar="NAME=NUMBER", help="A constant of the neuron: synapse_mv=0.3; repeated."),
]


@with_weights
def spikes(
    graph: GraphPath,
    activate: Annotated[
        list[str] | None, typer.Option("--activate", metavar="NEURONS", help=f"Driven neurons: {NEURONS}.")
    ] = None,
    spike_times: Annotated[
        Path | None,
        typer.Option("--spike-times", metavar="FILE", help="Instead: a table of root_id and time_ms (CSV)."),
    ] = None,
    silence: Silence = None,
    drive_hz: DriveHz = 150.0,
    duration_ms: DurationMs = 1000.0,
    trials: Trials = 30,
    neuron: Constants = None,
    keep_spikes: Annotated[bool, typer.Option("--spikes/--no-spikes", help="Keep every spike, too.")] = True,
    seed: Seed = 0,
    workers: Workers = None,
    part: PartOption = None,
    shared: Shared = None,
    output: Output = None,
    json: Json = False,
    no_progress: NoProgress = False,
    **settings: Any,
) -> None:
    """Spikes of a whole brain while some neurons are driven (Shiu et al. 2024)."""
    from graphlab.commands.terminal import progress_bars
    from graphlab.graph import Graph

    times = _times(spike_times) if spike_times else None
    with (
        divided(part, shared, _threads(workers), json) as division,
        Graph.open(graph, read_only=division.is_part, shared=not division.is_part) as opened,
        progress_bars(off=no_progress) as bars,
    ):
        result = opened.circuits.simulate(
            neurons_of(activate, "--activate"), spike_times=times, silence=neurons_of(silence, "--silence"),
            drive_hz=drive_hz, duration_ms=duration_ms, trials=trials, seed=seed, neuron=_constants(neuron),
            keep_spikes=keep_spikes, workers=division.workers, progress=bars("trials"), **settings,
        )  # fmt: skip
        if not division.is_part:
            show(result, output, json, "rates, highest first")


@with_weights
def doses(
    graph: GraphPath,
    activate: Activate,
    read: Read,
    drive_hz: Annotated[str, typer.Option("--drive-hz", metavar="HZ,HZ,...", help="Rates.")] = "10,25,50,100,150,200",
    synapse_mv: Annotated[
        str | None, typer.Option("--synapse-mv", metavar="MV,MV,...", help="Strengths of a synapse.")
    ] = None,
    silence: Silence = None,
    duration_ms: DurationMs = 1000.0,
    trials: Trials = 10,
    neuron: Constants = None,
    seed: Seed = 0,
    workers: Workers = None,
    output: Output = None,
    json: Json = False,
    no_progress: NoProgress = False,
    **settings: Any,
) -> None:
    """Rates of chosen neurons at every drive and every strength of a synapse."""
    from graphlab.commands.terminal import progress_bars
    from graphlab.graph import Graph

    with Graph.open(graph, shared=True) as opened, progress_bars(off=no_progress) as bars:
        result = opened.circuits.dose_response(
            neurons_of(activate, "--activate"), neurons_of(read, "--read"), drive_hz=_numbers(drive_hz, "--drive-hz"),
            synapse_mv=_numbers(synapse_mv, "--synapse-mv") if synapse_mv else None,
            silence=neurons_of(silence, "--silence"), duration_ms=duration_ms, trials=trials, seed=seed,
            neuron=_constants(neuron), workers=_threads(workers), progress=bars("doses"), **settings,
        )  # fmt: skip
    show(result, output, json, "rates by dose")


@with_weights
def silencing(
    graph: GraphPath,
    activate: Activate,
    read: Read,
    candidate: Annotated[
        list[str], typer.Option("--candidate", metavar="NEURONS", help=f"Silenced one after the other: {NEURONS}.")
    ],
    by: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Silence groups of candidates together: cell_type.")
    ] = None,
    silence: Silence = None,
    drive_hz: DriveHz = 150.0,
    duration_ms: DurationMs = 1000.0,
    trials: Trials = 10,
    neuron: Constants = None,
    seed: Seed = 0,
    workers: Workers = None,
    output: Output = None,
    json: Json = False,
    no_progress: NoProgress = False,
    **settings: Any,
) -> None:
    """Who is needed: what silencing each candidate takes from the rates of chosen neurons."""
    from graphlab.commands.terminal import progress_bars
    from graphlab.graph import Graph

    with Graph.open(graph, shared=True) as opened, progress_bars(off=no_progress) as bars:
        result = opened.circuits.silencing(
            neurons_of(activate, "--activate"), neurons_of(read, "--read"), neurons_of(candidate, "--candidate"),
            by=by, drive_hz=drive_hz, silence=neurons_of(silence, "--silence"), duration_ms=duration_ms,
            trials=trials, seed=seed, neuron=_constants(neuron), workers=_threads(workers), progress=bars("candidates"),
            **settings,
        )  # fmt: skip
    show(result, output, json, "the most needed first")


@with_weights
def rates(
    graph: GraphPath,
    activate: Activate,
    silence: Silence = None,
    level: Annotated[float, typer.Option(help="Constant input of a driven neuron.")] = 1.0,
    steps: Annotated[int, typer.Option(help="Steps of the model.")] = 20,
    tau_steps: Annotated[float, typer.Option("--tau-steps", help="How slowly activity fades, in steps.")] = 1.0,
    gain: Annotated[float, typer.Option(help="Of the signed share of input.")] = 1.0,
    output: Output = None,
    json: Json = False,
    **settings: Any,
) -> None:
    """The rate model: activity along signed shares of input, without spikes."""
    from graphlab.graph import Graph

    with Graph.open(graph, shared=True) as opened:
        result = opened.circuits.simulate_rates(
            neurons_of(activate, "--activate"), silence=neurons_of(silence, "--silence"), level=level, steps=steps,
            tau_steps=tau_steps, gain=gain, **settings,
        )  # fmt: skip
    show(result, output, json, "activity, highest peak first")


@with_weights
def responses(
    graph: GraphPath,
    run: Annotated[
        str | None, typer.Option("--responses", metavar="RUN", help="Measured responses; the latest when absent.")
    ] = None,
    steps: Annotated[int, typer.Option(help="Steps of the rate model.")] = 20,
    tau_steps: Annotated[float, typer.Option("--tau-steps", help="How slowly activity fades, in steps.")] = 1.0,
    gain: Annotated[float, typer.Option(help="Of the signed share of input.")] = 1.0,
    seed: Seed = 0,
    output: Output = None,
    json: Json = False,
    no_progress: NoProgress = False,
    **settings: Any,
) -> None:
    """Measured responses beside the rate model, one stimulated neuron at a time, and beside plain wiring."""
    from graphlab.commands.terminal import progress_bars
    from graphlab.graph import Graph

    with Graph.open(graph, shared=True) as opened, progress_bars(off=no_progress) as bars:
        result = opened.circuits.simulated_responses(
            responses=run, steps=steps, tau_steps=tau_steps, gain=gain, seed=seed, progress=bars("stimulated"),
            **settings,
        )  # fmt: skip
    show(result, output, json, "agreement with measured responses")


def _numbers(text: str, flag: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise GraphlabError(f"{flag}: found {text!r}; wanted numbers with commas between") from None


def _constants(items: list[str] | None) -> dict[str, float] | None:
    given = {}
    for item in items or []:
        name, equals, value = item.partition("=")
        try:
            given[name.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise GraphlabError(f"--neuron: found {item!r}; wanted NAME=NUMBER such as synapse_mv=0.3")
    return given or None


def _times(path: Path) -> dict[int, list[float]]:
    """Spike times of a CSV file with the columns root_id and time_ms."""
    times: dict[int, list[float]] = {}
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not {"root_id", "time_ms"} <= set(rows.fieldnames or ()):
                raise GraphlabError(
                    f"--spike-times: {path} has the columns {', '.join(rows.fieldnames or ()) or 'of nothing'}; "
                    "wanted root_id and time_ms"
                )
            for row in rows:
                line = rows.line_num
                times.setdefault(int(row["root_id"]), []).append(float(row["time_ms"]))
    except (TypeError, ValueError):
        raise GraphlabError(f"--spike-times: line {line} of {path} is no whole root_id and a time in ms") from None
    except (OSError, csv.Error) as error:
        raise GraphlabError(f"--spike-times: {path} cannot be read ({error})") from None
    return times


def _threads(workers: Any) -> Any:
    return workers or DuckDBSettings.from_environment().cores
