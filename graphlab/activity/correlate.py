"""The questions of ``graphlab correlate``: each takes sessions and options, and answers with rows for the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa

from graphlab.activity.answers import (
    CLASSES,
    EDGES,
    MODELS,
    TUNING,
    Answer,
    table_of,
    tested_notes,
    tests_table,
)
from graphlab.activity.behavior.families import LEVEL, Family, over_families, untested
from graphlab.activity.sessions.session import Session
from graphlab.activity.wiring.functional_connectivity import PAIR_ASSUMES, FunctionalEdges, correlation_edges
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError, UnknownNameError

if TYPE_CHECKING:
    from graphlab.activity.behavior.measures import Tuning
    from graphlab.activity.behavior.nulls import Null

Found = TypeVar("Found")


def sessions_showing(sessions: Sequence[Session], behaviors: Sequence[str] | None) -> list[tuple[Session, str]]:
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


def for_each_behavior(
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
        AnalysisError, UnknownNameError: as ``sessions_showing`` and ``ask`` do.
    """
    pairs = sessions_showing(sessions, behaviors)
    refused = []
    for number, (session, behavior) in enumerate(pairs):
        try:
            result = ask(session, behavior)
        except AnalysisError as error:
            refused.append(error)
            if behaviors or len(refused) == len(pairs):
                raise refused[0] from None
        else:
            yield session, behavior, result
        if progress:
            progress(number + 1, len(pairs))
    notes += [f"left out: {error}" for error in refused]


def tuning(
    sessions: Sequence[Session],
    behaviors: Sequence[str] | None,
    min_confidence: float | None,
    progress: Progress | None,
    control: bool = False,
    **options: Any,
) -> Answer:
    """Tables ``behavior_tuning`` (a row a trace), ``behavior_classes`` (pooled over animals) and ``behavior_tests``.

    Args:
        control: test the traces with the behaviour of other animals, too, and show the shares beside every row.
    """
    from graphlab.activity.behavior.control import other_animal_control as with_strangers
    from graphlab.activity.behavior.measures import TuningOptions
    from graphlab.activity.behavior.pooling import pool_tested
    from graphlab.activity.behavior.tuning import correct, tune

    chosen = TuningOptions(**options)

    def tuned(session: Session, behavior: str) -> list[Tuning]:
        others = [other for other in sessions if other is not session] if chosen.needs_others else []
        return tune(session, behavior, chosen, others, keep_null=True)

    left_out: list[str] = []
    tunings = [one for _, _, ones in for_each_behavior(tuned, sessions, behaviors, left_out, progress) for one in ones]
    by_animal = {session.animal: session for session in sessions}
    families = correct(tunings)
    controls: dict[tuple[str, str], Any] = {}
    rows: list[dict[str, Any]] = []
    for one, family in zip(tunings, families, strict=True):
        if control and (one.animal, one.behavior) not in controls:
            others = [other for other in sessions if other.animal != one.animal]
            own = with_strangers(by_animal[one.animal], one.behavior, chosen, others)
            controls[one.animal, one.behavior] = own
        beside = controls.get((one.animal, one.behavior), {}).get(one.measure)
        if beside is not None:
            family.control_pairs, family.control_low, family.control_found = beside.pairs, beside.low, beside.found
        for trace, neuron in enumerate(by_animal[one.animal].neurons):
            rows.append(
                {
                    "animal": one.animal, **asdict(neuron), "behavior": one.behavior, "measure": one.measure,
                    "value": float(one.value[trace]), "lag_s": float(one.lag_s[trace]), "p": float(one.p[trace]),
                    "p_family": float(one.p_family[trace]), "q": float(one.q[trace]),
                    "p_naive": float(one.p_naive[trace]), "q_naive": float(one.q_naive[trace]), **_null(one.null),
                    "control": None if beside is None else float(beside.by_trace[trace]),
                }
            )  # fmt: skip
    pooled, of_classes = pool_tested(sessions, tunings, min_confidence, chosen)
    tables = {"behavior_tuning": table_of(rows, TUNING)}
    if pooled:
        tables["behavior_classes"] = table_of([asdict(one) for one in pooled], CLASSES)
    tables["behavior_tests"] = tests_table([*families, *of_classes])
    notes = tested_notes(families) + [f"classes, {note}" for note in tested_notes(of_classes)]
    naive = [f"{int((one.q_naive <= LEVEL).sum())} in {one.animal} {one.behavior} {one.measure}" for one in tunings]
    notes.append("frames as samples would call " + ", ".join(naive))
    if control and not any(controls.values()):
        notes.append("no other animal shows the behaviour at the same frame rate, so there is no control")
    if not pooled:
        notes.append("no trace has a class, so nothing is pooled over animals")
    return Answer(tables, notes + left_out)


