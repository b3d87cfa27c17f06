"""Which part of the connections is meant: compartments as people say them, as runs write them down, as SQL.

Tests: tests/graphlab/store/wiring/compartments/test_partition.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from graphlab.store.database import exact_sum
from graphlab.store.folder import Folder
from graphlab.store.wiring.compartments.partition import PAIR, PARTITION, SIDES
from ingest.schema.compartments import UNKNOWN, CompartmentPair, compartment_pairs
from ingest.schema.errors import AnalysisError, SchemaError, UnknownNameError, VersionError
from ingest.schema.words import KINDS

PLACED = "synapses_placed"
"""Key of ``meta``: the run that placed the synapses on skeletons."""
LABELLED = "synapses_labelled"
"""Key of ``meta``: the run that labelled synapses by a model of embeddings."""
Compartment = str | Sequence[str] | None
"""What people say: see ``ingest.schema.compartments.compartment_pairs``; None for whole connections."""


@dataclass(frozen=True)
class ChosenPart:
    """The rows of a partition that are meant, as SQL."""

    where: str
    """A condition on the rows of ``connections_by_compartment``."""
    parameters: dict[str, Any]
    """What is bound with it."""


def resolved_compartment(folder: Folder, compartment: Compartment) -> str | None:
    """Compartments as a run writes them down: by name, with the runs that placed and labelled the synapses, if any did.

    Args:
        compartment: ``axo-dendritic``, ``axon->soma``, several of them; ``...@RUN`` where RUN placed or labelled the
            synapses, ``...@RUN+RUN`` where one did either.

    Raises:
        UnknownNameError, SchemaError: no such class, or a subset by neuropil. VersionError: the synapses were placed
            or labelled anew since.
    """
    if compartment is None:
        return None
    if folder.part is not None and folder.part.neuropils:
        raise SchemaError(
            "connections are known by neuropil or by compartment, not by both; take a subset without neuropil"
        )
    placed = "+".join(str(run) for run in (folder.meta(PLACED), folder.meta(LABELLED)) if run)
    if isinstance(compartment, str) and "@" in compartment:
        compartment, _, run_id = compartment.rpartition("@")
        if run_id != placed:
            now = f"run {placed} placed or labelled them last" if placed else "none are placed now"
            raise VersionError(
                f"compartment {compartment!r} is of the synapses that run {run_id} placed or labelled, and {now}; "
                "place them so again, or leave @RUN out for the present ones"
            )
    named = ",".join(pair.name for pair in compartment_pairs(compartment))
    return f"{named}@{placed}" if placed else named


def chosen_part(cursor: duckdb.DuckDBPyConnection, compartment: str, kind: str | None = None) -> ChosenPart:
    """The rows of the partition that are meant.

    Args:
        compartment: as ``resolved_compartment`` gives it.
        kind: of which connections; any where None.

    Raises:
        AnalysisError: no connection has a compartment. UnknownNameError: a label that no connection has on that side.
        SchemaError: functional edges, which have no compartments.
    """
    pairs = compartment_pairs(compartment.partition("@")[0])
    if kind is not None and kind not in KINDS:
        raise SchemaError(
            f"--compartment {compartment.partition('@')[0]} goes with synaptic connections; {kind} edges were measured "
            "between whole neurons"
        )
    known = {side: _labels(cursor, side, kind) for side in SIDES}
    if not any(label != UNKNOWN for labels in known.values() for label in labels):
        raise AnalysisError(
            f"no {kind or 'synaptic'} connection of this graph has a compartment; ingest connections or synapses with "
            "pre_compartment and post_compartment (pre_label, post_label), or skeletons with labels, and place the "
            "synapses on them (`graphlab place-synapses GRAPH --on skeletons --radius 1000`), or predict them "
            "from embeddings (`graphlab label-synapses GRAPH MODEL`)"
        )
    conditions, bound = [], dict[str, Any]()
    for pair in pairs:
        _require_known(pair, known)
        sides = []
        for side, labels in zip(SIDES, (pair.pre, pair.post), strict=True):
            if labels is not None:
                name = f"labels_{len(bound)}"
                bound[name] = list(labels)
                sides.append(f"list_contains(${name}, coalesce({side}, '{UNKNOWN}'))")
        conditions.append(f"({' AND '.join(sides)})" if sides else "true")
    return ChosenPart(f"({' OR '.join(conditions)})", bound)


def has_compartments(folder: Folder) -> bool:
    """Whether any connection is known to lie in a compartment."""
    result = folder.connection.execute(
        f"SELECT 1 FROM {PARTITION} WHERE pre_compartment IS NOT NULL OR post_compartment IS NOT NULL LIMIT 1"
    )
    return result.fetchone() is not None


def part_of_connections(cursor: duckdb.DuckDBPyConnection, chosen: ChosenPart) -> str:
    """SELECT of pre_root_id, post_root_id, kind and the weight of each pair in the chosen compartments."""
    weight = exact_sum(cursor, PARTITION, "weight")
    return (
        f"SELECT {PAIR}, CAST({weight} AS DOUBLE) AS weight FROM {PARTITION} WHERE {chosen.where} "
        f"GROUP BY {PAIR} HAVING weight <> 0"
    )


def _labels(cursor: duckdb.DuckDBPyConnection, side: str, kind: str | None) -> list[str]:
    rows = cursor.execute(
        f"SELECT DISTINCT coalesce({side}, '{UNKNOWN}') FROM {PARTITION} "
        "WHERE $kind IS NULL OR kind = $kind ORDER BY 1",
        {"kind": kind},
    ).fetchall()
    return [str(row[0]) for row in rows]


def _require_known(pair: CompartmentPair, known: dict[str, list[str]]) -> None:
    for side, wanted in zip(SIDES, (pair.pre, pair.post), strict=True):
        if wanted is None or wanted == (UNKNOWN,) or {*wanted} & {*known[side]}:
            continue
        what = "presynaptic" if side == SIDES[0] else "postsynaptic"
        raise UnknownNameError(f"{what} compartment (of {pair.name})", " or ".join(wanted), known[side])
