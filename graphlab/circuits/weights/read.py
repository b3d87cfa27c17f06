"""Weights of a stored graph: read in one order, with signs by a named policy and what is missing said aloud."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from graphlab.circuits.weights.policies import LEFT_OUT, sign_policy
from graphlab.circuits.weights.settings import SUMMED, WeightSettings
from graphlab.circuits.weights.weights import Signs, Weights, input_of
from graphlab.store import tables
from graphlab.store.folder import Folder
from graphlab.store.wiring.input_totals import input_beyond
from graphlab.store.wiring.snapshots import snapshot
from ingest.schema.errors import AnalysisError, UnknownNameError
from ingest.schema.proofreading import seen
from queries.snapshot import Snapshot

Mask = npt.NDArray[np.bool_]
UNKNOWN = 2
"""Of a sign, while it is looked up."""


def read_weights(folder: Folder, settings: WeightSettings, within: npt.NDArray[np.uint64] | None = None) -> Weights:
    """The weights that ``settings`` describe.

    Args:
        within: root_ids; only these neurons and the connections among them. All when None.

    Raises:
        AnalysisError: signs that are missing and not allowed to be, no proofread side, negative weights, compartments
            that are not stored. UnknownNameError: no such kind, compartment or cell type.
    """
    compartment = None if settings.compartment == SUMMED else settings.compartment
    graph = snapshot(folder, settings.kind, settings.min_weight, compartment=compartment)
    least = _least_weight(folder, settings.kind)
    if least < 0 and not (settings.min_weight > 0 and settings.denominator == "in-graph"):
        raise AnalysisError(
            f"the least weight is {least:g}; signals flow along positive weights. Take a kind of counts (chemical, "
            "electrical), or min_weight above 0 with the denominator in-graph"
        )
    total = input_of(graph)
    if settings.denominator == "stored":
        total = total + input_beyond(folder, graph, settings.kind)
    if within is not None:
        nodes = np.sort(_known(graph, within))
        graph, total = graph.subset(neurons=nodes), total[nodes]
        if settings.denominator == "in-graph":
            total = input_of(graph)
    notes, about = [_order(graph, settings)], dict[str, Any]()
    if graph.meta.get("autapses"):
        about["autapses"] = int(graph.meta["autapses"])
    graph = _proofread(folder, graph, settings, notes, about)
    sign: Signs | None = None
    if settings.signs is not None:
        graph, sign = _signed(folder, graph, settings, notes, about)
    return Weights(graph, total, settings.denominator, sign, settings.signs, settings.compartment, tuple(notes), about)


def _least_weight(folder: Folder, kind: str) -> float:
    """Of everything stored of a kind; infinite where there is nothing."""
    if "@" in kind:
        return float(snapshot(folder, kind, -np.inf).weight.min(initial=np.inf))
    return tables.least_weight(folder, kind)


def _known(graph: Snapshot, within: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    nodes = graph.indices_of(np.unique(within))
    if not len(nodes) or (nodes < 0).all():
        raise AnalysisError("within names no neuron of the graph; wanted root_ids or criteria that some neurons meet")
    return nodes[nodes >= 0]


def _order(graph: Snapshot, settings: WeightSettings) -> str:
    least = f"pairs of at least {settings.min_weight:g}" if settings.min_weight else "all pairs"
    total = {
        "stored": "all stored input before thresholds, fragments in, autapses out",
        "in-graph": "the input from the connections in the graph",
    }[settings.denominator]
    return (
        f"weights: {settings.kind}, compartments {settings.compartment}, {least} (summed over neuropils), autapses "
        f"out; fractions are of {total} ({settings.denominator})"
    )


def _proofread(
    folder: Folder, graph: Snapshot, settings: WeightSettings, notes: list[str], about: dict[str, Any]
) -> Snapshot:
    axon, dendrite = (seen(tables.neuron_values(folder, graph, f"status_{side}")) for side in ("axon", "dendrite"))
    if axon is None and dendrite is None:
        if settings.proofread:
            raise AnalysisError(
                "no neuron has a status_axon or status_dendrite, so nothing is known of proofreading; ingest neurons "
                "with these columns, or leave proofread out"
            )
        return graph
    both = np.ones(graph.m, dtype=np.bool_)
    if axon is not None:
        both &= axon[graph.sources()]
    if dendrite is not None:
        both &= dendrite[graph.out_target]
    rest = int((~both).sum())
    about["not_proofread"] = rest
    if not rest:
        return graph
    sentence = f"{rest:,} of {graph.m:,} connections leave an axon or reach a dendrite that nobody proofread"
    if not settings.proofread:
        notes.append(f"{sentence}; they are in (proofread leaves them out)")
        return graph
    notes.append(f"{sentence}; they are left out")
    return graph.subset(edges=both)


def _signed(
    folder: Folder, graph: Snapshot, settings: WeightSettings, notes: list[str], about: dict[str, Any]
) -> tuple[Snapshot, Signs]:
    """The connections that have a sign, and their signs."""
    assert settings.signs is not None
    sign = _signs_of_neurons(folder, graph, settings)[graph.sources()]
    if settings.transmitter_of == "connection":
        own = _signs_of_connections(folder, graph, settings)
        sign = np.where(own == UNKNOWN, sign, own)
    unknown = sign == UNKNOWN
    about["unknown_signs"] = int(unknown.sum())
    if unknown.any():
        sentence = _unknown_sentence(folder, graph, settings, unknown)
        if settings.unknown_signs == "refuse":
            raise AnalysisError(
                f"{sentence}; give neurons an nt_type, name types in sign_of, or say unknown_signs: exclude, excite or "
                "inhibit"
            )
        treated = {"exclude": LEFT_OUT, "excite": 1, "inhibit": -1}[settings.unknown_signs]
        sign = np.where(unknown, treated, sign)
        said = {"exclude": "are left out", "excite": "count as excitatory", "inhibit": "count as inhibitory"}
        notes.append(f"{sentence}; they {said[settings.unknown_signs]}")
    out = (sign == LEFT_OUT) & ~unknown
    about["signs_left_out"] = int(out.sum())
    policy = sign_policy(settings.signs)
    counts = f"{int((sign == 1).sum()):,} connections excite, {int((sign == -1).sum()):,} inhibit"
    overrides = f", overridden for {', '.join(sorted(settings.sign_of))}" if settings.sign_of else ""
    left = f", {int(out.sum()):,} are left out by it" if out.any() else ""
    notes.append(f"signs by {policy.name!r}{overrides} ({policy.about}) {counts}{left}")
    kept = sign != LEFT_OUT
    return (graph if kept.all() else graph.subset(edges=kept)), sign[kept].astype(np.int8)


def _signs_of_neurons(folder: Folder, graph: Snapshot, settings: WeightSettings) -> npt.NDArray[np.int64]:
    """[n] 1, -1, 0 (left out) or UNKNOWN."""
    names = tables.neuron_values(folder, graph, "nt_type")
    sure = tables.neuron_values(folder, graph, "nt_confidence")
    sign = np.array([_sign(settings, *one) for one in zip(names, sure, strict=True)], dtype=np.int64)
    if settings.sign_of:
        types = tables.neuron_values(folder, graph, "cell_type")
        known = {str(one) for one in types if one is not None}
        for name, value in settings.sign_of.items():
            if name not in known:
                raise UnknownNameError("cell type of sign_of", name, known)
            sign[[one is not None and str(one) == name for one in types]] = value
    return sign


def _sign(settings: WeightSettings, name: str | None, confidence: float | None) -> int:
    assert settings.signs is not None
    least = settings.min_confidence
    if least is not None and confidence is not None and confidence < least:
        return UNKNOWN
    # A cut of the caller's replaces the policy's own.
    found = sign_policy(settings.signs).sign(name, None if least is not None else confidence)
    return UNKNOWN if found is None else found


def _signs_of_connections(folder: Folder, graph: Snapshot, settings: WeightSettings) -> npt.NDArray[np.int64]:
    """[m] by the transmitter of the connection itself, UNKNOWN where its source names none."""
    rows = tables.connections(folder, settings.kind, settings.min_weight).select(
        ["pre_root_id", "post_root_id", "nt_type"]
    )
    rows = rows.filter(rows["nt_type"].is_valid())
    pre, post = (graph.indices_of(rows[name].to_numpy()) for name in ("pre_root_id", "post_root_id"))
    inside = (pre >= 0) & (post >= 0)
    edge = graph.edges_of(pre[inside], post[inside])
    names = np.array(rows["nt_type"].to_pylist(), dtype=object)[inside]
    value = {name: _sign(settings, name, None) for name in set(names.tolist())}
    sign = np.full(graph.m, UNKNOWN, dtype=np.int64)
    sign[edge[edge >= 0]] = [value[name] for name in names[edge >= 0]]
    return sign


def _unknown_sentence(folder: Folder, graph: Snapshot, settings: WeightSettings, unknown: Mask) -> str:
    nodes = np.unique(graph.sources()[unknown])
    names = tables.neuron_values(folder, graph, "nt_type")
    found = Counter("none" if names[i] is None else str(names[i]) for i in nodes.tolist())
    shown = ", ".join(f"{name} {count:,}" for name, count in found.most_common(5))
    return (
        f"{int(unknown.sum()):,} of {graph.m:,} connections, of {len(nodes):,} neurons, have no sign by "
        f"{settings.signs!r} (transmitters: {shown})"
    )