def _null(null: Null | None, assumption: str | None = None) -> dict[str, Any]:
    """The columns that say what a p is worth."""
    if null is None:
        return {}
    return {"null_model": null.name, "floor": null.floor, "assumption": assumption or null.assumption}


def drivers(
    sessions: Sequence[Session], behaviors: Sequence[str] | None, progress: Progress | None, **options: Any
) -> Answer:
    """Tables ``behavior_tuning`` with the measure ``partial``: effects with all other neurons held; and the tests."""
    from graphlab.activity.behavior.drivers import ASSUMES
    from graphlab.activity.behavior.drivers import drivers as partial

    left_out = list[str]()
    results = [
        (session, one)
        for session, _, one in for_each_behavior(
            lambda session, behavior: partial(session, behavior, **options), sessions, behaviors, left_out, progress
        )
    ]
    families, joint = [], []
    for _, one in results:
        named: dict[str, Any] = {"animal": one.animal, "behavior": one.behavior, "frames": one.frames}
        families.append(
            _family("drivers", "partial", one.null, one.untested, one.p_family, len(one.traces), named, ASSUMES)
        )
        whole = np.array([one.p_joint])
        joint.append(_family("drivers", "all traces together", one.joint, one.joint_untested, whole, 1, named))
    _set_q(joint, [np.array([one.p_joint]) for _, one in results])
    for (_, one), q in zip(results, _set_q(families, [one.p_family for _, one in results]), strict=True):
        one.q = q
    rows = [
        {
            "animal": session.animal, **asdict(session.neurons[trace]), "behavior": one.behavior,
            "measure": "partial", "value": float(one.partial_r[at]), "lag_s": 0.0, "p": float(one.p[at]),
            "p_family": float(one.p_family[at]), "q": float(one.q[at]), "frequency": float(one.frequency[at]),
            **_null(one.null, ASSUMES),
        }
        for session, one in results for at, trace in enumerate(one.traces)
    ]  # fmt: skip
    tables = {"behavior_tuning": table_of(rows, TUNING), "behavior_tests": tests_table([*families, *joint])}
    return Answer(tables, tested_notes(families) + tested_notes(joint) + left_out)


def _family(
    question: str,
    measure: str,
    null: Null | None,
    reason: str,
    p: np.ndarray,
    tests: int,
    named: dict[str, Any],
    assumption: str | None = None,
) -> Family:
    if null is None:
        return untested(question, reason, **{**named, "measure": measure, "tests": tests})
    whole = float(np.nanmin(p)) if np.isfinite(p).any() else float("nan")
    return Family(
        question=question, measure=measure, null_model=null.name, assumption=assumption or null.assumption, tests=tests,
        window=len(null.middle), candidates=null.candidates, floor=null.floor, p=whole,
        **{"animal": None, "behavior": None, **named},
    )  # fmt: skip


def _set_q(families: Sequence[Family], members: Sequence[np.ndarray]) -> list[np.ndarray]:
    """q of every member over all families, set in the families, too."""
    whole, q_values = over_families([one.p for one in families], members)
    for family, q, own in zip(families, whole, q_values, strict=True):
        family.q, family.found = float(q), int((own <= LEVEL).sum())
    return q_values


def functional(
    sessions: Sequence[Session], kind: str, measure: str, min_confidence: float | None, progress: Progress | None,
    **options: Any,
) -> Answer:  # fmt: skip
    """Table ``functional_connections`` of one kind and measure; animals without identities are left out, and said."""
    from graphlab.activity.wiring.lagged import lagged_edges

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
    families = [one.family() for _, one in edges]
    for (_, one), q in zip(edges, _set_q(families, [one.q for _, one in edges]), strict=True):
        one.q = q
    notes = tested_notes(families) + notes + ["no cause is claimed"]
    tables = {
        "functional_connections": pa.concat_tables([_edges(s, e) for s, e in edges]),
        "behavior_tests": tests_table(families),
    }
    return Answer(tables, notes)


