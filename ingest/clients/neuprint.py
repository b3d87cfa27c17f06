"""Neurons, connections and synapses of a neuPrint dataset, through neuprint-python; windows are of bodies.

neuPrint gives every row it finds within its time limit (a minute as a rule), so a window is a few bodies, in Cypher
that counts them first. A neuron is a node with the label ``Neuron``; its connections and synapses are those with other
neurons, as neuprint-python's own functions have them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import pyarrow as pa

from ingest.clients.address import OWN_PLACES, LiveAddress
from ingest.clients.failures import attempt
from ingest.clients.windows import Keys, Listed, Window
from ingest.schema.errors import MissingExtraError, ReadError, UnknownNameError

CREDENTIALS = "NEUPRINT_APPLICATION_CREDENTIALS"
CAP = 200_000
WIDTHS = {"neurons": 10_000, "connections": 200, "synapses": 20}
"""Bodies of the first window; windows grow and shrink with what they hold."""
AS = tuple(WIDTHS)
COUNTED_AT_ONCE = 1_000
"""Bodies whose rows one request counts, where all rows are counted."""
PER_REGION = ("roiInfo",)
"""Texts of counts per region, one more copy of the synapses."""

_CONNECTIONS = "MATCH (n:Neuron)-[e:ConnectsTo]->(m:Neuron)"
_SYNAPSES = (
    "MATCH (n:Neuron)-[:Contains]->(ours:SynapseSet)-[:ConnectsTo]->(theirs:SynapseSet)<-[:Contains]-(m:Neuron), "
    "(ours)-[:Contains]->(a:Synapse)-[:SynapsesTo]->(b:Synapse)<-[:Contains]-(theirs)"
)
_PLACES = [
    (f"{axis}_{side}", f"{node}.location.{axis}") for side, node in (("pre", "a"), ("post", "b")) for axis in "xyz"
]


class NeuprintTable:
    """One kind of rows of one dataset.

    Raises:
        MissingExtraError: without neuprint-python. ReadError, UnknownNameError: see ``open_table``.
    """

    def __init__(self, address: LiveAddress, as_: str) -> None:
        self.cap, self.width = address.page or CAP, min(WIDTHS[as_], address.page or CAP)
        self.key = "bodyId" if as_ == "neurons" else "bodyId_pre"
        self.partner_key = None if as_ == "neurons" else "bodyId_post"
        self.unique = {"neurons": ("bodyId",), "connections": ("bodyId_pre", "bodyId_post")}.get(
            as_, ("bodyId_pre", "bodyId_post", *(name for name, _ in _PLACES))
        )
        self._address, self._as = address, as_
        self._client, self._token = _client(address)
        self.about = self._describe()
        self._regions = frozenset(self.about.pop("regions"))
        self._primary = frozenset(self.about.pop("primary"))
        self.keys: Keys = Listed(self._bodies())

    def total(self) -> int:
        """All rows, as the server counts them now."""
        if self._as == "neurons":
            return self._neurons()
        low, rows = self.keys.before, 0
        while low < self.keys.last:
            window = Window(low, self.keys.after(low, COUNTED_AT_ONCE))
            low, rows = window.high, rows + self.count(window)
        return rows

    def count(self, window: Window) -> int:
        pattern, what = self._pattern()
        query = f"{pattern} WHERE {_where(window)} RETURN count({what}) AS rows"
        return int(self._rows(query, f"counting {self._as} of bodies {window}")[0][0])

    def rows(self, window: Window) -> pa.Table:
        pattern, _ = self._pattern()
        names, values = zip(*self._columns(), strict=True)
        returned = ", ".join(f"{value} AS {quoted(name)}" for name, value in zip(names, values, strict=True))
        order = "n.bodyId" if self._as == "neurons" else "n.bodyId, m.bodyId"
        query = f"{pattern} WHERE {_where(window)} RETURN {returned} ORDER BY {order}"
        found = self._rows(query, f"{self._as} of bodies {window}")
        columns = {name: [row[i] for row in found] for i, name in enumerate(names)}
        if self._as == "synapses":
            for side in ("pre", "post"):
                columns[f"roi_{side}"] = [self._region(node) for node in columns.pop(f"node_{side}")]
        return pa.table({name: _column(name, values) for name, values in columns.items()})

    def _pattern(self) -> tuple[str, str]:
        """The pattern whose matches are the rows, and what to count of each."""
        if self._as == "neurons":
            return "MATCH (n:Neuron)", "n"
        return (_CONNECTIONS, "e") if self._as == "connections" else (_SYNAPSES, "*")

    def _columns(self) -> list[tuple[str, str]]:
        if self._as == "neurons":
            return [(name, f"n.{quoted(name)}") for name in self.about["columns"]]
        both = [("bodyId_pre", "n.bodyId"), ("bodyId_post", "m.bodyId")]
        if self._as == "connections":
            return [*both, ("weight", "e.weight")]
        scores = [("confidence_pre", "a.confidence"), ("confidence_post", "b.confidence")]
        return [*both, *_PLACES, *scores, ("node_pre", "a"), ("node_post", "b")]

    def _region(self, synapse: dict[str, Any]) -> str | None:
        """The primary region of a synapse: regions are true properties of its node, and primary ones do not overlap."""
        found = sorted(name for name, there in synapse.items() if there is True and name in self._primary)
        if len(found) > 1:
            raise ReadError(f"{self._address}: a synapse lies in several primary regions: {', '.join(found)}")
        return found[0] if found else None

    def _neurons(self) -> int:
        return int(self._rows("MATCH (n:Neuron) RETURN count(n) AS rows", "counting neurons")[0][0])

    def _bodies(self) -> list[int]:
        """Ids of all neurons, ascending.

        Raises:
            ReadError: they are not in order, or not as many as the server counts.
        """
        bodies: list[int] = []
        while True:
            low = bodies[-1] if bodies else -1
            query = f"MATCH (n:Neuron) WHERE n.bodyId > {low} RETURN n.bodyId AS body ORDER BY body LIMIT {self.cap}"
            found = [int(row[0]) for row in self._rows(query, "listing bodies")]
            if not found:
                break
            if any(second <= first for first, second in pairwise([low, *found])):
                raise ReadError(f"{self._address}: a list of bodies is not in order; its pages cannot be trusted")
            bodies += found
        if len(bodies) != (counted := self._neurons()):
            raise ReadError(f"{self._address}: the server lists {len(bodies):,} neurons and counts {counted:,}")
        return bodies

    def _describe(self) -> dict[str, Any]:
        """What the server says of the dataset: when it was made, its voxels, its regions, properties of neurons."""
        names = ("uuid", "lastDatabaseEdit", "voxelSize", "voxelUnits", "primaryRois", "roiInfo")
        query = f"MATCH (m:Meta) RETURN {', '.join(f'm.{name} AS {name}' for name in names)}"
        found = self._rows(query, "asking what the dataset holds")
        if len(found) != 1:
            raise ReadError(f"{self._address}: the dataset has {len(found)} nodes that describe it; wanted one")
        said = dict(zip(names, found[0], strict=True))
        name, _, version = self._address.table.partition(":")
        regions = json.loads(said["roiInfo"]) if isinstance(said["roiInfo"], str) else said["roiInfo"] or {}
        keys = self._ask(self._client.fetch_neuron_keys, "asking for properties") if self._as == "neurons" else []
        primary = list(said["primaryRois"] or ())
        left_out = {*regions, *primary, *PER_REGION}
        return {
            "origin": f"neuprint://{self._address.place}/{name}",
            "dataset": self._address.table,
            "materialization": version or str(said["uuid"] or name),
            "resolution": _nanometres(said["voxelSize"], said["voxelUnits"]),
            "uuid": said["uuid"],
            "last_edit": None if said["lastDatabaseEdit"] is None else str(said["lastDatabaseEdit"]),
            "columns": ["bodyId", *sorted({*map(str, keys)} - left_out - {"bodyId"})],
            "left_out": self._left_out({*map(str, keys)} & {*PER_REGION}),
            "key": self.key,
            "regions": [*regions],
            "primary": primary,
        }

    def _left_out(self, properties: set[str]) -> str:
        """What of the nodes does not come, in words."""
        if self._as == "synapses":
            return "of a synapse come its places, scores and primary regions, no further properties"
        if self._as == "connections":
            return ""
        return f"properties left out: {', '.join([*sorted(properties), 'one per region'])}"

    def _rows(self, query: str, what: str) -> list[list[Any]]:
        answer = self._ask(partial(self._client.fetch_custom, query, format="json"), what)
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
            raise ReadError(f"{self._address}: {what}: the server's answer has no rows")
        rows: list[list[Any]] = answer["data"]
        return rows

    def _ask(self, ask: Any, what: str) -> Any:
        return attempt(ask, self._address, what, self._token)


def _client(address: LiveAddress) -> tuple[Any, str]:
    """A client of the dataset, and its token, to be kept out of messages."""
    try:
        from neuprint import Client
    except ImportError:
        raise MissingExtraError("neuprint-python", "neuprint") from None
    token = os.environ.get(CREDENTIALS, "").strip()
    if not token:
        raise ReadError(f"{address}: no credentials. {OWN_PLACES['neuprint']}")
    server = f"https://{address.place}"
    try:
        client = attempt(
            partial(Client, address.place, address.table, progress=False), address, "opening the dataset", token
        )
    except ReadError:
        known = Client.DATASETS_CACHE.get(server)
        if known is None or address.table in known:
            raise
        raise UnknownNameError(f"dataset of {address.place}", address.table, known) from None
    return client, str(client.token)


def quoted(name: str) -> str:
    """A name as Cypher writes any name."""
    return f"`{name.replace('`', '``')}`"


def _where(window: Window) -> str:
    key = "m" if window.within is not None else "n"
    within = f"n.bodyId = {window.within} AND " if window.within is not None else ""
    return f"{within}{key}.bodyId > {window.low} AND {key}.bodyId <= {window.high}"


def _nanometres(size: Any, units: Any) -> list[float] | None:
    """Edges of a voxel in nm, where the dataset says them."""
    if not isinstance(size, Sequence) or len(size) != 3 or not str(units or "").lower().startswith(("nm", "nanomet")):
        return None
    return [float(value) for value in size]


def _column(name: str, values: list[Any]) -> pa.Array:
    """A column of JSON values as it is: numbers and texts, points as lists, anything else as JSON text."""
    if name.startswith("bodyId"):
        return pa.array(values, pa.uint64())
    plain = [value.get("coordinates", value) if isinstance(value, dict) else value for value in values]
    kinds = {type(value) for value in plain if value is not None}
    points = kinds == {list} and all(
        all(type(item) in (int, float) for item in value) for value in plain if value is not None
    )
    if len(kinds) <= 1 and (points or not kinds & {dict, list}):
        return pa.array(plain)
    if kinds == {int, float} and all(abs(value) <= 2**53 for value in plain if type(value) is int):
        return pa.array(plain, pa.float64())
    return pa.array([None if value is None else json.dumps(value) for value in plain], pa.string())
