"""The latest simulation: spikes and rates of the neurons that fire most.

Tests: tests/graphlab/report/sections/test_simulation.py.
"""

from __future__ import annotations

from graphlab.report.page import Figure, Figures, Notes, Section
from graphlab.report.section import Subject, report_section


@report_section("simulation", "connections", "whole graph")
def section(subject: Subject) -> Section | None:
    """Raster of the latest run of ``circuits.simulate`` on these data; None where there is none with spikes."""
    runs = subject.graph.query(
        "SELECT run_id, message FROM runs WHERE verb = 'simulate' AND data_version = $version "
        "AND run_id IN (SELECT run_id FROM simulation_spikes) ORDER BY started DESC, run_id LIMIT 1",
        parameters={"version": subject.info.data_version},
    ).to_arrow().to_pylist()  # fmt: skip
    if not runs:
        return None
    run = str(runs[0]["run_id"])
    plot = subject.graph.plot.raster(run)
    rates = subject.graph.query(
        "SELECT r.root_id, n.name, n.cell_type, r.role, r.spikes, r.rate_hz, r.sd_hz, r.trials_active "
        "FROM simulation_rates r LEFT JOIN neurons n USING (root_id) WHERE r.run_id = $run "
        "ORDER BY r.rate_hz DESC, r.root_id",
        parameters={"run": run},
    ).to_arrow()  # fmt: skip
    caption = " ".join(["Simulated spikes, a row a neuron, its trials above one another.", *plot.notes])
    figure = Figure(plot.drawing(), caption, "simulation_raster", plot.drawing(narrow=True))
    notes = [f"Run {run}.", *(note for note in str(runs[0]["message"] or "").split("; ") if note)]
    return Section("Simulation", [Figures([figure]), Notes(notes)], {"simulation_rates": rates})
