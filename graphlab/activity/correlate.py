"""The questions of ``graphlab correlate``: each takes sessions and options, and answers with rows for the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa

from graphlab.activity.functional_connectivity import FunctionalEdges, correlation_edges
from graphlab.activity.session import Session
from graphlab.motifs.p_values import samples_needed
from ingest.errors import AnalysisError, UnknownNameError

if TYPE_CHECKING:
    from graphlab.activity.tuning import Tuning

Progress = Callable[[int, int], None]
Found = TypeVar("Found")
LEVEL = 0.05
"""False discovery rate at which an edge counts as a connection and a neuron as encoding."""


@dataclass
class Answer:
    """Rows by table of the graph (run_id left out), and what a person should know."""

    tables: dict[str, pa.Table]
    notes: list[str] = field(default_factory=list)
    run_id: str | None = None
    """None when the graph was open for reading only, so nothing was kept."""

    @property
    def table(self) -> pa.Table:
        """The first table: the answer itself."""
        return next(iter(self.tables.values()))


def who_has(sessions: Sequence[Session], behaviors: Sequence[str] | None) -> list[tuple[Session, str]]:
    """(session, behaviour) of every animal that shows it.

    Raises:
        AnalysisError: no behaviour at all. UnknownNameError: one that no animal shows.
    """
    known = sorted({name for session in sessions for name in session.behaviors})
    if not known:
        raise AnalysisError("no behaviour was recorded; ingest some with `graphlab ingest GRAPH FILE --as behavior`")
    for name in behaviors or ():
        if name not in known:
            raise UnknownNameError("behaviour", name, known)
    return [(s, name) for name in behaviors or known for s in sessions if name in s.behaviors]


def asked(
    ask: Callable[[Session, str], Found],
    sessions: Sequence[Session],
    behaviors: Sequence[str] | None,
    notes: list[str],
    progress: Progress | None,
) -> Iterator[tuple[Session, str, Found]]:
    """What is found for every animal and behaviour, one after the other.

    Where no behaviour was named, those that an animal did not show for long enough are left out and ``notes`` says
    so; a named one, or nothing left at all, is the error itself.

    Raises:
        AnalysisError, UnknownNameError: as ``who_has`` and ``ask`` do.
    """
    pairs = who_has(sessions, behaviors)
    refused = []
    for number, (session, behavior) in enumerate(pairs):
        try:
            found = ask(session, behavior)
        except AnalysisError as error:
            refused.append(error)
            if behaviors or len(refused) == len(pairs):
                raise refused[0] from None
        else:
            yield session, behavior, found
        if progress:
            progress(number + 1, len(pairs))
    notes += [f"left out: {error}" for error in refused]


def tuning(
    sessions: Sequence[Session],
    behaviors: Sequence[str] | None,
    min_confidence: float | None,
    progress: Progress | None,
    **options: Any,
) -> Answer:
    """Tables ``behavior_tuning`` (a row a trace) and ``behavior_classes`` (pooled over animals)."""
    from graphlab.activity.pooling import pool
    from graphlab.activity.tuning import TuningOptions, tune

    chosen = TuningOptions(**options)

    def tuned(session: Session, behavior: str) -> list[Tuning]:
        others = [other for other in sessions if other is not session] if chosen.null == "pseudo_session" else []
        return tune(session, behavior, chosen, others, keep_null=True)

    left_out: list[str] = []
    found = [one for _, _, ones in asked(tuned, sessions, behaviors, left_out, progress) for one in ones]
    by_animal = {session.animal: session for session in sessions}
    rows: list[dict[str, Any]] = []
    for one in found:
        for trace, neuron in enumerate(by_animal[one.animal].neurons):
            rows.append(
                {
                    "animal": one.animal, **asdict(neuron), "behavior": one.behavior, "measure": one.measure,
                    "value": float(one.value[trace]), "lag_s": float(one.lag_s[trace]), "p": float(one.p[trace]),
                    "q": float(one.q[trace]), "p_naive": float(one.p_naive[trace]),
                    "q_naive": float(one.q_naive[trace]), "null_model": one.null,
                }
            )  # fmt: skip
    pooled = [asdict(one) for one in pool(sessions, found, min_confidence)]
    tables = {"behavior_tuning": _table(rows, TUNING)}
    if pooled:
        tables["behavior_classes"] = _table(pooled, CLASSES)
    notes = [
        f"animal {one.animal}, {one.behavior}, {one.measure}: {int((one.q <= LEVEL).sum())} of "
        f"{int(np.isfinite(one.value).sum())} traces at q <= {LEVEL:g} ({one.null}, autocorrelation "
        f"time {one.time_frames:.1f} frames); frames as samples would call {int((one.q_naive <= LEVEL).sum())}"
        for one in found
    ]
    tested = max((int(np.isfinite(one.value).sum()) for one in found), default=0)
    notes += [*_too_few(chosen.surrogates, tested, "traces"), *left_out]
    if not pooled:
        notes.append("no trace has a class, so nothing is pooled over animals")
    return Answer(tables, notes)


def drivers(
    sessions: Sequence[Session], behaviors: Sequence[str] | None, progress: Progress | None, **options: Any
) -> Answer:
    """Table ``behavior_tuning`` with the measure ``partial``: effects with all other neurons held."""
    from graphlab.activity.drivers import drivers as partial

    rows, notes, left_out = [], [], list[str]()
    for session, behavior, found in asked(
        lambda session, behavior: partial(session, behavior, **options), sessions, behaviors, left_out, progress
    ):
        for at, trace in enumerate(found.traces):
            rows.append(
                {
                    "animal": session.animal, **asdict(session.neurons[trace]), "behavior": behavior,
                    "measure": "partial", "value": float(found.partial_r[at]), "lag_s": 0.0, "p": float(found.p[at]),
                    "q": float(found.q[at]), "p_naive": None, "q_naive": None, "null_model": "shift",
                }
            )  # fmt: skip
        notes.append(f"animal {session.animal}, {behavior}: {int((found.q <= LEVEL).sum())} drivers at q <= {LEVEL:g}")
    return Answer({"behavior_tuning": _table(rows, TUNING)}, notes + left_out)


def functional(
    sessions: Sequence[Session], kind: str, measure: str, min_confidence: float | None, progress: Progress | None,
    **options: Any,
) -> Answer:  # fmt: skip
    """Table ``functional_connections`` of one kind and measure; animals without identities are left out, and said."""
    from graphlab.activity.lagged import lagged_edges

    notes, edges = [], []
    for session in sessions:
        traces = session.identified(min_confidence)
        if not traces:
            notes.append(f"animal {session.animal}: no identities, so no edges")
            continue
        make = correlation_edges if kind == "correlation" else lagged_edges
        edges.append((session, make(session, measure, traces, progress=progress, **options)))
    if not edges:
        raise AnalysisError(
            "no animal has identities (of that confidence), so there is no neuron to draw an edge between"
        )
    for session, found in edges:
        count = int((found.q <= LEVEL).sum())
        notes.append(
            f"animal {session.animal}: {count:,} of {len(found.p):,} pairs at q <= {LEVEL:g}; no cause is claimed"
        )
    few = options.get("surrogates", 1000 if kind == "correlation" else 200)
    notes += _too_few(int(few), max(len(found.p) for _, found in edges), "pairs")
    return Answer({"functional_connections": pa.concat_tables([_edges(s, e) for s, e in edges])}, notes)


def _too_few(surrogates: int, tests: int, what: str) -> list[str]:
    """A note where p values cannot get small enough for one finding to survive the number of tests."""
    needed = samples_needed(max(1, tests), LEVEL, tails=1)
    if surrogates >= needed:
        return []
    fewest = int(np.ceil(tests / (surrogates + 1) / LEVEL - 1e-9))
    return [
        f"{surrogates:,} surrogates and {tests:,} {what}: nothing can reach q <= {LEVEL:g} unless at least {fewest:,} "
        f"do; {needed:,} surrogates would let one {what[:-1]} alone"
    ]


def _edges(session: Session, found: FunctionalEdges) -> pa.Table:
    ids = np.array([neuron.root_id or 0 for neuron in session.neurons], dtype=np.uint64)
    count = len(found.pre)
    columns: dict[str, Any] = {
        "kind": [found.kind] * count, "measure": [found.measure] * count, "animal": [found.animal] * count,
        "pre_root_id": ids[found.pre], "post_root_id": ids[found.post], "directed": [found.directed] * count,
        "value": found.value, "lag_s": found.lag_s, "p": found.p, "q": found.q, "p_naive": found.p_naive,
        "connected": found.q <= LEVEL,
    }  # fmt: skip
    return pa.table({name: pa.array(columns[name], kind) for name, kind in EDGES.items()})


def responses(table: pa.Table, root_ids: dict[str, int]) -> Answer:
    """Measured responses as edges of the kind ``response``: the only ones that may be called causal."""
    names = table.schema.names
    count = table.num_rows

    def ids(side: str) -> list[int]:
        if f"{side}_root_id" in names:
            return list(table.column(f"{side}_root_id").to_pylist())
        return [root_ids[name] for name in table.column(f"{side}_name").to_pylist()]

    def column(name: str) -> list[Any]:
        return list(table.column(name).to_pylist()) if name in names else [None] * count

    q = column("q")
    connected = column("connected") if "connected" in names else [None if v is None else v <= LEVEL for v in q]
    columns: dict[str, Any] = {
        "kind": ["response"] * count, "measure": ["response"] * count, "animal": [None] * count,
        "pre_root_id": ids("pre"), "post_root_id": ids("post"), "directed": [True] * count,
        "value": column("value"), "lag_s": [None] * count, "p": column("p"), "q": q, "p_naive": [None] * count,
        "connected": [None if value is None else bool(value) for value in connected],
    }  # fmt: skip
    made = pa.table({name: pa.array(columns[name], kind) for name, kind in EDGES.items()})
    known = sum(value is not None for value in columns["connected"])
    verdict = (
        f"{sum(bool(v) for v in columns['connected']):,} of {known:,} with a verdict are connected"
        if known
        else "the file says of none whether it is connected (no column connected or q)"
    )
    return Answer({"functional_connections": made}, [f"{count:,} measured ordered pairs; {verdict}"])


def decoding(
    sessions: Sequence[Session], behaviors: Sequence[str] | None, progress: Progress | None, **options: Any
) -> Answer:
    """Table ``behavior_models``: blocked scores, a random split beside them, and importance of each trace if asked."""
    from graphlab.activity.decoding import decode

    rows, notes, left_out = [], [], list[str]()
    for session, behavior, found in asked(
        lambda session, behavior: decode(session, behavior, **options), sessions, behaviors, left_out, progress
    ):
        base = {"animal": session.animal, "model": "decoding", "behavior": behavior}
        rows.append({**base, "split": "blocked", "r2": found.r2, "r": found.r})
        rows.append({**base, "split": "random", "r2": found.r2_random, "r": found.r_random})
        rows += [
            {**base, "split": "blocked", "trace": trace, "root_id": session.neurons[trace].root_id,
             "dropped": session.neurons[trace].label, "importance": fall}
            for trace, fall in found.importance.items()
        ]  # fmt: skip
        notes.append(
            f"animal {session.animal}, {behavior}: R^2 {found.r2:.2f}, r {found.r:.2f} in held-out blocks with gaps of "
            f"{found.gap_frames} frames; a random split would say R^2 {found.r2_random:.2f}"
        )
    return Answer({"behavior_models": _table(rows, MODELS)}, notes + left_out)


def encoding(
    sessions: Sequence[Session], behaviors: Sequence[str] | None, progress: Progress | None, **options: Any
) -> Answer:
    """Table ``behavior_models``: how well behaviours explain each trace in held-out blocks, and each one's share."""
    from graphlab.activity.encoding import encode

    rows, notes = [], []
    for number, session in enumerate(sessions):
        known = [name for name in behaviors or session.behaviors if name in session.behaviors]
        found = encode(session, known, **options)
        for trace, neuron in enumerate(session.neurons):
            base = {"animal": session.animal, "model": "encoding", "split": "blocked", "trace": trace,
                    "root_id": neuron.root_id, "decay_s": float(found.decay_s[trace])}  # fmt: skip
            rows.append({**base, "r2": float(found.r2[trace]), "r": float(found.r[trace])})
            rows += [
                {**base, "behavior": name, "dropped": name, "importance": float(fall[trace])}
                for name, fall in found.importance.items()
            ]
        notes.append(
            f"animal {session.animal}: {int((found.r2 > 0).sum())} of {int(np.isfinite(found.r2).sum())} traces are "
            f"predicted better than by their mean (blocks, gaps of {found.gap_frames} frames) by {', '.join(known)}"
        )
        if progress:
            progress(number + 1, len(sessions))
    return Answer({"behavior_models": _table(rows, MODELS)}, notes)


