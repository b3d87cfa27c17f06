"""Which of a source's columns become which of our words: by ``--columns``, by our own names, by synonyms.

A column nobody maps stays, under its own name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from ingest.dialects import (
    COMPARTMENTS,
    DIALECTS,
    NM,
    OF_COMPARTMENTS,
    OWNERS,
    POSITION,
    PREFIX,
    SHARES,
    SYNONYMS,
    VOXELS,
    Dialect,
)
from ingest.reader import ReadRequest
from ingest.schema.errors import SchemaError, UnknownNameError, did_you_mean
from ingest.schema.ids import is_id
from ingest.schema.words import ID, table

NAMED = {"pre_root_id": "pre_name", "post_root_id": "post_name", "root_id": "name"}
"""An id column and the column of names that may stand in for it."""
PLACE = re.compile(r"(^|_)([xyz]|pos|pt|coords?|soma)(_|$)|position|location|coordinate", re.IGNORECASE)
NO_PLACE = re.compile(r"(id|score|conf|type|side|version|morton|partition|radius|class|status)$", re.IGNORECASE)


@dataclass(frozen=True)
class ColumnMapping:
    """What becomes of each column of one source."""

    ours: dict[str, str]
    """Our column -> the source's."""
    position: tuple[str, ...] = ()
    """One column of points in voxels, or three columns of voxel coordinates; empty without any."""
    extras: dict[str, str] = field(default_factory=dict)
    """The source's further columns -> the name they are kept under."""
    preset: str | None = None
    voxels: str | None = None
    """nm of one unit of ``position``, where the preset knows."""
    gone: tuple[str, ...] = ()
    """The source's columns that are filled where a row is no longer valid."""
    left_out: tuple[str, ...] = ()
    """The source's columns that hold for a part of a connection only."""
    one_sided: str | None = None
    """The source's column that says on which side of a synapse its neuron is; the partner is unknown."""
    owner: str = ""
    """The neuron of a one-sided source: a column, or an id."""
    listed_by: str | None = None
    """The source's column that says by which of its two neurons a synapse was listed; the other may be unknown."""
    listed_label: str | None = None
    """The source's column with the compartment of that neuron."""
    offsets: dict[str, int] = field(default_factory=dict)
    """Our column -> what to add to the source's ids."""
    notes: tuple[str, ...] = ()


def said(columns: str | Mapping[str, str] | None) -> tuple[str | None, dict[str, str]]:
    """A preset and OURS=THEIRS of ``--columns PRESET,OURS=THEIRS,...``; either may be missing.

    Raises:
        SchemaError: two presets, one of our columns twice, half a pair.
    """
    if not isinstance(columns, str):
        return None, dict(columns or {})
    preset, named = None, dict[str, str]()
    for item in columns.split(","):
        ours, equals, theirs = (part.strip() for part in item.partition("="))
        if not ours or bool(equals) != bool(theirs):
            raise SchemaError(f"--columns: found {item!r}; wanted a preset, OURS=THEIRS pairs, or PRESET,OURS=THEIRS")
        if ours in named:
            raise SchemaError(f"--columns names a column for {ours} twice: {named[ours]!r} and {theirs!r}")
        if equals:
            named[ours] = theirs
        elif preset is None:
            preset = ours
        else:
            raise SchemaError(f"--columns names two presets, {preset} and {ours}; a source has one")
    return preset, named


def dialect(name: str | None) -> Dialect | None:
    """The preset called ``name``; UnknownNameError with the nearest ones."""
    if name is not None and name not in DIALECTS:
        raise UnknownNameError("columns dialect", name, DIALECTS)
    return DIALECTS[name] if name else None


