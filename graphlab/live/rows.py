"""What a batch did, as rows of the store's tables.

Tests: tests/graphlab/live/test_feed.py.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from graphlab.live.applied import Applied, iter_words
from graphlab.live.events import DeadLetter
from graphlab.live.follower import Follower
from graphlab.live.order import Followed, plain
from graphlab.live.wiring.arrays import Array
from graphlab.live.wiring.state import Changes
from graphlab.store.live.log import Batch
from ingest.schema.words import KINDS


def batch_of(
    follower: Follower,
    done: Applied,
    letters: Sequence[DeadLetter],
    followed: dict[str, Followed],
    duplicates: int,
    source: str,
    reached: Any,
) -> Batch:
    """Everything that one transaction writes.

    Args:
        letters: dead letters that came beside the events; they take positions after those of the events.
        source, reached: name of the source and how far it was read.
    """
    position = done.position + len(letters)
    rows = {
        "connections": _weights(done.connections, position, [(KINDS[c], None) for c in range(len(KINDS))], ()),
        "neuropils": _parts(done.neuropils, position, follower, False),
        "compartments": _parts(done.compartments, position, follower, True),
        "totals": _totals(done, position),
        "moves": _moves(done, follower),
        "synapses": pa.concat_tables(done.synapses, promote_options="default") if done.synapses else None,
        **_neurons(done, follower),
        "gone": _table(done.gone, root_id=pa.uint64(), position=pa.int64(), became=pa.string()),
        "chunks": _table(done.chunks, chunk=pa.string(), position=pa.int64()),
        "dead_letters": _letters([*done.letters, *letters], position),
    }
    return Batch(
        position,
        position - done.first,
        duplicates,
        {name: table for name, table in rows.items() if table is not None and table.num_rows},
        plain(followed),
        source,
        reached,
        sorted(done.kinds),
    )


def _table(rows: Sequence[tuple[Any, ...]], **types: pa.DataType) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(types)
    arrays = [pa.array(column, kind) for column, kind in zip(columns, types.values(), strict=True)]
    return pa.Table.from_arrays(arrays, names=list(types))


def _weights(changes: Changes | None, position: int, words: Sequence[tuple[str, Any]], names: tuple[str, ...]) -> Any:
    """Rows of changed weights; ``words`` is kind and further keys of each code or, with names, of each row."""
    if changes is None or not len(changes.pre):
        return None
    told = [words[int(code)] for code in changes.code] if not names else list(words)
    columns: dict[str, Any] = {
        "position": np.full(len(changes.pre), position, np.int64),
        "pre_root_id": changes.pre,
        "post_root_id": changes.post,
        "kind": pa.array([kind for kind, _ in told], pa.string()),
    }
    for at, name in enumerate(names):
        values = [word if len(names) == 1 or word is None else word[at] for _, word in told]
        columns[name] = pa.array(values, pa.string())
    return pa.table(columns | {"before": changes.before.astype(float), "after": changes.after.astype(float)})


def _parts(changes: Changes | None, position: int, follower: Follower, sides: bool) -> Any:
    if changes is None or not len(changes.pre):
        return None
    codes = follower.wiring.compartments if sides else follower.wiring.neuropils
    names = ("pre_compartment", "post_compartment") if sides else ("neuropil",)
    return _weights(changes, position, list(iter_words(changes, codes)), names)


def _totals(done: Applied, position: int) -> Any:
    totals = done.totals
    if totals is None:
        return None
    return pa.table(
        {
            "position": np.full(len(totals.root_id), position, np.int64),
            "root_id": totals.root_id,
            "in_before": totals.received_before.astype(float),
            "out_before": totals.sent_before.astype(float),
            "in_after": totals.received.astype(float),
            "out_after": totals.sent.astype(float),
        }
    ).filter(pa.array(totals.root_id != 0))


def _moves(done: Applied, follower: Follower) -> Any:
    if not done.moves:
        return None
    ids = follower.wiring.nodes.id

    def root_ids(nodes: Array) -> pa.Array:
        return pa.array(ids[nodes], pa.uint64(), mask=nodes < 0)

    tables = [
        pa.table(
            {
                "position": where.astype(np.int64),
                "synapse_id": moves.id,
                "pre_before": root_ids(moves.before_pre),
                "post_before": root_ids(moves.before_post),
                "pre_after": root_ids(moves.after_pre),
                "post_after": root_ids(moves.after_post),
            }
        )
        for where, moves in done.moves
    ]
    return pa.concat_tables(tables)


def _neurons(done: Applied, follower: Follower) -> dict[str, pa.Table]:
    schema = follower.columns
    after: dict[str, list[Any]] = {name: [] for name in ("position", "there", *schema.names)}
    before: dict[str, list[Any]] = {name: [] for name in ("position", *schema.names)}
    for (position, root_id), (was, now) in done.neurons.items():
        after["position"].append(position)
        after["there"].append(now is not None)
        for name in schema.names:
            value = (now or {"root_id": root_id, "in_graph": False}).get(name)
            after[name].append(value)
        if was is not None:
            before["position"].append(position)
            for name in schema.names:
                before[name].append(was.get(name))
    own = {field.name: field.type for field in schema}
    whole = {"position": pa.int64(), "there": pa.bool_(), **own}
    return {
        "neurons": pa.table({name: pa.array(after[name], kind) for name, kind in whole.items()}),
        "neurons_before": pa.table(
            {name: pa.array(before[name], kind) for name, kind in whole.items() if name != "there"}
        ),
    }


def _letters(letters: Sequence[DeadLetter], position: int) -> pa.Table:
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    rows = [(position, now, one.producer, one.sequence, one.event_id, one.reason, one.event) for one in letters]
    return _table(
        rows, position=pa.int64(), came=pa.timestamp("us"), producer=pa.string(), sequence=pa.uint64(),
        event_id=pa.string(), reason=pa.string(), event=pa.string(),
    )  # fmt: skip
