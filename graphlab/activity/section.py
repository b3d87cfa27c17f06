"""What a report shows of activity: aligned traces and behaviour, tuning, and the circuit coloured by tuning."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from markupsafe import Markup

from graphlab.activity import figures
from graphlab.activity.sessions.preparation import drift_basis, standardised
from graphlab.activity.sessions.session import Session, animals, load
from graphlab.activity.trace_plot import TracesPlot
from graphlab.store.database import arrow, first_row
from graphlab.store.folder import Folder
from graphlab.store.wiring.snapshots import snapshot

SHOWN_TRACES = 60
SHOWN_BINS = 400
SHOWN_CLASSES = 14
SHOWN_NEURONS = 40


@dataclass
class ActivitySection:
    """Data and figures of the section; every figure is SVG."""

    summary: str
    traces: TracesPlot
    tuning: list[tuple[str, Markup]] = field(default_factory=list)
    """(behaviour, plot of pooled classes with intervals)."""
    circuit: Markup | None = None
    classes: list[dict[str, Any]] = field(default_factory=list)
    """Rows of ``behavior_classes`` shown."""
    run_id: str | None = None
    notes: list[str] = field(default_factory=list)


def activity_section(folder: Folder) -> ActivitySection | None:
    """The section of the latest tuning run; None for a graph without recordings."""
    known = animals(folder)
    if not known:
        return None
    run = first_row(
        folder.connection,
        "SELECT run_id, message FROM runs WHERE run_id IN (SELECT run_id FROM behavior_tuning) "
        "ORDER BY started DESC LIMIT 1",
    )
    session = most_identified(folder, known)
    frames, traces = session.frames, session.rows.shape[0]
    summary = (
        f"{len(known)} recorded animal{'s' if len(known) > 1 else ''}. Shown: {session.animal}, {traces:,} traces, "
        f"{frames:,} frames of {session.step_s:.3g} s."
    )
    section = ActivitySection(summary, traces_plot(session))
    if run is None:
        section.notes.append("no tuning was computed; run `graphlab correlate GRAPH`")
        return section
    section.run_id = str(run[0])
    section.notes += [note for note in str(run[1] or "").split("; ") if note]
    section.classes = arrow(
        folder.cursor(),
        "SELECT behavior, neuron_class, measure, traces, animals, value, lo, hi, p, q FROM behavior_classes "
        "WHERE run_id = ? AND measure = 'linear' "
        "QUALIFY row_number() OVER (PARTITION BY behavior ORDER BY abs(value) DESC) <= ? "
        "ORDER BY behavior, abs(value) DESC, neuron_class",
        [section.run_id, SHOWN_CLASSES],
    ).to_pylist()
    for behavior in dict.fromkeys(row["behavior"] for row in section.classes):
        rows = [row for row in section.classes if row["behavior"] == behavior]
        section.tuning.append((behavior, figures.intervals(rows, f"tuning to {behavior} (r, 95 % interval)")))
    section.circuit = _circuit(folder, section.run_id)
    return section


def most_identified(folder: Folder, known: list[str]) -> Session:
    row = first_row(
        folder.connection,
        "SELECT animal FROM recorded_neurons GROUP BY animal ORDER BY count(root_id) DESC, animal LIMIT 1",
    )
    return load(folder, [str(row[0]) if row else known[0]])[0]


def traces_plot(session: Session) -> TracesPlot:
    """Traces ordered by their first principal component's weight, behaviour below, in bins of frames."""
    count = min(session.rows.shape[0], 2000)
    basis = drift_basis(session.segment, session.step_s, None)
    z = standardised(np.nan_to_num(session.rows[0:count]), basis)
    width = max(1, -(-session.frames // SHOWN_BINS))
    bins = np.arange(0, session.frames, width)
    size = np.diff([*bins, session.frames])
    binned = np.add.reduceat(z, bins, axis=1) / size * np.sqrt(session.frames)
    named = [i for i in range(count) if session.neurons[i].name] or list(range(count))
    chosen = sorted(named, key=lambda i: -float(binned[i].std()))[:SHOWN_TRACES]
    rows = binned[chosen]
    lead = np.linalg.svd(rows - rows.mean(axis=1, keepdims=True), full_matrices=False)[0][:, 0]
    order = np.argsort(lead)
    labels = [session.neurons[chosen[i]].label for i in order]
    lines = {}
    for name, values in list(session.behaviors.items())[:4]:
        filled = np.where(np.isfinite(values), values, np.nanmean(values))
        lines[name] = np.add.reduceat(filled, bins) / size
    seconds = float(session.time_s[-1] - session.time_s[0])
    total = session.rows.shape[0]
    shown = f"{len(chosen):,} of {total:,} traces: of {'the named' if session.neurons[named[0]].name else 'the'} ones"
    return TracesPlot(
        title=f"activity and behaviour of {session.animal}", values=rows[order], names=labels, behaviors=lines,
        seconds=seconds, notes=(f"{shown} those that vary most.",) if len(chosen) < total else (),
    )  # fmt: skip


def _circuit(folder: Folder, run_id: str) -> Markup | None:
    """Recorded neurons of the graph and the connections between them, coloured by tuning to the first behaviour."""
    rows = folder.connection.execute(
        "SELECT root_id, any_value(name), avg(value) AS r, min(behavior) FROM behavior_tuning WHERE run_id = ? AND "
        "measure = 'linear' AND root_id IS NOT NULL AND NOT isnan(value) AND behavior = (SELECT behavior "
        "FROM behavior_tuning WHERE run_id = ? GROUP BY behavior ORDER BY count(*) FILTER (q <= 0.05) DESC, behavior "
        "LIMIT 1) GROUP BY root_id ORDER BY abs(r) DESC, root_id LIMIT ?",
        [run_id, run_id, SHOWN_NEURONS],
    ).fetchall()
    if not rows:
        return None
    view = snapshot(folder)
    node = view.indices_of(np.array([row[0] for row in rows], dtype=np.uint64))
    if not (node >= 0).any():
        return None
    part = view.subset(node[node >= 0])
    place = {row[0]: i for i, row in enumerate(rows)}
    shown = [place[root_id] for root_id in part.root_ids.tolist()]
    edges = [
        (shown[a], shown[b], w)
        for a, b, w in zip(part.sources().tolist(), part.out_target.tolist(), part.weight.tolist(), strict=True)
    ]
    names = [str(row[1] or row[0]) for row in rows]
    return figures.circuit(
        names, [float(row[2]) for row in rows], edges, f"connections, coloured by r with {rows[0][3]}"
    )
