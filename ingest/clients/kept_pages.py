"""Pages of a live table on disk: one folder a table and version, Parquet files and what was proved of them.

``download.json`` names every page with its window, rows and SHA-256, and is rewritten whole after each; what it does
not name does not count. So a download goes on where it was stopped, and a page that was damaged since is fetched again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest.clients.address import LiveAddress
from ingest.clients.windows import Window
from ingest.running.whole_files import write_atomically, write_bytes
from ingest.schema.errors import ReadError, SchemaError

PLACE = "GRAPHLAB_DOWNLOADS"
RECORD, PAGES, LOCK = "download.json", "pages", ".lock"
FORMAT = 1
EXACT = 2**53


def downloads() -> Path:
    """Where downloads are kept: GRAPHLAB_DOWNLOADS, else a folder of the user's data."""
    said = os.environ.get(PLACE)
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(said or f"{home}/graphlab/downloads").expanduser()


@dataclass(frozen=True)
class Page:
    """One page: its file, the window of keys it holds all rows of, and how to tell that it is whole."""

    file: str
    low: int
    high: int
    rows: int
    sha256: str


@dataclass
class KeptPages:
    """The folder of one table of one version, as one kind of rows."""

    address: LiveAddress
    as_: str
    about: dict[str, Any] = field(default_factory=dict)
    """What the server said of the table: ``materialization``, ``origin``, ``resolution``, ..."""
    total: int = 0
    """Rows that the server counted before the first page."""
    pages: list[Page] = field(default_factory=list)
    complete: bool = False
    begun: str = ""
    """When the first page was asked for, UTC."""
    root: Path = field(default_factory=downloads)

    @property
    def folder(self) -> Path:
        version = "" if self.address.version is None else f"v{self.address.version}"
        server = urlsplit(self.address.server).netloc if self.address.server else ""
        names = (self.address.scheme, server, self.address.place, self.address.table, version, self.as_)
        return self.root.joinpath(*(_file_name(name) for name in names if name))

    @property
    def parquet(self) -> Path:
        """The folder that is the table."""
        return self.folder / PAGES

    @property
    def rows(self) -> int:
        return sum(page.rows for page in self.pages)

    @property
    def content(self) -> str:
        """SHA-256 of what was asked for and answered: the same for any pages that the rows came in."""
        said = [str(self.address), self.as_, self.about, self.total]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def load(self, only_complete: bool = False) -> bool:
        """Take what an earlier run kept and is still whole; pages after one that is not are fetched again.

        Gives whether nothing is left to fetch.

        Args:
            only_complete: take nothing of a download that was stopped.

        Raises:
            ReadError: ``download.json`` is none of ours, or newer than this graphlab.
        """
        path = self.folder / RECORD
        if not path.exists():
            return False
        try:
            found = json.loads(path.read_bytes())
            if found["format"] != FORMAT or found["table"] != str(self.address) or found["as"] != self.as_:
                raise ValueError(f"it is of {found['table']} as {found['as']}, format {found['format']}")
            pages = [Page(**page) for page in found["pages"]]
            complete = bool(found["complete"])
            if only_complete and not complete:
                return False
            self.about, self.total, self.begun = dict(found["about"]), int(found["total"]), str(found["begun"])
        except (ValueError, KeyError, TypeError) as error:
            raise ReadError(f"{path}: no record of a download: {error}; move the folder away") from None
        self.pages = []
        for page in pages:
            file = self.parquet / _file_name(page.file)
            if not file.is_file() or _sha256(file) != page.sha256:
                break
            self.pages.append(page)
        self.complete = complete and len(self.pages) == len(pages)
        return self.complete

    def add(self, window: Window, rows: pa.Table) -> None:
        """Write one page, then the record that names it."""
        self.parquet.mkdir(parents=True, exist_ok=True)
        file = f"{len(self.pages):06d}-{window.low + 1}-{window.high}.parquet"
        digest = _write(self.parquet / file, rows, self.about)
        self.pages.append(Page(file, window.low, window.high, rows.num_rows, digest))
        self.save()

    def save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        record = {
            "format": FORMAT, "table": str(self.address), "as": self.as_, "begun": self.begun, "about": self.about,
            "total": self.total, "complete": self.complete, "pages": [asdict(page) for page in self.pages],
        }  # fmt: skip
        write_bytes(self.folder / RECORD, (json.dumps(record, indent=1) + "\n").encode())

    def finish(self) -> None:
        """Every page is there: give their columns one type each, and take away files that are no page.

        Raises:
            SchemaError: a column holds values of different kinds in different pages.
        """
        schemas = [pq.read_schema(self.parquet / page.file) for page in self.pages]
        wanted = _one_schema(schemas)
        for number, (page, schema) in enumerate(zip(self.pages, schemas, strict=True)):
            if not schema.remove_metadata().equals(wanted):
                rows = _as(pq.read_table(self.parquet / page.file), wanted)
                digest = _write(self.parquet / page.file, rows, self.about)
                self.pages[number] = Page(page.file, page.low, page.high, page.rows, digest)
                self.save()
        named = {page.file for page in self.pages}
        for path in self.parquet.glob("*.parquet"):
            if path.name not in named:
                path.unlink()
        self.complete = True
        self.save()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One process downloads into a folder at a time.

        Raises:
            ReadError: another one does.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / LOCK).open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ReadError(f"{self.address}: another process downloads it now; wait for that one") from None
            yield


