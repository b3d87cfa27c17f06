"""What verbs give as what the API answers: tables kept and paged as JSON, whole as an Arrow stream, or as a file.

Tests: tests/graphlab/web/test_api.py.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, Field

from graphlab.exchange.table_files import cells_of, plain
from graphlab.web.results import Kept
from ingest.schema.errors import AnalysisError
from queries.result import Result

ARROW = "application/vnd.apache.arrow.stream"
BATCH_ROWS = 65_536
FIRST_ROWS = 100


class ColumnShape(BaseModel):
    """A column of an answer."""

    name: str
    type: str = Field(description="uint64 (ids, as text), int64, double, string, bool, timestamp, list<..>, struct<..>")


class PageShape(BaseModel):
    """Rows of an answer, from one row number on."""

    offset: int
    rows: list[list[Any]]
    total: int = Field(description="rows of the view: of the answer, or of those that the filter leaves")


class TableShape(BaseModel):
    """An answer, kept under ``result`` for paging, with its first rows."""

    result: str
    rows: int
    columns: list[ColumnShape]
    truncated: bool = Field(description="whether the row limit cut the answer")
    notes: list[str]
    engine: str
    sql: str
    plan: str
    about: dict[str, Any] = Field(description="single numbers of the whole result")
    seconds: float
    page: PageShape


class TextShape(BaseModel):
    """A text."""

    text: str


def type_name(kind: pa.DataType) -> str:
    """An Arrow type in the API's words."""
    if pa.types.is_dictionary(kind):
        return type_name(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return f"list<{type_name(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"struct<{', '.join(f'{f.name}: {type_name(f.type)}' for f in kind)}>"
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "timestamp"
    named = {"large_string": "string", "string_view": "string", "float": "float", "halffloat": "float"}
    return named.get(str(kind), str(kind))


def result_of(value: Any) -> Result:
    """Whatever a verb gives as an answer with rows.

    Raises:
        AnalysisError: it has none.
    """
    if isinstance(value, Result):
        return value
    if isinstance(value, pa.Table):
        return Result(value, engine="", notes=_metadata_notes(value))
    if isinstance(value, bool | int | float | str):
        return Result(pa.table({"value": [value]}), engine="")
    if hasattr(value, "to_arrow"):
        sentence = getattr(value, "sentence", "") or getattr(value, "rule", "")
        return Result(value.to_arrow(), engine="", notes=(sentence,) if isinstance(sentence, str) and sentence else ())
    raise AnalysisError(f"{type(value).__name__} has no rows to show")


def _metadata_notes(table: pa.Table) -> tuple[str, ...]:
    told = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    return tuple(f"{key}: {value}" for key, value in told.items() if key in ("found", "rule", "sentence"))


def page(kept: Kept, name: str, seconds: float, first: int = FIRST_ROWS) -> dict[str, Any]:
    """The answer with its first rows, as TableShape."""
    result = kept.result
    return {
        "result": name,
        "rows": len(result),
        "columns": [{"name": field.name, "type": type_name(field.type)} for field in result.table.schema],
        "truncated": result.truncated,
        "notes": list(result.notes),
        "engine": result.engine,
        "sql": result.sql,
        "plan": result.plan,
        "about": json_value(dict(getattr(result, "about", {}))),
        "seconds": round(seconds, 6),
        "page": {"offset": 0, "rows": cells_of(result.table.slice(0, first)), "total": len(result)},
    }


def json_value(value: Any) -> Any:
    """A value that JSON has: numbers of NumPy as numbers, NaN and infinities as null, ids past 2^53 as text."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [json_value(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1 << 53:
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return plain(value)


def wants_arrow(request: Request) -> bool:
    return ARROW in request.headers.get("accept", "")


def arrow_stream(table: pa.Table, about: Mapping[str, Any]) -> StreamingResponse:
    """A whole table as an Arrow IPC stream; ``about`` is JSON in the metadata of its schema, under ``graphlab``."""
    told = {**(table.schema.metadata or {}), b"graphlab": json.dumps(json_value(about)).encode()}
    return StreamingResponse(_pieces(table.replace_schema_metadata(told)), media_type=ARROW)


def _pieces(table: pa.Table) -> Iterator[bytes]:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for batch in table.to_batches(max_chunksize=BATCH_ROWS):
            writer.write_batch(batch)
            yield sink.getvalue()
            sink.seek(0)
            sink.truncate()
    yield sink.getvalue()


def table_response(request: Request, kept: Kept, name: str, seconds: float, first: int = FIRST_ROWS) -> Response:
    """The answer in the form that the request accepts."""
    if wants_arrow(request):
        result = kept.result
        about = {"notes": result.notes, "truncated": result.truncated, "engine": result.engine, "result": name,
                 "about": dict(getattr(result, "about", {}))}  # fmt: skip
        return arrow_stream(result.table, about)
    return JSONResponse(page(kept, name, seconds, first))