def column_mapping(names: Sequence[str], request: ReadRequest, source: str) -> ColumnMapping:
    """Decide for each column of a source what it becomes.

    Args:
        names: the source's column names.
        request: preset and OURS=THEIRS in ``request.columns``.
        source: how the source is called in messages.

    Raises:
        SchemaError: required columns missing, naming the preset that would fit; several columns for one id.
        UnknownNameError: a preset, or a word of ours, that does not exist.
    """
    preset, named = said(request.columns)
    chosen = _plan(names, request.as_, preset, named, source)
    missing = _missing(chosen, request.as_)
    if not missing and request.as_ == "neurons" and preset and DIALECTS[preset].points:
        _refuse_points(names, DIALECTS[preset].points, source)
    if not missing:
        _check_ids(names, request.as_, preset, named, source)
        return chosen
    fits = {}
    for name in DIALECTS:
        with suppress(SchemaError):  # one that cannot be meant is no hint
            if name != preset and not _missing(other := _plan(names, request.as_, name, named, source), request.as_):
                fits[name] = other
    best = max(fits, key=lambda name: len(fits[name].ours), default="")
    hint = f" These look like {best} columns: say --columns {best}." if fits else ""
    if not hint:
        near = [did_you_mean(name, names) for name in missing]
        hint = " Name them with --columns OURS=THEIRS,..." + next((text for text in near if "mean" in text), "")
    if names and all(_is_number(name) for name in names):
        hint = " The first line is data: say --no-header."
    if missing == ["weight"]:
        hint += " A file of single synapses is ingested --as synapses."
    raise SchemaError(
        f"{source}: {request.as_} need the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; "
        f"found {', '.join(names) or 'no columns'}.{hint}"
    )


def _refuse_points(names: Sequence[str], points: Sequence[str], source: str) -> None:
    """Refuse a table of places on neurons, of which a neuron would keep what the first one says."""
    if all(name in names for name in points):
        raise SchemaError(
            f"{source}: with {', '.join(points)} its rows are places on neurons (T-bars, PSDs), several of each, "
            "and no neurons. Partner pairs come in --as synapses (syn-partners), transmitters of neurons by "
            "body-neurotransmitters"
        )


def _missing(found: ColumnMapping, as_: str) -> list[str]:
    needed = () if found.one_sided else table(as_).required()
    return [name for name in needed if name not in found.ours and NAMED.get(name, "") not in found.ours]


def _check_ids(names: Sequence[str], as_: str, preset: str | None, named: Mapping[str, str], source: str) -> None:
    """Refuse to choose among columns that all may hold the ids that the rows stand for."""
    for ours in table(as_).required():
        if table(as_).column(ours).type != ID or ours in named or NAMED.get(ours, "") in named:
            continue
        for options in (_theirs(as_, preset, ours), SYNONYMS[as_].get(ours, ()) if as_ in SYNONYMS else ()):
            found = [name for name in _like(options, names) if name not in named.values()]
            if len(found) > 1:
                begin = f"{preset}," if preset else ""
                raise SchemaError(
                    f"{source}: each of {', '.join(found)} may be {ours}; say which with "
                    f"--columns {begin}{ours}={found[0]}"
                )
            if found:
                break


def _theirs(as_: str, preset: str | None, ours: str) -> tuple[str, ...]:
    words = DIALECTS[preset].tables.get(as_, {}) if preset else {}
    return (*words.get(ours, ()), *(() if ours == POSITION else (ours,)))


def _like(options: Iterable[str], names: Sequence[str]) -> list[str]:
    """Names of a source that options stand for, each once, in the order of the options."""
    return list(dict.fromkeys(name for option in options for name in names if fnmatchcase(name, option)))


