"""What may be called what, as one page of Markdown: our columns, their synonyms, the presets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ingest.columns import NAMED, dialect
from ingest.dialects import COMPARTMENTS, DIALECTS, OF_COMPARTMENTS, OWNERS, PREFIX, SYNONYMS, VOXELS
from ingest.schema.words import TABLES, TableSpec

TABLE_NAMES = ("neurons", "synapses", "connections")
BEGIN = """# Columns

What `graphlab columns` prints: the columns of a graph's tables, other names they are read under, and the presets of
`--columns`. A source with our own names or their synonyms needs no `--columns`. Otherwise name a preset
(`--columns cave`), pairs of ours and theirs (`--columns weight=n,pre_root_id=source`), or both, the pairs before the
preset (`--columns cave,size=volume`). A column that nobody reads is kept under its own name; a note names those that
look like positions. The side of a neuron becomes left, right or center (`L`, `lhs`, `M`, `midline`, ...).
"""


def page() -> str:
    """Everything, as docs/columns.md has it."""
    return "\n".join([BEGIN, *ours(), "## Presets\n", *(line for name in DIALECTS for line in preset(name))])


def ours() -> Iterable[str]:
    """Our tables: a section each."""
    for name in TABLE_NAMES:
        table = TABLES[name]
        rows = [
            (
                f"{column.name}{' (needed)' if column.required else ''}",
                _type(column.type),
                column.about,
                ", ".join(SYNONYMS[name].get(column.name, ())),
            )
            for column in table.columns
        ]
        yield f"## {name}\n\n{table.about}\n"
        yield _drawn(("column", "type", "meaning", "also read"), rows)
        yield _further(table)


def preset(name: str) -> Iterable[str]:
    """One preset: a section.

    Raises:
        UnknownNameError: with the nearest names there are.
    """
    found = dialect(name)
    assert found is not None
    yield f"### {name}\n\nFor {found.about}.\n"
    for as_, words in found.tables.items():
        rows = [(column, ", ".join(theirs)) for column, theirs in words.items()]
        yield _drawn((as_, "theirs, the first that is there"), rows)
    notes = []
    if found.voxels:
        notes.append(f"Positions are in units of {found.voxels} nm unless --resolution says otherwise.")
    if found.one_sided:
        notes.append(
            f"`{found.one_sided}` says which neuron of a synapse lists it. Where both ids are columns, the other's may "
            f"be empty; else it is that of a column {', '.join(OWNERS)}, or the one whose id is the name of the "
            "file. A partner who is not known is root id 0, which is no neuron."
        )
    if found.label:
        notes.append(f"`{found.label}` is the compartment of the neuron that lists the synapse.")
    if found.gone:
        notes.append(f"Rows in which {' or '.join(found.gone)} is filled are left out and counted.")
    if found.points:
        notes.append(
            f"A table with {', '.join(found.points)} lists places, several of a neuron, and is none of neurons."
        )
    if found.bins:
        notes.append(f"Columns {' and '.join(f'`{name}`' for name in found.bins)} sort an export and are left out.")
    if any(PREFIX in theirs for words in found.tables.values() for names in words.values() for theirs in names):
        notes.append(f"Columns that end in {PREFIX} hold ids without these first nine digits, which are put back.")
    if any("*" in theirs for words in found.tables.values() for names in words.values() for theirs in names):
        notes.append("`*` stands for a data set, `[0-9]*` for its version: `banc_746_id`.")
    if "count" in found.tables.get("connections", {}).get("weight", ()):
        notes.append(
            f"Where {' and '.join(COMPARTMENTS)} split a pair into several rows, counts are summed; "
            f"{', '.join(OF_COMPARTMENTS)} hold for one row and are left out."
        )
    notes += [f"{trap[0].upper()}{trap[1:]}." for trap in found.traps.values()]
    if notes:
        yield "\n".join(f"- {note}" for note in notes) + "\n"


def document() -> dict[str, Any]:
    """The same for programs."""
    return {
        "tables": {
            name: [
                {
                    "column": column.name,
                    "type": _type(column.type),
                    "needed": column.required,
                    "about": column.about,
                    "synonyms": list(SYNONYMS[name].get(column.name, ())),
                }
                for column in TABLES[name].columns
            ]
            for name in TABLE_NAMES
        },
        "presets": {
            name: {"about": found.about, "voxels": found.voxels, "tables": found.tables}
            for name, found in DIALECTS.items()
        },
    }


def _further(table: TableSpec) -> str:
    names = [NAMED[name] for name in table.required() if name in NAMED and NAMED[name] not in table.names()]
    told = []
    if names:
        told.append(f"{' and '.join(names)} may stand for the ids: names of neurons, whose ids are made from them.")
    if "x_nm" in table.names():
        told.append(
            f"{', '.join(VOXELS)} are voxels, as is what --columns position=NAME names: a column of points, or the "
            "stem of three that end in _x, _y, _z. They need --resolution X,Y,Z (nm) unless the graph has one."
        )
    return " ".join(told) + "\n"


def _type(kind: Any) -> str:
    return {"string": "text", "double": "number", "bool": "true or false"}.get(str(kind), str(kind))


def _drawn(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with columns that line up in a terminal."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (head, ["-" * width for width in widths], *rows)
    ]
    return "\n".join(lines) + "\n"
