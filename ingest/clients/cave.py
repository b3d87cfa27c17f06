"""A table of CAVE at one materialization, through caveclient; windows are of the column ``id``.

CAVE gives rows in no order and at most 200,000 to 500,000 at once; it counts without that limit.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pyarrow as pa

from ingest.clients.address import OWN_PLACES, LiveAddress
from ingest.clients.failures import attempt
from ingest.clients.windows import Numbers, Window
from ingest.schema.errors import MissingExtraError, ReadError, SchemaError, UnknownNameError, VersionError

CAP = 500_000
AS = ("synapses", "neurons")


class CaveTable:
    """One table of one version.

    Raises:
        MissingExtraError: without caveclient. ReadError, UnknownNameError, VersionError: see ``open_table``.
    """

    key = "id"
    partner_key = None
    unique = ("id",)
    keys = Numbers()

    def __init__(self, address: LiveAddress) -> None:
        self.cap = self.width = address.page or CAP
        self._address = address
        self._client, self._token = _client(address)
        self._materialize: Any = self._ask(lambda: self._client.materialize, "opening the materialization service")
        self._check_version()
        self.about = self._describe()

    def total(self) -> int:
        """All rows, as the server counts them now."""
        return self._count("counting rows")

    def count(self, window: Window) -> int:
        return self._count(f"counting ids {window}", **_between(window))

    def rows(self, window: Window) -> pa.Table:
        frame = self._ask(
            partial(self._query, limit=self.cap, desired_resolution=self.about["resolution"], **_between(window)),
            f"rows of ids {window}",
        )
        return _table(frame)

    def _count(self, what: str, **filters: Any) -> int:
        found = self._ask(partial(self._query, get_counts=True, **filters), what)
        return int(found["count"].iloc[0])

    def _query(self, **more: Any) -> Any:
        return self._materialize.query_table(
            self._address.table,
            materialization_version=self._address.version,
            split_positions=True,
            metadata=False,
            log_warning=False,
            **more,
        )

    def _ask(self, ask: Any, what: str) -> Any:
        return attempt(ask, self._address, what, self._token)

    def _check_version(self) -> None:
        """The version is there, and not gone."""
        live = self._ask(self._materialize.get_versions, "asking for versions")
        wanted = self._address.version
        if wanted in live:
            return
        told = ", ".join(map(str, sorted(live))) or "none"
        if wanted is None:
            raise SchemaError(
                f"{self._address}: say which materialization: {self._address}?version=N; the server has {told}"
            )
        gone = wanted in self._ask(partial(self._materialize.get_versions, expired=True), "asking for versions")
        why = "is gone from the server" if gone else "is no version of this datastack"
        raise VersionError(f"{self._address}: materialization {wanted} {why}; it has {told}")

    def _describe(self) -> dict[str, Any]:
        """What to know of the table: voxel size of its positions, or of the table that it refers to."""
        name, version = self._address.table, self._address.version
        tables = self._ask(partial(self._materialize.get_tables, version=version), "asking for tables")
        if name not in tables:
            raise UnknownNameError(f"table of {self._address.place} at materialization {version}", name, tables)
        about = self._metadata(name)
        refers_to = about.get("reference_table") or None
        placed = self._metadata(refers_to) if refers_to else about
        voxel = placed.get("voxel_resolution") or [None]
        if any(value is None or not float(value) > 0 for value in voxel):
            raise ReadError(f"{self._address}: the server does not say how long a voxel of {name} is")
        return {
            "origin": f"cave://{self._address.place}",
            "dataset": self._address.place,
            "materialization": str(version),
            "resolution": [float(value) for value in voxel],
            "refers_to": refers_to,
            "schema": about.get("schema") or about.get("schema_type"),
            "key": self.key,
        }

    def _metadata(self, table: str) -> dict[str, Any]:
        ask = partial(self._materialize.get_table_metadata, table, version=self._address.version, log_warning=False)
        found: dict[str, Any] = self._ask(ask, f"asking what {table} holds")
        return found


def _client(address: LiveAddress) -> tuple[Any, str]:
    """A caveclient of the datastack, and its token, to be kept out of messages."""
    try:
        from caveclient import CAVEclient
        from caveclient.datastack_lookup import get_datastack_cache
    except ImportError:
        raise MissingExtraError("caveclient", "cave") from None
    server = address.server or get_datastack_cache().get(address.place)
    whole = CAVEclient(server_address=server)
    token = whole.auth.token
    if not token:
        raise ReadError(f"{address}: no credentials. {OWN_PLACES['cave']}")
    datastacks = attempt(lambda: whole.info.get_datastacks(), address, "asking for datastacks", token)
    ask = partial(CAVEclient, address.place, server_address=server, write_server_cache=False)
    try:
        return attempt(ask, address, "opening the datastack", token), str(token)
    except ReadError as error:
        if address.place in datastacks or "HTTP 404" not in str(error):
            raise
        raise UnknownNameError("datastack", address.place, datastacks) from None


def _between(window: Window) -> dict[str, Any]:
    low, high = ({"id": window.low}, {"id": window.high})
    return {"filter_greater_dict": low, "filter_less_equal_dict": high}


def _table(frame: Any) -> pa.Table:
    """A page as Arrow. Ids that a library between made decimals have lost digits, and are refused."""
    for name, kind in frame.dtypes.items():
        if str(kind).lower().startswith("float") and (name == "id" or str(name).endswith("_id")):
            raise ReadError(
                f"the server's column {name!r} came as decimals, which do not hold the digits of ids; "
                f"update caveclient, or ask whoever runs the server"
            )
    return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
