"""The communities of ``graph.circuits``: divisions of the wiring, and how they agree with what is known of neurons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlab.circuits.result import CircuitResult
from graphlab.circuits.weights.settings import WeightSettings
from graphlab.store import tables
from graphlab.verbs.circuits.circuit_verbs import CircuitVerbs
from graphlab.verbs.circuits.statistics import OF_WEIGHTS, connection_notes, texts
from ingest.running.progress import Progress
from ingest.schema.errors import UnknownNameError

if TYPE_CHECKING:
    import pyarrow as pa

    from graphlab.circuits.communities.found import Agreement, Communities
    from queries.snapshot import Snapshot

MAIN_NEUROPIL = "main_neuropil"
"""Not a column: the neuropil with most of a neuron's output."""


@dataclass(frozen=True, eq=False, repr=False)
class CommunitiesResult(CircuitResult):
    """The rows of ``communities``, the numbers behind them, and those of ``community_scores``."""

    found: Communities | None = None
    scores: pa.Table | None = None
    """method, name, start, against, value, n."""


class CommunityVerbs(CircuitVerbs):
    """Which neurons belong together."""

    def communities(
        self,
        method: str = "leiden",
        *,
        resolution: float | None = None,
        blocks: int | None = None,
        seeds: int = 10,
        seed: int = 0,
        against: str | Sequence[str] | None = None,
        record: bool = True,
        progress: Progress | None = None,
        **settings: Any,
    ) -> CommunitiesResult:
        """Divide the neurons by their wiring, from several starts; the best division is kept.

        Args:
            method: ``leiden`` (directed modularity), ``infomap`` (what a random walk stays in; extra ``communities``),
                or ``block-model`` (neurons that connect alike, degrees allowed for).
            resolution: of leiden, 1 when None; higher for more communities.
            blocks: of the block model; as many as Leiden finds communities when None.
            seeds: starts. seed: of all of them.
            against: columns of neurons to compare with, and ``main_neuropil``; by default cell_type and main_neuropil
                where there are such.
            settings: of weights: kind, min_weight, within, proofread, compartment.

        Returns:
            method, root_id, community (0 is the largest; null without connections), neurons (of it), stability (mean
            overlap with the neuron's community of other starts); by community, then root_id.

        Raises:
            UnknownNameError: no such method, column or setting. AnalysisError: nothing to divide, a column without
                values. MissingExtraError: infomap is not installed.
        """
        from graphlab.circuits.communities.found import agreement_with, check_settings, find_communities

        check_settings(method, resolution, blocks, seeds)
        chosen = connections_only(self._settings, settings, "communities")
        wanted = None if against is None else [against] if isinstance(against, str) else list(against)
        parameters = {
            "method": method, "resolution": None if resolution is None else float(resolution), "blocks": blocks,
            "seeds": seeds, "seed": seed, "against": wanted, **{name: getattr(chosen, name) for name in OF_WEIGHTS},
        }  # fmt: skip
        run = self._start_run("communities", parameters, seed=seed, record=record)
        weights = self._read(chosen)
        labels = self._labels(weights.graph, chosen.kind, wanted)
        found = find_communities(
            weights.graph, method, resolution=resolution, blocks=blocks, starts=seeds, seed=seed, progress=progress
        )
        agreements, notes = [], [found.sentence]
        for column, values in labels.items():
            agreements.append(agreement_with(column, values, found.community))
            notes.append(agreements[-1].sentence)
        if alone := int((found.community < 0).sum()):
            notes.append(f"{alone:,} of {weights.n:,} neurons have no connections, and no community")
        notes += connection_notes(weights)
        table, scores = _rows(weights.graph, found), _scores(found, agreements)
        whole = _together(table, scores)
        run.finish(whole, {"communities": table, "community_scores": scores}, whole, "; ".join(notes))
        about = {
            "method": method, "communities": len(found.sizes), "quality": found.quality[found.best].item(),
            "starts": seeds, "stability_ari": _plain(found.rand), "stability_ami": _plain(found.mutual),
            "against": {one.column: {"ari": one.rand, "ami": one.mutual, "n": one.neurons} for one in agreements},
        }  # fmt: skip
        return CommunitiesResult(
            table, run_id=run.run_id, stored="communities", notes=tuple(notes), about=about, found=found, scores=scores
        )

    def _labels(self, graph: Snapshot, kind: str, wanted: Sequence[str] | None) -> dict[str, list[str | None]]:
        """Columns to compare with: those named, or cell_type and the main neuropil where some neuron has one."""
        if wanted is not None:
            return {name: self._column(graph, kind, name) for name in dict.fromkeys(wanted)}
        found = {}
        for name in ("cell_type", MAIN_NEUROPIL):
            if any(values := self._column(graph, kind, name)):
                found[name] = values
        return found

    def _column(self, graph: Snapshot, kind: str, name: str) -> list[str | None]:
        if name == MAIN_NEUROPIL:
            return main_neuropils(graph, tables.neuropil_rows(self._folder, kind))
        return texts(tables.neuron_values(self._folder, graph, name))

    def repeatable(self) -> dict[str, Callable[..., object]]:
        """What does the work of a run again, by the verb that the run names, from the run's parameters."""
        return {**super().repeatable(), "communities": self.communities}


