"""Neurons by name: a name means the neuron of the graph that has it, else one whose id is made from the name."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from ingest.schema.errors import IdError
from ingest.schema.ids import root_id_of_name


class GraphNames:
    """The names that neurons of a graph have, as they were when a source came."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        rows = connection.execute("SELECT name, root_id FROM neurons WHERE name IS NOT NULL ORDER BY ALL").fetchall()
        self._ids: dict[str, list[int]] = {}
        for name, root_id in rows:
            self._ids.setdefault(str(name), []).append(int(root_id))
        unnamed = connection.execute("SELECT count(*) FROM neurons WHERE name IS NULL").fetchall()[0][0]
        self.ids_are_their_own = bool(unnamed) or any(ids != [root_id_of_name(name)] for name, ids in self._ids.items())
        """Whether neurons have ids that were not made from their names."""

    def __contains__(self, name: str) -> bool:
        return name in self._ids

    def ids_of(self, source: str, names: pa.Array, made: pa.Array) -> pa.Array:
        """Ids of neurons by name.

        Args:
            names: text. made: uint64, the id that each name has in a graph that does not know it.

        Raises:
            IdError: a name of several neurons.
        """
        encoded = names.dictionary_encode()
        known = [self._ids.get(name, [0]) for name in encoded.dictionary.to_pylist()]
        twice = next((i for i, ids in enumerate(known) if len(ids) > 1), None)
        if twice is not None:
            name, ids = encoded.dictionary[twice].as_py(), known[twice]
            raise IdError(
                f"{source}: {len(ids)} neurons of the graph are called {name!r}, {ids[0]} and {ids[1]} for example; "
                "say which is meant by root ids"
            )
        place = np.array([ids[0] for ids in known], dtype=np.uint64)
        there = np.array([name in self._ids for name in encoded.dictionary.to_pylist()], dtype=bool)
        at = encoded.indices.to_numpy(zero_copy_only=False)
        return pa.array(np.where(there[at], place[at], made.to_numpy(zero_copy_only=False)), pa.uint64())
