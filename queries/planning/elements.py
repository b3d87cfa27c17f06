"""What Cypher asks of an element as a whole, as properties that are computed: labels, type, keys, all properties.

Tests: tests/queries/planning/test_elements.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from queries.ir.identifiers import OURS, quote
from queries.ir.property_graph import Derived, EdgeTable, VertexTable

LABELS, TYPE, KEYS, PROPERTIES = (OURS + word for word in ("labels", "type", "keys", "properties"))
IS_LABEL = f"{OURS}is:"
"""Begins the name of a property that says whether an element has a label."""
_BETWEEN = "\x1f"


def whole(name: str, table: VertexTable | EdgeTable, visible: Mapping[str, str]) -> Derived:
    """How one of the names above is computed of a row of ``table``, whose columns are ``visible``."""
    if name == LABELS and isinstance(table, VertexTable):
        shown = _BETWEEN.join(table.shown or table.labels)
        return Derived(name, "VARCHAR[]", "string_split({value}, chr(31))", shown)
    if name == TYPE and isinstance(table, EdgeTable):
        return table.shown or Derived(name, "VARCHAR", "{value}", table.labels[-1])
    document = _document(table, visible)
    if name == KEYS:
        return Derived(name, "VARCHAR[]", f"json_keys({document})")
    return Derived(name, "JSON", document)


def public_names(table: VertexTable | EdgeTable, visible: Mapping[str, str]) -> dict[str, str]:
    """Name -> column of every property, each once: under its first other name that is no column, else its own."""
    ends: tuple[str, ...]
    taken = {name.lower() for name in visible} | {derived.name.lower() for derived in table.derived}
    if isinstance(table, VertexTable):
        ends = (table.key,) if table.by_name else ()  # the key of a neuron is its id
    else:
        ends = (table.source_key, table.target_key)
    parts = {column for derived in computed(table, visible) for column in derived.reads}
    hidden = {derived.name.lower() for derived in table.derived if not derived.yields}
    names: dict[str, str] = {}
    for column in visible:
        if column in ends or column in parts or column.lower() in hidden:
            continue
        others = (alias for alias, meant in table.aliases if meant.lower() == column.lower())
        names[next((alias for alias in others if alias.lower() not in taken), column)] = column
    return names


def computed(table: VertexTable | EdgeTable, visible: Mapping[str, str]) -> list[Derived]:
    """Computed properties among those that an element is said to have."""
    own = {name.lower() for name in visible}
    there = (derived for derived in table.derived if derived.listed and set(derived.reads) <= visible.keys())
    return [derived for derived in there if not (derived.yields and derived.name.lower() in own)]


def _document(table: VertexTable | EdgeTable, visible: Mapping[str, str]) -> str:
    """A JSON document of the properties that are not null."""
    parts = [
        f"{_text(name)}, {{row}}.{_braced(quote(column))}" for name, column in public_names(table, visible).items()
    ]
    parts += [f"{_text(derived.name)}, {derived.sql}" for derived in computed(table, visible)]
    document = f"json_object({', '.join(parts)})"
    flags = table.membership.listed if isinstance(table, VertexTable) and table.membership else ""
    # Merged into another document, nulls are left out.
    return f"json_merge_patch(CAST('{{{{}}}}' AS JSON), {document}{', ' + flags if flags else ''})"


def _text(value: str) -> str:
    return _braced("'" + value.replace("'", "''") + "'")


def _braced(sql: str) -> str:
    """SQL that str.format leaves as it is."""
    return sql.replace("{", "{{").replace("}", "}}")
