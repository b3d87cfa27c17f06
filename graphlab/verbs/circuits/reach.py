"""The verbs of ``graph.circuits`` about what some neurons do to others: effective connectivity, influence, between.

Tests: tests/graphlab/verbs/circuits/test_flow.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphlab.circuits.result import CircuitResult
from graphlab.circuits.weights.settings import one_of
from graphlab.circuits.weights.weights import require_connections
from graphlab.verbs.circuits.circuit_verbs import CircuitVerbs, Ints
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers
from ingest.schema.errors import AnalysisError

MOST_ROWS = 20_000_000
LINEAR_MODEL = "linear rate model, W = count, always scaled (rule of the authors' version 2)"


class ReachVerbs(CircuitVerbs):
    """What some neurons do to others."""

    def effective_connectivity(
        self,
        sources: Any,
        targets: Any,
        *,
        layers: int = 5,
        by: str | None = None,
        cut: float = 1e-4,
        workers: Workers = 1,
        record: bool = True,
        progress: Progress | None = None,
        **settings: Any,
    ) -> CircuitResult:
        """What share of the input of ``targets`` comes from ``sources`` over 1, 2, ... ``layers`` connections.

        Args:
            sources, targets: root_ids, names, or criteria.
            by: a column of neurons: sources of a group are summed, targets of a group averaged. Neurons when None.
            cut: rows whose strength is smaller are left out, and counted.
            settings: with ``signs``, walks of an even number of inhibitory neurons excite, the others inhibit.

        Returns:
            layer, source, target (ids as text, or values of ``by``), pre_root_id, post_root_id (null with ``by``),
            strength (excitatory less inhibitory), root (of the size of strength, by the layer: a mean share a step),
            excitatory, inhibitory (null without signs), denominator; by layer, strongest first. Single precision.

        Raises:
            AnalysisError: no such neurons, more rows than are kept. UnknownNameError: no such column.
        """
        from graphlab.circuits.flow.effective import effective

        chosen = self._settings(settings)
        plain = {"sources": self._choice("sources", sources), "targets": self._choice("targets", targets)}
        run = self._start_run(
            "effective_connectivity", {**plain, "layers": layers, "by": by, "cut": cut, **chosen.plain()}, record=record
        )
        weights = self._read(chosen)
        require_connections(weights)
        starts, ends = (self._nodes_by(self._nodes(k, plain[k], weights), by or "root_id", weights) for k in plain)
        if len(starts) * len(ends) * layers > MOST_ROWS:
            raise AnalysisError(
                f"{len(starts):,} sources, {len(ends):,} targets and {layers} layers may give more than {MOST_ROWS:,} "
                "rows; choose fewer, or group them with by="
            )
        blocks, left_out = [], 0
        for done, step in enumerate(effective(weights, list(starts.values()), layers, workers), 1):
            minus = np.zeros_like(step.plus) if step.minus is None else step.minus
            plus, minus = (_means(values, list(ends.values())) for values in (step.plus, minus))
            strength = plus - minus
            kept = np.abs(strength) >= cut
            left_out += int(((plus + minus > 0) & ~kept).sum())
            target, source = np.nonzero(kept)
            blocks.append((np.full(len(target), step.layer), source + step.first, target, plus[kept], minus[kept]))
            if progress is not None:
                progress(done, 0)
        table = _effective_rows(blocks, list(starts), list(ends), by is None, weights.sign is not None)
        table = table.append_column("denominator", _text(weights.denominator, len(table)))
        note = (
            f"effective connectivity: {len(starts):,} sources to {len(ends):,} targets over {layers} layers; "
            f"{left_out:,} strengths below {cut:g} are left out; single precision"
        )
        about = {"left_out": left_out}
        return self._kept(run, table, "effective_connectivity", [note, *weights.notes], about)

    def influence(
        self,
        seeds: Any,
        *,
        each: str | None = None,
        targets: Any = None,
        silenced: Any = None,
        gain: float = 0.99,
        scale: str = "fixed",
        counted: str = "count",
        record: bool = True,
        progress: Progress | None = None,
        **settings: Any,
    ) -> CircuitResult:
        """Steady influence of some neurons on all others (linear rate model), beside what any seed would do.

        Args:
            seeds: root_ids, names, or criteria; together one set, unless ``each`` is ``root_id`` (every neuron by
                itself) or a column of neurons (every group).
            targets: whose rows are given back and kept; all neurons when None.
            silenced: neurons that send nothing, but for seeds, which always send (and are told).
            gain: the leading eigenvalue after scaling; near 1 the leading mode takes over.
            scale: ``fixed`` by the eigenvalue of the whole wiring, ``silenced`` by that of what silencing leaves.
            counted: ``count`` of synapses, or the ``fraction`` of the target's input.

        Returns:
            seeds, root_id, score, adjusted (ln of its size + 24, with its sign), rank (by size of the score, among all
            neurons), leading_rank (by the leading eigenvector), leading_mode, beyond_mode (score less the mode); the
            last three null where no mode stands alone; by seeds, then by rank.

        Raises:
            AnalysisError: no such neurons, nothing to scale by, no sure answer. UnknownNameError: no such column.
        """
        import pyarrow as pa

        from graphlab.circuits.flow import influence as model

        one_of("scale", scale, model.SCALES)
        one_of("weight (counted)", counted, model.COUNTED)
        chosen = self._settings(settings)
        if seeds is None:
            raise AnalysisError("seeds: no neuron was given; wanted root_ids, or criteria such as cell_type")
        asked = {"seeds": seeds, "targets": targets, "silenced": silenced}
        plain = {name: self._choice(name, who) for name, who in asked.items()}
        own = {"each": each, "gain": gain, "scale": scale, "counted": counted}
        run = self._start_run("influence", {**plain, **own, **chosen.plain()}, record=record)
        weights = self._read(chosen)
        require_connections(weights)
        nodes = {name: None if who is None else self._nodes(name, who, weights) for name, who in plain.items()}
        starts = nodes["seeds"]
        assert starts is not None
        sets = {"all": starts} if each is None else self._nodes_by(starts, each, weights)
        shown = np.arange(weights.n) if nodes["targets"] is None else nodes["targets"]
        if len(sets) * len(shown) > MOST_ROWS:
            raise AnalysisError(f"{len(sets):,} sets of seeds give more than {MOST_ROWS:,} rows; name targets")
        found = model.influence(weights, list(sets.values()), nodes["silenced"], gain, scale, counted, progress)
        ids = weights.graph.root_ids
        along = None if found.direction is None else _ranked(found.direction, ids)[shown]
        parts = []
        for column, name in enumerate(sets):
            score, rank = found.score[:, column], _ranked(np.abs(found.score[:, column]), ids)[shown]
            mode = None if found.mode is None else found.mode[shown, column]
            order = np.argsort(rank)
            rows = {
                "seeds": _text(name, len(shown)),
                "root_id": pa.array(ids[shown][order], pa.uint64()),
                "score": pa.array(score[shown][order], pa.float64()),
                "adjusted": pa.array(model.adjusted(score[shown][order]), pa.float64()),
                "rank": pa.array(rank[order], pa.int64()),
            }
            nothing = [None] * len(shown)
            rows["leading_rank"] = pa.array(nothing if along is None else along[order], pa.int64())
            rows["leading_mode"] = pa.array(nothing if mode is None else mode[order], pa.float64())
            rows["beyond_mode"] = pa.array(nothing if mode is None else (score[shown] - mode)[order], pa.float64())
            parts.append(pa.table(rows))
        about = {"lambda": found.lambda_, "gain": gain, **_share_of_mode(found, list(sets.values()))}
        about["silenced"] = 0 if nodes["silenced"] is None else len(nodes["silenced"])
        sending = np.intersect1d(starts, nodes["silenced"]) if nodes["silenced"] is not None else starts[:0]
        about["silenced"] -= len(sending)
        told = [f"{len(sending):,} neurons to be silenced are seeds, and send"] if len(sending) else []
        notes = [_scaling(found, gain, scale, counted), *told, *_control(found, about), *weights.notes]
        return self._kept(run, pa.concat_tables(parts), "influence", notes, about)

    def intermediates(self, sources: Any, targets: Any, *, record: bool = True, **settings: Any) -> CircuitResult:
        """Neurons between two groups, A -> ? -> B, by the weaker of their two fractions.

        Args:
            sources, targets: root_ids, names, or criteria.

        Returns:
            root_id, from_sources (share of its input from A), to_targets (share of B's input from it), weaker,
            weight_in, weight_out, denominator; by weaker, then by id.

        Raises:
            AnalysisError: no such neurons, no connections.
        """
        import pyarrow as pa

        from graphlab.circuits.flow.intermediates import intermediates

        chosen = self._settings(settings)
        plain = {"sources": self._choice("sources", sources), "targets": self._choice("targets", targets)}
        run = self._start_run("intermediates", {**plain, **chosen.plain()}, record=record)
        weights = self._read(chosen)
        require_connections(weights)
        starts, ends = (self._nodes(name, plain[name], weights) for name in plain)
        found = intermediates(weights, starts, ends)
        table = pa.table(
            {
                "root_id": pa.array(weights.graph.root_ids[found.nodes], pa.uint64()),
                **{
                    name: pa.array(getattr(found, name), pa.float64())
                    for name in ("from_sources", "to_targets", "weaker", "weight_in", "weight_out")
                },
                "denominator": _text(weights.denominator, len(found.nodes)),
            }
        )
        note = (
            f"intermediates: {len(found.nodes):,} neurons with input from {len(starts):,} sources and output to "
            f"{len(ends):,} targets, by the weaker of the two fractions"
        )
        return self._kept(run, table, "intermediates", [note, *weights.notes])

    def repeatable(self) -> dict[str, Callable[..., object]]:
        """What does the work of a run again, by the verb that the run names, from the run's parameters."""
        verbs = (self.effective_connectivity, self.influence, self.intermediates)
        return {**super().repeatable(), **{verb.__name__: verb for verb in verbs}}


def _text(value: str, rows: int) -> Any:
    import pyarrow as pa

    return pa.array([value] * rows, pa.string())


def _means(values: Any, groups: list[Ints]) -> Any:
    """float64 [groups, columns], the mean over the rows of each group."""
    sizes = np.array([len(one) for one in groups])
    together = values[np.concatenate(groups)].astype(np.float64)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return np.add.reduceat(together, starts, axis=0) / sizes[:, None]


def _effective_rows(blocks: list[Any], sources: list[str], targets: list[str], ids: bool, signed: bool) -> Any:
    import pyarrow as pa

    layer, source, target, plus, minus = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    strength = plus - minus
    order = np.lexsort((target, source, -np.abs(strength), layer))
    layer, source, target = layer[order], source[order], target[order]
    strength, plus, minus = strength[order], plus[order], minus[order]
    names = [np.array(labels, dtype=object)[at].tolist() for labels, at in ((sources, source), (targets, target))]
    columns: dict[str, Any] = {
        "layer": pa.array(layer, pa.int64()),
        "source": pa.array(names[0], pa.string()),
        "target": pa.array(names[1], pa.string()),
    }
    for name, texts in zip(("pre_root_id", "post_root_id"), names, strict=True):
        columns[name] = pa.array([int(text) for text in texts] if ids else [None] * len(texts), pa.uint64())
    columns["strength"] = pa.array(strength, pa.float64())
    columns["root"] = pa.array(np.sign(strength) * np.abs(strength) ** (1.0 / layer), pa.float64())
    for name, values in (("excitatory", plus), ("inhibitory", minus)):
        columns[name] = pa.array(values if signed else [None] * len(layer), pa.float64())
    return pa.table(columns)


def _ranked(size: Any, ids: Any) -> Any:
    """1 for the largest; equal ones by id."""
    ranks = np.empty(len(size), dtype=np.int64)
    ranks[np.lexsort((ids, -size))] = np.arange(1, len(size) + 1)
    return ranks


def _share_of_mode(found: Any, sets: list[Ints]) -> dict[str, Any]:
    """How much of the scores is the leading mode: sizes summed over all neurons but the seeds."""
    if found.mode is None:
        return {"leading_share": None, "eigenvalue": None}
    mode, beyond = np.abs(found.mode), np.abs(found.score - found.mode)
    for column, nodes in enumerate(sets):
        mode[nodes, column] = beyond[nodes, column] = 0.0
    whole = float(mode.sum() + beyond.sum())
    value = found.eigenvalue
    return {
        "leading_share": float(mode.sum()) / whole if whole > 0 else None,
        "eigenvalue": [value.real, value.imag],
    }


def _scaling(found: Any, gain: float, scale: str, counted: str) -> str:
    if found.lambda_ is None:
        return f"influence: {LINEAR_MODEL}; this wiring has no cycles and is not scaled; W is the {counted}"
    return (
        f"influence: {LINEAR_MODEL.replace('count', counted)}; W times {gain:g} / {found.lambda_:.8g}, the largest "
        f"real part of an eigenvalue ({scale})"
    )


def _control(found: Any, about: dict[str, Any]) -> list[str]:
    if found.mode is None:
        return [f"leading mode: none is given, {found.why_no_mode}"]
    share = about["leading_share"]
    pair = " (a complex pair)" if found.eigenvalue.imag else ""
    shown = "all scores are 0" if share is None else f"{share:.1%} of the scores' size"
    return [
        f"leading mode{pair}, the same for any seeds up to a factor: {shown} outside the seeds; ranks against it stand "
        "beside the scores"
    ]
