"""JSON: node-link graphs (networkx), nemanode connections, and lists of row objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from ingest.errors import ReadError, SchemaError
from ingest.reader import Reading, ReadRequest
from ingest.tables.assemble import assemble
from ingest.tables.columnar import BATCH_ROWS
from ingest.tables.files import checked, ends

MOST_BYTES = 512 << 20
NEMANODE = {"pre", "post", "typ", "syn"}
NEMANODE_KINDS = {0: "chemical", 2: "electrical"}


class JsonReader:
    """Objects become rows; values of one name that differ in type become text."""

    def accepts(self, source: Any) -> bool:
        return ends(source, ".json")

    def read(self, source: Any, request: ReadRequest) -> Reading:
        path = checked(source)
        document = _parse(path)
        if isinstance(document, dict) and "nodes" in document:
            rows = _node_link(path, document, request.as_)
        elif isinstance(document, list) and document and all(isinstance(row, dict) for row in document):
            rows = _nemanode(path, document, request.as_) if set(document[0]) >= NEMANODE else document
        else:
            raise SchemaError(f"{path}: wanted a node-link graph (nodes and links) or a list of objects")
        names = list(dict.fromkeys(str(name) for row in rows for name in row))
        table = pa.table({name: _column([row.get(name) for row in rows]) for name in names})
        return assemble(str(path), request, table.schema, table.to_batches(max_chunksize=BATCH_ROWS), len(rows))


def _parse(path: Path) -> Any:
    if path.stat().st_size > MOST_BYTES:
        raise ReadError(
            f"{path} has {path.stat().st_size:,} bytes; JSON is read whole, up to {MOST_BYTES:,}. Use Parquet"
        )
    try:
        return json.loads(path.read_bytes())
    except RecursionError:
        raise ReadError(f"{path}: nested too deeply to be a table") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise ReadError(f"{path}: this is no whole JSON file: {error}") from None


def _node_link(path: Path, document: dict[str, Any], as_: str) -> list[dict[str, Any]]:
    nodes, links = document["nodes"], document.get("links", document.get("edges"))
    if not isinstance(nodes, list) or not isinstance(links, list):
        raise SchemaError(f"{path}: a node-link graph has lists `nodes` and `links`")
    wanted = nodes if as_ == "neurons" else links
    keys = {"id"} if as_ == "neurons" else {"source", "target"}
    for number, item in enumerate(wanted, 1):
        if not isinstance(item, dict) or not keys <= set(item):
            raise SchemaError(f"{path}, {'node' if as_ == 'neurons' else 'link'} {number}: wanted {' and '.join(keys)}")
    named = any(isinstance(node, dict) and not isinstance(node.get("id"), int) for node in nodes)
    words = {
        "id": "name" if named else "root_id",
        "source": "pre_name" if named else "pre_root_id",
        "target": "post_name" if named else "post_root_id",
    }
    return [
        {words.get(key, str(key)) if key in keys else str(key): value for key, value in row.items()} for row in wanted
    ]


def _nemanode(path: Path, rows: list[dict[str, Any]], as_: str) -> list[dict[str, Any]]:
    """One object a pair: ``syn`` lists the sections of each synapse, so its length counts them."""
    made = []
    for number, row in enumerate(rows, 1):
        kind = NEMANODE_KINDS.get(row["typ"])
        if kind is None or not isinstance(row["syn"], list):
            raise SchemaError(f"{path}, object {number}: typ {row['typ']!r}; wanted 0 (chemical) or 2 (gap junction)")
        pair = {"pre_name": row["pre"], "post_name": row["post"], "kind": kind}
        if as_ == "connections":
            made.append({**pair, "weight": len(row["syn"]), "sections": sum(row["syn"])})
        else:
            made += [{**pair, "sections": sections} for sections in row["syn"]]
    return made


def _column(values: list[Any]) -> pa.Array:
    present = [value for value in values if value is not None and value == value]
    plain = [value if value is None or value == value else None for value in values]
    if all(isinstance(value, bool) for value in present):
        return pa.array(plain, pa.bool_())
    if all(isinstance(value, int) and not isinstance(value, bool) for value in present):
        wide = any(value > 2**63 - 1 for value in present)
        if all(-(2**63) <= value < 2**64 for value in present) and not (wide and any(value < 0 for value in present)):
            return pa.array(plain, pa.uint64() if wide else pa.int64())
    elif all(isinstance(value, int | float) and not isinstance(value, bool) for value in present):
        return pa.array([None if value is None else float(value) for value in plain], pa.float64())
    return pa.array([None if v is None else v if isinstance(v, str) else json.dumps(v) for v in plain], pa.string())
