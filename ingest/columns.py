"""Other people's column names: which of a source's columns become which of our words.

Dialects follow the tables that CAVEclient, fafbseg / Codex and neuprint-python return or publish. A column
nobody maps stays, under its own name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ingest.reader import ReadRequest
from ingest.schema.errors import SchemaError, UnknownNameError, did_you_mean
from ingest.schema.words import table

Names = Mapping[str, tuple[str, ...]]

POSITION = "position"
"""Our word for a point in voxels: an [x, y, z] column, or the stem of three columns ending in _x, _y, _z."""
VOXELS = ("x_vx", "y_vx", "z_vx")
NM = ("x_nm", "y_nm", "z_nm")
NAMED = {"pre_root_id": "pre_name", "post_root_id": "post_name", "root_id": "name"}
"""An id column and the column of names that may stand in for it."""

_PAIR_CAVE = {"pre_root_id": ("pre_pt_root_id", "pre_root_id"), "post_root_id": ("post_pt_root_id", "post_root_id")}
# fafbseg renames the columns of CAVE: pre, post, pre_x, pre_y, pre_z, ...
_PAIR_FAFBSEG = {
    "pre_root_id": (*_PAIR_CAVE["pre_root_id"], "pre"),
    "post_root_id": (*_PAIR_CAVE["post_root_id"], "post"),
}
_SYNAPSES_CAVE: Names = {
    **_PAIR_CAVE,
    "synapse_id": ("id",),
    "score": ("cleft_score", "connection_score", "score"),
    POSITION: ("ctr_pt_position", "ctr_pt", "pre_pt_position"),
}
DIALECTS: Mapping[str, Mapping[str, Names]] = {
    "cave": {
        "neurons": {"root_id": ("pt_root_id",), POSITION: ("pt_position",), "super_class": ("classification_system",)},
        "synapses": _SYNAPSES_CAVE,
        "connections": {**_PAIR_CAVE, "weight": ("n_syn", "syn_count")},
    },
    "flywire": {
        "neurons": {
            "root_id": ("root_id", "pt_root_id", "root_783"),
            "cell_type": ("primary_type", "cell_type"),
            "super_class": ("super_class",),
            "nt_type": ("nt_type", "top_nt"),
            "nt_confidence": ("nt_type_score", "top_nt_conf"),
            POSITION: ("position", "pos", "pt_position"),
        },
        "synapses": {**_SYNAPSES_CAVE, **_PAIR_FAFBSEG, POSITION: ("ctr_pt_position", "pre_pt_position", "pre")},
        "connections": {**_PAIR_FAFBSEG, "weight": ("syn_count", "n_syn")},
    },
    "neuprint": {
        "neurons": {
            "root_id": ("bodyId",),
            "name": ("instance",),
            "cell_type": ("type",),
            "super_class": ("superclass", "class"),
            "side": ("somaSide",),
            "nt_type": ("predictedNt", "consensusNt"),
            "nt_confidence": ("predictedNtConfidence", "ntConfidence"),
            "total_in": ("upstream", "post"),
            "total_out": ("downstream",),
            POSITION: ("somaLocation",),
        },
        "synapses": {
            "pre_root_id": ("bodyId_pre",),
            "post_root_id": ("bodyId_post",),
            "score": ("confidence_post", "confidence"),
            "neuropil": ("roi_post", "roi_pre", "roi"),
            "x_vx": ("x_post", "x"),
            "y_vx": ("y_post", "y"),
            "z_vx": ("z_post", "z"),
        },
        "connections": {"pre_root_id": ("bodyId_pre",), "post_root_id": ("bodyId_post",), "neuropil": ("roi",)},
    },
    "witvliet": {
        "synapses": {"pre_name": ("pre",), "post_name": ("post",), "presynapse_id": ("syn_id",), "size": ("size",)},
    },
}
SAME_AS = {"codex": "flywire"}


@dataclass(frozen=True)
class Plan:
    """What becomes of each column of one source."""

    ours: dict[str, str]
    """Our column -> the source's."""
    position: tuple[str, ...] = ()
    """One column of points in voxels, or three columns of voxel coordinates; empty without any."""
    extras: dict[str, str] = field(default_factory=dict)
    """The source's further columns -> the name they are kept under."""


def plan(names: Sequence[str], request: ReadRequest, source: str) -> Plan:
    """Decide for each column of a source what it becomes.

    Args:
        names: the source's column names.
        request: dialect or OURS=THEIRS in ``request.columns``.
        source: how the source is called in messages.

    Raises:
        SchemaError: required columns missing, naming the dialect that would fit.
        UnknownNameError: a dialect, or a word of ours, that does not exist.
    """
    found = _plan(names, request.as_, request.columns, source)
    missing = [
        name
        for name in table(request.as_).required()
        if name not in found.ours and NAMED.get(name, "") not in found.ours
    ]
    if not missing:
        return found
    fits = [name for name in DIALECTS if name != request.columns and _fits(names, request.as_, name, source)]
    best = max(fits, key=lambda name: len(_plan(names, request.as_, name, source).ours), default="")
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


def _fits(names: Sequence[str], as_: str, dialect: str, source: str) -> bool:
    found = _plan(names, as_, dialect, source)
    return all(name in found.ours or NAMED.get(name, "") in found.ours for name in table(as_).required())


def _plan(names: Sequence[str], as_: str, columns: str | Mapping[str, str] | None, source: str) -> Plan:
    words = table(as_)
    known = [*words.names(), *(NAMED[c] for c in words.required() if c in NAMED), POSITION, *VOXELS]
    candidates: dict[str, tuple[str, ...]] = {name: (name,) for name in known if name != POSITION}
    if isinstance(columns, str):
        dialect = SAME_AS.get(columns, columns)
        if dialect not in DIALECTS:
            raise UnknownNameError("columns dialect", columns, [*DIALECTS, *SAME_AS])
        candidates.update({ours: (*theirs, ours) for ours, theirs in DIALECTS[dialect].get(as_, {}).items()})
    elif columns:
        for ours, theirs in columns.items():
            if ours not in known:
                raise UnknownNameError(f"column of {as_}", ours, known)
            if theirs not in names and not (ours == POSITION and f"{theirs}_x" in names):
                raise SchemaError(f"{source} has no column {theirs!r}{did_you_mean(theirs, names)}")
            candidates[ours] = (theirs,)
    chosen_of: dict[str, str] = {}
    for name, options in candidates.items():
        if name in (POSITION, *VOXELS):
            continue
        chosen = next((option for option in options if option in names), None)
        if chosen is not None and chosen not in chosen_of.values():
            chosen_of[name] = chosen
    position: tuple[str, ...] = ()
    if NM[0] in words.names() and not any(axis in chosen_of for axis in NM):
        position = _position(candidates, [name for name in names if name not in chosen_of.values()])
    taken = {*chosen_of.values(), *position}
    extras: dict[str, str] = {}
    for name in names:
        if name not in taken:
            kept = name
            while kept in chosen_of or kept in known or kept in extras.values():
                kept += "_source"
            extras[name] = kept
    return Plan(chosen_of, position, extras)


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
