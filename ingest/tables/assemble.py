"""From the columns of a source to a Reading in our words: keep rows, name columns, convert values.

Tests: tests/ingest/tables/test_columnar.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.columns import NAMED, ColumnMapping, column_mapping
from ingest.dialects import COMPARTMENTS, NM
from ingest.reader import Reading, ReadRequest
from ingest.schema.compartments import our_compartments
from ingest.schema.errors import IdError, SchemaError, UnknownNameError, did_you_mean
from ingest.schema.ids import root_ids_of_names, tidy_name
from ingest.schema.kinds import our_kinds
from ingest.schema.sides import our_sides
from ingest.schema.space import Resolution
from ingest.schema.values import NameIds, Place, convert, kept, kept_type, points, tidy_text
from ingest.schema.words import table

UNWEIGHTED = "unweighted"
"""Option of every table of connections: ``leave_out`` rows whose weight is empty; refused otherwise."""
BARE = f"every connection needs a weight. To leave such rows out say --option {UNWEIGHTED}=leave_out"
ANIMALS = ("animal", "animal_id", "dataset", "individual", "specimen", "specimen_id", "subject", "subject_id", "worm")
"""Further columns that say whose a row is."""
MOST_ANIMALS = 1000
COMPOSED = ("name", "cell_type", "super_class")
"""Words that neurons are found and grouped by: letters composed (NFC)."""
PARTNERS = ("pre_root_id", "post_root_id")
SIDES_PRE, SIDES_POST = ("pre", "0", "presyn"), ("post", "1", "postsyn")
"""How one-sided tables call the side of their neuron."""
NO_MARK = ("false", "f", "no", "0", "0.0")
"""Marks that say that a row was not deleted, as text."""
SHOWN = 12
"""Columns named in a note before it says how many more there are."""


def assemble(
    source: str,
    request: ReadRequest,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    rows: int | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Reading:
    """A Reading over batches that still have the source's own columns.

    Args:
        source: how the source is called in messages.
        schema: of the source; batches may hold the same columns in any type.
        rows: how many, when known.
        attributes: what the source says of itself, as CAVEclient does in ``df.attrs``: ``dataframe_resolution``
            (nm per voxel), ``materialization_version``.

    Raises:
        SchemaError: at once for columns, with the row when a value does not fit.
    """
    for column in request.keep:
        if column not in schema.names:
            raise SchemaError(f"{source} has no column {column!r} to keep rows by{did_you_mean(column, schema.names)}")
    chosen = column_mapping(schema.names, request, source)
    notes = list(chosen.notes)
    if request.resolution is not None and not chosen.position:
        raise SchemaError(f"{source}: --resolution does nothing here: none of its columns holds voxels; leave it out")
    resolution, by_graph = (
        _resolution(source, request, attributes or {}, chosen, notes) if chosen.position else (None, False)
    )
    out = _schema(schema, request.as_, chosen)
    kept_rows: list[npt.NDArray[np.int64]] = []
    by_name = tuple(column for column, name in NAMED.items() if name in chosen.ours and column not in chosen.ours)
    reading = Reading(out, iter(()), notes, rows, _meta(attributes or {}), kept_rows, by_name)
    if resolution is not None and by_graph:
        reading.meta["resolution_nm"] = str(resolution)
    reading.batches = _batches(source, request, chosen, resolution, reading, batches)
    if chosen.extras:
        further = sorted(chosen.extras.values())
        more = f" and {len(further) - SHOWN} more columns" if len(further) > SHOWN else ""
        notes.append(f"kept as they are: {', '.join(further[:SHOWN])}{more}")
    return reading


def _meta(attributes: Mapping[str, Any]) -> dict[str, Any]:
    version = attributes.get("materialization_version")
    version = attributes.get("materialization") if version is None else version
    return {} if version is None else {"materialization": version}


def _resolution(
    source: str, request: ReadRequest, attributes: Mapping[str, Any], chosen: ColumnMapping, notes: list[str]
) -> tuple[Resolution, bool]:
    """The caller's word, then the table's own; the graph's only where the table does not contradict it.

    Returns:
        nm per voxel, and whether only the graph says so.
    """
    stated = attributes.get("dataframe_resolution")
    stated = attributes.get("resolution") if stated is None else stated
    own: Resolution | None = None
    if stated is not None:
        try:
            own = Resolution.parse(stated)
        except SchemaError:
            own = None  # CAVEclient writes a word where the columns of a join differ
    who = "the table says its voxels are"
    if own is None and chosen.voxels is not None:
        own = Resolution.parse(chosen.voxels)
        who = f"positions of {chosen.preset} files are in units of"
    if request.resolution is not None:
        if own is not None and own != request.resolution:
            notes.append(f"{who} {own} nm; read as {request.resolution} nm, as asked")
        return request.resolution, False
    default = request.default_resolution
    if own is not None and default is not None and own != default:
        raise SchemaError(
            f"{source}: {who} {own} nm, the graph's are {default} nm; "
            f"say which holds for {', '.join(chosen.position)} with --resolution X,Y,Z"
        )
    if own is not None and default is None:
        notes.append(f"{who} {own} nm, and are read so")
    resolution = own or default
    if resolution is None:
        raise SchemaError(
            f"{source}: {', '.join(chosen.position)} are voxels; say how long one is with --resolution X,Y,Z (nm)"
        )
    return resolution, own is None


def _schema(schema: pa.Schema, as_: str, chosen: ColumnMapping) -> pa.Schema:
    words = table(as_)
    fields = []
    for column in words.columns:
        by_name = column.required and NAMED.get(column.name, "") in chosen.ours
        by_side = column.required and chosen.one_sided
        by_label = column.name in COMPARTMENTS and chosen.listed_label
        if column.name in chosen.ours or by_name or by_side or by_label or (chosen.position and column.name in NM):
            fields.append(pa.field(column.name, column.type))
    fields += [pa.field(name, pa.string()) for name in ("pre_name", "post_name") if name in chosen.ours]
    for theirs, kept_as in chosen.extras.items():
        fields.append(pa.field(kept_as, kept_type(schema.field(theirs).type)))
    return pa.schema(fields)


def _batches(
    source: str,
    request: ReadRequest,
    chosen: ColumnMapping,
    resolution: Resolution | None,
    reading: Reading,
    batches: Iterable[pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    words = table(request.as_)
    out, notes, kept_rows = reading.schema, reading.notes, reading.kept_rows
    animals = {name: set[str]() for name in chosen.extras if name.lower() in ANIMALS}
    name_ids = NameIds(root_ids_of_names)
    seen: dict[str, Counter[str]] = {column: Counter() for column in request.keep}
    before = left_out = bare = gone = 0
    bare_weights = _leaves_out_bare_weights(request, chosen)
    kinds: dict[str, str] = {}
    sides: dict[str, str] = {}
    labels: dict[str, str] = {}
    partners = 0
    for whole in batches:
        rows = np.arange(before + 1, before + 1 + whole.num_rows)
        before += whole.num_rows
        batch, rows = _kept(whole, rows, request, seen)
        left_out += whole.num_rows - batch.num_rows
        for name in chosen.gone:
            there = _there(batch.column(name))
            gone += batch.num_rows - pc.sum(there).as_py() if batch.num_rows else 0
            batch, rows = batch.filter(there), rows[there.to_numpy(zero_copy_only=False)]
        if bare_weights:
            weights = convert(
                batch.column(bare_weights), pa.float64(), Place(source, bare_weights, rows), required=False
            )
            bare += weights.null_count
            batch, rows = batch.filter(weights.is_valid()), rows[weights.is_valid().to_numpy(zero_copy_only=False)]
        if request.keep or bare_weights or chosen.gone:
            kept_rows.append(rows)
        reading.left_out += whole.num_rows - batch.num_rows
        for name, seen_names in animals.items():
            seen_names.update(map(str, batch.column(name).unique().drop_null().to_pylist()[:MOST_ANIMALS]))
        if batch.num_rows == 0:
            continue
        made: dict[str, pa.Array] = {}
        for ours, theirs in chosen.ours.items():
            place = Place(source, theirs, rows)
            if ours in ("pre_name", "post_name"):
                made[ours] = convert(tidy_text(batch.column(theirs), composed=True), pa.string(), place, required=True)
            else:
                column = words.column(ours)
                advice = BARE if ours == "weight" else ""
                cells = tidy_text(batch.column(theirs), ours in COMPOSED)
                needed = column.required and not (chosen.listed_by and ours in PARTNERS)
                array = convert(cells, column.type, place, needed, advice)
                if ours in chosen.offsets:
                    array = _whole_ids(array, chosen.offsets[ours], place)
                if ours == "side":
                    array = our_sides(array, sides)
                elif ours in COMPARTMENTS:
                    array = our_compartments(array, labels)
                made[ours] = our_kinds(array, place, kinds) if ours == "kind" else array
        for identifier, name in NAMED.items():
            if name in made and identifier not in made and identifier in out.names:
                place = Place(source, chosen.ours[name], rows)
                made[identifier] = name_ids(convert(made[name], pa.string(), place, required=True))
        if chosen.listed_by:
            is_pre = _listed_by_pre(batch.column(chosen.listed_by), Place(source, chosen.listed_by, rows))
            if chosen.one_sided:
                made.update(_both_sides(batch, chosen, is_pre, source, rows))
            else:
                partners += _unknown_partners(made, is_pre, chosen, source, rows)
            if chosen.listed_label:
                made.update(_labels_of_side(batch.column(chosen.listed_label), is_pre, labels))
        if chosen.position and resolution is not None:
            place = Place(source, chosen.position[0], rows)
            arrays = points([batch.column(name) for name in chosen.position], place, resolution.xyz)
            made.update(zip(NM, arrays, strict=True))
        for theirs, kept_as in chosen.extras.items():
            made[kept_as] = kept(batch.column(theirs))
        yield pa.RecordBatch.from_arrays([made[name] for name in out.names], schema=out)
    if partners:
        notes.append(f"{partners:,} synapses have a partner that is not known; it is root id 0, which is no neuron")
    for what, read_as in (("kinds", kinds), ("sides", sides), ("compartments", labels)):
        if read_as:
            told = ", ".join(f"{theirs!r} read as {ours}" for theirs, ours in sorted(read_as.items()))
            notes.append(f"{what}: {told}")
    for name, distinct in animals.items():
        if len(distinct) > 1:
            some = ", ".join(sorted(distinct)[:3])
            notes.append(
                f"the column {name!r} names {len(distinct):,} animals or data sets ({some}), whose rows were read as "
                f"those of one; --keep {name}=NAME takes one"
            )
    if gone:
        notes.append(f"{gone:,} rows left out that {' or '.join(chosen.gone)} marks as no longer valid")
    if bare:
        notes.append(f"{bare:,} rows without a weight left out")
    if request.keep:
        kept_by = ", ".join(f"{column} in ({', '.join(values)})" for column, values in request.keep.items())
        notes.append(f"{left_out:,} of {before:,} rows left out, kept those with {kept_by}")
        for name, values in request.keep.items():
            for value in values:
                if before and not seen[name][value]:
                    notes.append(f"no row has {name} {value!r}{did_you_mean(value, [v for v in seen[name] if v])}")


def _listed_by_pre(marks: pa.Array, place: Place) -> pa.Array:
    """Whether each synapse was listed by its presynaptic neuron.

    Raises:
        SchemaError: a mark that says neither.
    """
    sides = convert(tidy_text(marks), pa.string(), place, required=True)
    plain = pc.replace_substring_regex(pc.utf8_lower(sides), r"^([01])\.0$", r"\1")
    pre = pc.is_in(plain, pa.array(SIDES_PRE))
    wrong = pc.invert(pc.or_(pre, pc.is_in(plain, pa.array(SIDES_POST))))
    if pc.any(wrong).as_py():
        index = pc.index(wrong, True).as_py()
        raise SchemaError(f"{place.at(index)}: found {sides[index].as_py()!r}; wanted pre or post (0 or 1)")
    return pre


def _both_sides(
    batch: pa.RecordBatch, chosen: ColumnMapping, is_pre: pa.Array, source: str, rows: Any
) -> dict[str, pa.Array]:
    """The ids of both sides of synapses whose partner is unknown: it is root id 0, which is no neuron."""
    owner: Any = pa.scalar(int(chosen.owner), pa.uint64()) if chosen.owner not in batch.schema.names else None
    if owner is None:
        column = batch.column(chosen.owner)
        owner = convert(column, pa.uint64(), Place(source, chosen.owner, rows), required=True)
    nobody = pa.scalar(0, pa.uint64())
    return {"pre_root_id": pc.if_else(is_pre, owner, nobody), "post_root_id": pc.if_else(is_pre, nobody, owner)}


def _unknown_partners(
    made: dict[str, pa.Array], is_pre: pa.Array, chosen: ColumnMapping, source: str, rows: Any
) -> int:
    """Make empty ids of partners root id 0; how many there are.

    Raises:
        SchemaError: the neuron that lists a synapse has no id.
    """
    count = 0
    for column, own in zip(PARTNERS, (is_pre, pc.invert(is_pre)), strict=True):
        ids = made.get(column)
        if ids is None or not ids.null_count:
            continue
        lost = pc.and_(ids.is_null(), own)
        if pc.any(lost).as_py():
            place = Place(source, chosen.ours.get(column, column), rows)
            raise SchemaError(
                f"{place.at(pc.index(lost, True).as_py())}: it is empty, and {chosen.listed_by} says that this neuron "
                "lists the synapse; only its partner may be unknown"
            )
        count += ids.null_count
        made[column] = ids.fill_null(pa.scalar(0, pa.uint64()))
    return count


def _labels_of_side(words: pa.Array, is_pre: pa.Array, read_as: dict[str, str]) -> dict[str, pa.Array]:
    """The compartments of the neurons that list synapses; nothing is known of those of their partners."""
    texts = convert(tidy_text(words), pa.string(), Place("", "", np.zeros(len(words), np.int64)), required=False)
    labels = our_compartments(texts, read_as)
    nothing = pa.scalar(None, pa.string())
    sides = (pc.if_else(is_pre, labels, nothing), pc.if_else(is_pre, nothing, labels))
    return dict(zip(COMPARTMENTS, sides, strict=True))


def _there(marks: pa.Array) -> pa.Array:
    """Which rows hold no mark: nothing, false as a truth value or in words, 0."""
    if pa.types.is_boolean(marks.type):
        return pc.invert(marks.fill_null(False))
    text = convert(tidy_text(marks), pa.string(), Place("", "", np.zeros(len(marks), np.int64)), required=False)
    return pc.or_(text.is_null(), pc.is_in(pc.utf8_lower(text), pa.array(NO_MARK)))


def _whole_ids(ids: pa.Array, offset: int, place: Place) -> pa.Array:
    """Ids whose common first digits the source leaves away.

    Raises:
        IdError: an id that has them already, or none of so many digits.
    """
    whole = pc.greater_equal(ids, pa.scalar(10**9, pa.uint64()))
    if pc.any(whole).as_py():
        index = pc.index(whole, True).as_py()
        raise IdError(f"{place.at(index)}: found {ids[index]}; wanted the nine digits after {offset // 10**9}")
    return pc.add(ids, pa.scalar(offset, pa.uint64()))


def _leaves_out_bare_weights(request: ReadRequest, chosen: ColumnMapping) -> str | None:
    """The source's column of weights, where rows without one are to be left out."""
    choice = request.options.get(UNWEIGHTED)
    if choice is not None and request.as_ != "connections":
        raise SchemaError(f"--option {UNWEIGHTED} does nothing for {request.as_}; leave it out")
    if choice not in (None, "refuse", "leave_out"):
        raise UnknownNameError(f"value of the option {UNWEIGHTED}", str(choice), ("refuse", "leave_out"))
    return chosen.ours.get("weight") if choice == "leave_out" else None


def _kept(
    batch: pa.RecordBatch, rows: Any, request: ReadRequest, seen: dict[str, Counter[str]]
) -> tuple[pa.RecordBatch, Any]:
    """Rows whose values are wanted; ``seen`` counts at most a few hundred values of each column."""
    if not request.keep:
        return batch, rows
    mask: pa.Array = pa.array(np.ones(batch.num_rows, dtype=bool))
    for column, values in request.keep.items():
        text = convert(
            tidy_text(batch.column(column), composed=True), pa.string(), Place("", column, rows), required=False
        )
        counts = pc.value_counts(text)
        for item in counts.to_pylist()[:300]:
            seen[column][str(item["values"])] += int(item["counts"])
        mask = pc.and_(mask, pc.is_in(text, pa.array(map(tidy_name, values), pa.string())))
    return batch.filter(mask), rows[mask.to_numpy(zero_copy_only=False)]
