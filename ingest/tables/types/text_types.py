"""The types of the further columns of a text table: decided over all rows, so that no value changes.

- ``true`` and ``false`` in any case, and nothing else: BOOLEAN. Letters and other words are text.
- Whole numbers: int64, or uint64 where they need it. A cell that is empty or ``nan`` takes nothing from them.
- Whole and decimal numbers: float64, unless a whole number is past 2^53, where a float would round it.
- Anything else, numbers with leading zeros included, is text, to the letter.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ingest.schema.values import tidy_text

SMALL, LARGE, UNSIGNED, DECIMAL, NAN, TRUTH, NEGATIVE, OTHER = (1 << i for i in range(8))
WHOLE = r"-?(0|[1-9]\d*)"
REAL = r"-?(((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?|(?i:inf(inity)?))"


def types_of(connection: duckdb.DuckDBPyConnection, rows: str, name: str, columns: Sequence[str]) -> list[pa.DataType]:
    """The Arrow type of each of ``columns``, of which SQL ``rows`` (with one parameter, ``name``) gives the text."""
    if not columns:
        return []
    kinds = ", ".join(f"bit_or({_kind(f'trim({c}, chr(32) || chr(9) || chr(13))')})" for c in columns)
    statement = f"SELECT {kinds} FROM ({rows})"  # noqa: S608 - rows and columns are SQL of ours
    return [_type(int(bits or 0)) for bits in connection.execute(statement, [name]).fetchall()[0]]


def typed(text: pa.Array, kind: pa.DataType) -> pa.Array:
    """Cells of text as values of a type of ``types_of``; ``nan`` and nothing are null."""
    text = tidy_text(text)
    if pa.types.is_string(kind):
        return text
    if pa.types.is_null(kind):
        return pa.nulls(len(text))
    if pa.types.is_boolean(kind):
        return pc.utf8_lower(text).cast(kind)
    nan = pc.equal(pc.utf8_lower(text), "nan")
    return pc.if_else(nan, pa.scalar(None, pa.string()), text).cast(kind)


def _kind(cell: str) -> str:
    """SQL that tells what one cell may be, as one of the bits above."""
    digits = f"length(ltrim({cell}, '-'))"
    whole = (
        f"CASE WHEN {digits} <= 15 THEN {SMALL} WHEN TRY_CAST({cell} AS BIGINT) IS NOT NULL THEN {LARGE} "
        f"WHEN TRY_CAST({cell} AS UBIGINT) IS NOT NULL THEN {UNSIGNED} ELSE {OTHER} END"
    )
    # A decimal of so many digits before its point was a whole number that a float had to hold already.
    rounded = rf"regexp_full_match({cell}, '-?\d{{16,}}\.?\d*')"
    return (
        f"CASE WHEN {cell} = '' OR {cell} IS NULL THEN 0 "
        f"WHEN regexp_full_match({cell}, '{WHOLE}') THEN "
        f"{whole} | CASE WHEN {cell}[1] = '-' THEN {NEGATIVE} ELSE 0 END "
        f"WHEN lower({cell}) IN ('true', 'false') THEN {TRUTH} WHEN lower({cell}) = 'nan' THEN {NAN} "
        f"WHEN {rounded} THEN {OTHER} WHEN regexp_full_match({cell}, '{REAL}') THEN {DECIMAL} ELSE {OTHER} END"
    )


def _type(bits: int) -> pa.DataType:
    def only(*allowed: int) -> bool:
        return not bits & ~sum(allowed)

    if only(NAN):
        return pa.null()
    if only(TRUTH):
        return pa.bool_()
    if only(SMALL, LARGE, NAN, NEGATIVE):
        return pa.int64()
    if only(SMALL, LARGE, UNSIGNED, NAN):
        return pa.uint64()
    return pa.float64() if only(SMALL, DECIMAL, NAN, NEGATIVE) else pa.string()
