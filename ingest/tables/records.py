"""JSON: node-link graphs (networkx), nemanode connections, and lists of row objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from ingest.columns import ColumnMapping, column_mapping
from ingest.reader import AcceptedOptions, Reading, ReadRequest, Sure
from ingest.schema.errors import ReadError, SchemaError
from ingest.schema.ids import is_id
from ingest.tables.assemble import UNWEIGHTED, assemble
from ingest.tables.columnar import BATCH_ROWS
from ingest.tables.files import checked, named
from ingest.tables.types.cells import EXACT, column_of

MOST_BYTES = 512 << 20
NEMANODE = {"pre", "post", "typ", "syn"}
POLYADIC = {"pre", "post", "catmaid_id"}
JUNCTION = {"n1", "n2", "catmaid_id"}
NEMANODE_KINDS = {0: "chemical", 2: "electrical"}


class JsonReader:
    """Objects become rows; values of one name that differ in type become text."""

    uses = AcceptedOptions("JSON files", (UNWEIGHTED,), ("columns", "resolution", "keep"))

    def accepts(self, source: object) -> Sure:
        return named(source, ".json")

    def read(self, source: Any, request: ReadRequest) -> Reading:
        path = checked(source)
        request.check(self.uses)
        document = _parse(path)
        notes: list[str] = []
        if isinstance(document, dict) and "nodes" in document:
            rows = _node_link(path, document, request.as_, notes)
        elif isinstance(document, list) and document and all(isinstance(row, dict) for row in document):
            rows = _listed(path, document, request.as_)
        else:
            raise SchemaError(f"{path}: wanted a node-link graph (nodes and links) or a list of objects")
        names = list(dict.fromkeys(str(name) for row in rows for name in row))
        _unwrap(rows, column_mapping(names, request, str(path)))
        table = pa.table({name: column_of([row.get(name) for row in rows]) for name in names})
        reading = assemble(str(path), request, table.schema, table.to_batches(max_chunksize=BATCH_ROWS), len(rows))
        reading.notes[:0] = notes
        return reading


def _unwrap(rows: list[dict[str, Any]], chosen: ColumnMapping) -> None:
    """Ids and names that a source wraps one by one in a list."""
    keys = [theirs for ours, theirs in chosen.ours.items() if ours.endswith(("_id", "name"))]
    for row in rows:
        for key in keys:
            value = row.get(key)
            if isinstance(value, list) and len(value) == 1:
                row[key] = value[0]


def _parse(path: Path) -> Any:
    if path.stat().st_size > MOST_BYTES:
        raise ReadError(
            f"{path} has {path.stat().st_size:,} bytes; JSON is read whole, up to {MOST_BYTES:,}. Use Parquet"
        )
    try:
        return json.loads(path.read_bytes(), parse_float=_decimal)
    except RecursionError:
        raise ReadError(f"{path}: nested too deeply to be a table") from None
    except UnicodeDecodeError as error:
        raise ReadError(f"{path}, byte {error.start:,}: this is no text in UTF-8; save it as UTF-8") from None
    except ValueError as error:
        raise ReadError(f"{path}: this is no whole JSON file: {error}") from None


def _decimal(text: str) -> float | str:
    """A number with a point; as text where a float would round a whole number."""
    value = float(text)
    return text if abs(value) >= EXACT and "e" not in text.lower() else value


def _node_link(path: Path, document: dict[str, Any], as_: str, notes: list[str]) -> list[dict[str, Any]]:
    """Rows of a graph's nodes or links; links of an undirected graph go both ways."""
    nodes, links = document["nodes"], document.get("links", document.get("edges"))
    if not isinstance(nodes, list) or not isinstance(links, list):
        raise SchemaError(f"{path}: a node-link graph has lists `nodes` and `links`")
    wanted = nodes if as_ == "neurons" else links
    keys = {"id"} if as_ == "neurons" else {"source", "target"}
    for number, item in enumerate(wanted, 1):
        if not isinstance(item, dict) or not keys <= set(item):
            raise SchemaError(f"{path}, {'node' if as_ == 'neurons' else 'link'} {number}: wanted {' and '.join(keys)}")
    ids = [str(node.get("id")) if isinstance(node, dict) else "" for node in nodes]
    named = not all(is_id(label) for label in ids)
    if as_ != "neurons":
        _check_ends(path, links, {*ids})
    words = {
        "id": "name" if named else "root_id",
        "source": "pre_name" if named else "pre_root_id",
        "target": "post_name" if named else "post_root_id",
    }
    rows = [{words[key] if key in keys else str(key): value for key, value in row.items()} for row in wanted]
    directed = document.get("directed", True)
    if not isinstance(directed, bool):
        raise SchemaError(f"{path}: `directed` is {directed!r}; wanted true or false")
    if directed or as_ == "neurons":
        return rows
    if as_ == "synapses":
        raise SchemaError(
            f"{path}: the links of an undirected graph are no single synapses; ingest it --as connections"
        )
    pre, post = words["source"], words["target"]
    back = [{**row, pre: row[post], post: row[pre]} for row in rows if row[pre] != row[post]]
    notes.append(f"the graph is undirected: its {len(links):,} links are read both ways")
    return rows + back