def connections_only(
    settings_of: Callable[[Mapping[str, Any]], WeightSettings], given: Mapping[str, Any], what: str
) -> WeightSettings:
    """Settings of an analysis that looks at connections and divides by nothing.

    Raises:
        UnknownNameError: one of another analysis.
    """
    for name in given:
        if name not in OF_WEIGHTS:
            raise UnknownNameError(f"setting of {what}", name, OF_WEIGHTS)
    chosen = settings_of({**given, "denominator": "in-graph"})
    return replace(chosen, min_weight=float(chosen.min_weight))


def main_neuropils(graph: Snapshot, rows: pa.Table) -> list[str | None]:
    """[n] neuropil with most of each neuron's output, ties by name; None without output in one.

    Args:
        rows: pre_root_id, post_root_id, neuropil, weight.
    """
    if not rows.num_rows:
        return [None] * graph.n
    names, place = np.unique(np.array(rows["neuropil"].to_pylist(), dtype=object).astype(str), return_inverse=True)
    pre, post = (graph.indices_of(rows[name].to_numpy()) for name in ("pre_root_id", "post_root_id"))
    inside = (pre >= 0) & (post >= 0) & (pre != post)
    key, at = np.unique(pre[inside] * len(names) + place[inside], return_inverse=True)
    amount = np.bincount(at, rows["weight"].to_numpy()[inside].astype(np.float64), minlength=len(key))
    found: list[str | None] = [None] * graph.n
    # The strongest comes last of its neuron, and of equals the first by name.
    for k in np.lexsort([-(key % len(names)), amount]).tolist():
        if amount[k] > 0:
            found[int(key[k] // len(names))] = str(names[key[k] % len(names)])
    return found


def _rows(graph: Snapshot, found: Communities) -> pa.Table:
    import pyarrow as pa

    there = found.community >= 0
    order = np.lexsort([graph.root_ids, found.community, ~there])
    neurons = np.where(there, found.sizes[np.where(there, found.community, 0)], 0)
    return pa.table(
        {
            "method": pa.array([found.method] * graph.n, pa.string()),
            "root_id": pa.array(graph.root_ids[order], pa.uint64()),
            "community": pa.array(found.community[order], pa.int64(), mask=~there[order]),
            "neurons": pa.array(neurons[order], pa.int64(), mask=~there[order]),
            "stability": pa.array(found.stability[order], pa.float64(), from_pandas=True),
        }
    )


def _scores(found: Communities, agreements: Sequence[Agreement]) -> pa.Table:
    import pyarrow as pa

    from graphlab.circuits.communities.found import QUALITY

    n = int((found.community >= 0).sum())
    rows: list[dict[str, Any]] = []
    for start, (value, count) in enumerate(zip(found.quality.tolist(), found.counts.tolist(), strict=True)):
        rows.append({"name": QUALITY[found.method], "start": start, "value": value, "n": n})
        rows.append({"name": "communities", "start": start, "value": float(count), "n": n})
    for name, value in (("ari_between_starts", found.rand), ("ami_between_starts", found.mutual)):
        rows.append({"name": name, "value": _plain(value), "n": n})
    for one in agreements:
        for name, value in (("ari", one.rand), ("ami", one.mutual)):
            rows.append({"name": name, "against": one.column, "value": value, "n": one.neurons})
    fields = [("method", pa.string()), ("name", pa.string()), ("start", pa.int64()), ("against", pa.string()),
              ("value", pa.float64()), ("n", pa.int64())]  # fmt: skip
    return pa.Table.from_pylist([{"method": found.method, **row} for row in rows], schema=pa.schema(fields))


def _together(table: pa.Table, scores: pa.Table) -> pa.Table:
    """Both tables as one, which is what a rerun compares; rows of the second have no root_id."""
    import pyarrow as pa

    return pa.concat_tables([table, scores], promote_options="default").combine_chunks()


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