def shown(path: Path) -> str:
    """A path for people, with ``~`` for their own folder."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) and path != home else str(path)


def _file_name(text: str) -> str:
    """Any text as a name of one file; different texts stay different."""
    safe = re.sub(r"[^A-Za-z0-9_.-]", lambda match: "".join(f"%{byte:02x}" for byte in match[0].encode()), text)
    return f"%2e{safe[1:]}" if safe.startswith(".") else safe


def _write(path: Path, rows: pa.Table, about: Mapping[str, Any]) -> str:
    """One page with what is known of the table, where readers of Parquet look for it. Gives its SHA-256."""
    said = {"materialization_version": about.get("materialization"), "dataframe_resolution": about.get("resolution")}
    attributes = json.dumps({name: value for name, value in said.items() if value is not None})
    with write_atomically(path) as new:
        pq.write_table(rows.replace_schema_metadata({b"PANDAS_ATTRS": attributes.encode()}), new, compression="zstd")
        return _sha256(new)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _one_schema(schemas: list[pa.Schema]) -> pa.Schema:
    """The columns of all pages, each of the one type that takes every value as it is."""
    names = schemas[0].names
    for schema in schemas:
        if schema.names != names:
            odd = ", ".join(sorted({*schema.names} ^ {*names})) or "their order"
            raise SchemaError(f"pages of one table differ in their columns: {odd}; move the folder away, begin again")
    return pa.schema([(name, _one_type(name, [schema.field(name).type for schema in schemas])) for name in names])


def _one_type(name: str, types: list[pa.DataType]) -> pa.DataType:
    kinds = {kind for kind in types if not pa.types.is_null(kind)}
    if len(kinds) <= 1:
        return kinds.pop() if kinds else pa.string()
    if all(_number(kind) for kind in kinds):
        floats = any(pa.types.is_floating(kind) for kind in kinds)
        return pa.float64() if floats else pa.uint64() if pa.uint64() in kinds else pa.int64()
    if all(
        pa.types.is_list(kind) and (_number(kind.value_type) or pa.types.is_null(kind.value_type)) for kind in kinds
    ):
        return pa.list_(_one_type(name, [kind.value_type for kind in kinds]))
    told = ", ".join(sorted(map(str, kinds)))
    raise SchemaError(f"the column {name!r} is of several types in the server's pages: {told}")


def _number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _as(rows: pa.Table, wanted: pa.Schema) -> pa.Table:
    columns = []
    for target in wanted:
        column = rows.column(target.name)
        if pa.types.is_integer(column.type) and pa.types.is_floating(target.type) and len(column):
            largest = pc.max(pc.abs_checked(pc.cast(column, pa.int64()))).as_py()
            if largest is not None and largest > EXACT:
                raise SchemaError(f"the column {target.name!r} mixes whole numbers past 2^53 with decimals")
        columns.append(column.cast(target.type))
    return pa.table(columns, schema=wanted)