def _edges(session: Session, edges: FunctionalEdges) -> pa.Table:
    ids = np.array([neuron.root_id or 0 for neuron in session.neurons], dtype=np.uint64)
    count = len(edges.pre)
    columns: dict[str, Any] = {
        "kind": [edges.kind] * count, "measure": [edges.measure] * count, "animal": [edges.animal] * count,
        "pre_root_id": ids[edges.pre], "post_root_id": ids[edges.post], "directed": [edges.directed] * count,
        "value": edges.value, "lag_s": edges.lag_s, "p": edges.p, "q": edges.q, "p_naive": edges.p_naive,
        "connected": pa.array(edges.q <= LEVEL, mask=np.isnan(edges.q)),
        "floor": [None if edges.null is None else edges.null.floor] * count,
        "assumption": [None if edges.null is None else PAIR_ASSUMES] * count,
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
        "floor": [None] * count, "assumption": [None] * count,
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
    """Table ``behavior_models``: blocked scores with p, a random split beside them, importance of each trace if asked.

    A family is one decoder; q is over all of them.
    """
    from graphlab.activity.behavior.decoding import decode

    notes, left_out = [], list[str]()
    results = [
        (session, one)
        for session, _, one in for_each_behavior(
            lambda session, behavior: decode(session, behavior, **options), sessions, behaviors, left_out, progress
        )
    ]
    whole = [np.array([one.p]) for _, one in results]
    families = []
    for _, one in results:
        named = {"animal": one.animal, "behavior": one.behavior, "frames": len(one.truth)}
        families.append(_family("decoding", "blocked R^2", one.null, one.untested, np.array([one.p]), 1, named))
    rows = []
    for (session, one), q in zip(results, _set_q(families, whole), strict=True):
        base = {"animal": session.animal, "model": "decoding", "behavior": one.behavior}
        tested = {"p": one.p, "p_family": one.p, "q": float(q[0]), **_null(one.null)}
        rows.append({**base, "split": "blocked", "r2": one.r2, "r": one.r, **tested})
        rows.append({**base, "split": "random", "r2": one.r2_random, "r": one.r_random})
        rows += [
            {**base, "split": "blocked", "trace": trace, "root_id": session.neurons[trace].root_id,
             "dropped": session.neurons[trace].label, "importance": fall}
            for trace, fall in one.importance.items()
        ]  # fmt: skip
        notes.append(
            f"animal {session.animal}, {one.behavior}: R^2 {one.r2:.2f}, r {one.r:.2f} in held-out blocks with gaps of "
            f"{one.gap_frames} frames; a random split would say R^2 {one.r2_random:.2f}"
        )
    tables = {"behavior_models": table_of(rows, MODELS), "behavior_tests": tests_table(families)}
    return Answer(tables, notes + tested_notes(families) + left_out)


def encoding(
    sessions: Sequence[Session], behaviors: Sequence[str] | None, progress: Progress | None, **options: Any
) -> Answer:
    """Table ``behavior_models``: how well behaviours explain each trace in held-out blocks, with p; each one's share.

    A family is every trace of one animal.
    """
    from graphlab.activity.behavior.encoding import encode

    notes, results = [], []
    for number, session in enumerate(sessions):
        known = [name for name in behaviors or session.behaviors if name in session.behaviors]
        results.append((session, encode(session, known, **options)))
        if progress:
            progress(number + 1, len(sessions))
    families = []
    for _, one in results:
        named = {"animal": one.animal, "behavior": ", ".join(one.behaviors), "frames": one.frames}
        tests = int(np.isfinite(one.r2).sum())
        families.append(_family("encoding", "blocked R^2", one.null, one.untested, one.p_family, tests, named))
    rows = []
    for (session, one), q in zip(results, _set_q(families, [one.p_family for _, one in results]), strict=True):
        for trace, neuron in enumerate(session.neurons):
            base = {"animal": session.animal, "model": "encoding", "split": "blocked", "trace": trace,
                    "root_id": neuron.root_id, "decay_s": float(one.decay_s[trace])}  # fmt: skip
            tested = {"p": float(one.p[trace]), "p_family": float(one.p_family[trace]), "q": float(q[trace])}
            scored = {"r2": float(one.r2[trace]), "r": float(one.r[trace])}
            rows.append({**base, **scored, **tested, **_null(one.null)})
            rows += [
                {**base, "behavior": name, "dropped": name, "importance": float(fall[trace])}
                for name, fall in one.importance.items()
            ]
        notes.append(
            f"animal {session.animal}: {int((one.r2 > 0).sum())} of {int(np.isfinite(one.r2).sum())} traces are "
            f"predicted better than by their mean (blocks, gaps of {one.gap_frames} frames) by "
            f"{', '.join(one.behaviors)}"
        )
    tables = {"behavior_models": table_of(rows, MODELS), "behavior_tests": tests_table(families)}
    return Answer(tables, notes + tested_notes(families))