def _check_ends(path: Path, links: list[dict[str, Any]], ids: set[str]) -> None:
    for number, link in enumerate(links, 1):
        for end in ("source", "target"):
            if str(link[end]) not in ids:
                raise SchemaError(f"{path}, link {number}: its {end} {link[end]!r} is the id of no node")


def _listed(path: Path, rows: list[dict[str, Any]], as_: str) -> list[dict[str, Any]]:
    """Rows of a list of objects, by the keys of the first."""
    keys = set(rows[0])
    if keys >= NEMANODE:
        return _nemanode(path, rows, as_)
    if keys >= POLYADIC and isinstance(rows[0]["post"], list):
        return _polyadic(path, rows)
    if keys >= JUNCTION:
        return _junctions(path, rows)
    return rows


def _polyadic(path: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One object a release site (Witvliet 2021): one row a partner, its share of the size by ``post_weights``."""
    made = []
    for number, row in enumerate(rows, 1):
        partners, shares = row.get("post"), row.get("post_weights")
        if not isinstance(partners, list) or not isinstance(row.get("pre"), str):
            raise SchemaError(f"{path}, object {number}: wanted pre, a name, and post, a list of names")
        numbers = [row.get("size") or 0, *(shares if isinstance(shares, list) else ())]
        if not all(isinstance(value, int | float) for value in numbers) or "catmaid_id" not in row:
            raise SchemaError(f"{path}, object {number}: wanted a catmaid_id, and numbers in size and post_weights")
        if shares is not None and (not isinstance(shares, list) or len(shares) != len(partners)):
            raise SchemaError(f"{path}, object {number}: wanted one of post_weights for each of post")
        for i, partner in enumerate(partners):
            size = row.get("size")
            if size is not None and shares is not None:
                size = size * shares[i]
            pair = {"pre_name": row["pre"], "post_name": partner, "kind": "chemical"}
            made.append({**pair, "presynapse_id": row["catmaid_id"], "size": size, "partners": len(partners)})
    return made


def _junctions(path: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One object a gap junction (Witvliet 2021), in the order in which the source names its two sides."""
    for number, row in enumerate(rows, 1):
        if not (isinstance(row.get("n1"), str) and isinstance(row.get("n2"), str) and "catmaid_id" in row):
            raise SchemaError(f"{path}, object {number}: wanted catmaid_id, n1 and n2, the names of two neurons")
    return [
        {"pre_name": r["n1"], "post_name": r["n2"], "kind": "electrical", "presynapse_id": r["catmaid_id"]}
        for r in rows
    ]


def _nemanode(path: Path, rows: list[dict[str, Any]], as_: str) -> list[dict[str, Any]]:
    """One object a pair: ``syn`` lists the sections of each synapse, so its length counts them."""
    made = []
    for number, row in enumerate(rows, 1):
        if not set(row) >= NEMANODE:
            missing = ", ".join(sorted(NEMANODE - set(row)))
            raise SchemaError(f"{path}, object {number}: it lacks {missing}, which the first one has")
        kind = NEMANODE_KINDS.get(row["typ"]) if isinstance(row["typ"], int) else None
        if kind is None:
            raise SchemaError(f"{path}, object {number}: typ {row['typ']!r}; wanted 0 (chemical) or 2 (gap junction)")
        if not isinstance(row["syn"], list) or not all(isinstance(section, int | float) for section in row["syn"]):
            raise SchemaError(f"{path}, object {number}: syn {row['syn']!r}; wanted the sections of each synapse")
        pair = {"pre_name": row["pre"], "post_name": row["post"], "kind": kind}
        if as_ == "connections":
            made.append({**pair, "weight": len(row["syn"]), "sections": sum(row["syn"])})
        else:
            made += [{**pair, "sections": sections} for sections in row["syn"]]
    return made