def _table(rows: list[dict[str, Any]], schema: dict[str, pa.DataType]) -> pa.Table:
    return pa.table({name: pa.array([row.get(name) for row in rows], kind) for name, kind in schema.items()})


_TEXT, _NUMBER = pa.string(), pa.float64()
TUNING = {
    "animal": _TEXT, "trace": pa.int32(), "root_id": pa.uint64(), "name": _TEXT, "neuron_class": _TEXT,
    "confidence": _NUMBER, "behavior": _TEXT, "measure": _TEXT, "value": _NUMBER, "lag_s": _NUMBER, "p": _NUMBER,
    "q": _NUMBER, "p_naive": _NUMBER, "q_naive": _NUMBER, "null_model": _TEXT,
}  # fmt: skip
CLASSES = {
    "neuron_class": _TEXT, "behavior": _TEXT, "measure": _TEXT, "traces": pa.int64(), "animals": pa.int64(),
    "value": _NUMBER, "lo": _NUMBER, "hi": _NUMBER, "p": _NUMBER, "q": _NUMBER,
}  # fmt: skip
EDGES = {
    "kind": _TEXT, "measure": _TEXT, "animal": _TEXT, "pre_root_id": pa.uint64(), "post_root_id": pa.uint64(),
    "directed": pa.bool_(), "value": _NUMBER, "lag_s": _NUMBER, "p": _NUMBER, "q": _NUMBER, "p_naive": _NUMBER,
    "connected": pa.bool_(),
}  # fmt: skip
MODELS = {
    "animal": _TEXT, "model": _TEXT, "behavior": _TEXT, "trace": pa.int32(), "root_id": pa.uint64(), "split": _TEXT,
    "dropped": _TEXT, "decay_s": _NUMBER, "r2": _NUMBER, "r": _NUMBER, "importance": _NUMBER,
}  # fmt: skip