def _plan(names: Sequence[str], as_: str, preset: str | None, named: Mapping[str, str], source: str) -> ColumnMapping:
    words = table(as_)
    chosen_dialect = dialect(preset)
    known = [*words.names(), *(NAMED[c] for c in words.required() if c in NAMED), POSITION, *VOXELS]
    for ours, theirs in named.items():
        if ours not in known:
            raise UnknownNameError(f"column of {as_}", ours, known)
        if theirs not in names and not (ours == POSITION and f"{theirs}_x" in names):
            raise SchemaError(f"{source} has no column {theirs!r}{did_you_mean(theirs, names)}")
    synonyms = SYNONYMS.get(as_, {})
    own_place = bool({POSITION, *VOXELS} & {*named})
    chosen_of = {ours: theirs for ours, theirs in named.items() if ours not in (POSITION, *VOXELS)}
    synonymous = {}
    for ours in known:
        if ours in chosen_of or ours in (POSITION, *VOXELS) or (own_place and ours in NM):
            continue
        stands_in = next((identifier for identifier, name in NAMED.items() if name == ours), "")
        if stands_in in named or NAMED.get(ours, "") in named:
            continue
        for options in (_theirs(as_, preset, ours), synonyms.get(ours, ())):
            free = [name for name in _like(options, names) if name not in chosen_of.values()]
            if free:
                chosen_of[ours] = free[0]
                if options == synonyms.get(ours):
                    synonymous[free[0]] = ours
                break
    position: tuple[str, ...] = ()
    if NM[0] in words.names() and not any(axis in chosen_of for axis in NM):
        candidates = {
            word: (named[word],)
            if word in named
            else _theirs(as_, preset, word)
            if not own_place
            else ()
            if POSITION in (word, *named)
            else (word,)
            for word in (POSITION, *VOXELS)
        }
        position = _position(candidates, [name for name in names if name not in chosen_of.values()])
    if own_place and not position:
        given = ", ".join(f"{word}={named[word]}" for word in (POSITION, *VOXELS) if word in named)
        raise SchemaError(
            f"{source}: {given} gives no place of {as_}; wanted position, or all of {', '.join(VOXELS)}, and then none "
            f"of {', '.join(NM)}"
        )
    gone = tuple(name for name in names if chosen_dialect and name in chosen_dialect.gone)
    split = as_ == "connections" and any(ours in chosen_of for ours in COMPARTMENTS)
    if split and chosen_of.get("weight") in SHARES:
        raise SchemaError(
            f"{source}: {chosen_of['weight']} divides each count by the input of one compartment; over the "
            "compartments of a pair it adds up to nothing. Take the count as weight"
        )
    left_out = tuple(name for name in names if split and name in OF_COMPARTMENTS)
    bins = _like(chosen_dialect.bins, names) if chosen_dialect else []
    listed_by = chosen_dialect.one_sided if chosen_dialect and as_ == "synapses" else None
    if listed_by not in names:
        listed_by = None
    both_known = bool({"pre_root_id", "post_root_id"} & {*chosen_of})
    owner = _owner(names, source) if listed_by and not both_known else ""
    label = chosen_dialect.label if chosen_dialect and listed_by else None
    if label not in names or label in named.values() or {*COMPARTMENTS} & {*chosen_of}:
        label = None
    taken = {*chosen_of.values(), *position, *gone, *left_out, *bins, owner, label}
    extras: dict[str, str] = {}
    for name in names:
        if name not in taken:
            kept = name
            while kept in chosen_of or kept in known or kept in extras.values():
                kept += "_source"
            extras[name] = kept
    return ColumnMapping(
        chosen_of,
        position,
        extras,
        preset,
        voxels=chosen_dialect.voxels if chosen_dialect and position and not own_place else None,
        gone=gone,
        left_out=left_out,
        one_sided=None if both_known else listed_by,
        owner=owner,
        listed_by=listed_by,
        listed_label=label,
        offsets={ours: int(PREFIX[1:]) * 10**9 for ours, name in chosen_of.items() if name.endswith(PREFIX)},
        notes=tuple(_notes(as_, synonymous, extras, left_out, chosen_dialect, names)),
    )


def _owner(names: Sequence[str], source: str) -> str:
    """The column that names the neuron of one-sided synapses, or its id, from the name of the file."""
    stem = Path(source).name.partition(".")[0]
    found = next((name for name in OWNERS if name in names), stem)
    if found == stem and not is_id(stem):
        raise SchemaError(
            f"{source}: whose synapses are these? Name the file by the root id of its neuron, or add one of these "
            f"columns: {', '.join(OWNERS)}"
        )
    return found


def _notes(
    as_: str,
    synonymous: Mapping[str, str],
    extras: Mapping[str, str],
    left_out: Sequence[str],
    preset: Dialect | None,
    names: Sequence[str],
) -> Iterable[str]:
    if synonymous:
        yield ", ".join(f"{theirs} read as {ours}" for theirs, ours in synonymous.items())
    places = [name for name in extras if PLACE.search(name) and not NO_PLACE.search(name)]
    if places and NM[0] in table(as_).names():
        yield (
            f"columns that look like positions and are not read as such: {', '.join(places)} "
            "(--columns position=NAME takes voxels, x_nm=NAME,y_nm=NAME,z_nm=NAME nanometres)"
        )
    if left_out:
        yield f"left out, since it holds for one row of a pair that compartments split: {', '.join(left_out)}"
    yield from (trap for column, trap in (preset.traps if preset else {}).items() if column in names)


def _position(candidates: Mapping[str, tuple[str, ...]], names: Sequence[str]) -> tuple[str, ...]:
    for stem in candidates.get(POSITION, ()):
        if stem in names:
            return (stem,)
        split = tuple(f"{stem}_{axis}" for axis in "xyz")
        if all(name in names for name in split):
            return split
    chosen = [next((option for option in candidates[axis] if option in names), None) for axis in VOXELS]
    return tuple(name for name in chosen if name) if all(chosen) else ()


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True
