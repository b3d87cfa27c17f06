"""Tables that servers hold: ``cave://`` and ``neuprint://``, once their pages are on this disk.

Tests: tests/ingest/clients/test_neuprint.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ingest.clients.address import is_live, parse_address
from ingest.clients.fetching import fetch
from ingest.clients.kept_pages import KeptPages, shown
from ingest.reader import AcceptedOptions, Reading, ReadRequest, Sure
from ingest.tables.folders import FolderReader


class LiveReader:
    """An address, fetched if need be, or the pages that were; columns are named by the preset of the server's field."""

    uses = AcceptedOptions("tables of CAVE and neuPrint servers", (), ("columns", "resolution", "keep"))

    def accepts(self, source: object) -> Sure:
        return Sure.DIALECT if isinstance(source, KeptPages) or is_live(source) else Sure.NO

    def read(self, source: Any, request: ReadRequest) -> Reading:
        request.check(self.uses)
        kept = source if isinstance(source, KeptPages) else fetch(parse_address(source), request.as_)
        columns = _with_preset(request.columns, kept.address.scheme)
        reading = FolderReader().read(kept.parquet, replace(request, columns=columns))
        reading.meta |= {name: kept.about[name] for name in ("materialization", "origin", "dataset")}
        left_out = kept.about.get("left_out")
        reading.notes[:0] = [
            f"{kept.rows:,} rows, as many as the server counted before and after; asked for {kept.begun}",
            f"kept in {shown(kept.folder)}",
            *([left_out] if left_out else []),
        ]
        return reading


def _with_preset(columns: Any, preset: str) -> Any:
    """Pairs alone go before the preset, as with any other source that names one."""
    if columns is None:
        return preset
    if isinstance(columns, str) and "=" in columns.partition(",")[0]:
        return f"{preset},{columns}"
    return columns
